package transport

import (
	"context"
	"net"
	"sync"
	"time"
)

// Waits are the reads under way on some connections: they tell how long a server has sent nothing that is waited for. A connection
// that is idle, or whose rows are still being worked on, waits for nothing.
type Waits struct {
	mu    sync.Mutex
	began map[*waiting]time.Time
}

// Over is dial with the reads of its connections among the waits.
func (w *Waits) Over(dial DialFunc) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &waiting{c, w}, nil
	}
}

// Longest is for how long some connection has been waited on by now: a read ends with the first byte that comes.
func (w *Waits) Longest() (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, began := range w.began {
		longest = max(longest, time.Since(began))
	}
	return longest
}

// A waiting is a connection whose reads are among the waits.
type waiting struct {
	net.Conn
	waits *Waits
}

// Read implements net.Conn.
func (c *waiting) Read(p []byte) (int, error) {
	c.waits.begin(c)
	defer c.waits.end(c)
	return c.Conn.Read(p)
}

// Established says that the handshake is over.
func (c *waiting) Established() { Established(c.Conn) }

func (w *Waits) begin(c *waiting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.began == nil {
		w.began = map[*waiting]time.Time{}
	}
	w.began[c] = time.Now()
}

func (w *Waits) end(c *waiting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.began, c)
}
