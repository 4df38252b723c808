package trees

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

func TestNew(t *testing.T) {
	for _, tt := range []struct{ dir, secrets, wrong string }{
		{"", "", "absolute"},
		{"state", "", "absolute"},
		{"/state", "run", "absolute"},
		{"/state", "/state/secrets", "neither within"},
		{"/run/x/config", "/run/x", "neither within"},
		{"/", "/run/x", "neither within"},
	} {
		if _, err := New(Config{Dir: tt.dir, SecretDir: tt.secrets}); err == nil || !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%q and %q: got %v, want %q", tt.dir, tt.secrets, err, tt.wrong)
		}
	}
	for _, secrets := range []string{"", "/state", "/state2/config"} {
		s, err := New(Config{Dir: "/state/", SecretDir: secrets, Logger: zerolog.Nop()})
		if err != nil {
			t.Errorf("%q: %v", secrets, err)
			continue
		}
		if dir, memory := s.SecretDir(); dir != "/state" || memory {
			t.Errorf("%q: secrets lie in %q, %v", secrets, dir, memory)
		}
	}
}

// The real question to the kernel: /proc is on every machine, and not in memory in our sense; /dev/shm is a tmpfs.
func TestInMemory(t *testing.T) {
	for path, want := range map[string]bool{"/proc": false, "/dev/shm": true} {
		if got, err := (linux{}).inMemory(path); got != want || err != nil {
			t.Errorf("%s: got %v, %v", path, got, err)
		}
	}
	if _, err := (linux{}).inMemory(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestRefuses(t *testing.T) {
	big := File{Path: "a", Mode: 0o644, Data: make([]byte, MaxTreeSize)}
	change := func(f func(*Tree)) Tree {
		tr := tree("config", text("a", "1"))
		f(&tr)
		return tr
	}
	path := func(path string) Tree { return tree("config", text(path, "1")) }
	tests := map[string]struct {
		tree Tree
		want error
		says string
	}{
		"no namespace":        {change(func(tr *Tree) { tr.Namespace = "" }), ErrInvalid, "namespace"},
		"namespace":           {change(func(tr *Tree) { tr.Namespace = ".." }), ErrInvalid, `".."`},
		"daemonset":           {change(func(tr *Tree) { tr.DaemonSet = "a/../../b" }), ErrInvalid, "DaemonSet"},
		"hidden daemonset":    {change(func(tr *Tree) { tr.DaemonSet = ".daemonsetd-x.tmp" }), ErrInvalid, "DaemonSet"},
		"long daemonset":      {change(func(tr *Tree) { tr.DaemonSet = strings.Repeat("a", 254) }), ErrInvalid, "253"},
		"revision":            {change(func(tr *Tree) { tr.Revision = "A" }), ErrInvalid, "revision"},
		"volume":              {change(func(tr *Tree) { tr.Volume = "config.json" }), ErrInvalid, "volume"},
		"dir mode":            {change(func(tr *Tree) { tr.DirMode = 0o500 }), ErrInvalid, "rwx"},
		"sticky":              {change(func(tr *Tree) { tr.DirMode = 0o755 | fs.ModeSticky }), ErrInvalid, "setgid"},
		"root mode":           {change(func(tr *Tree) { tr.RootMode = 0o677 }), ErrInvalid, "rwx"},
		"setuid":              {change(func(tr *Tree) { tr.RootMode = 0o755 | fs.ModeSetuid }), ErrInvalid, "sticky"},
		"file mode":           {change(func(tr *Tree) { tr.Files[0].Mode = 0o644 | fs.ModeSetuid }), ErrInvalid, "permission bits"},
		"fsGroup":             {change(func(tr *Tree) { tr.GID = new(int64(-1)) }), ErrInvalid, "fsGroup"},
		"large fsGroup":       {change(func(tr *Tree) { tr.GID = new(int64(1 << 32)) }), ErrInvalid, "fsGroup"},
		"sources":             {change(func(tr *Tree) { tr.Sources = []string{strings.Repeat("a", MaxSources)} }), ErrTooLarge, "source"},
		"mount point":         {change(func(tr *Tree) { tr.Mountpoints = []string{"../x"} }), ErrInvalid, "../x"},
		"mount points":        {change(func(tr *Tree) { tr.Mountpoints = make([]string, MaxFiles+1) }), ErrTooLarge, "10001"},
		"too many files":      {tree("config", make([]File, MaxFiles+1)...), ErrTooLarge, "10001"},
		"too many bytes":      {tree("config", big, text("b", "1")), ErrTooLarge, "16777217"},
		"empty path":          {path(""), ErrInvalid, "relative"},
		"absolute path":       {path("/etc/passwd"), ErrInvalid, "relative"},
		"the volume itself":   {path("./"), ErrInvalid, "name of a file"},
		"up":                  {path(".."), ErrInvalid, "kept for the writer"},
		"up in it":            {path("a/../../b"), ErrInvalid, `no ".."`},
		"up within":           {path("a/../b"), ErrInvalid, `no ".."`},
		"data":                {path("..data"), ErrInvalid, "kept for the writer"},
		"data after cleaning": {path("./..data/x"), ErrInvalid, `".."`},
		"zero byte":           {path("a\x00b"), ErrInvalid, "zero byte"},
		"no UTF-8":            {path("a\xff"), ErrInvalid, "UTF-8"},
		"long name":           {path(strings.Repeat("a", 256)), ErrInvalid, "255"},
		"long path":           {path(strings.Repeat("a/", 2040) + "a"), ErrInvalid, "bytes"},
		"twice":               {tree("config", text("a/b", "1"), text("a//b", "2")), ErrInvalid, "twice"},
		"file and directory":  {tree("config", text("a", "1"), text("a/b", "2")), ErrInvalid, "directory"},
		"the same, between":   {tree("config", text("a", "1"), text("a-b", "1"), text("a/b", "2")), ErrInvalid, "directory"},
	}
	r := newRig(t, t.TempDir())
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := r.Apply([]Tree{tt.tree})
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) || len(err.Error()) > 1000 {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.says)
			}
			if tt.tree.checkNames() != nil && r.Path(tt.tree) != "" {
				t.Errorf("path %q", r.Path(tt.tree))
			}
		})
	}
	if got := len(everything(t, filepath.Dir(r.config))); got != 1 || len(r.sys.steps) > 0 {
		t.Errorf("something was written: %v", r.sys.steps)
	}
}

// What is just within the limits is written.
func TestAtTheLimits(t *testing.T) {
	r := newRig(t, t.TempDir())
	r.sys.memory = filepath.Dir(filepath.Dir(r.config))
	long := tree(strings.Repeat("v", 63), text(strings.Repeat("a", 255), "1"), text(strings.Repeat("b/", 500)+"b", "2"), text(".x", ""), text("a..b", ""))
	long.Namespace, long.DaemonSet, long.Revision = strings.Repeat("n", 63), strings.Repeat("d", 253), strings.Repeat("r", 63)
	big := tree("big", File{Path: "a", Mode: 0o644, Data: make([]byte, MaxTreeSize)})
	many := tree("many")
	for i := range MaxFiles {
		many.Files = append(many.Files, text(fmt.Sprintf("d/%d/%d", i%10, i), ""))
	}
	for _, tr := range []Tree{long, big, many} {
		for _, n := range []int{1, 0} {
			changed, err := r.Apply([]Tree{tr})
			if err != nil || len(changed) != n {
				t.Errorf("%.20s: changed %d, want %d: %v", tr.Volume, len(changed), n, err)
			}
		}
	}
	all, err := r.List()
	if err != nil || len(all) != 3 {
		t.Errorf("%d are listed: %v", len(all), err)
	}
	if _, err := r.Apply(make([]Tree, MaxTrees+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// Two trees never share a place, and a place does not depend on the content.
func TestPath(t *testing.T) {
	r := newRig(t, t.TempDir())
	base := tree("config", text("a", "1"))
	same := base
	same.Files, same.Sources, same.DirMode = nil, nil, 0o700
	if diff := cmp.Diff(r.Path(base), r.Path(same)); diff != "" {
		t.Error(diff)
	}
	seen := map[string]bool{r.Path(base): true}
	for _, change := range []func(*Tree){
		func(tr *Tree) { tr.Namespace = "default" }, func(tr *Tree) { tr.DaemonSet = "fluent.bit" },
		func(tr *Tree) { tr.Revision = "other" }, func(tr *Tree) { tr.Volume = "other" }, func(tr *Tree) { tr.Secret = true },
	} {
		tr := base
		change(&tr)
		if path := r.Path(tr); path == "" || seen[path] {
			t.Errorf("%v: path %q", tr, path)
		}
		seen[r.Path(tr)] = true
	}
}
