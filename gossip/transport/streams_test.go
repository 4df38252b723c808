package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

// The kernel completes connections to a listener that never accepts, and takes some bytes for it. memberlist's SendReliable
// then blocks for ever, whatever its TCPTimeout says.
func TestAWriteToAPeerThatNeverReadsReturns(t *testing.T) {
	peer := net.TCPAddrFromAddrPort(deafPeer(t))
	to := &memberlist.Node{Name: "deaf", Addr: peer.IP, Port: uint16(peer.Port)}
	// More than the kernel takes.
	message := make([]byte, 16<<20)

	theirs, _ := startTheirs(t)
	held := &holding{NodeAwareTransport: theirs}
	blocked := make(chan error, 1)
	them := startMember(t, "them", held, func(c *memberlist.Config) { c.TCPTimeout = 50 * time.Millisecond })
	go func() { blocked <- them.SendReliable(to, message) }()

	ours := start(t, Config{StreamTimeout: 200 * time.Millisecond})
	us := startMember(t, "us", ours, func(c *memberlist.Config) { c.TCPTimeout = 50 * time.Millisecond })
	if err := us.SendReliable(to, message); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("our write returned %v, wanted it to fail by its deadline", err)
	}
	if s := ours.Stats(); s.StreamWriteErrors != 1 || s.StreamsOpen != 0 {
		t.Errorf("wanted one failed write and no stream left: %+v", s)
	}
	select {
	case err := <-blocked:
		t.Errorf("memberlist's write returned (%v): does it have a deadline now?", err)
	default:
	}
	eventually(t, "memberlist's dial is done", func() bool { return held.close() > 0 })
	if err := next(t, blocked); err == nil {
		t.Error("a write that nobody read succeeded")
	}
}

// holding keeps what memberlist dials, expired if a test wants it.
type holding struct {
	memberlist.NodeAwareTransport
	expire bool

	mu    sync.Mutex
	conns []net.Conn
}

func (h *holding) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	c, err := h.NodeAwareTransport.DialAddressTimeout(a, timeout)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns = append(h.conns, c)
	if h.expire {
		err = c.SetDeadline(time.Unix(1, 0))
	}
	return c, err
}

// close closes what was dialed and says how much that is.
func (h *holding) close() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		_ = c.Close()
	}
	return len(h.conns)
}

// memberlist forgets a stream to which it could not write its label.
func TestAFailedLabelLeaksNoStream(t *testing.T) {
	peer := net.TCPAddrFromAddrPort(deafPeer(t))
	to := &memberlist.Node{Name: "peer", Addr: peer.IP, Port: uint16(peer.Port)}
	label := func(c *memberlist.Config) { c.Label = "test" }

	theirs, _ := startTheirs(t)
	leaky := &holding{NodeAwareTransport: theirs, expire: true}
	if err := startMember(t, "them", leaky, label).SendReliable(to, []byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the label was written:", err)
	}
	if err := leaky.conns[0].SetDeadline(time.Time{}); err != nil {
		t.Errorf("memberlist's stream is closed (%v): was the leak repaired?", err)
	}
	leaky.close()

	ours := start(t, Config{})
	tight := &holding{NodeAwareTransport: ours, expire: true}
	if err := startMember(t, "us", tight, label).SendReliable(to, []byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the label was written:", err)
	}
	if err := tight.conns[0].SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) || ours.Stats().StreamsOpen != 0 {
		t.Errorf("our stream is not closed: %v, %d open", err, ours.Stats().StreamsOpen)
	}
}

func TestAFloodOfStreamsIsServedInPart(t *testing.T) {
	const flood, most = 40, 5
	theirs, addr := startTheirs(t)
	for range flood {
		dialTCP(t, "127.0.0.1", netip.MustParseAddrPort(addr))
		// memberlist starts a goroutine for each.
		defer next(t, theirs.StreamCh()).Close()
	}

	ours := start(t, Config{MaxStreams: most, PeerRate: 10 * flood})
	var conns []net.Conn
	for range flood {
		conns = append(conns, dialTCP(t, "127.0.0.1", ours.Addr()))
	}
	eventually(t, "all were served or refused", func() bool {
		s := ours.Stats()
		return s.StreamsAccepted == most && s.StreamsTooManyOfPeer+s.StreamsTooMany == flood-most
	})
	if s := ours.Stats(); s.StreamsOpen != most {
		t.Errorf("%d streams are open, wanted %d", s.StreamsOpen, most)
	}
	for i, c := range conns {
		if i < most {
			if _, err := io.WriteString(next(t, ours.StreamCh()), "x"); err != nil {
				t.Error(err)
			}
		}
		if got := closed(t, c); got != (i >= most) {
			t.Errorf("stream %d: closed is %t", i, got)
		}
	}
	want := []Refused{{Peer: loopback.Addr(), Streams: flood - most}}
	if diff := cmp.Diff(want, ours.Refused(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestAClosedStreamMakesRoom(t *testing.T) {
	ours := start(t, Config{MaxStreams: 1})
	dialTCP(t, "127.0.0.1", ours.Addr())
	first := next(t, ours.StreamCh())
	if !closed(t, dialTCP(t, "127.0.0.1", ours.Addr())) {
		t.Error("a second stream was served")
	}
	for range 2 {
		if err := first.Close(); err != nil {
			t.Error("close, and close again:", err)
		}
	}
	dialTCP(t, "127.0.0.1", ours.Addr())
	next(t, ours.StreamCh())
}

// One that opens streams and sends nothing keeps nobody else out.
func TestOnePeerDoesNotTakeThePlacesOfOthers(t *testing.T) {
	ours := start(t, Config{MaxStreams: 4, PeerStreams: 2})
	for i := range 4 {
		c := dialTCP(t, "127.0.0.2", ours.Addr())
		if i < 2 {
			next(t, ours.StreamCh())
		} else if !closed(t, c) {
			t.Errorf("stream %d of one peer was served", i)
		}
	}
	dialTCP(t, "127.0.0.3", ours.Addr())
	if got := unmapAddr(next(t, ours.StreamCh()).RemoteAddr()).Addr().String(); got != "127.0.0.3" {
		t.Error("served", got)
	}
	if s := ours.Stats(); s.StreamsTooManyOfPeer != 2 {
		t.Errorf("%+v", s)
	}
}

func TestStreamsEndAtTheirLimitWhateverTheirUserSets(t *testing.T) {
	ours := start(t, Config{StreamTimeout: 100 * time.Millisecond})
	for _, c := range []struct {
		name string
		set  func(net.Conn) error
	}{
		{"nothing set", func(net.Conn) error { return nil }},
		{"no deadline", func(c net.Conn) error { return c.SetDeadline(time.Time{}) }},
		{"no read deadline", func(c net.Conn) error { return c.SetReadDeadline(time.Time{}) }},
		{"in an hour", func(c net.Conn) error { return c.SetReadDeadline(time.Now().Add(time.Hour)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dialed, err := ours.DialTimeout(ours.Addr().String(), time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			defer dialed.Close()
			accepted := next(t, ours.StreamCh())
			defer accepted.Close()
			for _, end := range []net.Conn{dialed, accepted} {
				if err := c.set(end); err != nil {
					t.Fatal(err)
				}
				if _, err := end.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("read ended with %v, wanted the deadline", err)
				}
			}
			_ = dialed.SetWriteDeadline(time.Now().Add(time.Hour))
			if _, err := dialed.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("write ended with %v, wanted the deadline", err)
			}
		})
	}
}

func TestClampKeepsWhatIsEarlier(t *testing.T) {
	limit := time.Unix(1000, 0)
	s := &stream{limit: limit}
	for at, want := range map[time.Time]time.Time{
		{}:                        limit,
		limit:                     limit,
		limit.Add(1):              limit,
		limit.Add(-1):             limit.Add(-1),
		time.Unix(1, 0):           time.Unix(1, 0),
		limit.Add(24 * time.Hour): limit,
	} {
		if got := s.clamp(at); !got.Equal(want) {
			t.Errorf("clamp(%s) = %s, wanted %s", at, got, want)
		}
	}
}

func TestAnAcceptedStreamIsReadUpToItsLimit(t *testing.T) {
	const most = 100_000
	ours := start(t, Config{MaxStreamBytes: most})
	for _, c := range []struct {
		size int
		want error
	}{
		{most - 1, nil},
		{most + 1, ErrStreamTooLong},
	} {
		out := dialTCP(t, "127.0.0.1", ours.Addr())
		in := next(t, ours.StreamCh())
		sent := bytes.Repeat([]byte("x"), c.size)
		go func() { _, _ = out.Write(sent); _ = out.Close() }()
		got, err := io.ReadAll(in)
		if !errors.Is(err, c.want) || len(got) != min(c.size, most) {
			t.Errorf("of %d bytes %d were read, then %v; wanted %v", c.size, len(got), err, c.want)
		}
		_ = in.Close()
	}
	if s := ours.Stats(); s.StreamsTooLong != 1 || s.StreamBytesReceived != 2*most-1 {
		t.Errorf("%+v", s)
	}
}

// Peers know this host by the address that is bound, and the agents of one host by theirs.
func TestStreamsComeFromTheBoundAddress(t *testing.T) {
	ours := start(t, Config{Bind: netip.MustParseAddrPort("127.0.0.7:0")})
	other := start(t, Config{})
	dialed, err := ours.DialTimeout(other.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer dialed.Close()
	if got := unmapAddr(next(t, other.StreamCh()).RemoteAddr()).Addr(); got != ours.Addr().Addr() {
		t.Errorf("the stream comes from %s, wanted %s", got, ours.Addr().Addr())
	}
}

func TestDialErrorsAreCounted(t *testing.T) {
	ours, gone := start(t, Config{}), start(t, Config{})
	if err := gone.Shutdown(); err != nil {
		t.Fatal(err)
	}
	_, err := ours.DialTimeout(gone.Addr().String(), patience)
	if !errors.Is(err, syscall.ECONNREFUSED) || ours.Stats().DialErrors != 1 {
		t.Errorf("%v, %+v", err, ours.Stats())
	}
	if _, err := ours.DialTimeout("host:1", patience); err == nil {
		t.Error("a name was dialed")
	}
}

// A process without file descriptors comes back by itself, and says so once.
func TestAcceptIsTriedAgain(t *testing.T) {
	var log syncBuffer
	ours := start(t, Config{Logger: zerolog.New(&log)})
	_ = ours.tcp.SetDeadline(time.Unix(1, 0))
	eventually(t, "accepting failed several times", func() bool { return ours.Stats().AcceptErrors >= 3 })
	_ = ours.tcp.SetDeadline(time.Time{})
	dialTCP(t, "127.0.0.1", ours.Addr())
	next(t, ours.StreamCh())
	if got := bytes.Count(log.bytes(), []byte("\n")); got != 2 {
		t.Errorf("wanted two lines, that it failed and that it works again:\n%s", log.bytes())
	}
}

// syncBuffer is written and read by several goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.buf.Bytes())
}

// TestFaultT10OpenBytes: streams that say nothing to the end do not add up to more than there is room for, whoever sends them.
func TestFaultT10OpenBytes(t *testing.T) {
	ours := start(t, Config{MaxStreams: 8, PeerRate: 1000, MaxStreamBytes: 1 << 20, MaxOpenBytes: 2 << 20})
	ours.SetKnown(func(a netip.Addr) bool { return a != netip.MustParseAddr("127.0.0.9") })
	read := func(from string) int64 {
		c := dialTCP(t, from, ours.Addr())
		s := next(t, ours.StreamCh())
		go func() { _, _ = c.Write(make([]byte, 1<<20-1)) }()
		n, _ := io.CopyN(io.Discard, s, 1<<20-1)
		return n
	}
	for i, c := range []struct {
		from string
		want int64
	}{
		{"127.0.0.9", 256 << 10},           // a stranger
		{"127.0.0.2", 1<<20 - 1},           // a member
		{"127.0.0.2", 1},                   // the same one
		{"127.0.0.3", (1 << 20) - 256<<10}, // what is left
		{"127.0.0.4", 0},
	} {
		if got := read(c.from); got != c.want {
			t.Errorf("stream %d: %d bytes were read, wanted %d", i, got, c.want)
		}
	}
	if got := ours.Stats().StreamsTooMuch; got != 4 {
		t.Errorf("%d streams met the limit, wanted 4", got)
	}
}
