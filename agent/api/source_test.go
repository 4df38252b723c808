package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// changing is a backend whose members a test changes.
type changing struct {
	readOnly
	mu      sync.Mutex
	members []Member
	err     error
	changed chan struct{}
	looks   int
}

func (b *changing) Members(context.Context) (*MemberList, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks++
	return &MemberList{Items: slices.Clone(b.members)}, b.err
}

func (b *changing) FleetChanged() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

func (b *changing) set(err error, members ...Member) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.members, b.err = members, err
	close(b.changed)
	b.changed = make(chan struct{})
}

// However often members change, a watch looks once a second, and what it sends in the end is what there is.
func TestAWatchRestsBetweenLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &changing{readOnly: readOnly{reg: registry.New(registry.Config{})}, changed: make(chan struct{})}
		s := New(Config{Backend: b})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), peerKey{}, peerResult{}))
		defer cancel()
		w := httptest.NewRecorder()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://daemonsetd/v1/members?watch=1", nil))
		}()
		synctest.Wait()
		for i := range 100 {
			state := MemberAlive
			if i%2 == 1 {
				state = MemberFailed
			}
			b.set(nil, Member{Name: "n", ID: "a", State: state})
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		b.mu.Lock()
		looks := b.looks
		b.mu.Unlock()
		if looks > 3 {
			t.Errorf("it looked %d times in a second", looks)
		}
		b.set(errors.New("gone wrong"))
		<-ended
		lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
		var types []string
		for _, line := range lines {
			kind, _, _ := strings.Cut(strings.TrimPrefix(line, `{"type":"`), `"`)
			types = append(types, kind)
		}
		if diff := cmp.Diff([]string{"BOOKMARK", "ADDED", "ERROR"}, types); diff != "" {
			t.Errorf("(-want +got)\n%s\n%s", diff, w.Body)
		}
		if len(lines) == 3 && (!strings.Contains(lines[1], MemberFailed) || !strings.Contains(lines[2], "gone wrong")) {
			t.Errorf("%s", w.Body)
		}
		if len(s.watches) != 0 {
			t.Error("the watch was not given back")
		}
	})
}

// What moves by itself is no change of a member, and everything else is: a field that is new has to be one or the other.
func TestWhatIsAChange(t *testing.T) {
	// KeyFingerprint follows from Key.
	quiet := []string{"KeyFingerprint", "Since", "LastHeard", "RoundTripSeconds", "AgentStartedAt", "Records"}
	eachField(t, func(base, other Member, field string) {
		if same := base.SameAs(other); same != slices.Contains(quiet, field) {
			t.Errorf("another %s: the same is %v", field, same)
		}
	})
	eachField(t, func(base, other SpecFile, field string) {
		if base.SameAs(other) {
			t.Errorf("another %s is no change", field)
		}
	})
}

// eachField gives the zero value of a struct, and one in which one field is another.
func eachField[T any](t *testing.T, f func(base, other T, field string)) {
	t.Helper()
	var base T
	kind := reflect.TypeFor[T]()
	for i := range kind.NumField() {
		var other T
		set(t, reflect.ValueOf(&other).Elem().Field(i))
		f(base, other, kind.Field(i).Name)
	}
}

func set(t *testing.T, v reflect.Value) {
	t.Helper()
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(1, 0)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Struct:
		set(t, v.Field(0))
	default:
		t.Fatalf("no other value for %s", v.Type())
	}
}

// A list has a version, and a watch from there gives what has changed since, and nothing else.
func TestAWatchGoesOnFromAList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &changing{readOnly: readOnly{reg: registry.New(registry.Config{})}, changed: make(chan struct{})}
		b.set(nil, Member{Name: "a", ID: "1"}, Member{Name: "b", ID: "2"})
		s := New(Config{Backend: b})
		list := b.list(t, s)
		if len(list.Items) != 2 || list.ResourceVersion == "" {
			t.Fatalf("%+v", list)
		}
		b.set(nil, Member{Name: "a", ID: "1", State: MemberFailed, LastHeard: time.Unix(1, 0)}, Member{Name: "c", ID: "3"})
		got := b.watch(t, s, "&resourceVersion="+list.ResourceVersion)
		if diff := cmp.Diff([]string{"DELETED b", "MODIFIED a", "ADDED c"}, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if again := b.list(t, s); again.ResourceVersion == list.ResourceVersion {
			t.Error("what changed has the version of before")
		}
		last := b.list(t, s)
		b.set(nil, Member{Name: "a", ID: "1"})
		if diff := cmp.Diff([]string{"MODIFIED a"}, b.watch(t, s, "&member=a&resourceVersion="+last.ResourceVersion)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// What was listed is given back a minute after the last reader, and whoever comes later with its version lists again.
func TestWhatWasListedIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &changing{readOnly: readOnly{reg: registry.New(registry.Config{})}, changed: make(chan struct{})}
		b.set(nil, Member{Name: "a", ID: "1"})
		s := New(Config{Backend: b})
		first := b.list(t, s)
		time.Sleep(keepListed / 2)
		synctest.Wait()
		second := b.list(t, s)
		time.Sleep(keepListed * 3 / 4)
		synctest.Wait()
		if first.ResourceVersion != second.ResourceVersion || s.sources.members.table.Len() != 1 {
			t.Errorf("versions %s and %s, %d members kept", first.ResourceVersion, second.ResourceVersion, s.sources.members.table.Len())
		}
		time.Sleep(keepListed)
		synctest.Wait()
		if n := s.sources.members.table.Len(); n != 0 {
			t.Errorf("%d members are kept for nobody", n)
		}
		w := b.do(t, s, "?watch=1&resourceVersion="+second.ResourceVersion)
		if w.Code != http.StatusGone || !strings.Contains(w.Body.String(), "list again") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// do asks for members until everything has been still for a while.
func (b *changing) do(t *testing.T, s *Server, query string) *httptest.ResponseRecorder {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), peerKey{}, peerResult{}))
	w := httptest.NewRecorder()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://daemonsetd/v1/members"+query, nil))
	}()
	time.Sleep(3 * watchPause)
	synctest.Wait()
	cancel()
	<-ended
	return w
}

func (b *changing) list(t *testing.T, s *Server) (list MemberList) {
	t.Helper()
	if err := json.Unmarshal(b.do(t, s, "").Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// watch gives the events of a watch with their members.
func (b *changing) watch(t *testing.T, s *Server, query string) []string {
	t.Helper()
	var events []string
	for line := range strings.Lines(b.do(t, s, "?watch=1"+query).Body.String()) {
		var ev struct {
			Type   string
			Object Member
		}
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		events = append(events, ev.Type+" "+ev.Object.Name)
	}
	return events
}
