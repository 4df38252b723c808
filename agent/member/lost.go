package member

import (
	"fmt"
	"path/filepath"

	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// TakeLost gives what was damaged or gone of the files that an earlier run of this member kept, once each; their names
// are relative to the state directory. It belongs to who calls Refresh.
func (m *Member) TakeLost() []files.Loss {
	var lost []files.Loss
	lose := func(name, what string) {
		lost = append(lost, files.Loss{File: filepath.Join(filepath.Base(m.dir()), name), What: what})
	}
	if m.inputs.newKey {
		m.inputs.newKey = false
		lose(identity.FileName, "is missing, though this host was a member before")
	}
	if node := m.node.Load(); node != nil {
		if aside := node.SetAside(); aside != "" && aside != m.inputs.toldAside {
			m.inputs.toldAside = aside
			lose(filepath.Base(m.log()), "was damaged, or written for another cluster, and is kept as "+filepath.Base(aside))
		}
	}
	if m.inputs.roster != nil {
		if err := m.inputs.roster.TakeLost(); err != nil {
			lose(lastRoster, fmt.Sprintf("cannot be used: %v", err))
		}
	}
	return lost
}
