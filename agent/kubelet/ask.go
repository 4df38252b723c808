package kubelet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	kubeletconfigv1beta1 "k8s.io/kubelet/config/v1beta1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// The things that are asked for, as error messages name them.
const (
	opHealth  = "health"
	opPods    = "pods"
	opRunning = "running pods"
	opSummary = "summary"
	opConfig  = "configuration"
	opVersion = "version"
)

// Health returns nil when the kubelet says that it is well. It asks the health port, or where the kubelet has none,
// /healthz of its other ports.
func (c *Client) Health(ctx context.Context) error {
	q := question{op: opHealth, limit: maxHealthBody, timeout: c.cfg.HealthTimeout, cut: true}
	if c.set.HealthzURL == "" {
		_, err := c.either(ctx, q, "/healthz")
		return err
	}
	q.url = c.set.HealthzURL
	if _, err := c.ask(ctx, q); err != nil {
		return err
	}
	return nil
}

// Pods returns the pods that the kubelet is to run, with their state. A pod whose manifest was removed is missing at
// once, while its containers still stop; RunningPods has it until they have.
func (c *Client) Pods(ctx context.Context) (*corev1.PodList, error) {
	q := question{op: opPods, limit: maxPodsBody, timeout: c.cfg.Timeout}
	body, err := c.either(ctx, q, "/pods")
	if err != nil {
		return nil, err
	}
	return c.cache.decode(c.answer(opPods, "/pods"), body)
}

// RunningPods returns the pods that have a live sandbox or container: name, namespace, UID and containers, and nothing
// else. The kubelet answers it on its authenticated port alone, from a copy that is up to RunningPodsStaleness old.
func (c *Client) RunningPods(ctx context.Context) (*corev1.PodList, error) {
	body, err := c.secure(ctx, question{op: opRunning, limit: maxPodsBody, timeout: c.cfg.Timeout}, "/runningpods/")
	if err != nil {
		return nil, err
	}
	return decodePods(c.answer(opRunning, "/runningpods/"), body)
}

// Summary returns the resource usage of the node and of its pods. Kubelets on machines that cadvisor cannot measure
// answer 500, which is a BadAnswer.
func (c *Client) Summary(ctx context.Context) (*statsv1alpha1.Summary, error) {
	body, err := c.either(ctx, question{op: opSummary, limit: maxSummaryBody, timeout: c.cfg.SummaryTimeout},
		"/stats/summary")
	if err != nil {
		return nil, err
	}
	return decodeSummary(c.answer(opSummary, "/stats/summary"), body)
}

// Configz returns the configuration that the kubelet runs with, flags and defaults included. It is on the authenticated
// port alone.
func (c *Client) Configz(ctx context.Context) (*kubeletconfigv1beta1.KubeletConfiguration, error) {
	body, err := c.secure(ctx, question{op: opConfig, limit: maxConfigBody, timeout: c.cfg.Timeout}, "/configz")
	if err != nil {
		return nil, err
	}
	return decodeConfigz(c.answer(opConfig, "/configz"), body)
}

// Version returns the kubelet's version (v1.37.2). It is found in /metrics, the only place that has it, which is long:
// ask once.
func (c *Client) Version(ctx context.Context) (string, error) {
	body, err := c.either(ctx, question{op: opVersion, limit: maxMetricsBody, timeout: c.cfg.SummaryTimeout, cut: true},
		"/metrics")
	if err != nil {
		return "", err
	}
	if version := buildVersion(body); version != "" {
		return version, nil
	}
	return "", c.answer(opVersion, "/metrics").wrong(WrongVersion, errors.New("the metrics have no kubernetes_build_info"))
}

// secure asks the authenticated API.
func (c *Client) secure(ctx context.Context, q question, path string) ([]byte, error) {
	if c.set.URL == "" {
		return nil, &Error{
			Op: q.op, URL: path, State: Unreachable, Err: errors.New("the kubelet has no authenticated port"),
			Remedy: "set enableServer: true in the kubelet's configuration, or kubelet.url",
		}
	}
	q.url, q.secret = c.set.URL+path, true
	body, err := c.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	return body, nil
}

// either asks the authenticated API and, where that cannot be asked, the read-only one. What the authenticated API
// answered for certain, a bad answer included, is final. So is a certificate that is not trusted: whoever has taken the
// kubelet's port may have taken the other one too, where nothing shows it.
func (c *Client) either(ctx context.Context, q question, path string) ([]byte, error) {
	body, err := c.secure(ctx, q, path)
	if err == nil || c.set.ReadOnlyURL == "" || ctx.Err() != nil {
		return body, err
	}
	if e, ok := errors.AsType[*Error](err); !ok || e.State == BadAnswer || e.State == WrongVersion ||
		e.State == Untrusted {
		return nil, err
	}
	// In the clear, and so without the token.
	q.url = c.set.ReadOnlyURL + path
	body, second := c.ask(ctx, q)
	if second != nil {
		return nil, err
	}
	return body, nil
}

// source names an answer in errors about its content.
type source struct{ op, url string }

func (c *Client) answer(op, path string) source {
	return source{op: op, url: c.address() + path}
}

func (s source) wrong(state State, err error) *Error {
	e := &Error{
		Op: s.op, URL: s.url, State: state, Status: 200, Err: err,
		Remedy: "check that the address is the kubelet's",
	}
	if state == WrongVersion {
		e.Remedy = "use a kubelet of 1.28 or newer"
	}
	return e
}

// decodeSummary decodes /stats/summary. The answer has neither kind nor version; its node always has a name.
func decodeSummary(s source, body []byte) (*statsv1alpha1.Summary, error) {
	out := &statsv1alpha1.Summary{}
	if err := json.Unmarshal(body, out); err != nil {
		return nil, s.wrong(BadAnswer, fmt.Errorf("the answer is not a summary: %w", err))
	}
	if out.Node.NodeName == "" {
		return nil, s.wrong(WrongVersion, errors.New("the answer is not a summary: node.nodeName is missing"))
	}
	return out, nil
}

// decodeConfigz decodes /configz, where the kubelet's own configuration is one of several.
func decodeConfigz(s source, body []byte) (*kubeletconfigv1beta1.KubeletConfiguration, error) {
	out := struct {
		Config *kubeletconfigv1beta1.KubeletConfiguration `json:"kubeletconfig"`
	}{}
	if err := json.Unmarshal(body, &out); err != nil {
		return nil, s.wrong(BadAnswer, fmt.Errorf("the answer is not a configuration: %w", err))
	}
	if out.Config == nil {
		return nil, s.wrong(WrongVersion, errors.New("the answer has no kubeletconfig"))
	}
	if v := out.Config.APIVersion; v != "" && v != configAPIVersion {
		return nil, s.wrong(WrongVersion, fmt.Errorf("the configuration is of version %q, this agent reads %s", v,
			configAPIVersion))
	}
	return out.Config, nil
}

// buildVersion finds git_version of kubernetes_build_info in a Prometheus text; empty when it is not there.
func buildVersion(metrics []byte) string {
	_, rest, ok := bytes.Cut(metrics, []byte("\nkubernetes_build_info{"))
	if !ok {
		return ""
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	_, rest, _ = bytes.Cut(line, []byte(`git_version="`))
	version, _, closed := bytes.Cut(rest, []byte(`"`))
	if !closed || len(version) > 64 {
		return ""
	}
	// A kubelet that was not built by a release script has a placeholder after the plus sign.
	version, _, _ = bytes.Cut(version, []byte("+$Format"))
	return string(version)
}
