package agent

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// itemText is the text of a health item; empty: there is none.
func (b *bed) itemText(code string) string {
	for _, h := range b.status().Health {
		if h.Code == code {
			return h.Text
		}
	}
	return ""
}

// TestFaultO10: a host with another gossip key says so, in one line without a port, and the line stays as it is.
func TestFaultO10(t *testing.T) {
	virtually(t, func(t *testing.T) {
		net := network()
		a := newMember(t, net, "a", 1, keyring.Generate())
		b := newMember(t, net, "b", 2, keyring.Generate(), a)
		var log lockedBuffer
		opts := b.options()
		opts.Logger = zerolog.New(&log).Level(zerolog.InfoLevel)
		// First the other host is not there: an older cause, which is not to be what is told.
		b.runWith(opts)
		sleep(30 * time.Second)
		a.run()
		sleep(10 * time.Minute)
		text := b.itemText("NobodyJoined")
		if !strings.Contains(text, "another gossip key") || strings.ContainsAny(text, "\n\t") || strings.Contains(text, "7947") {
			t.Errorf("the item says %q", text)
		}
		if st := b.status(); st.State != api.StateDegraded {
			t.Errorf("the host is %s", st.State)
		}
		told := strings.Count(log.String(), `"reason":"NobodyJoined"`)
		if told == 0 || told > 2 {
			t.Errorf("it was logged %d times:\n%s", told, log.String())
		}
	})
}

// TestFaultO11: what was wrong with the key file goes when it is mended, also by chmod alone, and without a reload.
func TestFaultO11(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := newMember(t, network(), "a", 1, keyring.Generate())
		a.run()
		a.eventually("gossip to be on", func() bool { return a.gossip().ID != "" && !a.health("Gossip") })
		path := a.cfg.Gossip.KeyFile
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := a.client.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		wrong := func() bool {
			st := a.status()
			return a.health("GossipKeys") || st.Config != nil && slices.ContainsFunc(st.Config.Problems, func(p api.Problem) bool { return p.File == path })
		}
		if !wrong() {
			t.Fatal("a key file that everybody can read is no problem")
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		sleep(20 * time.Second)
		a.wake()
		a.eventually("the problem to be over", func() bool { return !wrong() })
	})
}

// TestFaultO12: a normal stop logs no error, with real sockets.
func TestFaultO12(t *testing.T) {
	t.Parallel()
	b := newMachine(t)
	b.cfg.Gossip.KeyFile, b.cfg.Gossip.Bind = b.path("gossip.key"), "127.0.0.1:0"
	b.writeKey(keyring.Generate())
	var log lockedBuffer
	opts := b.options()
	opts.Logger = zerolog.New(&log)
	stop := b.runWith(opts)
	b.eventually("gossip to be on", func() bool { return b.gossip().ID != "" })
	started := len(log.String()) // where a busy machine is slow to answer, that is said before
	stop()
	for line := range strings.Lines(log.String()[started:]) {
		if strings.Contains(line, `"level":"error"`) {
			t.Errorf("a normal stop logs %s", line)
		}
	}
}

// TestFaultO15: a live change of a ConfigMap has an event and a line of the log, which name it.
func TestFaultO15(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		var log lockedBuffer
		opts := b.options()
		opts.Logger = zerolog.New(&log)
		b.runWith(opts)
		config := func(value string) {
			b.lay("specs.d/cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: "+value+"}\n")
		}
		config("info")
		b.lay("specs.d/logger.yaml", logger("logger:1\n          volumeMounts: [{name: conf, mountPath: /etc/conf}]",
			"volumes: [{name: conf, configMap: {name: settings}}]"))
		b.phase(api.PhaseAvailable)
		if slices.Contains(b.reasons("DaemonSet"), "VolumeUpdated") {
			t.Error("the first placement is told as a live change")
		}
		config("debug")
		b.eventually("the event", func() bool { return slices.Contains(b.reasons("DaemonSet"), "VolumeUpdated") })
		if want := "DaemonSet default/logger: ConfigMap default/settings has changed"; !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log.String())
		}
	})
}

// TestFaultO4: messages of the log say what, of what, from, to and why; the same is in fields.
func TestFaultO4(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		var log lockedBuffer
		opts := b.options()
		opts.Logger = zerolog.New(&log)
		b.runWith(opts)
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.phase(api.PhaseAvailable)
		b.kubelet.SetDown(true)
		b.eventually("the item", func() bool { return b.health("KubeletUnhealthy") })
		b.kubelet.SetDown(false)
		b.eventually("the end of it", func() bool { return !b.health("KubeletUnhealthy") })
		for _, want := range []string{
			`"message":"DaemonSet default/logger is Available, was Starting, with revision `,
			`"message":"write the manifest `,
			`"message":"node condition Ready is False, was True (`,
			`"message":"KubeletUnhealthy: `,
			`; to do: `,
			`"message":"KubeletUnhealthy is over: `,
			`"from":"Starting","to":"Available"`,
		} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %s", want)
			}
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
}
