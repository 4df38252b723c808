package spec

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

const (
	kindDaemonSet = "DaemonSet"
	kindConfigMap = "ConfigMap"
	kindSecret    = "Secret"
	kindService   = "Service"

	kindPriorityClass = "PriorityClass"

	kindList = "List"
)

// versions is the kinds that are read and the only version of each.
func versions() map[string]string {
	return map[string]string{
		kindDaemonSet: "apps/v1", kindConfigMap: "v1", kindSecret: "v1", kindService: "v1", kindList: "v1",
		kindPriorityClass: "scheduling.k8s.io/v1",
	}
}

// workloads is the kinds whose writer expects something to run.
func workloads() []string {
	return []string{"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Pod", "Job", "CronJob"}
}

// classify says which of the kinds that are read a document is, "" for none, and what there is to say about it.
func classify(d *strictyaml.Document) (string, *diag.Problem) {
	kind, version := d.Kind(), d.APIVersion()
	if kustomization(d, kind, version) {
		return "", new(d.Problem(diag.Warning, "kind", "the kustomization is not applied: objects are taken as they stand "+
			"in their files", `give what "kubectl kustomize" prints instead of the files`))
	}
	if kind == "" || version == "" {
		return "", missingHeader(d, kind, version)
	}
	if want, ok := versions()[kind]; ok {
		if version == want {
			return kind, nil
		}
		return "", wrongVersion(d, kind, version, want)
	}
	if listed, ok := strings.CutSuffix(kind, "List"); ok && versions()[listed] == version {
		return kindList, nil
	}
	return "", unreadKind(d, kind, version)
}

// kustomization says whether a document is one, or a component of one. kustomize needs neither apiVersion nor kind in a
// file with one of its names.
func kustomization(d *strictyaml.Document, kind, version string) bool {
	if group, _, _ := strings.Cut(version, "/"); version != "" && group != "kustomize.config.k8s.io" {
		return false
	}
	switch kind {
	case "Kustomization":
		return true
	case "Component":
		return version != ""
	case "":
	default:
		return false
	}
	name := filepath.Base(d.File)
	if version != "" || name == "kustomization.yaml" || name == "kustomization.yml" {
		return true
	}
	fields := []string{
		"resources", "bases", "components", "patches", "patchesStrategicMerge", "patchesJson6902",
		"configMapGenerator", "secretGenerator", "images", "generators", "transformers", "helmCharts",
	}
	return !d.Has("metadata") && !d.Has("spec") && slices.ContainsFunc(fields, func(f string) bool {
		_, isList := value(d, f).([]any)
		return isList
	})
}

func missingHeader(d *strictyaml.Document, kind, version string) *diag.Problem {
	var missing []string
	for _, f := range []struct{ name, value string }{{"apiVersion", version}, {"kind", kind}} {
		if f.value == "" {
			missing = append(missing, f.name)
		}
	}
	path := missing[0]
	if _, ok := d.Value(path); ok {
		return new(d.Problem(diag.Error, path, path+" wants a string that is not empty", ""))
	}
	hint := "every object begins with apiVersion and kind, such as apps/v1 and DaemonSet"
	if name := filepath.Base(d.File); name == "Chart.yaml" || name == "values.yaml" {
		hint = `this is a part of a Helm chart by its name: give what "helm template" prints`
	}
	if want, ok := versions()[kind]; ok {
		hint = "add apiVersion: " + want
	}
	return new(d.Problem(diag.Error, path, strings.Join(missing, " and ")+" missing", hint))
}

// wrongVersion is about a kind that is read in a version that is not. A group with a dot is somebody's own kind of the
// same name.
func wrongVersion(d *strictyaml.Document, kind, version, want string) *diag.Problem {
	group, _, _ := strings.Cut(version, "/")
	wanted, _, _ := strings.Cut(want, "/")
	if strings.Contains(version, "/") && strings.Contains(group, ".") && group != wanted {
		if kind == kindDaemonSet {
			return new(d.Problem(diag.Warning, "apiVersion", "ignored: only DaemonSets of apps/v1 are run, this one is of"+
				shown(version), ""))
		}
		return ignored(d, kind)
	}
	message, hint := fmt.Sprintf("unsupported apiVersion%s for a %s", shown(version), kind),
		fmt.Sprintf("did you mean %q?", want)
	if kind == kindDaemonSet {
		hint = cmp.Or(oldDaemonSet(d, version), hint)
	}
	if kind == kindService || kind == kindPriorityClass {
		return new(d.Problem(diag.Warning, "apiVersion", leftOut(kind)+message, hint))
	}
	return new(d.Problem(diag.Error, "apiVersion", message, hint))
}

// unreadKind is about every other kind: near misses are errors, workloads deserve a warning, the rest has no effect
// here.
func unreadKind(d *strictyaml.Document, kind, version string) *diag.Problem {
	group, _, hasGroup := strings.Cut(version, "/")
	own := hasGroup && strings.Contains(group, ".")
	read := []string{kindDaemonSet, kindConfigMap, kindSecret, kindService, kindPriorityClass}
	near, ok := diag.Suggest(kind, read)
	switch {
	case ok && !own:
		return new(d.Problem(diag.Error, "kind", "unknown kind"+shown(kind), fmt.Sprintf("did you mean %q?", near)))
	case strings.EqualFold(kind, kindList):
		return new(d.Problem(diag.Error, "kind", "unknown kind"+shown(kind), fmt.Sprintf("did you mean %q?", kindList)))
	}
	for _, w := range workloads() {
		if kind == w && !own {
			return new(d.Problem(diag.Warning, "kind", kind+named(d)+" is ignored: this agent runs DaemonSets only", ""))
		}
	}
	return ignored(d, kind)
}

// leftOut begins what is said of an object whose fault leaves it out and refuses nothing else.
func leftOut(kind string) string { return kind + " left out: " }

func ignored(d *strictyaml.Document, kind string) *diag.Problem {
	return new(d.Problem(diag.Info, "kind", kind+named(d)+" has no effect without an API server", ""))
}

// named is the object's name for a message.
func named(d *strictyaml.Document) string {
	if name, ok := d.Value("metadata.name"); ok && !d.Hidden() {
		if s, ok := name.(string); ok && s != "" && len(s) <= 253 {
			return fmt.Sprintf(" %q", s)
		}
	}
	return ""
}

func (p *parser) list(d *strictyaml.Document) {
	d.Ignore("metadata")
	p.report(d.Decode(&metav1.List{})...)
	for _, item := range d.Items() {
		p.document(item)
	}
}
