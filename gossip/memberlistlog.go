package gossip

import (
	"strings"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// memberlistLog turns memberlist's lines into debug messages of ours and counts them by level. Most tell of single lost
// packets and slow peers; what an operator has to know is told by the Node itself, once.
type memberlistLog struct{ node *Node }

// Write takes one line of the form "[LEVEL] memberlist: text".
func (l *memberlistLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	level := "info"
	if tag, rest, ok := strings.Cut(text, "] "); ok && strings.HasPrefix(tag, "[") {
		level, text = strings.ToLower(tag[1:]), strings.TrimPrefix(rest, "memberlist: ")
	}
	l.node.counts.logged.WithLabelValues(level).Inc()
	l.node.log.WithLevel(zerolog.DebugLevel).Str(logfield.Detail, text).Msg("memberlist")
	return len(line), nil
}
