package strictyaml

import (
	"reflect"
	"slices"
	"strings"
)

// structFields is the fields of a struct by the names that JSON gives them, those of inlined structs included.
type structFields map[string]reflect.Type

func (f structFields) names() []string {
	out := make([]string, 0, len(f))
	for name := range f {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// fieldsOf follows the rules of encoding/json as far as API types use them: an embedded struct without a name of its own
// is inlined, and an outer field hides an inlined one.
func fieldsOf(t reflect.Type) structFields {
	out := structFields{}
	var inlined []reflect.Type
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "" && indirect(f.Type).Kind() == reflect.Struct, strings.Contains(options, "inline") && name == "":
			inlined = append(inlined, indirect(f.Type))
		case f.IsExported() && name == "":
			out[f.Name] = f.Type
		case f.IsExported():
			out[name] = f.Type
		}
	}
	for _, in := range inlined {
		for name, typ := range fieldsOf(in) {
			if _, ok := out[name]; !ok {
				out[name] = typ
			}
		}
	}
	return out
}

func indirect(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}
