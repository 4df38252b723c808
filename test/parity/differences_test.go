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
}

// differences is all that may differ. Each must be seen at least once.
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
		what: "spec.serviceAccountName", where: `^env/fields$`,
		cluster: `^env "SERVICE_ACCOUNT=default"$`, alone: `^env "SERVICE_ACCOUNT="$`,
		why: "a static pod has no service account",
	},
	{
		what: "service account's token", where: `^host-network/main$`,
		cluster: `^[a-z]+ /(var/)?run/secrets/kubernetes.io/serviceaccount(/.*)? [0-7]{4} `,
		why:     "it is issued by the API server",
	},
	{
		what: "files that tell the pod's name, uid and labels", where: `^volumes/projected$`,
		cluster: `^file /[a-z]+/..VERSION/differs/(name|uid|labels) `, alone: `^file /[a-z]+/..VERSION/differs/(name|uid|labels) `,
		why: "name and uid as above; the label controller-revision-hash has another value, and pod-template-generation, which is deprecated, is not set",
	},
}
