package gossip

import (
	"crypto/rand"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

// functions are the functions and methods of this package by name; those of one name stand together, so that what is found to
// be reachable is too much rather than too little.
func functions(t *testing.T) map[string][]*ast.FuncDecl {
	t.Helper()
	all := map[string][]*ast.FuncDecl{}
	pkgs, err := parser.ParseDir(token.NewFileSet(), ".", nil, 0) //nolint:staticcheck // build tags do not matter here
	if err != nil {
		t.Fatal(err)
	}
	for path, file := range pkgs["gossip"].Files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				all[fn.Name.Name] = append(all[fn.Name.Name], fn)
			}
		}
	}
	return all
}

// receiver is the name of the type that a method belongs to.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	expr := fn.Recv.List[0].Type
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	return expr.(*ast.Ident).Name
}

// called gives the names of all functions that a piece of code calls. What it starts a goroutine with, it does not wait for.
func called(n ast.Node) []string {
	var names []string
	ast.Inspect(n, func(n ast.Node) bool {
		if _, ok := n.(*ast.GoStmt); ok {
			return false
		}
		if call, ok := n.(*ast.CallExpr); ok {
			switch fun := call.Fun.(type) {
			case *ast.Ident:
				names = append(names, fun.Name)
			case *ast.SelectorExpr:
				if fun.Sel.Name == "Go" {
					return false
				}
				names = append(names, fun.Sel.Name)
			}
		}
		return true
	})
	return names
}

// waits says where a piece of code may wait: for a channel outside of a select that has a default, for time, for others to be
// done. A mutex is no such place: nobody may hold one while he waits.
func waits(n ast.Node) (what string) {
	var polls []ast.Node
	ast.Inspect(n, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectStmt); ok && slices.ContainsFunc(s.Body.List, func(c ast.Stmt) bool { return c.(*ast.CommClause).Comm == nil }) {
			for _, c := range s.Body.List {
				if comm := c.(*ast.CommClause).Comm; comm != nil {
					polls = append(polls, comm)
				}
			}
		}
		return true
	})
	polled := func(n ast.Node) bool {
		return slices.ContainsFunc(polls, func(p ast.Node) bool { return p.Pos() <= n.Pos() && n.End() <= p.End() })
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SendStmt:
			if !polled(n) {
				what = "sends to a channel"
			}
		case *ast.UnaryExpr:
			if n.Op == token.ARROW && !polled(n) {
				what = "receives from a channel"
			}
		case *ast.SelectorExpr:
			if slices.Contains([]string{"Sleep", "Wait", "After"}, n.Sel.Name) {
				what = "calls " + n.Sel.Name
			}
		}
		return true
	})
	return what
}

// TestCallbacksNeitherWaitNorCallBack: nothing that memberlist calls, directly or through other functions of this package, waits,
// or touches memberlist. Most of it is called with memberlist's lock held: a full channel there stops the whole agent
// (antrea-io/antrea#4469), and so does a question for the members (hashicorp/memberlist#23, #237).
func TestCallbacksNeitherWaitNorCallBack(t *testing.T) {
	all := functions(t)
	seen := map[*ast.FuncDecl]string{}
	var walk func(fn *ast.FuncDecl, way string)
	walk = func(fn *ast.FuncDecl, way string) {
		if _, ok := seen[fn]; ok {
			return
		}
		way += receiver(fn) + "." + fn.Name.Name
		seen[fn] = way
		for _, name := range called(fn.Body) {
			for _, next := range all[name] {
				// A method of the name that standard types have is not meant.
				if name == "Load" || name == "Store" || name == "Close" {
					continue
				}
				walk(next, way+" -> ")
			}
		}
	}
	callbacks := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, fn := range all[name] {
			if receiver(fn) == "delegate" || receiver(fn) == "memberlistLog" {
				callbacks++
				walk(fn, "")
			}
		}
	}
	if callbacks < 13 {
		t.Fatalf("%d callbacks found: this test no longer knows the code", callbacks)
	}
	for fn, way := range seen {
		if what := waits(fn.Body); what != "" {
			t.Errorf("%s %s", way, what)
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "list" {
				t.Errorf("%s uses memberlist", way)
			}
			return true
		})
	}
}

// TestWhatIsUsedOfMemberlist: few of its methods are without a trap. UpdateNode waits until all have been told; Leave makes a
// Memberlist that cannot join again; Members gives pointers to what others write.
// SendBestEffort sends packets of any size: TestPushesFit sees to that. Ping waits for ProbeTimeout and takes no lock meanwhile.
func TestWhatIsUsedOfMemberlist(t *testing.T) {
	fine := []string{"Join", "LocalNode", "Ping", "SendBestEffort", "SendReliable", "Shutdown", "Load", "Store"}
	used := map[string]bool{}
	for name, fns := range functions(t) {
		for _, fn := range fns {
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok || !ofMemberlist(sel.X) {
					return true
				}
				used[sel.Sel.Name] = true
				if !slices.Contains(fine, sel.Sel.Name) {
					t.Errorf("%s.%s uses memberlist's %s: look at its traps first", receiver(fn), name, sel.Sel.Name)
				}
				return true
			})
		}
	}
	for _, method := range fine {
		if !used[method] {
			t.Errorf("%s is not used any more, or this test no longer sees it", method)
		}
	}
}

// ofMemberlist says whether an expression is the Memberlist, or what holds it.
func ofMemberlist(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "list"
	case *ast.SelectorExpr:
		return e.Sel.Name == "list"
	case *ast.CallExpr:
		sel, ok := e.Fun.(*ast.SelectorExpr)
		return ok && sel.Sel.Name == "Load" && ofMemberlist(sel.X)
	}
	return false
}

// member makes a Node that does not run.
func member(t *testing.T, n *memnet.Network, i int) *Node {
	t.Helper()
	id, err := identity.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	node, err := New(Config{
		Cluster: "test", Name: "node", Identity: id,
		Transport: n.Listen(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(i)}), DefaultPort)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	return node
}

// TestCallbacksReturn calls everything that memberlist calls, many times, on a member of which no goroutine runs that would make
// room anywhere. In a bubble whatever waits is found at once.
func TestCallbacksReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := member(t, memnet.New(memnet.Config{}), 1)
		d := (*delegate)(node)
		other, err := identity.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		peer := &memberlist.Node{Name: other.ID.String(), Addr: net.IPv4(127, 0, 0, 2), Port: DefaultPort}
		elsewhere := &memberlist.Node{Name: peer.Name, Addr: net.IPv4(127, 0, 0, 3), Port: DefaultPort}
		frame := wire.NewSealer("test", other.Private).Seal(wire.Vector, record.ID{}, record.Stamp{Generation: 1, Version: 1}, wire.VectorPayload([wire.Buckets]uint64{1}))
		for range 2 * maxInbox {
			d.NotifyMsg([]byte{byte(wire.Push), 1, 2, 3})
			d.NotifyMsg(frame)
			d.MergeRemoteState(frame, true)
			_ = d.NotifyAlive(peer)
			d.NotifyJoin(peer)
			d.NotifyConflict(peer, elsewhere)
			d.NotifyPingComplete(peer, time.Millisecond, []byte("another digest"))
			d.NotifyLeave(peer)
			_ = d.GetBroadcasts(3, 1400)
			_ = d.AckPayload()
		}
		if got := node.inbox.bytes.Load(); got > maxInboxBytes {
			t.Errorf("%d bytes wait, at most %d may", got, maxInboxBytes)
		}
	})
}

// TestMessagesAreCopied: memberlist uses the bytes again that it gave to NotifyMsg.
func TestMessagesAreCopied(t *testing.T) {
	node := member(t, memnet.New(memnet.Config{}), 1)
	data := []byte{byte(wire.Push), 1, 2, 3}
	(*delegate)(node).NotifyMsg(data)
	clear(data)
	if got := <-node.inbox.pushes; !slices.Equal(got, []byte{byte(wire.Push), 1, 2, 3}) {
		t.Errorf("got %v: it is memberlist's own", got)
	}
}

// TestLocalStateIsConstant: what goes into every push/pull is as long with a thousand members as with one. memberlist refuses
// states of more than 20 MiB, and with them its own lists of members.
func TestLocalStateIsConstant(t *testing.T) {
	node := member(t, memnet.New(memnet.Config{}), 1)
	before := len((*delegate)(node).LocalState(false))
	for range 1000 {
		id, err := identity.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		r, err := record.NewSigner("test", id.Private).Sign("test", record.Stamp{Generation: 1, Version: 1}, make([]byte, 1000))
		if err != nil {
			t.Fatal(err)
		}
		if _, outcome := node.table.Offer(r.Encoded); outcome != records.Newer {
			t.Fatal(outcome)
		}
	}
	if after := len((*delegate)(node).LocalState(true)); after != before || after > 4096 {
		t.Errorf("%d bytes with one member, %d with a thousand", before, after)
	}
	if meta := (*delegate)(node).NodeMeta(memberlist.MetaMaxSize); len(meta) > 0 {
		t.Errorf("%d bytes go with every message about this member", len(meta))
	}
}
