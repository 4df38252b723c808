//go:build parity

package parity

// difference is something that a container sees otherwise under daemonsetd than in a cluster.
type difference struct {
	// what names it.
	what string
	// where matches the containers, "daemonset/container", that may see it.
	where string
	// cluster and alone match the lines (see lines) that differ on either side. Empty: there is none on that side.
	cluster, alone string
	// why it is so.
	why string
	// chance is set where it can happen that nobody sees it.
	chance bool
}

// differences is all that may differ. Each must be seen at least once, on both sides where it has both, unless
// that is up to chance.
var differences = []difference{
	{
		what: "KUBERNETES_* variables", where: `.*`,
		cluster: `^env "KUBERNETES_(SERVICE|PORT)[A-Z0-9_]*=.*"$`,
		why:     "they tell where the API server is; there is none",
	},
	{
		what: "host name", where: `.*`,
		cluster: `^(hostname "|env "HOSTNAME=)[a-z-]+-[a-z0-9]{5}"$`, alone: `^(hostname "|env "HOSTNAME=)[a-z-]+-[a-z0-9]+-e2e-node"$`,
		why: "it is the pod's name",
	},
	{
		what: "metadata.name in the environment", where: `^env/fields$`,
		cluster: `^env "POD_NAME=env-[a-z0-9]{5}"$`, alone: `^env "POD_NAME=env-[a-z0-9]+-e2e-node"$`,
		why: "the name of a static pod ends with the node's, that of a DaemonSet's pod with random letters",
	},
	{
		what: "metadata.uid in the environment", where: `^env/fields$`,
		cluster: `^env "POD_UID=[0-9a-f-]{36}"$`, alone: `^env "POD_UID=[0-9a-f]{32}"$`,
		why: "the API server makes up the one, the kubelet computes the other from the manifest",
	},
	{
		what: "service account's token", where: `^host-network/main$`,
		cluster: `^[a-z]+ /var/run/secrets/kubernetes.io/serviceaccount[/ ]`,
		why:     "it is issued by the API server",
	},
	{
		what: "metadata.name in a file", where: `^volumes/(init|projected)$`,
		cluster: `^file /projected/..VERSION/differs/name 0640 0:0 "volumes-[a-z0-9]{5}"$`,
		alone:   `^file /projected/..VERSION/differs/name 0640 0:0 "volumes-[a-z0-9]+-e2e-node"$`,
		why:     "as in the environment",
	},
	{
		what: "metadata.uid in a file", where: `^volumes/projected$`,
		cluster: `^file /downward/..VERSION/differs/uid 0600 0:0 "[0-9a-f-]{36}"$`,
		alone:   `^file /downward/..VERSION/differs/uid 0600 0:0 "[0-9a-f]{32}"$`,
		why:     "as in the environment",
	},
	{
		what: "metadata.labels as a whole", where: `^volumes/(init|projected)$`,
		cluster: `differs/labels 0640 0:0 "app=\\"volumes\\"\\ncontroller-revision-hash=\\"[a-z0-9]+\\"\\npod-template-generation=\\"1\\"\\ntier=\\"edge\\""$`,
		alone:   `differs/labels 0640 0:0 "app=\\"volumes\\"\\ncontroller-revision-hash=\\"[a-z0-9]+\\"\\ntier=\\"edge\\""$`,
		why:     "a revision's hash is made in another way; pod-template-generation, which has long been deprecated, is not set",
	},
	{
		what: "metadata.annotations as a whole", where: `^volumes/(init|projected)$`,
		cluster: `differs/annotations 0640 0:0 "example.com/note=.*\\nexample.com/short=.*\\nkubernetes.io/config.seen=.*\\nkubernetes.io/config.source=\\"api\\""$`,
		alone:   `differs/annotations 0640 0:0 "example.com/note=.*\\nexample.com/short=[^=]*"$`,
		why:     "the kubelet's own annotations are not known before it has read the manifest",
	},
	{
		what: "projected volumes without a Secret are not in memory", where: `^volumes/(optional|projected)$`,
		cluster: `^mount /configs readonly=true memory=true$`, alone: `^mount /configs readonly=true memory=false$`,
		why: "what is not secret need not be made again after a reboot before the pod can start",
	},
	{
		what: "status.podIP", where: `^env/fields$`,
		cluster: `^env "POD_IP=10\.214\.0\.\d+"$`, alone: `^env "POD_IP=10\.214\.0\.\d+"$`,
		why: "the network gives addresses in the order in which pods start", chance: true,
	},
}
