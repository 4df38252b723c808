package spec

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// maxShown is how many characters of a value go into a message.
const maxShown = 80

// scalar is a bad value as text when it is a simple one; compound ones are in the file, right there.
func scalar(bad any) (string, bool) {
	v := reflect.ValueOf(bad)
	for v.IsValid() && v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch {
	case !v.IsValid():
		return "", false
	case v.Kind() == reflect.String:
		return v.String(), true
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), true
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	}
	if s, ok := reflect.TypeAssert[fmt.Stringer](v); ok && strings.HasPrefix(v.Type().PkgPath(), "k8s.io/apimachinery/") {
		return s.String(), true
	}
	return "", false
}

func shown(bad any) string {
	s, ok := scalar(bad)
	if !ok || s == "" {
		return ""
	}
	if utf8.RuneCountInString(s) > maxShown {
		s = string([]rune(s)[:maxShown]) + "..."
	}
	if v := reflect.ValueOf(bad); reflect.Indirect(v).Kind() == reflect.String {
		return " " + strconv.Quote(s)
	}
	return " " + s
}

// message says in one sentence what validation found, with the field's own name, so that it can be read alone.
func message(d *strictyaml.Document, path string, err *field.Error) string {
	name, bad, detail := strictyaml.Leaf(path), shown(err.BadValue), err.Detail
	if d.Hidden() {
		bad, detail = "", safeDetail(path, detail)
	}
	switch err.Type {
	case field.ErrorTypeInvalid:
		if bad := fmt.Sprint(err.BadValue); (bad == "0" || bad == "") && !has(d, path) {
			return sentence(name+" is missing", detail)
		}
	case field.ErrorTypeDuplicate:
		if list, isElement := strings.CutSuffix(name, "]"); isElement && bad == "" {
			list, _, _ = strings.Cut(list, "[")
			return sentence(name+" repeats an earlier entry of "+list, detail)
		}
	case field.ErrorTypeNotFound:
		if strings.Contains(path, ".volumeMounts[") || strings.Contains(path, ".volumeDevices[") {
			return sentence("no volume of the pod has the name"+bad, detail)
		}
		return sentence("nothing has the "+name+bad, detail)
	case field.ErrorTypeTooLong, field.ErrorTypeTooMany:
		if kind := d.Kind(); (kind == kindConfigMap || kind == kindSecret) && path == "data" {
			return sentence("the "+kind+named(d)+" is too large", detail)
		}
	}
	switch err.Type {
	case field.ErrorTypeRequired:
		return sentence(name+" is required", strings.TrimPrefix(detail, "name or generateName is required"))
	case field.ErrorTypeForbidden:
		return sentence(name+" is not allowed", detail)
	case field.ErrorTypeNotSupported:
		return sentence("unsupported "+name+bad, strings.Replace(detail, "supported values: ", "supported are ", 1))
	case field.ErrorTypeDuplicate:
		return sentence("duplicate "+name+bad, detail)
	case field.ErrorTypeTooLong, field.ErrorTypeTooMany:
		return sentence(name+" is too long", detail)
	case field.ErrorTypeInternal:
		return sentence(name+" cannot be checked", detail)
	default:
		return sentence("invalid "+name+bad, detail)
	}
}

func has(d *strictyaml.Document, path string) bool {
	_, found := d.Value(path)
	return found
}

// regex is what upstream adds to its explanation of a format; the explanation and the example say enough.
var regex = regexp.MustCompile(`, regex used for validation is '.*'\)`)

func sentence(head, detail string) string {
	if detail == "" {
		return head
	}
	detail = strings.ReplaceAll(regex.ReplaceAllString(detail, ")"), "',  or", "', or")
	return head + ": " + strings.TrimSuffix(detail, ".")
}

// safeDetail keeps what a validator says about a Secret's content (which may repeat a part of it) out of messages.
func safeDetail(path, detail string) string {
	if strings.Contains(detail, "valid config key") {
		return detail
	}
	if within(path, "data") || within(path, "stringData") || within(path, "metadata.annotations") {
		return ""
	}
	return detail
}

var quoted = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)

// hint is "did you mean" for a value near a supported one, or what to do about the errors that people meet most.
func hint(d *strictyaml.Document, err *field.Error) string {
	if text := advice(err.Detail); text != "" {
		return text
	}
	bad, ok := scalar(err.BadValue)
	if !ok || d.Hidden() {
		return ""
	}
	var known []string
	switch {
	case err.Type == field.ErrorTypeNotFound && strings.Contains(err.Field, ".volume"):
		volumes, _ := value(d, podPrefix+"volumes").([]any)
		for _, v := range volumes {
			m, _ := v.(map[string]any)
			name, _ := m["name"].(string)
			known = append(known, name)
		}
	case err.Type == field.ErrorTypeNotSupported:
		for _, m := range quoted.FindAllStringSubmatch(err.Detail, -1) {
			known = append(known, m[1])
		}
	case strings.Contains(err.Detail, "not a valid selector operator"):
		known = []string{"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"}
	}
	if near, ok := diag.Suggest(bad, known); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// advice is what to do about errors whose wording does not say so.
func advice(detail string) string {
	known := []struct{ detail, advice string }{
		{selectorMismatch, "spec.template.metadata.labels must have every label of spec.selector.matchLabels"},
		{"empty selector is invalid", "add matchLabels with labels of the pod template"},
		{"may not be set when maxUnavailable is non-zero", "add maxUnavailable: 0, which is 1 when it is not written"},
		{"name or generateName is required", "add metadata.name; only an API server makes a name from generateName"},
		{
			"must match `containerPort` when `hostNetwork` is true",
			"with hostNetwork leave hostPort out, or set it to the same number",
		},
		{
			"available only to privileged containers",
			"set securityContext.privileged: true on this container, or another mountPropagation",
		},
	}
	i := slices.IndexFunc(known, func(k struct{ detail, advice string }) bool {
		return strings.Contains(detail, k.detail)
	})
	if i < 0 {
		return ""
	}
	return known[i].advice
}
