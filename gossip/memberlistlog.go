package gossip

import (
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/agent/zf"
	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// memberlistLog turns memberlist's lines into debug messages of ours and counts them by level. Most tell of single lost
// packets and slow peers; what an operator has to know is told by the Node itself, once. One thing nobody else can know:
// that somebody sends what no key opens.
type memberlistLog struct{ node *Node }

// Write takes one line of the form "[LEVEL] memberlist: text".
func (l *memberlistLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	level := "info"
	if tag, rest, ok := strings.Cut(text, "] "); ok && strings.HasPrefix(tag, "[") {
		level, text = strings.ToLower(tag[1:]), strings.TrimPrefix(rest, "memberlist: ")
	}
	l.node.counts.logged.WithLabelValues(level).Inc()
	if strings.HasPrefix(text, "Decrypt packet failed") || strings.Contains(text, "Failed to decrypt") || strings.Contains(text, "unacceptable label") {
		l.node.stranger(text)
		return len(line), nil
	}
	l.node.log.WithLevel(zerolog.DebugLevel).Str(zf.Detail, text).Msg("memberlist")
	return len(line), nil
}

// stranger tells, under an ID that no key has been found to have,, at most once a minute, of packets that come from somebody without the key or from another cluster.
func (n *Node) stranger(text string) {
	n.counts.dropped("stranger")
	count, tell := n.blames.complain(record.ID{0xff}, time.Now())
	if tell {
		n.log.Warn().Str(zf.Detail, text).Int(zf.Count, count).
			Msg("somebody sends what this host's keys do not open: another key, another cluster, or no member at all")
	}
}
