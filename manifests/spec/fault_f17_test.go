package spec

import "testing"

// TestFaultF17: a copy of a file whose name comes first does not take its objects over, whether the agent runs or not.
func TestFaultF17(t *testing.T) {
	for name, restart := range map[string]bool{"while the agent runs": false, "while it is away": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.arrive("web.yaml", "X=2\nY=2")
			r.settle()
			r.persist()
			if restart {
				r.restart()
			}
			r.arrive("web-v1.yaml", "X=1\nZ=1")
			snap := r.settle()
			r.want(snap, "X=2@web.yaml", "Y=2@web.yaml")
			r.wantBad(snap, "web-v1.yaml", `is declared in "`+r.path("web.yaml")+`", line 1, already and differs here`)
			if st := r.status(snap, "web.yaml"); st.Bad || st.LastGood {
				t.Errorf("the file in effect is blamed: %+v", st)
			}
			// Both are changed while nobody looks; the file in effect keeps what it goes on to declare.
			r.persist()
			r.arrive("web.yaml", "X=3")
			r.arrive("web-v1.yaml", "X=1\nY=1")
			if restart {
				r.restart()
			}
			snap = r.settle()
			r.want(snap, "X=3@web.yaml")
			r.wantBad(snap, "web-v1.yaml", "already and differs here")
			r.remove("web.yaml")
			r.settle()
			r.want(r.settle(), "X=1@web-v1.yaml", "Y=1@web-v1.yaml")
		})
	}
}

// TestFaultF17Services: so do the kinds of which a second object is left out with a warning: a class of another file
// would change the priority of pods.
func TestFaultF17Services(t *testing.T) {
	const class = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: "
	for name, restart := range map[string]bool{"while the agent runs": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			real := func() {
				if restart {
					r.persist()
					r.restart()
				}
				r.l.parse = Parse
			}
			real()
			r.arrive("web.yaml", class+"2\n")
			r.settle()
			real()
			r.arrive("web-v1.yaml", class+"1\n")
			for range 2 {
				snap := r.settle()
				if n := len(snap.PriorityClasses); n != 1 || snap.PriorityClasses[0].Object.Value != 2 {
					t.Fatalf("%d classes, the first %+v; want the one of web.yaml", n, snap.PriorityClasses[0])
				}
				if st := r.status(snap, "web-v1.yaml"); st.Bad || len(st.Problems) != 1 {
					t.Errorf("web-v1.yaml: %+v, want one warning", st)
				}
				real()
			}
		})
	}
}

// TestFaultF21: the same object in two files in the same way is for information, in whichever of them.
func TestFaultF21(t *testing.T) {
	const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: empty}\n"
	r := newRig(t)
	r.l.parse = Parse
	r.arrive("a.yaml", secret)
	r.arrive("b.yaml", "# another place\n\n"+secret+"type: Opaque\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: other}}\n")
	snap := r.settle()
	if len(snap.Secrets) != 1 || len(snap.ConfigMaps) != 1 {
		t.Fatalf("%d Secrets, %d ConfigMaps in effect, want one of each", len(snap.Secrets), len(snap.ConfigMaps))
	}
	st := r.status(snap, "b.yaml")
	if st.Bad || len(st.Problems) != 1 || st.Problems[0].Severity != "info" || st.Problems[0].Line != 3 {
		t.Errorf("status %+v, want one info at line 3", st)
	}
	r.remove("a.yaml")
	if snap = r.settle(); len(snap.Secrets) != 1 || len(r.status(snap, "b.yaml").Problems) != 0 {
		t.Errorf("after the first is gone: %+v", snap)
	}
}
