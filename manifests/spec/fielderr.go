package spec

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// reportFields turns what upstream validation found into problems of the document. Of a document that could not be
// decoded whole, findings that may only follow from what is missing are left out.
func (p *parser) reportFields(d *strictyaml.Document, errs field.ErrorList, decoding diag.List) {
	for _, err := range errs {
		path := clusterIPPath(d, filePath(err.Field))
		if lacksSelector(d, err) {
			if !follows(d, selectorPath, err, decoding) {
				p.report(missingSelector(d, path))
			}
			continue
		}
		if follows(d, path, err, decoding) {
			continue
		}
		p.report(fieldProblem(d, path, "", err))
	}
}

// fieldProblem is an error about a field of the file. The place may be narrower than the path.
func fieldProblem(d *strictyaml.Document, path, prefix string, err *field.Error) diag.Problem {
	path = d.Shown(path)
	at, isKey := narrow(d, path, err)
	problem := d.Problem(diag.Error, at, prefix+message(d, path, err), hint(d, err))
	if isKey {
		text := "invalid key" + shown(err.BadValue) + " in " + strictyaml.Leaf(strictyaml.Parent(at))
		if d.Hidden() {
			text = "invalid key in " + strictyaml.Leaf(strictyaml.Parent(at))
		}
		problem = d.KeyProblem(diag.Error, at, prefix+sentence(text, err.Detail), hint(d, err))
	}
	problem.Path = path
	return problem
}

// filePath is the path that a field has in the file. Validation shortens that of a template's metadata
// (ValidatePodTemplateSpec in pkg/apis/core/validation).
func filePath(path string) string {
	if path == "[]" { // what ValidateConfigMap says of all data
		return "data"
	}
	for _, part := range []string{"labels", "annotations"} {
		short := "spec.template." + part
		if rest, ok := strings.CutPrefix(path, short); ok && (rest == "" || rest[0] == '[' || rest[0] == '.') {
			return "spec.template.metadata." + part + rest
		}
	}
	return path
}

// clusterIPPath is the field that a Service has where validation names the one that was filled in from it.
func clusterIPPath(d *strictyaml.Document, path string) string {
	if rest, ok := strings.CutPrefix(path, "spec.clusterIPs"); ok && value(d, "spec.clusterIPs") == nil {
		if _, written := d.Value("spec.clusterIP"); written && (rest == "" || rest == "[0]") {
			return "spec.clusterIP"
		}
	}
	return path
}

// follows says whether an error may be a mere consequence of what could not be decoded: it is about that value, about
// something that holds it, or about something missing beside it (the field whose name was misspelt).
func follows(d *strictyaml.Document, path string, err *field.Error, decoding diag.List) bool {
	around := written(d, path)
	for _, bad := range decoding.Errors() {
		switch {
		case bad.Path == "", within(bad.Path, path), within(path, bad.Path),
			around != path && around == strictyaml.Parent(bad.Path):
			return true
		case strings.Contains(err.Detail, selectorMismatch) &&
			(within(bad.Path, selectorPath) || within(bad.Path, "spec.template.metadata")):
			return true
		}
	}
	return false
}

const selectorMismatch = "`selector` does not match template `labels`"

// written is the path, or the nearest around it that the document has; "" when that is the document itself.
func written(d *strictyaml.Document, path string) string {
	for path != "" {
		if _, ok := d.Value(path); ok {
			return path
		}
		path = strictyaml.Parent(path)
	}
	return ""
}

func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// narrow is the path of the one thing that validation means where it names a list or a mapping, and whether it means a
// key, not its value.
func narrow(d *strictyaml.Document, path string, err *field.Error) (narrowed string, isKey bool) {
	if path == "spec.updateStrategy" && err.Type == field.ErrorTypeNotSupported {
		return path + ".type", false
	}
	// What stringData says is validated as data.
	if rest, ok := strings.CutPrefix(path, "data"); ok && d.Kind() == kindSecret && value(d, path) == nil {
		path = "stringData" + rest
	}
	bad, ok := scalar(err.BadValue)
	if !ok {
		return path, false
	}
	if strings.HasSuffix(path, "["+bad+"]") && err.Type == field.ErrorTypeInvalid {
		return path, true
	}
	m, _ := value(d, path).(map[string]any)
	if _, ok := m[bad]; ok {
		return path + "[" + bad + "]", true
	}
	return onlyWith(m, bad, path), false
}

// onlyWith is the path of the one member that has the value, or of the mapping when several have.
func onlyWith(m map[string]any, value, path string) string {
	found := path
	for k, v := range m {
		if v != value {
			continue
		}
		if found != path {
			return path
		}
		found = path + "[" + k + "]"
	}
	return found
}

func value(d *strictyaml.Document, path string) any {
	v, _ := d.Value(path)
	return v
}
