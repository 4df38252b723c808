package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"time"
)

//go:embed specs
var specs embed.FS

// scene is one step of the demo.
type scene struct {
	title string
	do    func(ctx context.Context, f *fleet) error
}

func spec(name string) []byte {
	data, err := specs.ReadFile("specs/" + name)
	if err != nil { // the files are part of the program
		return nil
	}
	return data
}

// script is the demo.
func script() []scene {
	return []scene{
		{"Three hosts; edge-3 has a GPU, said in its node.yaml", describeHosts},
		{"A DaemonSet for every host is dropped into specs.d", everyHost},
		{"One for hosts with a GPU, by node affinity", gpuHosts},
		{"One for hosts with a label, which none has; then edge-1 gets the label", labelled},
		{"edge-2 loses its network: new pods are kept away, running ones stay", condition},
		{"The network is back", conditionOver},
		{"The template changes: the old pod stops, then the new one starts", update},
		{"Somebody breaks the file: what runs goes on running", mistake},
		{"The mistake is mended", mended},
		{"The label is taken away: the pod goes", unlabelled},
	}
}

const (
	available  = "Available"
	notPlaced  = "NotPlaced"
	exporter   = "monitoring/node-exporter"
	gpuPlugin  = "kube-system/gpu-plugin"
	logShipper = "logging/log-shipper"
)

func describeHosts(ctx context.Context, f *fleet) error {
	node := "apiVersion: v1\nkind: Node\nmetadata:\n  labels: {example.com/gpu: a100, example.com/gpu-generation: " +
		"\"8\"}\nspec:\n  taints: [{key: example.com/gpu, value: \"true\", effect: NoSchedule}]\n"
	if err := f.hosts[2].lay("node.yaml", []byte(node)); err != nil {
		return err
	}
	return f.until(ctx, "the label", func() bool {
		st, err := f.hosts[2].client.Status(ctx)
		return err == nil && len(st.Node.Taints) == 1
	})
}

func everyHost(ctx context.Context, f *fleet) error {
	begin := time.Now()
	if err := f.lay("node-exporter.yaml", spec("node-exporter.yaml")); err != nil {
		return err
	}
	err := f.phases(ctx, exporter, available, available, available)
	say(f.out, "available on all hosts after %s", time.Since(begin).Round(10*time.Millisecond))
	return err
}

func gpuHosts(ctx context.Context, f *fleet) error {
	if err := f.lay("gpu-plugin.yaml", spec("gpu-plugin.yaml")); err != nil {
		return err
	}
	if err := f.phases(ctx, gpuPlugin, notPlaced, notPlaced, available); err != nil {
		return err
	}
	return f.dsctl("edge-1", "explain", gpuPlugin)
}

func labelled(ctx context.Context, f *fleet) error {
	if err := f.lay("log-shipper.yaml", spec("log-shipper.yaml")); err != nil {
		return err
	}
	if err := f.phases(ctx, logShipper, notPlaced, notPlaced, notPlaced); err != nil {
		return err
	}
	if err := f.dsctl("edge-1", "label", "example.com/logs=ship"); err != nil {
		return err
	}
	return f.phases(ctx, logShipper, available, notPlaced, notPlaced)
}

func condition(ctx context.Context, f *fleet) error {
	say(f.out, "edge-2# echo 'status: \"True\"' > /run/daemonsetd/conditions.d/NetworkUnavailable")
	const noCarrier = "status: \"True\"\nreason: CableOut\nmessage: the uplink has no carrier\n"
	if err := f.hosts[1].setCondition(noCarrier); err != nil {
		return err
	}
	if err := f.until(ctx, "the taint", func() bool {
		st, err := f.hosts[1].client.Status(ctx)
		return err == nil && len(st.Node.Taints) > 0
	}); err != nil {
		return err
	}
	if err := f.dsctl("edge-2", "label", "example.com/logs=ship"); err != nil {
		return err
	}
	if err := f.phases(ctx, logShipper, available, notPlaced, ""); err != nil {
		return err
	}
	return f.dsctl("edge-2", "explain", logShipper)
}

func conditionOver(ctx context.Context, f *fleet) error {
	if err := f.hosts[1].clearCondition(); err != nil {
		return err
	}
	return f.phases(ctx, logShipper, available, available, notPlaced)
}

func update(ctx context.Context, f *fleet) error {
	old := f.hosts[0].phase(ctx, logShipper).CurrentRevision
	begin := time.Now()
	if err := f.lay("log-shipper.yaml", bytes.Replace(spec("log-shipper.yaml"), []byte("fluent-bit:4.0"),
		[]byte("fluent-bit:4.1"), 1)); err != nil {
		return err
	}
	err := f.until(ctx, "the new revision", func() bool {
		for _, m := range f.hosts[:2] {
			if d := m.phase(ctx, logShipper); d.Phase != available || d.CurrentRevision == old {
				return false
			}
		}
		return true
	})
	say(f.out, "replaced on both hosts after %s", time.Since(begin).Round(10*time.Millisecond))
	return err
}

func mistake(ctx context.Context, f *fleet) error {
	broken := bytes.Replace(spec("log-shipper.yaml"), []byte("containers:"), []byte("contianers:"), 1)
	if err := f.hosts[0].lay("specs.d/log-shipper.yaml", broken); err != nil {
		return err
	}
	if err := f.until(ctx, "the file to be found bad", func() bool {
		st, err := f.hosts[0].client.Status(ctx)
		return err == nil && st.State == "Degraded"
	}); err != nil {
		return err
	}
	if err := f.dsctl("edge-1", "validate", f.hosts[0].path("specs.d/log-shipper.yaml")); err != nil {
		return err
	}
	return f.phases(ctx, logShipper, available, "", "")
}

func mended(ctx context.Context, f *fleet) error {
	mended := bytes.Replace(spec("log-shipper.yaml"), []byte("fluent-bit:4.0"), []byte("fluent-bit:4.1"), 1)
	if err := f.hosts[0].lay("specs.d/log-shipper.yaml", mended); err != nil {
		return err
	}
	return f.until(ctx, "the file to be good", func() bool {
		st, err := f.hosts[0].client.Status(ctx)
		return err == nil && st.State == "Ready"
	})
}

func unlabelled(ctx context.Context, f *fleet) error {
	if err := f.dsctl("edge-1", "label", "example.com/logs-"); err != nil {
		return err
	}
	if err := f.phases(ctx, logShipper, notPlaced, available, notPlaced); err != nil {
		return err
	}
	return f.dsctl("edge-1", "events")
}

func (m *machine) setCondition(text string) error {
	if err := mkdir(m.path("run/conditions.d")); err != nil {
		return err
	}
	return m.lay("run/conditions.d/NetworkUnavailable", []byte(text))
}

func (m *machine) clearCondition() error {
	if err := remove(m.path("run/conditions.d/NetworkUnavailable")); err != nil {
		return fmt.Errorf("clearing the condition: %w", err)
	}
	return nil
}
