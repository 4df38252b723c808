package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// pulledFor is for how long images that were pulled count as being here: the kubelet may collect those that no
// container uses.
const pulledFor = 10 * time.Minute

// hurryFor is how long the end of a pull is waited for with the kubelet's next answer. It ends an outage of nobody.
const hurryFor = 30 * time.Second

// Pull is what has the kubelet bring the images of a revision on this host before the old pod stops: a short pod of
// ours. What is wanted beside it is decided by Pull being there at all: it is not where all images are known to be
// here, or where nobody would tell how it went.
type Pull struct {
	// Manifest is its manifest; see render.Pull.
	Manifest render.Manifest
	// Images are the names of the images, for people.
	Images []string
	// Ahead has it begin while the old revision may not be replaced yet.
	Ahead bool
}

// PullPod is what the kubelet says of a pod that pulls images.
type PullPod struct {
	// Done: all of its images are here.
	Done bool
	// Refused: it ended for good before that.
	Refused bool
	// Failing: an image could not be pulled, and the kubelet tries it again.
	Failing bool
	// Message is one sentence on what it waits for, or on why it was refused.
	Message string
}

// Pulled is what is remembered of the pull for one revision.
type Pulled struct {
	Revision string `json:"revision,omitempty"`
	// Began is when its manifest was written last, Done when its images were here, or when it was given up; zero: neither
	// yet.
	Began time.Time `json:"began,omitzero"`
	Done  time.Time `json:"done,omitzero"`
	// Refused is why it was given up; empty: it was not.
	Refused string `json:"refused,omitempty"`
	// Waits is what is said of it while it goes on; Failing: an image could not be pulled so far.
	Waits   string `json:"-"`
	Failing bool   `json:"-"`
}

// pulling has the images of the wanted revision pulled while the old pod runs, and reports whether that goes on, so
// that the old pod stays, available or not: the new one could not start before they are here. It begins where begin is
// set; what has begun goes on.
//
// There is no limit to how long. The kubelet tries an image that it cannot pull again and again, at last every
// 5 minutes, and package rollout tells of a failure when the progress deadline is over, as it does of a new pod that
// does not start.
func (p *planner) pulling(begin bool) bool {
	w := p.wanted.Pull
	if w == nil {
		return false
	}
	m := &p.memory.Pulled
	if m.Revision != w.Manifest.Revision {
		*m = Pulled{Revision: w.Manifest.Revision}
	}
	if m.Done.After(p.in.Now) || m.Began.After(p.in.Now) { // the clock was set back
		*m = Pulled{Revision: m.Revision}
	}
	if !m.Done.IsZero() && (p.wanted.Hold != "" || p.in.Now.Sub(m.Done) < pulledFor) {
		return false
	}
	file := p.pullFile()
	if file == nil || !file.Intact {
		if file == nil && !begin {
			return false
		}
		*m = Pulled{Revision: m.Revision, Began: p.in.Now}
		p.acts = append(p.acts, Act{
			Kind: PullImages, Key: p.key, FileName: w.Manifest.FileName, PodName: w.Manifest.PodName,
			Revision: w.Manifest.Revision, Manifest: &w.Manifest, Reason: ReasonPulling,
			Message: pullMessage(w.Images),
		})
	}
	pod, listed := p.in.Kubelet.Pulls[p.fullName(w.Manifest.PodName)]
	if !listed || !p.in.Kubelet.PodsAt.After(m.Began) {
		pod = PullPod{}
	}
	if m.Failing = pod.Failing; pod.Done || pod.Refused {
		m.Done, m.Waits = p.in.Now, ""
		if !pod.Done {
			m.Refused = pod.Message
		}
		return false
	}
	m.Waits = pullMessage(w.Images)
	if pod.Message != "" {
		m.Waits += ": " + pod.Message
	}
	p.keepPull()
	p.hurry = p.in.Now.Sub(m.Began) < hurryFor
	return true
}

func pullMessage(images []string) string {
	return fmt.Sprintf("pulling %s before the old pod stops", strings.Join(images, ", "))
}

// pullFile is the manifest that pulls the images of the wanted revision, where it stands; nil: it does not.
func (p *planner) pullFile() *Present {
	for i := range p.pulls {
		if p.pulls[i].Revision == p.wanted.Manifest.Revision {
			return &p.pulls[i]
		}
	}
	return nil
}

// keepPull leaves the pod that pulls the images of the wanted revision where it is.
func (p *planner) keepPull() {
	p.keeps = render.PullFileName(p.wanted.Namespace, p.wanted.Name, p.wanted.Manifest.Revision)
}

// endPulls removes the manifests of pods that pull images which have no use any more: they are here, another revision
// is wanted, or nothing is replaced after all.
func (p *planner) endPulls() {
	for _, f := range p.pulls {
		if f.FileName == p.keeps {
			continue
		}
		p.acts = append(p.acts, Act{
			Kind: EndPull, Key: p.key, FileName: f.FileName, PodName: f.PodName, Revision: f.Revision,
			Reason: ReasonPulled, Message: "nothing waits for the images that it pulls any more",
		})
	}
	if p.wanted == nil || len(p.present) == 0 || p.current() != nil {
		p.memory.Pulled = Pulled{}
	}
}
