package spec

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// served is the fields that an API server sets and that `kubectl get -o yaml` shows. A file made that way is read as if
// it had none of them.
func served() [][]string {
	return [][]string{
		{"status"},
		{"metadata", "uid"},
		{"metadata", "resourceVersion"},
		{"metadata", "generation"},
		{"metadata", "creationTimestamp"},
		{"metadata", "deletionTimestamp"},
		{"metadata", "deletionGracePeriodSeconds"},
		{"metadata", "ownerReferences"},
		{"metadata", "managedFields"},
		{"metadata", "selfLink"},
	}
}

// ignoreServed makes the document forget those fields and tells so once.
func (p *parser) ignoreServed(d *strictyaml.Document) {
	var found []string
	for _, path := range served() {
		if !d.Ignore(path...) {
			continue
		}
		if v, _ := d.Value(strings.Join(path, ".")); empty(v) {
			continue
		}
		found = append(found, strings.Join(path, "."))
	}
	if len(found) > 0 {
		p.report(d.Problem(diag.Info, found[0], fmt.Sprintf("%s: set by an API server, ignored here",
			strings.Join(found, ", ")), ""))
	}
}

func empty(v any) bool {
	m, ok := v.(map[string]any)
	return ok && len(m) == 0
}

// settle fills in what belongs to the object whatever the file says.
func settle(m *metav1.ObjectMeta) {
	if m.Namespace == "" {
		m.Namespace = metav1.NamespaceDefault
	}
}
