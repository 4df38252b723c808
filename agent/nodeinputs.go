package agent

import (
	"fmt"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// hostConfig is how the kubelet is found and asked.
func (a *Agent) hostConfig() kubelet.HostConfig {
	k := a.cfg.Kubelet
	c := kubelet.HostConfig{Node: a.cfg.NodeName, AssumeReady: k.AssumeReady, Check: checkThresholds, Logger: a.log}
	c.Options = kubelet.Options{
		ConfigFile: k.Config, URL: k.URL, HealthzURL: k.HealthzURL, ManifestsDir: a.cfg.ManifestsDir, CAFile: k.CAFile,
		ClientCertFile: k.ClientCertFile, ClientKeyFile: k.ClientKeyFile, TokenFile: k.TokenFile,
		Insecure: k.InsecureSkipVerify,
		RootDir:  k.RootDir, ServingCertFile: k.ServingCertFile,
	}
	if a.opts.Simulation != nil {
		c.Transport = a.opts.Simulation.Kubelet
	}
	return c
}

// checkThresholds finds what the kubelet itself would not start with.
func checkThresholds(set kubelet.Settings) diag.List {
	_, err := parseThresholds(set)
	if err == nil {
		return nil
	}
	return diag.List{{
		Severity: diag.Error, File: set.ConfigFile, Hint: "the kubelet's defaults are used",
		Message: fmt.Sprintf("the eviction thresholds cannot be used: %v", err),
	}}
}

// nodeConfig is what the node is made of.
func (a *Agent) nodeConfig() node.Config {
	return node.Config{
		Name: a.cfg.NodeName, NodeFile: a.cfg.NodeFile, NodeDir: a.cfg.NodeDir(), StateDir: a.cfg.StateDir,
		RuntimeDir: a.cfg.RuntimeDir,
		Thresholds: a.thresholds, Logger: a.log, Sampler: node.ProcSampler{KubeletDir: a.kubelet.Settings().RootDir},
	}
}

// thresholds are the kubelet's. Settings that the kubelet itself would not start with give its defaults; problems says
// so.
func (a *Agent) thresholds() node.Thresholds {
	t, err := parseThresholds(a.kubelet.Settings())
	if err != nil {
		return node.DefaultThresholds()
	}
	return t
}

func parseThresholds(set kubelet.Settings) (node.Thresholds, error) {
	return node.ParseThresholds(node.ThresholdConfig{
		EvictionHard: set.EvictionHard, EvictionSoft: set.EvictionSoft, EvictionSoftGracePeriod: set.EvictionSoftGracePeriod,
		EvictionMinimumReclaim:           set.EvictionMinimumReclaim,
		EvictionPressureTransitionPeriod: set.EvictionPressureTransitionPeriod,
		MergeDefaultEvictionSettings:     set.MergeDefaultEvictionSettings,
		EnforceNodeAllocatable:           set.EnforceNodeAllocatable,
	})
}
