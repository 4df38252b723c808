// Package api is what the agent tells and takes over its unix socket: HTTP and JSON under /v1/, read by dsctl, by
// monitoring and by scripts. The wire types stand in types*.go and are apart from the agent's own, so that those can
// change. Nodes, DaemonSets, Pods and Events are listed and watched as the Kubernetes types they are, with resource
// versions. The agent implements Backend; everything about HTTP, peers and limits is here.
//
// Who may do what is decided by the peer's credentials (SO_PEERCRED): root and the agent's own user may read and write,
// members of the socket's group may read. A browser has no business here: a foreign Host, an Origin, a Referer or a
// Sec-Fetch-Site header is refused.
package api
