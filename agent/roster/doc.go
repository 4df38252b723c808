// Package roster reads the file that says who may be a member of the fleet, which configuration management lays out. It
// is optional: without it, every host that has the shared key is a member, and its public key is pinned to its name when
// it is first seen.
//
//	members:
//	  - name: edge-1
//	    key: 0m4Z...=        # as dsctl members -o wide shows it; left out: pinned when first seen
//	  - name: edge-2
//	forgotten:
//	  - 4n5wzq3cdz5h2f3m6ydbxkq7ra
//
// With members in it, only those count. It is a file of this host: no member can make another one trust or forget.
package roster

// DefaultPath is where the file is looked for.
const DefaultPath = "/etc/daemonsetd/members.yaml"
