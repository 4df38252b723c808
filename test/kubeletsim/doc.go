// Package kubeletsim is a simulated kubelet: test equipment for the tests, the demonstration and the benchmarks of this
// project, and no part of the agent.
//
// It follows a directory of static pod manifests as a real kubelet without an API server does, quirks included
// (k8s.io/kubernetes v1.37: pkg/kubelet/config/file.go, file_linux.go, common.go, config.go and
// pkg/kubelet/pod_workers.go), decodes and validates with the upstream code, and answers /healthz, /pods,
// /runningpods/, /stats/summary, /configz and /metrics over a loopback port or in memory. What it does not do is run
// anything: containers are entries of a [Runtime] that start, become ready and stop after the delays that a test sets.
//
// It asserts nothing. It keeps a log of what happened, and [Kubelet.Violations] lists what should never happen: two
// pods of one DaemonSet at once, a manifest that cannot be read.
//
// Time is package time throughout, so that it works inside a testing/synctest bubble, with Options.Manual in place of
// fsnotify and with [Kubelet.Transport] in place of a port.
//
// The scenarios of this package run against the simulator in its own tests and against a real kubelet in test/e2e; both
// must give the same trace, which is what makes the simulator worth believing.
package kubeletsim
