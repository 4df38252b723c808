package strictyaml

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// check looks at a value of a type that decodes itself and gives it back, or reports it and gives drop.
type check func(a at, v any) any

// special is how the types that decode themselves are looked at.
func (w *walker) special(t reflect.Type) (check, bool) {
	switch t {
	case reflect.TypeFor[resource.Quantity]():
		return w.decoding(t, "a quantity such as 100m, 2 or 64Mi"), true
	case reflect.TypeFor[intstr.IntOrString]():
		return w.intOrString, true
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime]():
		return w.decoding(t, `a time such as "2006-01-02T15:04:05Z"`), true
	case reflect.TypeFor[metav1.Duration]():
		return w.decoding(t, `a duration such as "1m30s"`), true
	case reflect.TypeFor[runtime.RawExtension](), reflect.TypeFor[metav1.FieldsV1](), reflect.TypeFor[json.RawMessage]():
		return func(_ at, v any) any { return v }, true
	}
	switch p := reflect.PointerTo(t); {
	case p.Implements(reflect.TypeFor[json.Unmarshaler]()):
		return w.decoding(t, ""), true
	case p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return w.textual(t), true
	}
	return nil, false
}

// decoding asks the type itself. What is wanted is said by its own error when it has no name here.
func (w *walker) decoding(t reflect.Type, wanted string) check {
	return func(a at, v any) any {
		data, err := canonical(v)
		if err == nil {
			err = json.Unmarshal(data, reflect.New(t).Interface())
		}
		switch {
		case err == nil:
			return v
		case wanted == "" && !w.doc.hidden:
			return w.fail(a, fmt.Sprintf("%s cannot be decoded: %v", Leaf(a.path), err), "")
		case wanted == "":
			return w.fail(a, Leaf(a.path)+" cannot be decoded", "")
		}
		return w.wrong(a, v, wanted, "")
	}
}

func (w *walker) textual(t reflect.Type) check {
	decode := w.decoding(t, "")
	return func(a at, v any) any {
		if _, ok := v.(string); !ok {
			return w.text(a, v)
		}
		return decode(a, v)
	}
}

func (w *walker) intOrString(a at, v any) any {
	switch v := v.(type) {
	case string:
		return v
	case int64, float64:
		return w.integer(a, v, -1<<31, 1<<31-1)
	}
	return w.wrong(a, v, "an integer or a string", w.quoteHint(a.node, v))
}
