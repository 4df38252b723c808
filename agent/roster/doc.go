// Package roster reads the file that says who may be a member of the fleet, which configuration management lays out. It
// is optional: without it, every host that has the shared key is a member, and its public key is pinned to its name
// when it is first seen.
//
//	members:
//	  - name: edge-1
//	    key: rnmmWA5F5qTpZGA1gr7LYLyPBqLWpnyd5WZTH0QmMcY=   # as dsctl members shows it
//	  - name: edge-2                                        # no key: pinned when first seen
//	forgotten:
//	  - 4n5wzq3cdz5h2f3m6ydbxkq7ra
//
// With members in it, only those count. It is a file of this host: no member can make another one trust or forget.
//
// A file that has an error is worth nothing as a whole: whoever reads it keeps what was in effect.
package roster
