package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestParseLabelArgs(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want Patch
		err  string
	}{
		"set and remove":      {[]string{"a=b", "x.y/c=", "d-"}, Patch{Labels: map[string]string{"a": "b", "x.y/c": ""}, RemoveLabels: []string{"d"}}, ""},
		"the same twice":      {[]string{"a=b", "a=b"}, Patch{Labels: map[string]string{"a": "b"}}, ""},
		"two values":          {[]string{"a=b", "a=c"}, Patch{}, `invalid label spec: "a=c": the same command sets a=b`},
		"both":                {[]string{"a=b", "a-"}, Patch{}, `can not both modify and remove a label in the same command: "a"`},
		"nothing":             {nil, Patch{}, "at least one label update is required"},
		"neither":             {[]string{"a"}, Patch{}, `unknown label spec: "a"`},
		"two equals signs":    {[]string{"a=b=c"}, Patch{}, `invalid label spec: "a=b=c"`},
		"bad value":           {[]string{"a=b!"}, Patch{}, `invalid label value: "a=b!": a valid label must be`},
		"bad key":             {[]string{"a b=c"}, Patch{}, `invalid label key: "a b": name part must consist of`},
		"no key":              {[]string{"=c"}, Patch{}, `invalid label key: "": name part must be non-empty`},
		"no key to remove":    {[]string{"-"}, Patch{}, `invalid label key: "": name part must be non-empty`},
		"a value with a dash": {[]string{"a=b-"}, Patch{}, `invalid label value: "a=b-"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseLabelArgs(test.args)
			checkParsed(t, got, test.want, err, test.err)
		})
	}
}

func TestParseTaintArgs(t *testing.T) {
	taint := func(key, value, effect string) corev1.Taint {
		return corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)}
	}
	for name, test := range map[string]struct {
		args []string
		want Patch
		err  string
	}{
		"all forms": {
			[]string{"a=b:NoSchedule", "a:NoExecute", "c=:PreferNoSchedule", "d:NoSchedule-", "e=f:NoSchedule-", "g-"},
			Patch{
				Taints:       []corev1.Taint{taint("a", "b", "NoSchedule"), taint("a", "", "NoExecute"), taint("c", "", "PreferNoSchedule")},
				RemoveTaints: []corev1.Taint{taint("d", "", "NoSchedule"), taint("e", "", "NoSchedule"), taint("g", "", "")},
			},
			"",
		},
		"no effect":        {[]string{"a=b"}, Patch{}, `invalid taint spec: "a=b": an effect is required, such as a=b:NoSchedule`},
		"no effect, gone":  {[]string{"a=b-"}, Patch{}, `invalid taint spec: "a=b-": an effect is required, such as a=b:NoSchedule`},
		"key alone":        {[]string{"a"}, Patch{}, `invalid taint spec: "a": an effect is required, such as a:NoSchedule`},
		"wrong case":       {[]string{"a:noschedule"}, Patch{}, `invalid taint effect: "noschedule", unsupported taint effect; did you mean "NoSchedule"?`},
		"unknown effect":   {[]string{"a:Nope"}, Patch{}, `unsupported taint effect; want NoSchedule, PreferNoSchedule or NoExecute`},
		"two colons":       {[]string{"a:NoSchedule:x"}, Patch{}, `invalid taint effect: "NoSchedule:x"`},
		"two equals signs": {[]string{"a=b=c:NoSchedule"}, Patch{}, `invalid taint value "b=c"`},
		"twice":            {[]string{"a=b:NoSchedule", "a=c:NoSchedule"}, Patch{}, `duplicated taints with the same key and effect: "a=c:NoSchedule"`},
		"both":             {[]string{"a=b:NoSchedule", "a-"}, Patch{}, `can not both modify and remove the following taint(s) in the same command: "a"`},
		"another effect":   {[]string{"a:NoSchedule", "a:NoExecute-"}, Patch{Taints: []corev1.Taint{taint("a", "", "NoSchedule")}, RemoveTaints: []corev1.Taint{taint("a", "", "NoExecute")}}, ""},
		"bad key":          {[]string{"a b:NoSchedule"}, Patch{}, `invalid taint key "a b"`},
		"nothing":          {[]string{}, Patch{}, "at least one taint update is required"},
		"too many":         {slices.Repeat([]string{"a-"}, 513), Patch{}, "513 taint updates in one command, more than the 512 allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseTaintArgs(test.args)
			checkParsed(t, got, test.want, err, test.err)
		})
	}
}

func checkParsed(t *testing.T, got, want Patch, err error, wantErr string) {
	t.Helper()
	if wantErr != "" {
		if err == nil || !strings.Contains(err.Error(), wantErr) {
			t.Errorf("error %v lacks %q", err, wantErr)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("patch (-want +got):\n%s", diff)
	}
	if err := got.validate(); err != nil {
		t.Errorf("what was parsed does not validate: %v", err)
	}
}

func TestPatchValidate(t *testing.T) {
	many := map[string]string{}
	for i := range maxArgs + 1 {
		many[fmt.Sprint("k", i)] = ""
	}
	for name, p := range map[string]Patch{
		"label key":         {Labels: map[string]string{"a b": "c"}},
		"label value":       {Labels: map[string]string{"a": "c c"}},
		"key with an equal": {Labels: map[string]string{"a=b": ""}},
		"removed label":     {RemoveLabels: []string{""}},
		"taint without":     {Taints: []corev1.Taint{{Key: "a"}}},
		"taint effect":      {Taints: []corev1.Taint{{Key: "a", Effect: "x"}}},
		"taint value":       {Taints: []corev1.Taint{{Key: "a", Value: "b:c", Effect: "NoSchedule"}}},
		"removed taint":     {RemoveTaints: []corev1.Taint{{Key: "a:b"}}},
		"too many":          {Labels: many},
	} {
		if p.validate() == nil {
			t.Errorf("%s: %+v is valid", name, p)
		}
	}
}

// FuzzTaintArg checks that what is taken can be written and read back, and that nothing else panics.
func FuzzTaintArg(f *testing.F) {
	for _, seed := range []string{"a=b:NoSchedule", "a:NoExecute-", "a-", "x.y/z=:PreferNoSchedule", "=:", "a=b=c:NoSchedule", "-", ":-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		if p, err := ParseLabelArgs([]string{arg}); err == nil {
			again, err := ParseLabelArgs(p.args())
			if diff := cmp.Diff(p, again); err != nil || diff != "" {
				t.Errorf("%q: %v\n%s", arg, err, diff)
			}
		}
		p, err := ParseTaintArgs([]string{arg})
		if err != nil {
			return
		}
		if err := p.validate(); err != nil {
			t.Errorf("%q is taken and invalid: %v", arg, err)
		}
		for _, taint := range p.Taints {
			again, err := ParseTaintArgs([]string{taint.ToString()})
			if diff := cmp.Diff(p, again); err != nil || diff != "" {
				t.Errorf("%q as %q: %v\n%s", arg, taint.ToString(), err, diff)
			}
		}
	})
}
