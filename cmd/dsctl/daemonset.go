package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// defaultNamespace is where kubectl looks, too, when nothing else is said.
const defaultNamespace = "default"

// isDaemonSetKind tells whether kubectl would take a word for the resource.
func isDaemonSetKind(s string) bool {
	return slices.Contains([]string{
		"ds", "daemonset", "daemonsets", "daemonset.apps", "daemonsets.apps",
		"daemonset.v1.apps", "daemonsets.v1.apps",
	}, s)
}

// oneDaemonSet reads the arguments of a verb about one DaemonSet: NAME, NAMESPACE/NAME, ds/NAME, or ds NAME as kubectl
// has it. The result is what the agent takes: namespace/name, or a name alone where no namespace is given.
func oneDaemonSet(namespace string, args []string) (string, error) {
	if len(args) == 2 && isDaemonSetKind(args[0]) {
		args = args[1:]
	}
	if len(args) != 1 || args[0] == "" {
		return "", usagef("wanted one DaemonSet: NAME, NAMESPACE/NAME or ds/NAME")
	}
	name := args[0]
	if kind, rest, ok := strings.Cut(name, "/"); ok && isDaemonSetKind(kind) {
		name = rest
	}
	within, rest, ok := strings.Cut(name, "/")
	switch {
	case strings.Contains(rest, "/") || ok && (within == "" || rest == ""):
		return "", usagef("%q does not name a DaemonSet, wanted NAME, NAMESPACE/NAME or ds/NAME", args[0])
	case ok && namespace != "" && within != namespace:
		return "", usagef("%q is not in namespace %q", args[0], namespace)
	case !ok && namespace != "":
		return namespace + "/" + name, nil
	}
	return name, nil
}

// manyDaemonSets reads the arguments of a verb about several: each as oneDaemonSet has it, or ds NAME... as kubectl has
// it. Each is there once.
func manyDaemonSets(namespace string, args []string) ([]string, error) {
	if len(args) > 1 && isDaemonSetKind(args[0]) {
		args = args[1:]
	}
	var names []string
	for _, arg := range args {
		name, err := oneDaemonSet(namespace, []string{arg})
		if err != nil {
			return nil, err
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (d *deps) addNamespaceFlag(cmd *cobra.Command, namespace *string) {
	cmd.Flags().StringVarP(namespace, "namespace", "n", "",
		"namespace of the DaemonSet; empty means default, or that of the only one of its name")
	_ = cmd.RegisterFlagCompletionFunc("namespace", d.completeNamespaces)
}

// kubectlName is what kubectl calls a DaemonSet that is given as namespace/name.
func kubectlName(key string) string { return "daemonset.apps/" + nameOf(key) }

// nameOf is the name of namespace/name.
func nameOf(key string) string {
	_, name, _ := strings.Cut(key, "/")
	return name
}
