// Package transport is the one way out: a dialer that decides on the address really dialled, SSH tunnels made inside the
// process, and TLS configurations. It stands below the connectors, so that none of them can dial by itself.
package transport

import (
	"context"
	"net"
)

// A DialFunc opens a connection to a database's address ("host:port"). The connection has working deadlines, real TCP
// addresses, and is closed when ctx ends before Established is called on it, so that a silent server cannot outlive ctx.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Established tells a connection made by a DialFunc that its handshake is over: from here on it outlives the ctx that it was
// dialled with. It finds the connection below TLS too, and does nothing to connections of others.
func Established(c net.Conn) {
	for c != nil {
		if w, ok := c.(interface{ Established() }); ok {
			w.Established()
			return
		}
		u, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return
		}
		c = u.NetConn()
	}
}

// A Stage is a part of reaching a server that went well.
type Stage string

// The stages, in their order. Those of the tunnel come before the connection through it.
const (
	StageLookup     Stage = "lookup"       // the name was looked up; the detail names the addresses
	StageSSHConnect Stage = "ssh-connect"  // the SSH host's port is open
	StageSSHHostKey Stage = "ssh-host-key" // it showed the right key; the detail is the key's fingerprint
	StageSSHSignIn  Stage = "ssh-sign-in"
	StageConnect    Stage = "connect" // the server's port is open
)

// A Trace hears of each stage as it ends, with one line of fact. It may be called from several goroutines.
type Trace func(stage Stage, detail string)
