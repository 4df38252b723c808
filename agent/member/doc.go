// Package member is this host as a member of the fleet: what it tells the others, what it sees of them, and how it
// comes to be one.
//
// A Member knows nothing of rounds, rollouts or the API: it is given what it is made of (Config), and others ask it.
// Its parts, and who owns what is in them:
//
//	life        open, Run, moved      the node that gossips; an atomic pointer, nil while there is none
//	status      status.go             whether gossip is wanted, since when as whom; its own mutex
//	inputs      key file, roster      the goroutine that calls Refresh, and New before it
//	sections    what is told          its own mutex; Put and Tell belong to the goroutine of the round
//	looker      what is seen          its own mutex, held while somebody looks; the last View is an atomic pointer
//	nodeList    who reads nodes       its own mutexes
//
// The methods that a round calls (Look, Put, Tell, ShowOwn, Refresh, and what is short) never wait for one who
// reads: where a reader of the API is looking at the fleet just now, Look gives what was seen last. View, which is
// for readers, waits.
package member
