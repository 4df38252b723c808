package repo

import (
	"go/ast"
	"slices"
	"testing"
)

// byHand are the functions and types with which files are opened, told apart and replaced by hand. internal/base/files and
// internal/base/atomicfile do it once for all: bounded, past FIFOs and devices, durable.
var byHand = map[string][]string{
	"os":      {"ReadFile", "WriteFile", "Open", "OpenFile", "Create", "CreateTemp", "Rename"},
	"syscall": {"Stat_t", "Open", "Rename", "Fsync"},
	"unix":    {"Stat_t", "Open", "Openat", "Rename", "Renameat2", "Fsync"},
	"ioutil":  {"ReadFile", "WriteFile", "TempFile"},
}

// mayByHand are the places that do so all the same.
var mayByHand = []struct{ file, name, why string }{
	{"agent/lock.go", "OpenFile", "the lock is a file that is held open, and nothing is read of it"},
	{"agent/logging/logging.go", "Stat_t", "asks whether standard error is the stream of the journal"},
	{"cmd/daemonsetd/manpages.go", "ReadFile", "a build's input"},
	{"cmd/dsctl/files.go", "Open", "what an operator names may be a pipe of the shell"},
	{"gossip/keyring/file.go", "Open", "a directory, to be locked"},
	{"gossip/records/compact.go", "Sync", "the log is too large to be replaced from memory, and tests stop it at every call"},
	{"gossip/records/disk.go", "Sync", "a log that is appended to"},
	{"gossip/records/system.go", "OpenFile", "a log that is appended to"},
	{"gossip/records/system.go", "Rename", "a step of its own, at which tests stop it"},
	{"manifests/manifestdir/system.go", "Rename", "a step of its own, at which tests stop it"},
	{"manifests/manifestdir/write.go", "Sync", "a step of its own, at which tests stop it"},
	{"manifests/spec/loader_dir.go", "OpenFile", "a directory whose identity and names have to be of one moment"},
	{"manifests/trees/system.go", "OpenFile", "files of a version that nobody is led to yet"},
	{"manifests/trees/system.go", "Rename", "the swap of ..data, which is a link"},
	{"manifests/trees/version.go", "Sync", "files of a version that nobody is led to yet"},
	{"packaging/manpage/manpage.go", "WriteFile", "a build's output"},
}

// TestFilesByHand: state files and files of operators are opened and replaced by internal/base alone.
func TestFilesByHand(t *testing.T) {
	used := make([]bool, len(mayByHand))
	for _, src := range sources(t) {
		if src.isTest() || !slices.ContainsFunc([]string{"agent", "gossip", "manifests", "cmd", "packaging"},
			func(tree string) bool { return below(src.dir(), tree) }) {
			continue
		}
		found := func(n ast.Node, name string) {
			for i, may := range mayByHand {
				if may.file == src.path && may.name == name {
					used[i] = true
					return
				}
			}
			t.Errorf("%s: %s by hand: use internal/base/files or internal/base/atomicfile, or say why not in mayByHand", src.at(n), name)
		}
		ast.Inspect(src.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := sel.X.(*ast.Ident); ok && slices.Contains(byHand[pkg.Name], sel.Sel.Name) {
					found(sel, sel.Sel.Name)
				}
			}
			return true
		})
		src.calls(func(call *ast.CallExpr, sel *ast.SelectorExpr) {
			if sel.Sel.Name == "Sync" && len(call.Args) == 0 {
				found(call, "Sync")
			}
		})
	}
	for i, may := range mayByHand {
		if !used[i] {
			t.Errorf("%s has no %s any more: take it out of mayByHand", may.file, may.name)
		}
	}
}
