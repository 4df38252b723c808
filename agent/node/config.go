package node

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rs/zerolog"
	"k8s.io/apimachinery/pkg/util/validation"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// Config says where to look. Name and StateDir are required.
type Config struct {
	// Name is the node's name, in lower case as the kubelet has it.
	Name string
	// NodeFile is node.yaml and NodeDir node.d. Either may be empty, and need not exist.
	NodeFile string
	NodeDir  string
	// StateDir is where runtime changes, last good files and times are kept. It is created, with mode 0700, if its parent
	// exists.
	StateDir string
	// RuntimeDir is where conditions.d is; empty for none.
	RuntimeDir string
	// Thresholds returns the kubelet's thresholds as they are now known. It is called at each evaluation and must not
	// block. nil means DefaultThresholds.
	Thresholds func() Thresholds
	// Sampler samples the host when the kubelet gives no statistics, or not all. nil means ProcSampler{}.
	Sampler Sampler
	// Host looks at the machine. nil means ReadHost.
	Host func() Host
	// Logger gets transitions only. The zero value logs nothing.
	Logger zerolog.Logger
}

// Sampler looks at the host's resources. The error says what is missing in the sample, which is to be used all the
// same.
type Sampler interface {
	Sample() (Sample, error)
}

// Inputs is what others found out since the last Update.
type Inputs struct {
	// Kubelet is the kubelet's health as last asked.
	Kubelet KubeletStatus
	// Summary is the kubelet's answer to /stats/summary; nil when it gave none the last time it was asked, since an old
	// answer would hide that resources ran out.
	Summary *statsv1alpha1.Summary
	// KubeletVersion is shown in the node's status; empty when it is not known.
	KubeletVersion string
}

func (c Config) withDefaults() Config {
	if c.Thresholds == nil {
		c.Thresholds = DefaultThresholds
	}
	if c.Sampler == nil {
		c.Sampler = ProcSampler{}
	}
	if c.Host == nil {
		c.Host = func() Host { return ReadHost("") }
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	if bad := validation.IsDNS1123Subdomain(c.Name); len(bad) > 0 {
		errs = append(errs, fmt.Errorf("node name %q: %s", c.Name, strings.Join(bad, "; ")))
	}
	if c.StateDir == "" {
		errs = append(errs, errors.New("no state directory given"))
	}
	return errors.Join(errs...)
}
