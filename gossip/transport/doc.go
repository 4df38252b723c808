// Package transport carries memberlist's packets and streams over UDP and TCP of one address.
package transport
