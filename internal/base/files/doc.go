// Package files is how every part of the program reads files that it did not write a moment ago itself, so that each
// question about them has one answer:
//
//   - Read, ReadWith and Head read a regular file up to a limit. They pass over FIFOs, sockets and devices, which would
//     block or never end, and name path and limit.
//   - ID tells one state of a file from another without reading it.
//   - SetAside keeps a damaged file under another name. It never removes the only copy of anything.
//   - Ledger remembers which files of the agent's own state there are, and tells what was lost of them.
//   - Whole and File follow a file that an operator writes: it is taken once it is whole, which it is when it was
//     renamed into place or has been left alone for StillFor, and what it said when it was last good stays in effect,
//     with Kind.Copy also across a restart.
//
// How files are written is package atomicfile's. Nothing in this package logs, sleeps, or starts a goroutine, and the
// moment is always an argument. Values are not locked: a Whole or File belongs to the goroutine that looks at it.
package files
