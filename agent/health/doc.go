// Package health is what this host tells of itself: which problems there can be (Code), which there are (Board), and
// what happened (Events).
//
// Nothing here belongs to a goroutine: a Board has a lock of its own, Events hold nothing that changes. The board's
// lock is held for as long as it takes to log a line, never while anything is read or asked.
package health
