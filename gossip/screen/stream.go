package screen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
)

// ErrDropped is a stream whose message did not pass.
var ErrDropped = errors.New("dropped")

// stream is one of memberlist's streams, over which one message comes, and after it nothing.
type stream struct {
	net.Conn
	t *Transport
	// accepted: the label comes first.
	accepted bool

	once sync.Once
	// rest is what may be read.
	rest io.Reader
	err  error
}

// Read gives the message if it passes; before the first byte of it there is all of it.
func (s *stream) Read(p []byte) (int, error) {
	s.once.Do(s.screen)
	if s.err != nil {
		return 0, s.err
	}
	return s.rest.Read(p)
}

// screen reads the message and checks it.
func (s *stream) screen() {
	var got bytes.Buffer
	why, err := s.message(&got)
	if why == "" && err == nil {
		s.rest = &got
		return
	}
	if err != nil {
		why = Cut
		if errors.Is(err, os.ErrDeadlineExceeded) {
			why = Slow
		}
	}
	if err == nil || got.Len() > 0 || why == Slow {
		s.t.conf.Dropped(why, addrPort(s.RemoteAddr()))
	}
	s.err = errors.Join(fmt.Errorf("%w: %s", ErrDropped, why), err)
}

// message reads the stream's message into got and says what is wrong with it.
func (s *stream) message(got *bytes.Buffer) (Reason, error) {
	if label := s.t.conf.Label; s.accepted && label != "" {
		if err := read(got, s.Conn, 2+len(label)); err != nil {
			return "", err
		}
		if _, ok := s.t.unlabel(got.Bytes()); !ok {
			return OtherCluster, nil
		}
	}
	if s.t.conf.Keys == nil {
		return s.plain(got)
	}
	return s.sealed(got)
}

// sealed reads an encrypted message: a byte that says so, its length, and so many bytes.
func (s *stream) sealed(got *bytes.Buffer) (Reason, error) {
	start := got.Len()
	if err := read(got, s.Conn, 1); err != nil {
		return "", err
	}
	if got.Bytes()[start] != typeEncrypt {
		return NotOpened, nil
	}
	if err := read(got, s.Conn, 4); err != nil {
		return "", err
	}
	n := int64(binary.BigEndian.Uint32(got.Bytes()[start+1:]))
	if n > int64(s.t.conf.Limits.Message) {
		return TooLong, nil
	}
	if err := read(got, s.Conn, int(n)); err != nil {
		return "", err
	}
	b := got.Bytes()[start:]
	plain, ok := s.t.ciphers.open(nil, b[5:], append(bytes.Clone(b[:5]), s.t.conf.Label...))
	if !ok {
		return NotOpened, nil
	}
	why := s.t.conf.Limits.checkMessage(plain)
	if why == unfinished {
		why = Misshapen
	}
	if why != "" {
		return why, nil
	}
	changed, fine := s.t.conf.Limits.tame(plain)
	switch {
	case !fine:
		return Misshapen, nil
	case changed:
		s.t.conf.Dropped(Absurd, addrPort(s.RemoteAddr()))
		sealed, ok := s.t.ciphers.seal(plain, append(bytes.Clone(b[:5]), s.t.conf.Label...))
		if !ok {
			return Absurd, nil
		}
		got.Truncate(start + 5)
		got.Write(sealed)
	}
	return "", nil
}

// plain reads a message that is not encrypted. Its sender waits for the answer with the stream open, so that only what
// it says tells where it ends. Without keys there are loopback addresses only, and few members: it is looked at again
// as it grows.
func (s *stream) plain(got *bytes.Buffer) (Reason, error) {
	start, part := got.Len(), make([]byte, 16<<10)
	for {
		n, err := s.Conn.Read(part)
		got.Write(part[:n])
		if got.Len()-start > s.t.conf.Limits.Message {
			return TooLong, nil
		}
		if n > 0 {
			if why := s.t.conf.Limits.checkMessage(got.Bytes()[start:]); why != unfinished {
				return s.tamePlain(got.Bytes()[start:], why), nil
			}
		}
		if err != nil {
			return "", err
		}
	}
}

// tamePlain takes absurd incarnations out of a message that is not encrypted.
func (s *stream) tamePlain(b []byte, why Reason) Reason {
	if why != "" {
		return why
	}
	changed, fine := s.t.conf.Limits.tame(b)
	if changed {
		s.t.conf.Dropped(Absurd, addrPort(s.RemoteAddr()))
	}
	if !fine {
		return Misshapen
	}
	return ""
}

// read reads n bytes and makes room only for those that come.
func read(to *bytes.Buffer, from io.Reader, n int) error {
	_, err := io.CopyN(to, from, int64(n))
	return err
}
