// Command picture writes docs/how-it-works.svg to standard output; `make picture` runs it. Its test holds the file
// against what it writes.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := write(os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "picture: error: %v\n", err)
		os.Exit(1)
	}
}

// The picture's measures, in pixels.
const (
	width, height = 920, 360
	hostWidth     = 280
	hostHeight    = 290
	boxWidth      = hostWidth - 40
	boxHeight     = 44
	gap           = 62
)

const (
	// alternative is read to those who do not see the picture, and caption stands below it.
	alternative = "On each host daemonsetd reads DaemonSet files, decides with what the agents tell each other, and " +
		"writes static pod manifests that the kubelet runs."
	caption = "The agents gossip (dashed): labels, taints, conditions, who runs what, who waits for its turn. " +
		"There is no server."
)

// box is what stands in a host, from top to bottom, and the words on the arrow that leads to the next.
type box struct {
	title, below, arrow string
	class               string
}

func boxes(pod string) []box {
	return []box{
		{"/etc/daemonsetd/specs.d", "DaemonSets, ConfigMaps, Secrets", "reads", "file"},
		{"daemonsetd", "does the pod belong here? whose turn?", "writes or removes", "agent"},
		{"/etc/kubernetes/manifests", "static pod manifests", "watches", "file"},
		{"kubelet", pod, "", "kubelet"},
	}
}

// write draws three hosts whose agents gossip.
func write(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">
<style>
  text { font: 13px sans-serif; fill: #1f2933; }
  .title { font-weight: bold; }
  .small { font-size: 11px; fill: #52606d; }
  .host { fill: #f5f7fa; stroke: #9aa5b1; }
  .file { fill: #ffffff; stroke: #9aa5b1; }
  .agent { fill: #d9e8ff; stroke: #2b6cb0; }
  .kubelet { fill: #e3f9e5; stroke: #2f8132; }
  .arrow { stroke: #52606d; fill: none; marker-end: url(#tip); }
  .gossip { stroke: #2b6cb0; stroke-width: 2; stroke-dasharray: 6 4; fill: none; }
</style>
<defs>
  <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
    <path d="M0 0 8 4 0 8z" fill="#52606d"/>
  </marker>
</defs>
<rect width="%d" height="%d" fill="#ffffff"/>
`, width, height, alternative, width, height)
	for i, h := range []struct{ name, pod string }{
		{"edge-1, disktype=ssd", "runs the pod"},
		{"edge-2, disktype=ssd", "runs the pod"},
		{"edge-3, disktype=hdd", "no pod: the label does not match"},
	} {
		host(&b, 20+i*(hostWidth+20), h.name, boxes(h.pod))
	}
	y := 60 + gap + boxHeight/2
	for i := range 2 {
		right := 20 + i*(hostWidth+20) + 20 + boxWidth
		fmt.Fprintf(&b, "<path class=\"gossip\" d=\"M%d %dH%d\"/>\n", right, y, right+60)
	}
	label(&b, width/2, height-20, "small", caption)
	b.WriteString("</svg>\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// host draws one at a distance from the left.
func host(b *strings.Builder, x int, name string, in []box) {
	rect(b, "host", x, 20, hostWidth, hostHeight)
	label(b, x+hostWidth/2, 44, "title", name)
	for i, box := range in {
		y := 60 + i*gap
		rect(b, box.class, x+20, y, boxWidth, boxHeight)
		label(b, x+hostWidth/2, y+19, "title", box.title)
		label(b, x+hostWidth/2, y+35, "small", box.below)
		if box.arrow == "" {
			continue
		}
		fmt.Fprintf(b, "<path class=\"arrow\" d=\"M%d %dV%d\"/>\n", x+hostWidth/2, y+boxHeight, y+gap)
		label(b, x+hostWidth/2+58, y+boxHeight+13, "small", box.arrow)
	}
}

func label(b *strings.Builder, x, y int, class, text string) {
	fmt.Fprintf(b, "<text class=\"%s\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", class, x, y, text)
}

func rect(b *strings.Builder, class string, x, y, width, height int) {
	fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="6"/>`+"\n", class, x, y, width, height)
}
