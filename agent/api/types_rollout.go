package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RolloutRequest asks where rollouts stand.
type RolloutRequest struct {
	// DaemonSet is as in ExplainRequest; empty means all.
	DaemonSet string
	// Hosts asks for Rollout.Hosts.
	Hosts bool
}

// Rollout is where the rollout of one DaemonSet stands, as far as this host knows.
type Rollout struct {
	// DaemonSet is namespace/name.
	DaemonSet string `json:"daemonset"`
	// Generation is the number of what is rolling out, or of what everybody runs, and Revision its name. Both are the same
	// on all hosts; 0 and empty while there is none.
	Generation uint64 `json:"generation"`
	Revision   string `json:"revision,omitempty"`
	// Epoch is how often an operator began the generations anew (dsctl rollout reset); Generation counts within it.
	Epoch uint64 `json:"epoch,omitempty"`
	// Strategy is RollingUpdate or OnDelete.
	Strategy string `json:"strategy"`
	// Surge: new pods start beside the old ones, and Budget is maxSurge.
	Surge bool `json:"surge,omitempty"`
	// Budget is how many hosts the rollout may have down at a time. BudgetOf says where it comes from, if it is a
	// percentage: that of the Members that count, without Uncounted, which are newer than a day and in no members file.
	Budget    int           `json:"budget"`
	BudgetOf  string        `json:"budgetOf,omitempty"`
	Members   int           `json:"members,omitempty"`
	Uncounted int           `json:"uncounted,omitempty"`
	Counts    RolloutCounts `json:"counts"`
	// SoakSeconds is for how long a pod has to be ready until the rollout takes it for available, and Soaking are the
	// hosts whose pod is available for Kubernetes alone.
	SoakSeconds float64  `json:"soakSeconds,omitempty"`
	Soaking     NameList `json:"soaking,omitzero"`
	// Message is kubectl's sentence, and Done whether the rollout is over by kubectl's measure.
	Message string `json:"message"`
	Done    bool   `json:"done"`
	// RolledBack is the revision from which hosts went back by themselves, as it did not become available in time; empty:
	// none. It is that of their files, and stays here until those change. A rollout that is over with it has failed.
	RolledBack string `json:"rolledBack,omitempty"`
	// Self is this host.
	Self RolloutHost `json:"self"`
	// Updating are the hosts whose pod is being replaced now, Waiting those that wait for their turn; both in the order of
	// turns, those last that do not show how they stand.
	Updating NameList `json:"updating"`
	Waiting  NameList `json:"waiting"`
	// Blockers are what stands in the way of the first of Waiting, what matters most first; none where nothing does.
	// Blocking is how many hosts there are among them, of which up to Budget-1 would not matter.
	Blockers []RolloutBlocker `json:"blockers,omitempty"`
	Blocking int              `json:"blocking,omitempty"`
	// Unawaited are canaries for which no host waits, as they are newer than a day and in no members file.
	Unawaited NameList `json:"unawaited,omitzero"`
	// Held are hosts that are on hold: they do not want a turn, by reason.
	Held []RolloutHold `json:"held,omitempty"`
	// Failed are hosts on which the revision did not become available in time, those that went back by themselves among
	// them.
	Failed NameList `json:"failed"`
	// Failures are the same hosts by the reason that each has told.
	Failures []RolloutHold `json:"failures,omitempty"`
	// Halted says why the rollout does not go on by itself; nil: it does, or it is over.
	Halted *RolloutHalt `json:"halted,omitempty"`
	// Unknown are hosts that do not show how they stand, by reason.
	Unknown []RolloutHold `json:"unknown,omitempty"`
	// Hosts are all hosts that declare the DaemonSet, by name, where they were asked for.
	Hosts []RolloutHost `json:"hosts,omitempty"`
}

// WatchKey is what a watch knows the rollout by.
func (r Rollout) WatchKey() string { return r.DaemonSet }

// SameAs tells whether a watch has nothing to say of the way from r to o.
func (r Rollout) SameAs(o Rollout) bool { return reflect.DeepEqual(r, o) }

// RolloutCounts are the status fields of a DaemonSet over all hosts that declare it, as Kubernetes defines them.
type RolloutCounts struct {
	Desired      int `json:"desired"`
	Current      int `json:"current"`
	Ready        int `json:"ready"`
	Updated      int `json:"updated"`
	Available    int `json:"available"`
	Misscheduled int `json:"misscheduled"`
	// Failed are hosts on which the revision did not become available in time, Unknown those that do not show how they
	// stand.
	Failed  int `json:"failed"`
	Unknown int `json:"unknown"`
}

// RolloutHalt is a rollout in which too many hosts have failed, or in which all others have finished.
type RolloutHalt struct {
	// Failed is how many hosts have failed with the revision, Limit at how many every host holds.
	Failed int `json:"failed"`
	Limit  int `json:"limit"`
	// Text is one sentence without a stop.
	Text string `json:"text"`
}

// RolloutHost is one host in a rollout.
type RolloutHost struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
	Self bool   `json:"self,omitempty"`
	// Phase is Available, Waiting, OnHold, Updating, Failed, Unavailable, NotPlaced or Unknown; empty where nothing is on
	// record.
	Phase string `json:"phase,omitempty"`
	// Hold is why it does not want a turn; empty where it does.
	Hold string `json:"hold,omitempty"`
	// Until is when Hold ends by itself, where that is known.
	Until time.Time `json:"until,omitzero"`
	// Why is one sentence on why its pod has failed or is not available; empty: it is, or nothing is known.
	Why string `json:"why,omitempty"`
	// ReadySince and AvailableAt are since when the pod is ready and when the rollout takes it for available, while that
	// is to come; of this host alone.
	ReadySince  time.Time `json:"readySince,omitzero"`
	AvailableAt time.Time `json:"availableAt,omitzero"`
	// Trouble is why it does not show how it stands; empty where it does.
	Trouble string `json:"trouble,omitempty"`
	// Generation is that of its file, Target the revision that it is to run, Running the one that it has; all as hosts
	// share them.
	Generation uint64 `json:"generation,omitempty"`
	Epoch      uint64 `json:"epoch,omitempty"`
	Target     string `json:"target,omitempty"`
	Running    string `json:"running,omitempty"`
	// Rejected is the revision from which it went back by itself.
	Rejected string `json:"rejected,omitempty"`
	Canary   bool   `json:"canary,omitempty"`
	// Pod is the pod's name; empty where there is none. Ready and Available are Kubernetes' conditions of it.
	Pod       string    `json:"pod,omitempty"`
	Ready     bool      `json:"ready"`
	Available bool      `json:"available"`
	Restarts  uint32    `json:"restarts,omitempty"`
	Addresses []string  `json:"addresses,omitempty"`
	Since     time.Time `json:"since,omitzero"`
}

// RolloutBlocker is one thing that stands in the way.
type RolloutBlocker struct {
	// Host and ID are the member's; empty where it is no other host.
	Host string `json:"host,omitempty"`
	ID   string `json:"id,omitempty"`
	// Reason is a CamelCase word that is stable: OlderFile, Updating, Down.
	Reason string `json:"reason"`
	// Text is one sentence without a stop.
	Text string `json:"text"`
	// Until is when it ends by itself, where that is known.
	Until time.Time `json:"until,omitzero"`
}

// RolloutHold is one reason with the hosts that it is true of.
type RolloutHold struct {
	Reason string   `json:"reason"`
	Hosts  NameList `json:"hosts"`
	// Until is when it ends by itself, where that is known.
	Until time.Time `json:"until,omitzero"`
}

// RolloutList answers GET /v1/rollouts.
type RolloutList struct {
	metav1.TypeMeta `json:",inline"`
	// ListMeta has the resource version from which a watch misses nothing.
	metav1.ListMeta `json:"metadata,omitzero"`
	// Fleet is unset while gossip is off, so that this host is the only one.
	Fleet bool `json:"fleet"`
	// Settled is as in MemberList.
	Settled bool `json:"settled"`
	// Items are sorted by DaemonSet.
	Items []Rollout `json:"items"`
}

// RevisionRequest asks for the history of a DaemonSet on this host.
type RevisionRequest struct {
	// DaemonSet is as in ExplainRequest, and not empty.
	DaemonSet string
	// Revision asks for the one with that number, with its template; 0 for all without. Epoch is as in Revision; with 0
	// the latest that has the number is meant where none of epoch 0 has.
	Revision, Epoch uint64
}

// Revision is one revision of a DaemonSet's template.
type Revision struct {
	// Number is what it is known by to people: the generation of the rollout in which it was last rolled out, the same on
	// all hosts that followed. It counts within Epoch, which is as in Rollout.
	Number uint64 `json:"number"`
	Epoch  uint64 `json:"epoch,omitempty"`
	// Revision is its name.
	Revision string `json:"revision"`
	// ChangeCause is the annotation kubernetes.io/change-cause of the time; empty: there was none.
	ChangeCause string `json:"changeCause,omitempty"`
	// First and Last are when it became the one to run on this host for the first and the last time.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Source is the spec file that it came from.
	Source string `json:"source,omitempty"`
	// Current: it is the one that this host is to run. Running: this host's pod is of it.
	Current bool `json:"current,omitempty"`
	Running bool `json:"running,omitempty"`
	// Template is the pod template as it was written, where it was asked for.
	Template json.RawMessage `json:"template,omitempty"`
}

// RevisionText is the number of a revision for people, and in queries: "3", or "1/3" where its epoch is 1.
func RevisionText(epoch, number uint64) string {
	if epoch == 0 {
		return strconv.FormatUint(number, 10)
	}
	return fmt.Sprintf("%d/%d", epoch, number)
}

// ParseRevision is the opposite of RevisionText.
func ParseRevision(text string) (epoch, number uint64, err error) {
	before, after, both := strings.Cut(text, "/")
	if both {
		if epoch, err = strconv.ParseUint(before, 10, 64); err != nil {
			return 0, 0, errRevision(text)
		}
		before = after
	}
	if number, err = strconv.ParseUint(before, 10, 64); err != nil || both && number == 0 {
		return 0, 0, errRevision(text)
	}
	return epoch, number, nil
}

func errRevision(text string) error {
	return fmt.Errorf("%q is no number of a revision: wanted a number such as 3, or 1/3 for one of epoch 1", text)
}

// RevisionList answers GET /v1/rollouts/history.
type RevisionList struct {
	metav1.TypeMeta `json:",inline"`
	// DaemonSet is namespace/name.
	DaemonSet string `json:"daemonset"`
	// Items are sorted by number.
	Items []Revision `json:"items"`
	// Warnings say which revisions cannot be shown, one sentence each.
	Warnings []string `json:"warnings,omitempty"`
}

// UndoRequest asks for the spec file that goes back to an earlier revision.
type UndoRequest struct {
	// DaemonSet is as in ExplainRequest, and not empty.
	DaemonSet string
	// To is the number of the revision; 0 means the one before the current. Epoch is as in RevisionRequest.
	To, Epoch uint64
}

// UndoResult answers GET /v1/rollouts/undo. Nothing is changed by asking.
type UndoResult struct {
	metav1.TypeMeta `json:",inline"`
	// DaemonSet is namespace/name.
	DaemonSet string `json:"daemonset"`
	// Source is the spec file that declares it on this host.
	Source string `json:"source"`
	// From is the current revision, To the one to go back to; both with templates.
	From Revision `json:"from"`
	To   Revision `json:"to"`
	// Same: the current template is that of To, so that there is nothing to undo.
	Same bool `json:"same,omitempty"`
	// Document is the DaemonSet with the template of To, as one YAML document.
	Document string `json:"document"`
}

// ReplaceRequest is the body of POST /v1/rollouts/replace.
type ReplaceRequest struct {
	// DaemonSet is as in ExplainRequest, and not empty.
	DaemonSet string `json:"daemonset"`
}

// ReplaceResult answers POST /v1/rollouts/replace. The replacement has begun, or waits for what Message says.
type ReplaceResult struct {
	metav1.TypeMeta `json:",inline"`
	// DaemonSet is namespace/name.
	DaemonSet string `json:"daemonset"`
	Node      string `json:"node"`
	// From and To are the revisions of the pod here, before and after.
	From string `json:"from"`
	To   string `json:"to"`
	// Started is unset while something is waited for; Message says for what.
	Started bool   `json:"started"`
	Message string `json:"message,omitempty"`
}

// RolloutActRequest is the body of POST /v1/rollouts/release and /v1/rollouts/reset.
type RolloutActRequest struct {
	// DaemonSet is as in ExplainRequest, and not empty.
	DaemonSet string `json:"daemonset"`
	// Force asks for a reset where nothing shows that the generations were spoilt; a release knows no such thing.
	Force bool `json:"force,omitempty"`
}

// ReleaseResult answers POST /v1/rollouts/release: the hold of this host has ended.
type ReleaseResult struct {
	metav1.TypeMeta `json:",inline"`
	// DaemonSet is namespace/name.
	DaemonSet string `json:"daemonset"`
	Node      string `json:"node"`
	// Until is when it would have ended by itself.
	Until time.Time `json:"until"`
	// Message is what this host waits for now; empty: for nothing.
	Message string `json:"message,omitempty"`
}

// ResetResult answers POST /v1/rollouts/reset: a new epoch has begun on this host.
type ResetResult struct {
	metav1.TypeMeta `json:",inline"`
	// DaemonSet is namespace/name.
	DaemonSet string `json:"daemonset"`
	Node      string `json:"node"`
	// Epoch is the new one, and Generation that of its first generation.
	Epoch      uint64 `json:"epoch"`
	Generation uint64 `json:"generation"`
	// Others are the other hosts that are in it already; two hosts that count are believed by all.
	Others int `json:"others"`
	// Members are how many other hosts declare the DaemonSet.
	Members int `json:"members"`
}

// FleetPlan is what a DaemonSet's change would do to the fleet, were the files laid out on every host.
type FleetPlan struct {
	// Gain are the hosts that would get a pod, Lose those whose pod would go, Replace those whose pod would be replaced,
	// Keep those whose pod would stay as it is. Unknown are hosts of which this one does not know enough to tell.
	Gain    NameList `json:"gain"`
	Lose    NameList `json:"lose"`
	Replace NameList `json:"replace"`
	Keep    NameList `json:"keep"`
	Unknown NameList `json:"unknown"`
	// Strategy is RollingUpdate or OnDelete, Budget how many hosts are replaced at a time, of Members that count;
	// BudgetOf and Uncounted are as in Rollout.
	Strategy  string `json:"strategy,omitempty"`
	Budget    int    `json:"budget,omitempty"`
	BudgetOf  string `json:"budgetOf,omitempty"`
	Members   int    `json:"members,omitempty"`
	Uncounted int    `json:"uncounted,omitempty"`
	// Unawaited is as in Rollout, of the hosts of Replace.
	Unawaited NameList `json:"unawaited,omitzero"`
	// SoakSeconds is as in Rollout: each wave takes at least as long.
	SoakSeconds float64 `json:"soakSeconds,omitempty"`
	// Waves are the hosts of Replace in their order, as many at a time as the budget allows, canaries first and by
	// themselves. Stay are those that daemonsetd.io/partition keeps on what they run.
	Waves []NameList `json:"waves,omitempty"`
	Stay  NameList   `json:"stay"`
	// ReplaceSeconds is how long the latest replacement of this DaemonSet's pod took on this host, and EstimateSeconds
	// what that comes to for all waves; both 0 where none has been measured.
	ReplaceSeconds  float64 `json:"replaceSeconds,omitempty"`
	EstimateSeconds float64 `json:"estimateSeconds,omitempty"`
	// Blockers are hosts that would stand in the way from the beginning, of which up to Budget-1 would not matter;
	// Blocking is how many there are.
	Blockers []RolloutBlocker `json:"blockers,omitempty"`
	Blocking int              `json:"blocking,omitempty"`
	// Blocked: so many stand in the way that nothing would be replaced before some do no more.
	Blocked bool `json:"blocked,omitempty"`
	// Holds are what would keep all hosts from replacing anything, such as daemonsetd.io/paused, one sentence each.
	Holds []string `json:"holds,omitempty"`
}

// Changes tells whether the pod of any host would come, go or be replaced.
func (f *FleetPlan) Changes() bool { return f != nil && f.Gain.Count+f.Lose.Count+f.Replace.Count > 0 }
