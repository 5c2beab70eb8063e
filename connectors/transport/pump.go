package transport

import (
	"io"
	"net"
)

// A piped connection is an SSH channel with what a channel lacks: deadlines that work, and TCP addresses. Two goroutines pump
// between the channel and one end of an in-process pipe; the user holds the other end.
type piped struct {
	net.Conn // the user's end
	handshake
	local, remote *net.TCPAddr
}

// pump starts pumping. The goroutines end when either side closes.
func pump(channel io.ReadWriteCloser, local, remote *net.TCPAddr) *piped {
	user, inner := net.Pipe()
	p := &piped{Conn: user, local: local, remote: remote}
	go func() {
		_, _ = io.Copy(channel, inner) // ends when the user closes, or the channel breaks
		_ = channel.Close()
		_ = inner.Close()
	}()
	go func() {
		_, _ = io.Copy(inner, channel) // ends when the channel does, or the user is gone
		_ = inner.Close()
		_ = channel.Close()
	}()
	return p
}

// Close implements net.Conn.
func (p *piped) Close() error {
	p.Established()
	return p.Conn.Close()
}

// LocalAddr implements net.Conn. Some drivers send it to the server.
func (p *piped) LocalAddr() net.Addr { return p.local }

// RemoteAddr implements net.Conn. Some drivers dial it again to cancel: Tunnel.Dial knows it.
func (p *piped) RemoteAddr() net.Addr { return p.remote }
