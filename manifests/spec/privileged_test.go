package spec

import (
	"strings"
	"testing"
)

func TestPrivilegedContainersAreAccepted(t *testing.T) {
	file := `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      hostNetwork: true
      hostPID: true
      containers:
        - name: agent
          image: agent:1
          securityContext: {privileged: true}
          volumeMounts: [{name: run, mountPath: /run, mountPropagation: Bidirectional}]
      volumes: [{name: run, hostPath: {path: /run}}]
`
	if p := Parse("agent.yaml", []byte(file)); p.Problems.HasErrors() {
		t.Errorf("refused: %v", p.Problems)
	}
	p := Parse("agent.yaml", []byte(strings.Replace(file, "privileged: true", "privileged: false", 1)))
	if !p.Problems.HasErrors() {
		t.Error("bidirectional propagation without privileged is accepted")
	}
}
