package lb

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

type connKey struct{}

// listener wraps what it accepts.
type listener struct {
	net.Listener
	port *port
	own  bool // on a balancer's own address
}

// Accept gives the next client that needs no sorting; where some listener of the port speaks HTTPS, the
// others go to their servers by themselves.
func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := l.wrap(c)
		if s := l.port.site(); s == nil || s.secure.oldest == nil {
			return client, nil
		}
		l.port.plane.wg.Go(func() { l.port.sort(client) })
	}
}

func (l listener) wrap(c net.Conn) *conn {
	local, _, _ := net.SplitHostPort(c.LocalAddr().String())
	peer := c.RemoteAddr().String() // "1.2.3.4:5678" or "[v6]:5678"
	source, _ := netip.ParseAddrPort(peer)
	return &conn{Conn: c, wire: c, port: l.port, local: local, peer: peer, source: source.Addr(), own: l.own, born: time.Now(), shard: l.port.plane.conns.Add(1)}
}

// conn is a client's connection. It counts bytes, keeps the balancer's idle timeout, and turns
// the errors that net/http answers on its own, before any handler, into the balancer's words.
type conn struct {
	net.Conn
	wire   net.Conn // below TLS
	port   *port
	local  string
	peer   string // the client with its port
	source netip.Addr
	own    bool // accepted on a balancer's own address
	born   time.Time
	shard  uint32

	tls     *tls.ConnectionState // nil without TLS
	h2      bool                 // HTTP/2, which TLS alone offers
	served  atomic.Int64         // requests
	resting *time.Timer          // of HTTP/2, while no stream is open

	mu    sync.Mutex // guards heads: a request in flight is read behind
	heads heads

	door       atomic.Pointer[door] // of the last request; nil before the first
	bytes      atomic.Int64         // both ways, not yet counted for a balancer
	responding atomic.Bool          // a handler has the connection
	refused    atomic.Bool          // the last word was said
	lingers    atomic.Bool          // it closes although the client may still be sending
	writeBy    atomic.Int64         // the deadline of writes, in nanoseconds since the epoch
}

// Read reads what the client sends, and shows it to the judge of heads. A client that stops in the
// middle of a head gets 408 when its time is over.
func (c *conn) Read(b []byte) (int, error) {
	if c.h2 {
		n, err := c.Conn.Read(b)
		c.bytes.Add(int64(n))
		return n, err
	}
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	c.mu.Lock()
	c.heads.feed(b[:n])
	half := c.heads.half()
	c.mu.Unlock()
	if n == 0 && half && !c.responding.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
		c.refuse(http.StatusRequestTimeout)
	}
	return n, err
}

var statusLine = []byte("HTTP/1.1 ")

// Write writes to the client, which has the idle time-out to take it. What net/http says on its
// own is said in the balancer's words instead.
func (c *conn) Write(b []byte) (int, error) {
	if !c.h2 && !c.responding.Load() && bytes.HasPrefix(b, statusLine) && len(b) >= len(statusLine)+3 {
		code, err := strconv.Atoi(string(b[len(statusLine) : len(statusLine)+3]))
		if err == nil && code >= 400 {
			if code == http.StatusRequestHeaderFieldsTooLarge { // ALB tells a long head from a long URL
				if code = http.StatusBadRequest; c.unserved().long {
					code = http.StatusRequestURITooLong
				}
			}
			c.refuse(code)
			return len(b), nil
		}
	}
	c.hurry()
	n, err := c.Conn.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}

// refuse answers a request that never reached a handler, once. The server closes the connection.
func (c *conn) refuse(code int) {
	if c.refused.Swap(true) {
		return
	}
	if s := c.port.site(); s != nil {
		d := s.any(c.local)
		d.countELB(c.shard, code)
		if c.unserved().class > compliant {
			d.cell.add(c.shard, nonCompliant, 1)
		}
	}
	c.hurry()
	n, _ := c.Conn.Write(rawReply(code)) // a client that is gone needs no answer
	c.bytes.Add(int64(n))
	c.lingers.Store(true)
	c.closeWrite()
}

// SetReadDeadline keeps deadlines for the next request within the balancer's idle timeout.
func (c *conn) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && !c.responding.Load() {
		if limit := time.Now().Add(c.idle()); t.After(limit) {
			t = limit
		}
	}
	return c.Conn.SetReadDeadline(t)
}

// traceID names the connection in access logs, the same for all its requests.
func (c *conn) traceID() string {
	sum := sha256.Sum256([]byte(c.peer + c.local + c.born.String()))
	return hex.EncodeToString(sum[:16])
}

// verdict gives what was seen of the head of the request that is served now.
func (c *conn) verdict() verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heads.take()
}

// unserved gives what was seen of the head that no handler has.
func (c *conn) unserved() verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heads.unserved()
}

// opaque says that what comes is not HTTP any more.
func (c *conn) opaque() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heads.state = inTunnel
}

// enter gives the connection to a request of a door.
func (c *conn) enter(d *door) {
	had := c.door.Swap(d) // by turns where requests of HTTP/2 come to several
	if had == d {
		return
	}
	if had != nil && had.cell == d.cell {
		return
	}
	if had != nil {
		had.cell.active.Add(-1)
		had.cell.add(c.shard, processedBytes, uint64(c.bytes.Swap(0)))
	}
	d.cell.active.Add(1)
	d.cell.add(c.shard, newConnections, 1)
}

// stopReading lets go whoever reads a request's body, whose rest nobody wants.
func (c *conn) stopReading(r *http.Request) {
	if r.ProtoMajor == 1 {
		c.lingers.Store(true)
		_ = c.Conn.SetReadDeadline(time.Now()) // the connection closes after the answer
		return
	}
	_ = r.Body.Close() // of a stream of HTTP/2
}

// connState follows the server's view of a connection.
func connState(nc net.Conn, state http.ConnState) {
	c := nc.(*conn)
	d := c.door.Load()
	if c.h2 {
		c.rest(state, d)
	}
	switch state {
	case http.StateIdle:
		c.responding.Store(false)
		if d != nil {
			d.cell.add(c.shard, processedBytes, uint64(c.bytes.Swap(0)))
		}
	case http.StateClosed: // a tunnel, which is hijacked, says itself when it ends
		c.count()
	}
}

// count counts a connection that has ended.
func (c *conn) count() {
	if d := c.door.Load(); d != nil {
		d.cell.add(c.shard, processedBytes, uint64(c.bytes.Swap(0)))
		d.cell.active.Add(-1)
	}
}

// rest closes a connection of HTTP/2 on which nothing happened for the idle time-out. The server
// tells of states one at a time.
func (c *conn) rest(state http.ConnState, d *door) {
	if c.resting != nil {
		c.resting.Stop()
	}
	if state == http.StateIdle && d != nil {
		c.resting = time.AfterFunc(d.idle(), func() { _ = c.Close() })
	}
}

// site is what the port serves by now; nil where it never had anything.
func (at *port) site() *site {
	if s := at.plane.snap.Load().sites[at.number]; s != nil && !at.leaving.Load() {
		return s
	}
	return at.last.Load()
}

func (d *door) idle() time.Duration {
	if d.balancer.IdleTimeout > 0 {
		return d.balancer.IdleTimeout
	}
	return balance.DefaultIdleTimeout
}

func (d *door) keepAlive() time.Duration {
	if d.balancer.ClientKeepAlive > 0 {
		return d.balancer.ClientKeepAlive
	}
	return balance.DefaultClientKeepAlive
}
