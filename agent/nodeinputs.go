package agent

import (
	"fmt"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/node"
)

// nodeConfig is what the node is made of.
func (a *Agent) nodeConfig() node.Config {
	return node.Config{
		Name: a.cfg.NodeName, NodeFile: a.cfg.NodeFile, NodeDir: a.cfg.NodeDir(), StateDir: a.cfg.StateDir, RuntimeDir: a.cfg.RuntimeDir,
		Thresholds: a.kubelet.thresholds, Logger: a.log, Sampler: node.ProcSampler{KubeletDir: a.kubelet.settings().RootDir},
	}
}

// thresholds are the kubelet's. Settings that the kubelet itself would not start with give its defaults; problems says so.
func (h *host) thresholds() node.Thresholds {
	t, err := parseThresholds(h.set)
	if err != nil {
		return node.DefaultThresholds()
	}
	return t
}

func parseThresholds(set kubelet.Settings) (node.Thresholds, error) {
	return node.ParseThresholds(node.ThresholdConfig{
		EvictionHard: set.EvictionHard, EvictionSoft: set.EvictionSoft, EvictionSoftGracePeriod: set.EvictionSoftGracePeriod,
		EvictionMinimumReclaim: set.EvictionMinimumReclaim, EvictionPressureTransitionPeriod: set.EvictionPressureTransitionPeriod, MergeDefaultEvictionSettings: set.MergeDefaultEvictionSettings,
		EnforceNodeAllocatable: set.EnforceNodeAllocatable,
	})
}

// nodeInputs is what the node's conditions follow from.
func (a *Agent) nodeInputs(k *kubelet.Snapshot) node.Inputs {
	in := node.Inputs{Kubelet: node.KubeletStatus{Healthy: k.Healthy, AssumeReady: k.AssumeReady}, KubeletVersion: k.Version}
	if k.SummaryErr == nil {
		in.Summary = k.Summary
	}
	if !k.Healthy && k.HealthErr != nil {
		// The state alone: an error's text may have a port or a time in it that changes with every try.
		in.Kubelet.Message = fmt.Sprintf("the kubelet's health cannot be told: %s", k.HealthErr.State)
	}
	return in
}
