package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// Peer is who is at the other end of a connection.
type Peer struct {
	PID int32
	UID uint32
	// Groups are its primary and its supplementary groups.
	Groups []uint32
}

// maxGroups is how many supplementary groups a peer can have; Linux has the same limit (NGROUPS_MAX).
const maxGroups = 65536

// PeerOf asks the kernel who opened a unix socket connection, which is who it was then.
func PeerOf(c net.Conn) (Peer, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return Peer{}, fmt.Errorf("a connection of type %T has no peer credentials", c)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("reading the peer's credentials: %w", err)
	}
	var p Peer
	var inner error
	if err := raw.Control(func(fd uintptr) { p, inner = peerOfFD(int(fd)) }); err != nil {
		return Peer{}, fmt.Errorf("reading the peer's credentials: %w", err)
	}
	if inner != nil {
		return Peer{}, fmt.Errorf("reading the peer's credentials: %w", inner)
	}
	return p, nil
}

func peerOfFD(fd int) (Peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Peer{}, err
	}
	groups, err := peerGroups(fd)
	if err != nil {
		return Peer{}, err
	}
	return Peer{PID: cred.Pid, UID: cred.Uid, Groups: append(groups, cred.Gid)}, nil
}

// peerGroups reads SO_PEERGROUPS (Linux 4.13), for which x/sys has no function. Kernels without it give no groups.
func peerGroups(fd int) ([]uint32, error) {
	groups := make([]uint32, 64)
	for {
		size := uint32(len(groups)) * 4
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == 0:
			return groups[:size/4], nil
		case errno == unix.ERANGE && size/4 <= maxGroups && int(size/4) > len(groups):
			groups = make([]uint32, size/4)
		case errno == unix.ENOPROTOOPT:
			return nil, nil
		default:
			return nil, errno
		}
	}
}

// policy says who may do what.
type policy struct {
	ownUID uint32
	// readers is the socket's group; nil when there is none.
	readers *uint32
}

func (p policy) mayWrite(peer Peer) bool { return peer.UID == 0 || peer.UID == p.ownUID }

func (p policy) mayRead(peer Peer) bool {
	return p.mayWrite(peer) || (p.readers != nil && slices.Contains(peer.Groups, *p.readers))
}

// groupOf is the group of the listener's socket file.
func groupOf(l net.Listener) *uint32 {
	addr, ok := l.Addr().(*net.UnixAddr)
	if !ok {
		return nil
	}
	info, err := os.Stat(addr.Name)
	if err != nil {
		return nil
	}
	if _, gid, ok := files.Owner(info); ok {
		return new(uint32(gid))
	}
	return nil
}

type peerKey struct{}

// peerResult is what PeerOf said of a connection.
type peerResult struct {
	peer Peer
	err  error
}

// withPeer puts the peer into the context of a connection's requests.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	res := peerResult{err: errors.New("the connection was not accepted by this server")}
	if lc, ok := c.(*limitConn); ok {
		res = lc.peer
	}
	return context.WithValue(ctx, peerKey{}, res)
}

func peerFrom(ctx context.Context) (Peer, error) {
	res, ok := ctx.Value(peerKey{}).(peerResult)
	if !ok {
		return Peer{}, errors.New("the peer is not known")
	}
	return res.peer, res.err
}
