package fleet

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// TestShapes: the shapes by which unknown keys are counted are those of the wire structs.
func TestShapes(t *testing.T) {
	checkShape(t, reflect.TypeFor[wireNode](), nodeShape())
	checkShape(t, reflect.TypeFor[wireSpecs](), specsShape())
}

func checkShape(t *testing.T, wire reflect.Type, known shape) {
	t.Helper()
	if wire.NumField() != len(known) {
		t.Errorf("%s has %d fields, its shape %d keys", wire, wire.NumField(), len(known))
	}
	for field := range wire.Fields() {
		number, _, _ := strings.Cut(field.Tag.Get("cbor"), ",")
		key, err := strconv.ParseUint(number, 10, 64)
		inner, ok := known[key]
		if err != nil || !ok {
			t.Errorf("%s.%s: no key %q in the shape", wire, field.Name, number)
			continue
		}
		of := field.Type
		if of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() == reflect.Struct {
			checkShape(t, of, inner)
		} else if inner != nil {
			t.Errorf("%s.%s has a shape and is no struct", wire, field.Name)
		}
	}
}

func TestCountsString(t *testing.T) {
	for want, c := range map[string]Counts{
		"":                           {},
		"1 label":                    {Labels: 1},
		"12 labels, 1 annotation":    {Labels: 12, Annotations: 1},
		"2 taints, 2 ends of texts":  {Taints: 2, Shortened: 2},
		"1 condition, 3 addresses":   {Conditions: 1, Addresses: 3},
		"1 address, 1 end of a text": {Addresses: 1, Shortened: 1},
	} {
		if got := c.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
