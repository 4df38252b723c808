package spec

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestClashes gives, for steps of arrivals, what is in effect after each and which files are bad. Every case is run as
// it stands, with a restart after each step, and with its last step's files arriving in one Load.
func TestClashes(t *testing.T) {
	type step struct {
		name, content string // no content: the file is removed
		want          string
		bad           string
	}
	tests := map[string][]step{
		"the first by name holds": {
			{"a.yaml", "X=a", "X=a@a.yaml", ""},
			{"b.yaml", "X=b\nY=b", "X=a@a.yaml", "b.yaml"},
			{"a.yaml", "", "X=b@b.yaml Y=b@b.yaml", ""},
		},
		"but not over one that was there before": {
			{"b.yaml", "X=b\nY=b", "X=b@b.yaml Y=b@b.yaml", ""},
			{"a.yaml", "X=a", "X=b@b.yaml Y=b@b.yaml", "a.yaml"}, // who is in effect stays in effect
			{"b.yaml", "X=c\nY=c", "X=c@b.yaml Y=c@b.yaml", "a.yaml"},
			{"b.yaml", "Y=d", "X=a@a.yaml Y=d@b.yaml", ""},
		},
		"a last good version holds its objects": {
			{"a.yaml", "X=a", "X=a@a.yaml", ""},
			{"a.yaml", "garbage", "X=a@a.yaml", "a.yaml"},
			{"b.yaml", "X=b", "X=a@a.yaml", "a.yaml b.yaml"},
			{"a.yaml", "Z=a", "X=b@b.yaml Z=a@a.yaml", ""},
		},
		"a last good version holds against a new file before it": {
			{"b.yaml", "X=b\nY=b", "X=b@b.yaml Y=b@b.yaml", ""},
			{"b.yaml", "garbage", "X=b@b.yaml Y=b@b.yaml", "b.yaml"},
			{"a.yaml", "X=a", "X=b@b.yaml Y=b@b.yaml", "a.yaml b.yaml"},
			{"b.yaml", "", "X=a@a.yaml", ""},
		},
		"nothing of a file that clashes holds an object": {
			{"a.yaml", "X=a", "X=a@a.yaml", ""},
			{"b.yaml", "X=b\nY=b", "X=a@a.yaml", "b.yaml"},
			{"c.yaml", "Y=c", "X=a@a.yaml Y=c@c.yaml", "b.yaml"},
			{"a.yaml", "", "Y=c@c.yaml", "b.yaml"}, // c.yaml holds Y now
			{"c.yaml", "", "X=b@b.yaml Y=b@b.yaml", ""},
		},
		"what a refused file had let go of is its own again": {
			{"a.yaml", "Z=a", "Z=a@a.yaml", ""},
			{"b.yaml", "X=b\nY=b", "X=b@b.yaml Y=b@b.yaml Z=a@a.yaml", ""},
			{"b.yaml", "X=c\nZ=c", "X=b@b.yaml Y=b@b.yaml Z=a@a.yaml", "b.yaml"},
			{"a.yaml", "Y=a\nZ=a", "X=b@b.yaml Y=b@b.yaml Z=a@a.yaml", "a.yaml b.yaml"},
		},
		"two files that say the same": {
			{"b.yaml", "X=1\nY=1", "X=1@b.yaml Y=1@b.yaml", ""},
			{"a.yaml", "X=1\nZ=1", "X=1@a.yaml Y=1@b.yaml Z=1@a.yaml", ""},
			{"a.yaml", "X=2\nZ=1", "X=1@a.yaml Y=1@b.yaml Z=1@a.yaml", "a.yaml"},
			{"b.yaml", "X=2\nY=1", "X=2@a.yaml Y=1@b.yaml Z=1@a.yaml", ""},
			{"b.yaml", "X=3\nY=1", "X=2@a.yaml Y=1@b.yaml Z=1@a.yaml", "b.yaml"},
			{"a.yaml", "Z=2", "X=3@b.yaml Y=1@b.yaml Z=2@a.yaml", ""},
		},
		"twice in one file": {
			{"a.yaml", "X=1\nX=2", "", "a.yaml"},
		},
	}
	for name, steps := range tests {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %v", name, restart), func(t *testing.T) {
				r := newRig(t)
				for i, s := range steps {
					if s.content == "" {
						r.remove(s.name)
					} else {
						r.arrive(s.name, s.content)
					}
					snap := r.settle()
					if got := strings.Join(inEffect(snap), " "); got != s.want {
						t.Fatalf("step %d: in effect %q, want %q", i, got, s.want)
					}
					var bad []string
					for _, f := range snap.Files {
						if f.Bad {
							bad = append(bad, f.File[len(r.dir)+1:])
						}
					}
					if got := strings.Join(bad, " "); got != s.bad {
						t.Fatalf("step %d: bad %q, want %q", i, got, s.bad)
					}
					if restart {
						r.persist()
						r.restart()
					}
				}
			})
		}
	}
}

// TestClashAtOneMoment: files that are there together give the same whichever was written first.
func TestClashAtOneMoment(t *testing.T) {
	var got [][]string
	for _, order := range [][]string{{"a.yaml", "b.yaml", "c.yaml"}, {"c.yaml", "b.yaml", "a.yaml"}} {
		r := newRig(t)
		for _, name := range order {
			r.arrive(name, "X="+name+"\n"+name+"=1")
		}
		got = append(got, inEffect(r.settle()))
	}
	if diff := cmp.Diff(got[0], got[1]); diff != "" {
		t.Errorf("order matters (-one +other):\n%s", diff)
	}
	if want := []string{"X=a.yaml@a.yaml", "a.yaml=1@a.yaml"}; !cmp.Equal(got[0], want) {
		t.Errorf("in effect %v, want %v", got[0], want)
	}
}

// TestClashEndsWhileTheFileIsWritten: bytes that could not take effect do not when they are being replaced already.
func TestClashEndsWhileTheFileIsWritten(t *testing.T) {
	r := newRig(t)
	r.arrive("b.yaml", "Y=1")
	r.settle()
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "X=2\nY=2")
	r.settle()
	r.write("b.yaml", "Y=3")
	r.arrive("a.yaml", "Z=1")
	snap, _ := r.load()
	r.want(snap, "Y=1@b.yaml", "Z=1@a.yaml")
	if st := r.status(snap, "b.yaml"); !st.Pending || st.Bad {
		t.Errorf("status %+v, want it pending", st)
	}
	r.want(r.settle(), "Y=3@b.yaml", "Z=1@a.yaml")
}

func TestClashNamesBothPlaces(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "W=1\nX=1")
	r.arrive("b.yaml", "Y=1\nZ=1\nX=2")
	p := r.wantBad(r.settle(), "b.yaml", `DaemonSet "default/X" is declared in "`+r.path("a.yaml")+`", line 2, already`)
	if p.Line != 3 || p.Column != 1 || p.Hint == "" {
		t.Errorf("problem %+v, want it at line 3, column 1, with a hint", p)
	}
}

func TestManyClashesAreSummedUp(t *testing.T) {
	r := newRig(t)
	var b strings.Builder
	for i := range maxClashes + 7 {
		fmt.Fprintf(&b, "X%d=1\n", i)
	}
	r.arrive("a.yaml", b.String())
	r.arrive("b.yaml", strings.ReplaceAll(b.String(), "=1", "=2"))
	problems := r.status(r.settle(), "b.yaml").Problems
	if n := len(problems); n != maxClashes+1 || !strings.Contains(problems[n-1].Message, "7 more") {
		t.Errorf("%d problems, last %+v", n, problems[n-1])
	}
}

func TestKindsDoNotClash(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "a.yaml-0=1\nmany=1") // a DaemonSet and a ConfigMap of the same name
	snap := r.settle()
	if len(snap.DaemonSets) != 1 || len(snap.ConfigMaps) != 1 || r.status(snap, "a.yaml").Objects != 2 {
		t.Errorf("%d DaemonSets, %d ConfigMaps", len(snap.DaemonSets), len(snap.ConfigMaps))
	}
}

func TestDefaultLimits(t *testing.T) {
	if got, want := newRig(t).l.limits, (limits{entries: 10_000, files: 1_000, objects: 10_000}); got != want {
		t.Errorf("limits %+v, want %+v", got, want)
	}
}

func TestFileLimit(t *testing.T) {
	r := newRig(t)
	r.l.limits.files = 2
	r.arrive("b.yaml", "B=1")
	r.arrive("c.yaml", "C=1")
	r.settle()
	r.arrive("a.yaml", "A=1")
	r.arrive("d.yaml", "D=1")
	snap := r.settle()
	r.want(snap, "B=1@b.yaml", "C=1@c.yaml")
	r.wantBad(snap, "a.yaml", "beyond the limit of 2 spec files")
	r.wantBad(snap, "d.yaml", "beyond the limit of 2 spec files")
	r.remove("b.yaml")
	r.settle()
	r.want(r.settle(), "A=1@a.yaml", "C=1@c.yaml")
	r.remove("a.yaml")
	r.settle()
	r.want(r.settle(), "C=1@c.yaml", "D=1@d.yaml")
}

func TestObjectLimit(t *testing.T) {
	r := newRig(t)
	r.l.limits.objects = 10
	r.arrive("b.yaml", "many=4\nB=1")
	r.settle()
	r.arrive("c.yaml", "many=6")
	snap := r.settle()
	r.wantBad(snap, "c.yaml", "declares 6 objects, with which there would be 11; the limit is 10")
	r.want(snap, "B=1@b.yaml")
	r.arrive("a.yaml", "many=6") // first by name, and new
	snap = r.settle()
	r.wantBad(snap, "a.yaml", "with which there would be 11")
	r.want(snap, "B=1@b.yaml")
	if n := len(snap.ConfigMaps); n != 4 {
		t.Errorf("%d ConfigMaps, want b.yaml's 4", n)
	}
	r.arrive("a.yaml", "many=5")
	if st := r.status(r.settle(), "b.yaml"); st.Bad {
		t.Errorf("10 objects are within the limit: %+v", st)
	}
}
