package api_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// TestFaultT10Metrics: one address that opens connections to the TCP metrics without end gets eight, all addresses together 64, and others
// are still served while one floods. A place is free again when its connection ends.
func TestFaultT10Metrics(t *testing.T) {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := api.New(api.Config{Backend: apitest.New()})
	l := server.LimitTCP(plain)
	accepted := make(chan net.Conn, 256)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	try := func(host int) (net.Conn, error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(host))}}
		c, err := d.Dial("tcp", plain.Addr().String())
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
		return c, err
	}
	dial := func(host int) {
		t.Helper()
		if _, err := try(host); err != nil {
			t.Fatal(err)
		}
	}
	// refused waits until the server closes, which may be before the client knows that it is connected.
	refused := func(host int) bool {
		c, err := try(host)
		if err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		return err != nil
	}
	var held []net.Conn
	for range 8 {
		dial(2)
		held = append(held, <-accepted)
	}
	for range 200 {
		if !refused(2) {
			t.Fatal("a ninth connection of one address is served")
		}
	}
	for host := 3; host < 10; host++ {
		for range 8 {
			dial(host)
			held = append(held, <-accepted)
		}
	}
	if !refused(10) {
		t.Error("a connection is served beyond all limits")
	}
	if err := held[0].Close(); err != nil {
		t.Error(err)
	}
	_ = held[0].Close() // its place is given back once
	dial(11)
	held = append(held, <-accepted)
	if !refused(12) {
		t.Error("a place was given back twice")
	}
	want := fmt.Sprintf("# HELP daemonsetd_api_rejected_total Connections and watches refused because there were too many.\n"+
		"# TYPE daemonsetd_api_rejected_total counter\ndaemonsetd_api_rejected_total %d\n", 202)
	if err := testutil.CollectAndCompare(server, strings.NewReader(want), "daemonsetd_api_rejected_total"); err != nil {
		t.Error(err)
	}
	for _, c := range held {
		_ = c.Close()
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, open := <-accepted; open {
		t.Error("somebody was accepted who was not counted")
	}
}
