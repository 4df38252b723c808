// Package transport carries memberlist's packets and streams over UDP and TCP of one address, so that no peer can make
// this host keep memory, goroutines or file descriptors without a limit.
//
// memberlist's own NetTransport gives every packet a buffer of 64 KiB, which stays as long as the packet waits; blocks
// where packets or streams come faster than they are taken; accepts any number of streams; and sets no deadline on what
// it dials, so that a peer that accepts and never reads blocks a write for ever. Here
//
//   - packets are read into one buffer and copied out at their own size; longer ones than Config.MaxPacket are dropped;
//   - packets wait in a bounded queue, and what does not fit is dropped, as is the way of UDP;
//   - at most Config.MaxStreams streams are served at a time, Config.PeerStreams of them for one address, and each
//     address may open only so many in a second; the others are reset;
//   - a stream ends after Config.StreamTimeout, whatever deadlines its user sets or forgets, and an accepted one after
//     Config.MaxStreamBytes; a stream is closed as soon as a write to it fails, so that a caller who forgets it, as
//     memberlist does when it cannot write its label, leaks nothing;
//   - Shutdown ends every goroutine, dial and stream.
//
// Everything that is dropped or refused is counted in Stats. Nothing in a packet or stream is parsed here.
package transport
