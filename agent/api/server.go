package api

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

const (
	// DefaultMaxConnections is how many connections are served at the same time.
	DefaultMaxConnections = 64
	// DefaultMaxWatches is how many of them may be watches.
	DefaultMaxWatches = 32
	// reservedConnections are kept for who may write, so that readers cannot lock out the operator.
	reservedConnections = 8

	headerTimeout  = 5 * time.Second
	bodyTimeout    = 30 * time.Second
	idleTimeout    = 30 * time.Second
	requestTimeout = 60 * time.Second
	writeTimeout   = 10 * time.Second
	maxHeader      = 64 << 10
)

// Config is what a Server needs. Backend is required.
type Config struct {
	Backend Backend
	Log     zerolog.Logger
	// MaxConnections is how many connections are served at the same time, further ones being refused with 503; 0 means
	// DefaultMaxConnections.
	MaxConnections int
	// MaxWatches is how many watches are served at the same time; 0 means DefaultMaxWatches.
	MaxWatches int
	// PeerOf tells who is at the other end of a connection; nil means SO_PEERCRED. It is for listeners that are no
	// sockets, as in tests.
	PeerOf func(net.Conn) (Peer, error)
}

// Server serves the API. Make it with New.
type Server struct {
	cfg     Config
	http    *http.Server
	routes  routes
	policy  policy
	watches chan struct{}
	sources sources
	counts  counters
	// closing ends when Shutdown begins; watches end with it.
	closing context.Context
	close   context.CancelFunc
}

// New makes a server. Nothing is opened before Serve.
func New(cfg Config) *Server {
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = DefaultMaxConnections
	}
	if cfg.MaxWatches <= 0 {
		cfg.MaxWatches = DefaultMaxWatches
	}
	if cfg.PeerOf == nil {
		cfg.PeerOf = PeerOf
	}
	s := &Server{
		cfg:     cfg,
		policy:  policy{ownUID: uint32(os.Geteuid())},
		watches: make(chan struct{}, cfg.MaxWatches),
		sources: newSources(cfg.Backend),
	}
	s.closing, s.close = context.WithCancel(context.Background())
	s.routes = s.table()
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnContext:       withPeer,
		ErrorLog:          log.New(errorLog{cfg.Log}, "", 0),
	}
	return s
}

// Serve serves a listener, which comes from Listen or Inherited, until Shutdown is called. It returns nil after
// Shutdown. It is called once.
func (s *Server) Serve(l net.Listener) error {
	s.policy.readers = groupOf(l)
	err := s.http.Serve(newLimitListener(l, s))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown stops listening, ends the watches, waits until the requests in hand are answered or the context ends, and
// then closes what is left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.close()
	err := s.http.Shutdown(ctx)
	if err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}

// errorLog takes what net/http has to say, such as a panic in a handler.
type errorLog struct{ log zerolog.Logger }

// Write logs one message.
func (e errorLog) Write(p []byte) (int, error) {
	e.log.Warn().Str(logfield.Error, string(p)).Msg("the HTTP server reports an error")
	return len(p), nil
}
