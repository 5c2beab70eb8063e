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
