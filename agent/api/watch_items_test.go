package api

import (
	"context"
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
	"k8s.io/apimachinery/pkg/watch"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// thing is an item whose note is nothing to speak of.
type thing struct{ Key, Value, Note string }

func (x thing) WatchKey() string    { return x.Key }
func (x thing) SameAs(o thing) bool { return x.Key == o.Key && x.Value == o.Value }

// Whatever the lists, the events lead from one to the next: who applies them has the same, but for the notes.
func TestItemChangesLeadToTheItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent, client := map[string]thing{}, map[string]thing{}
		for range rapid.IntRange(1, 6).Draw(t, "lists") {
			items := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) thing {
				return thing{rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "key"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "value"), rapid.String().Draw(t, "note")}
			}), 0, 4, thing.WatchKey).Draw(t, "items")
			for _, ev := range itemChanges(sent, items) {
				it := ev.Object.(thing)
				old, known := client[it.Key]
				switch {
				case ev.Type == watch.Added && !known, ev.Type == watch.Modified && known && !old.SameAs(it):
					client[it.Key] = it
				case ev.Type == watch.Deleted && known:
					delete(client, it.Key)
				default:
					t.Fatalf("%v of %v, the client has %v", ev.Type, it, old)
				}
			}
			if len(client) != len(items) {
				t.Fatalf("the client has %v, there are %v", client, items)
			}
			for _, it := range items {
				if !client[it.Key].SameAs(it) {
					t.Fatalf("the client has %v for %v", client[it.Key], it)
				}
			}
		}
	})
}

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
