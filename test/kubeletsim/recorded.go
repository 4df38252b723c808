package kubeletsim

import (
	_ "embed"
	"strings"
)

// traces is what a real kubelet did (test/e2e writes it), one block for each scenario: its name, then its trace
// indented.
//
//go:embed traces.txt
var traces string

// Recorded returns the traces that the simulator and a real kubelet both have to give, by the names of the scenarios.
func Recorded() map[string]Trace {
	out := map[string]Trace{}
	name := ""
	for line := range strings.Lines(traces) {
		line = strings.TrimRight(line, "\n")
		if text, indented := strings.CutPrefix(line, "\t"); indented {
			out[name] = append(out[name], text)
		} else if line != "" && !strings.HasPrefix(line, "#") {
			name = line
		}
	}
	return out
}
