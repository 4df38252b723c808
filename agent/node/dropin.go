package node

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// dropIn is a condition that something outside of this agent reports, in a file of conditions.d whose name is the type:
//
//	status: "True"        # True, False or Unknown
//	reason: FabricDown    # one CamelCase word, optional
//	message: no link      # optional
//	validFor: 90s         # optional: Unknown when the file has not been written for so long
type dropIn struct {
	kind    corev1.NodeConditionType
	status  corev1.ConditionStatus
	reason  string
	message string
	// validUntil is zero for a condition that never becomes stale.
	validUntil time.Time
	validFor   time.Duration
}

// at is the condition as it stands at a moment.
func (d dropIn) at(now time.Time) corev1.NodeCondition {
	c := corev1.NodeCondition{Type: d.kind, Status: d.status, Reason: d.reason, Message: d.message}
	if !d.validUntil.IsZero() && !now.Before(d.validUntil) {
		c.Status, c.Reason = corev1.ConditionUnknown, "ConditionExpired"
		c.Message = fmt.Sprintf("the condition has not been renewed for %s", d.validFor)
	}
	return c
}

// dropInFile is the content of a file in conditions.d.
type dropInFile struct {
	Status   statusText       `json:"status"`
	Reason   string           `json:"reason"`
	Message  string           `json:"message"`
	ValidFor *metav1.Duration `json:"validFor"`
}

// statusText takes True and False without quotes too, which in YAML are booleans, not text.
type statusText string

// UnmarshalJSON implements json.Unmarshaler. Empty text is refused here, so that an empty status means that there is
// none.
func (s *statusText) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true":
		*s = statusText(corev1.ConditionTrue)
		return nil
	case "false":
		*s = statusText(corev1.ConditionFalse)
		return nil
	case "null":
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil || text == "" {
		return fmt.Errorf("wanted %s", wantedStatus)
	}
	*s = statusText(text)
	return nil
}

const wantedStatus = "True, False or Unknown"

func dropInLimits() strictyaml.Limits {
	return strictyaml.Limits{MaxBytes: maxDropInBytes, MaxDepth: 8, MaxDocuments: 2, MaxNodes: 64}
}

var (
	conditionType = regexp.MustCompile(`^[A-Za-z]([-_A-Za-z0-9]{0,61}[A-Za-z0-9])?$`)
	reasonWord    = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`)
)

// parseDropIn reads one file of conditions.d, which was last written at modified.
func parseDropIn(path string, data []byte, modified time.Time) (dropIn, diag.List) {
	d := dropIn{kind: corev1.NodeConditionType(filepath.Base(path))}
	if message, hint := refusedType(d.kind); message != "" {
		return d, diag.List{{Severity: diag.Error, File: path, Message: message, Hint: hint}}
	}
	docs, problems := strictyaml.Parse(path, data, dropInLimits())
	if problems.HasErrors() {
		return d, problems
	}
	if len(docs) != 1 {
		return d, append(problems, diag.Problem{
			Severity: diag.Error, File: path, Line: 1, Column: 1,
			Message: fmt.Sprintf("the file has %d documents, wanted one with status, reason and message", len(docs)),
			Hint:    "remove the file to remove the condition",
		})
	}
	doc := docs[0]
	var in dropInFile
	problems = append(problems, doc.Decode(&in)...)
	d.fill(in, modified)
	problems = append(problems, in.check(doc)...)
	problems.Sort()
	return d, problems
}

func (d *dropIn) fill(in dropInFile, modified time.Time) {
	d.status, d.reason, d.message = corev1.ConditionStatus(in.Status), in.Reason, in.Message
	if in.ValidFor != nil {
		d.validFor = in.ValidFor.Duration
		d.validUntil = modified.Add(d.validFor)
	}
}

// refusedType says why a file name is no condition that may be set from outside.
func refusedType(t corev1.NodeConditionType) (message, hint string) {
	switch t {
	case corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure:
		return fmt.Sprintf("the condition %s follows the kubelet and the host and cannot be set by a file", t),
			"choose another name for what you measure, or set a taint"
	}
	if !conditionType.MatchString(string(t)) {
		return fmt.Sprintf("the file name %q is no condition type: wanted one word such as NetworkUnavailable", t),
			fmt.Sprintf("rename the file to %s", suggestType(string(t)))
	}
	return "", ""
}

func suggestType(name string) string {
	name = strings.TrimSuffix(name, filepath.Ext(name))
	if conditionType.MatchString(name) {
		return name
	}
	return "the condition's type"
}

func (in dropInFile) check(doc *strictyaml.Document) diag.List {
	var problems diag.List
	fail := func(path, message, hint string) {
		problems = append(problems, doc.Problem(diag.Error, path, message, hint))
	}
	switch corev1.ConditionStatus(in.Status) {
	case corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown:
	case "":
		if !doc.Has("status") {
			fail("", "the status is missing, wanted "+wantedStatus, "add a line such as status: \"True\"")
		}
	default:
		fail("status", fmt.Sprintf("status is %q, wanted %s", in.Status, wantedStatus),
			didYouMean(string(in.Status), []string{"True", "False", "Unknown"}))
	}
	if in.Reason != "" && (len(in.Reason) > maxReason || !reasonWord.MatchString(in.Reason)) {
		fail("reason", fmt.Sprintf("reason is %.40q, wanted one CamelCase word of at most %d letters", in.Reason, maxReason),
			"put sentences into message")
	}
	if len(in.Message) > maxMessage {
		fail("message", fmt.Sprintf("the message has %d bytes, more than the %d allowed", len(in.Message), maxMessage), "")
	}
	if in.ValidFor != nil && in.ValidFor.Duration <= 0 {
		fail("validFor", fmt.Sprintf("validFor is %s, wanted a duration above zero", in.ValidFor.Duration),
			"leave it out for a condition that does not become stale")
	}
	return problems
}
