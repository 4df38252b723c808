package spec

import (
	"maps"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// roles is what the RBAC objects of a file allow to service accounts, as far as it can be read. They have no effect,
// and nothing about them is an error; they tell what a pod will ask an API server for.
type roles struct {
	resources map[string][]string // of a role
	bound     map[string][]string // roles of a service account
}

// note takes an object of any kind.
func (r *roles) note(d *strictyaml.Document) {
	if !strings.HasPrefix(d.APIVersion(), "rbac.authorization.k8s.io/") {
		return
	}
	namespace := namespaceOf(value(d, "metadata"))
	switch d.Kind() {
	case "ClusterRole":
		r.role(d, "ClusterRole/"+text(value(d, "metadata.name")))
	case "Role":
		r.role(d, "Role/"+namespace+"/"+text(value(d, "metadata.name")))
	case "ClusterRoleBinding", "RoleBinding":
		role := "ClusterRole/" + text(value(d, "roleRef.name"))
		if text(value(d, "roleRef.kind")) == "Role" {
			role = "Role/" + namespace + "/" + text(value(d, "roleRef.name"))
		}
		r.bind(d, role)
	}
}

func (r *roles) role(d *strictyaml.Document, key string) {
	if r.resources == nil {
		r.resources = map[string][]string{}
	}
	rules, _ := value(d, "rules").([]any)
	for _, rule := range rules {
		fields, _ := rule.(map[string]any)
		resources, _ := fields["resources"].([]any)
		for _, resource := range resources {
			if name := text(resource); name != "" && len(name) <= maxShown {
				r.resources[key] = append(r.resources[key], name)
			}
		}
	}
}

func (r *roles) bind(d *strictyaml.Document, role string) {
	if r.bound == nil {
		r.bound = map[string][]string{}
	}
	subjects, _ := value(d, "subjects").([]any)
	for _, subject := range subjects {
		fields, _ := subject.(map[string]any)
		if text(fields["kind"]) == "ServiceAccount" {
			account := namespaceOf(subject) + "/" + text(fields["name"])
			r.bound[account] = append(r.bound[account], role)
		}
	}
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func namespaceOf(metadata any) string {
	fields, _ := metadata.(map[string]any)
	if s := text(fields["namespace"]); s != "" {
		return s
	}
	return "default"
}

// hint says what the pods of a service account, namespace/name, will ask for; "" when the file does not say.
func (r *roles) hint(account string) string {
	const most = 12
	all := map[string]bool{}
	for _, role := range r.bound[account] {
		for _, resource := range r.resources[role] {
			all[resource] = true
		}
	}
	names := slices.Sorted(maps.Keys(all))
	if len(names) == 0 {
		return ""
	}
	if len(names) > most {
		names = append(names[:most], "more")
	}
	return "by the roles in this file it would ask for " + strings.Join(names, ", ")
}

// accountWarning is the warning that a service account was left out, which waits for the rest of the file.
type accountWarning struct {
	problem diag.Problem
	account string
}
