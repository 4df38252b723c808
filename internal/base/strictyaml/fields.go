package strictyaml

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
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

// fieldsOf follows the rules of encoding/json as far as API types use them: an embedded struct without a name of its
// own is inlined, and an outer field hides an inlined one.
func fieldsOf(t reflect.Type) structFields {
	out := structFields{}
	var inlined []reflect.Type
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "" && indirect(f.Type).Kind() == reflect.Struct, strings.Contains(options, "inline") &&
			name == "":
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

// maxListedFields is up to how many known fields are named where nothing is near.
const maxListedFields = 8

func (w *walker) unknownHint(name string, fields structFields) string {
	known := fields.names()
	near, ok := diag.Suggest(name, known)
	switch {
	case ok && strings.EqualFold(near, name):
		return fmt.Sprintf("did you mean %q? upper and lower case matter", near)
	case ok:
		return fmt.Sprintf("did you mean %q?", near)
	}
	if path := w.below(name, fields, 2); path != "" {
		return "it belongs under " + path
	}
	if len(known) <= maxListedFields {
		return "known fields: " + strings.Join(known, ", ")
	}
	return ""
}

// below finds a field in the structs below, no deeper than levels, for what was written one indentation too far left.
func (w *walker) below(name string, fields structFields, levels int) string {
	for _, child := range fields.names() {
		t, label := structBelow(child, fields[child])
		if t == nil {
			continue
		}
		if _, ok := w.fieldsOf(t)[name]; ok {
			return label
		}
	}
	if levels == 1 {
		return ""
	}
	for _, child := range fields.names() {
		t, label := structBelow(child, fields[child])
		if t == nil {
			continue
		}
		if path := w.below(name, w.fieldsOf(t), levels-1); path != "" {
			return label + "." + path
		}
	}
	return ""
}

// structBelow is the struct that a field holds, one or a list of them, and the field's name with brackets for a list.
func structBelow(name string, t reflect.Type) (reflect.Type, string) {
	if t = indirect(t); t.Kind() == reflect.Slice {
		t, name = indirect(t.Elem()), name+"[]"
	}
	if t.Kind() != reflect.Struct {
		return nil, ""
	}
	return t, name
}

func (w *walker) fieldsOf(t reflect.Type) structFields {
	fields, ok := w.fields[t]
	if !ok {
		fields = fieldsOf(t)
		w.fields[t] = fields
	}
	return fields
}
