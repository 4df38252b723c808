package kubelet

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	yamlv3 "gopkg.in/yaml.v3"
	kubeletconfigv1beta1 "k8s.io/kubelet/config/v1beta1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

const (
	configAPIVersion = "kubelet.config.k8s.io/v1beta1"
	configKind       = "KubeletConfiguration"
	// maxConfig is far above any real configuration.
	maxConfig = 1 << 20
	// maxUnknown is how many unknown fields are reported; more are counted.
	maxUnknown = 10
)

// newConfigFile follows the kubelet's configuration.
func newConfigFile(path string) *files.File[*kubeletconfigv1beta1.KubeletConfiguration] {
	return files.NewFile(path, files.Kind[*kubeletconfigv1beta1.KubeletConfiguration]{
		Rules: files.Rules{Limit: maxConfig, ByInode: true},
		Parse: func(path string, data []byte, _ files.ID) (*kubeletconfigv1beta1.KubeletConfiguration, diag.List) {
			return parseConfig(path, data)
		},
		Explain: func(path string, err error) diag.Problem {
			return diag.Problem{
				Severity: diag.Error, File: path, Message: fmt.Sprintf("the kubelet's configuration cannot be read: %v", err),
				Hint: "what it said before, or else the kubelet's defaults, are assumed until it can be",
			}
		},
	})
}

// noConfig is what is said of a file that is not there.
func noConfig(file string) diag.List {
	severity := diag.Warning
	if file == DefaultConfigFile {
		severity = diag.Info
	}
	return diag.List{{
		Severity: severity, File: file, Message: "there is no kubelet configuration here, the kubelet's defaults are assumed",
		Hint: "set kubelet.config to the file that the kubelet is started with (--config)",
	}}
}

// parseConfig decodes a KubeletConfiguration. Fields that this version does not know are warnings, because kubelets are
// of many versions; anything else that is wrong is an error and gives nil.
func parseConfig(file string, data []byte) (*kubeletconfigv1beta1.KubeletConfiguration, diag.List) {
	bad := func(path, message, hint string) diag.List {
		line, column := place(data, path)
		return diag.List{{
			Severity: diag.Error, File: file, Path: path, Line: line, Column: column, Message: message,
			Hint: hint,
		}}
	}
	head := struct{ APIVersion, Kind string }{}
	if err := yaml.Unmarshal(data, &head); err != nil {
		return nil, bad("", "the kubelet's configuration is not YAML: "+oneLine(err), "")
	}
	if head.Kind != configKind {
		return nil, bad("kind", fmt.Sprintf("kind is %q, %s was wanted", head.Kind, configKind),
			"set kubelet.config to the file that the kubelet is started with (--config)")
	}
	if head.APIVersion != configAPIVersion {
		return nil, bad("apiVersion", fmt.Sprintf("apiVersion is %q, this agent reads %s", head.APIVersion, configAPIVersion),
			"")
	}
	cfg := &kubeletconfigv1beta1.KubeletConfiguration{}
	unknown, err := decodeStrict(data, cfg)
	if err != nil {
		return nil, bad("", "the kubelet's configuration cannot be decoded: "+oneLine(err),
			"the kubelet will not start with it either")
	}
	for field, port := range map[string]int32{
		"port": cfg.Port, "readOnlyPort": cfg.ReadOnlyPort,
		"healthzPort": healthzPort(cfg),
	} {
		if port < 0 || port > 65535 {
			return nil, bad(field, fmt.Sprintf("%d is not a port", port), "")
		}
	}
	return cfg, unknownFields(file, data, unknown)
}

// decodeStrict decodes as the kubelet does, in which the case of a field's name counts. What a strict decoding objects
// to is returned apart from what makes the decoding fail.
func decodeStrict(data []byte, cfg *kubeletconfigv1beta1.KubeletConfiguration) (unknown []error, err error) {
	asJSON, err := yaml.YAMLToJSON(data)
	if err != nil {
		return nil, err
	}
	return kjson.UnmarshalStrict(asJSON, cfg)
}

// unknownFields reports what a strict decoding objected to.
func unknownFields(file string, data []byte, unknown []error) (problems diag.List) {
	for _, err := range unknown[:min(len(unknown), maxUnknown)] {
		p := diag.Problem{
			Severity: diag.Warning, File: file, Message: "not known to this version of the agent: " + oneLine(err),
			Hint: "nothing is wrong if the kubelet is newer and does not complain",
		}
		if field, ok := errors.AsType[kjson.FieldError](err); ok {
			p.Path = field.FieldPath()
			top, _, _ := strings.Cut(p.Path, ".")
			p.Line, p.Column = place(data, top)
		}
		problems = append(problems, p)
	}
	if dropped := len(unknown) - maxUnknown; dropped > 0 {
		problems = append(problems, diag.Problem{
			Severity: diag.Warning, File: file,
			Message: fmt.Sprintf("%d more fields are not known", dropped),
		})
	}
	return problems
}

// place finds the line and column of a top-level key, 0 and 0 when there is none.
func place(data []byte, key string) (line, column int) {
	var doc yamlv3.Node
	if key == "" || yamlv3.NewDecoder(bytes.NewReader(data)).Decode(&doc) != nil || len(doc.Content) == 0 {
		return 0, 0
	}
	fields := doc.Content[0].Content
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i].Value == key {
			return fields[i+1].Line, fields[i+1].Column
		}
	}
	return 0, 0
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
