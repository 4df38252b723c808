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

	"github.com/daemonsetd/daemonsetd/manifests/diag"
	"github.com/daemonsetd/daemonsetd/manifests/strictyaml"
)

// reportFields turns what upstream validation found into problems of the document. Of a document that could not be
// decoded whole, findings that may only follow from what is missing are left out.
func (p *parser) reportFields(d *strictyaml.Document, errs field.ErrorList, decoding diag.List) {
	for _, err := range errs {
		path := filePath(err.Field)
		if follows(path, err, decoding) {
			continue
		}
		problem := d.Problem(diag.Error, place(d, path, err), message(d, path, err), hint(d, err))
		problem.Path = path
		p.report(problem)
	}
}

// filePath is the path that a field has in the file. Validation shortens that of a template's metadata
// (ValidatePodTemplateSpec in pkg/apis/core/validation).
func filePath(path string) string {
	for _, part := range []string{"labels", "annotations"} {
		short := "spec.template." + part
		if rest, ok := strings.CutPrefix(path, short); ok && (rest == "" || rest[0] == '[' || rest[0] == '.') {
			return "spec.template.metadata." + part + rest
		}
	}
	return path
}

// follows says whether an error may be a mere consequence of what could not be decoded.
func follows(path string, err *field.Error, decoding diag.List) bool {
	for _, bad := range decoding.Errors() {
		if bad.Path == "" || within(bad.Path, path) || within(path, bad.Path) || within(path, parent(bad.Path)) && err.Type == field.ErrorTypeRequired {
			return true
		}
	}
	return false
}

func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func parent(path string) string {
	return strings.TrimSuffix(strings.TrimSuffix(path, strictyaml.Leaf(path)), ".")
}

// place narrows a path down where validation names a list or a mapping and means one thing in it.
func place(d *strictyaml.Document, path string, err *field.Error) string {
	bad, ok := scalar(err.BadValue)
	m, isMap := value(d, path).(map[string]any)
	switch {
	case path == "spec.updateStrategy" && err.Type == field.ErrorTypeNotSupported:
		return path + ".type"
	case !ok || !isMap:
		return path
	}
	if _, isKey := m[bad]; isKey {
		return path + "[" + bad + "]"
	}
	for k, v := range m {
		if v == bad {
			return path + "[" + k + "]"
		}
	}
	return path
}

func value(d *strictyaml.Document, path string) any {
	v, _ := d.Value(path)
	return v
}

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
	if s, ok := v.Interface().(fmt.Stringer); ok && v.Kind() == reflect.Struct && v.Type().PkgPath() != "" {
		return s.String(), strings.HasPrefix(v.Type().PkgPath(), "k8s.io/apimachinery/")
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
	if v := reflect.ValueOf(bad); v.Kind() == reflect.String {
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
	case field.ErrorTypeRequired:
		return sentence(name+" is required", detail)
	case field.ErrorTypeForbidden:
		return sentence(name+" is not allowed", detail)
	case field.ErrorTypeNotSupported:
		return sentence("unsupported "+name+bad, strings.Replace(detail, "supported values: ", "supported are ", 1))
	case field.ErrorTypeDuplicate:
		return sentence("duplicate "+name+bad, detail)
	case field.ErrorTypeNotFound:
		return sentence(name+bad+" not found", detail)
	case field.ErrorTypeTooLong, field.ErrorTypeTooMany:
		return sentence(name+" is too long", detail)
	case field.ErrorTypeInternal:
		return sentence(name+" cannot be checked", detail)
	default:
		return sentence("invalid "+name+bad, detail)
	}
}

func sentence(head, detail string) string {
	if detail == "" {
		return head
	}
	return head + ": " + strings.TrimSuffix(detail, ".")
}

// safeDetail keeps what a validator says about a Secret's content (which may repeat a part of it) out of messages.
func safeDetail(path, detail string) string {
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
		{"`selector` does not match template `labels`", "spec.template.metadata.labels must have every label of spec.selector.matchLabels"},
		{"may not be set when maxUnavailable is non-zero", "add maxUnavailable: 0, which is 1 when it is not written"},
		{"name or generateName is required", "add metadata.name"},
		{"must match `containerPort` when `hostNetwork` is true", "with hostNetwork leave hostPort out, or set it to the same number"},
		{"available only to privileged containers", "set securityContext.privileged: true on this container, or another mountPropagation"},
	}
	i := slices.IndexFunc(known, func(k struct{ detail, advice string }) bool { return strings.Contains(detail, k.detail) })
	if i < 0 {
		return ""
	}
	return known[i].advice
}
