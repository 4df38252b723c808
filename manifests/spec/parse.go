package spec

import (
	"fmt"
	"reflect"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

const (
	// MaxFileBytes is the largest spec file that is read.
	MaxFileBytes = 10 << 20
	// MaxFiles is how many spec files a directory may hold.
	MaxFiles = 1000
	// MaxObjects is how many objects all spec files may declare together, those that are ignored included.
	MaxObjects = 10_000
)

// Parse reads the bytes of one spec file: YAML or JSON, one or several documents, of the kinds DaemonSet (apps/v1),
// ConfigMap, Secret, Service and List (v1), PriorityClass (scheduling.k8s.io/v1). It reports everything that is wrong
// at once. A DaemonSet without an error is one that upstream accepts, whose pod the kubelet accepts, and that needs
// nothing that a static pod cannot have. A Service or a PriorityClass with an error is left out, with a warning: pods
// run without.
func Parse(file string, data []byte) Parsed {
	lim := strictyaml.DefaultLimits()
	lim.MaxBytes = MaxFileBytes
	docs, problems := strictyaml.Parse(file, data, lim)
	p := parser{file: file, declared: map[string]declaration{}}
	p.report(problems...)
	for _, d := range docs {
		p.document(d)
	}
	for _, w := range p.accounts {
		w.problem.Hint = p.roles.hint(w.account)
		p.report(w.problem)
	}
	if len(docs) == 0 && !p.problems.HasErrors() {
		p.report(diag.Problem{
			Severity: diag.Error, File: file, Line: 1, Column: 1,
			Message: "the file declares nothing", Hint: "to remove the objects that came from a file, remove the file",
		})
	}
	if p.problems.HasErrors() {
		return Parsed{Problems: p.problems.List()}
	}
	return Parsed{Objects: p.objects, Problems: p.problems.List()}
}

type parser struct {
	file     string
	objects  Objects
	problems diag.Collector
	declared map[string]declaration // by kind, namespace and name
	count    int
	roles    roles
	accounts []accountWarning
	lenient  string // the kind of the object that is being read, if its errors only leave it out
}

func (p *parser) report(list ...diag.Problem) {
	for _, problem := range list {
		if p.lenient != "" && problem.Severity == diag.Error {
			problem.Severity, problem.Message = diag.Warning, leftOut(p.lenient)+problem.Message
		}
		p.problems.Add(problem)
	}
}

// document takes one document, or one item of a list.
func (p *parser) document(d *strictyaml.Document) {
	if p.count++; p.count > MaxObjects {
		if p.count == MaxObjects+1 {
			p.report(d.Problem(diag.Error, "", fmt.Sprintf("more than %d objects in one file", MaxObjects), ""))
		}
		return
	}
	if !d.IsObject() {
		p.report(d.Problem(diag.Error, "", "not an object: wanted a mapping with apiVersion and kind", ""))
		return
	}
	p.roles.note(d)
	kind, problem := classify(d)
	if problem != nil {
		p.report(*problem)
	}
	switch kind {
	case kindDaemonSet:
		p.daemonSet(d)
	case kindConfigMap:
		p.configMap(d)
	case kindSecret:
		p.secret(d)
	case kindService:
		p.service(d)
	case kindPriorityClass:
		p.priorityClass(d)
	case kindList:
		p.list(d)
	}
}

// declaration is where an object stands first, and all that it says.
type declaration struct {
	src   Source
	value any
}

// declare notes an object and reports it when the file has it already. The same once more is no error.
func (p *parser) declare(d *strictyaml.Document, kind, namespace, name string) (Source, bool) {
	src := Source{File: p.file, Document: d.Index, Line: d.Line, Column: d.Column}
	if name == "" {
		return src, true // reported as missing
	}
	key := kind + " " + namespace + "/" + name
	if namespace == "" {
		key = kind + " " + name
	}
	all, _ := d.Value("")
	if first, ok := p.declared[key]; ok {
		if reflect.DeepEqual(all, first.value) {
			p.report(d.Problem(diag.Info, "metadata.name", fmt.Sprintf("%s is declared twice in this file in the same way, "+
				"first on line %d", key, first.src.Line), ""))
			return src, false
		}
		p.report(d.Problem(diag.Error, "metadata.name", fmt.Sprintf("%s is declared twice in this file, first on line %d",
			key, first.src.Line), "remove one of them"))
		return src, false
	}
	p.declared[key] = declaration{src, all}
	return src, true
}
