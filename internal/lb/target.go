package lb

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// connectTimeout is how long ALB waits for a target to accept a connection.
const connectTimeout = 10 * time.Second

// errCut is the end of a target's deregistration delay, or of its place in the table.
var errCut = errors.New("the target's deregistration delay is over")

// dialError marks an error before which nothing was sent.
type dialError struct{ error }

// Unwrap gives why the target could not be reached.
func (e dialError) Unwrap() error { return e.error }

// member names a target through all tables. A changed address is another member.
type member struct {
	group, id string
	port      int
	address   balance.Address
}

// target is a member with what lasts from table to table: its connections and what is in
// flight. Being cut is final; a target that comes back is a new one.
type target struct {
	member
	outstanding atomic.Int64
	kept        lines // those that nobody uses
	flows       flows // of TCP
	once        sync.Once
	h2          *http.Transport // made once

	mu    sync.Mutex // guards the rest; taken at dials, closes and cuts, never per request
	conns map[*targetConn]struct{}
	cutAt time.Time // zero while it may be dialled
	drain *time.Timer
	until time.Time
}

// dial connects. Every error is a dialError.
func (t *target) dial(ctx context.Context) (*targetConn, error) {
	if !t.cut().IsZero() {
		return nil, dialError{errCut}
	}
	d := net.Dialer{Timeout: connectTimeout}
	conn, err := d.DialContext(ctx, t.address.Network, t.address.Address)
	if err != nil {
		return nil, dialError{err}
	}
	c := &targetConn{Conn: conn, target: t}
	if s, ok := conn.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn() // of a connection that is open there is always one
		c.look = c.peek
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.cutAt.IsZero() {
		_ = conn.Close() // nothing was sent on it
		return nil, dialError{errCut}
	}
	t.conns[c] = struct{}{}
	return c, nil
}

// cut gives when the target was cut off; zero means it was not.
func (t *target) cut() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cutAt
}

// cutOff closes every connection to the target: whoever waits for an answer gets 502, and an
// answer under way ends here.
func (t *target) cutOff() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.cutAt.IsZero() {
		return
	}
	t.cutAt = time.Now()
	if t.drain != nil {
		t.drain.Stop()
	}
	for c := range t.conns {
		_ = c.Conn.Close() // its reader learns of it; there is nobody else to tell
	}
	clear(t.conns)
	t.flows.end(errCut)
}

// draining plans the cut, or takes the plan back where on is false. It is safe to repeat.
func (t *target) draining(on bool, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !t.cutAt.IsZero():
	case !on:
		if t.drain != nil {
			t.drain.Stop()
			t.drain, t.until = nil, time.Time{}
		}
	case t.drain != nil && t.until.Equal(until):
	default:
		if t.drain != nil {
			t.drain.Stop()
		}
		t.until = until
		t.drain = time.AfterFunc(max(time.Until(until), 0), t.cutOff)
	}
}

// targetConn is a connection to a target, which is cut with it.
type targetConn struct {
	net.Conn
	target *target
	raw    syscall.RawConn
	look   func(fd uintptr) bool // peek, made once
	one    [1]byte
	silent bool // what peek saw
}

// quiet reports whether the target neither closed the connection nor sent anything on it that was not
// read. Only who has the connection alone may ask: a byte that is there is taken.
func (c *targetConn) quiet() bool {
	c.silent = false
	return c.raw == nil || c.raw.Read(c.look) == nil && c.silent
}

// peek looks at the socket, which never blocks.
func (c *targetConn) peek(fd uintptr) bool {
	_, err := syscall.Read(int(fd), c.one[:])
	c.silent = errors.Is(err, syscall.EAGAIN)
	return true
}

// Close closes the connection, and forgets it.
func (c *targetConn) Close() error {
	c.target.mu.Lock()
	delete(c.target.conns, c)
	c.target.mu.Unlock()
	return c.Conn.Close()
}
