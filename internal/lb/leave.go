package lb

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// A closing connection takes what its client is still sending: closed at once, it would be reset, and
// the client could lose the answer. It does so until nothing came for lingerQuiet, and no longer than
// lingerMost.
//
// Source: RFC 9112, 9.6, "Tear-down"; the times are nginx's.
const (
	lingerQuiet = 5 * time.Second
	lingerMost  = 30 * time.Second
)

// idle is the idle time-out of the balancer that the connection came to.
func (c *conn) idle() time.Duration {
	d := c.door.Load()
	if s := c.port.site(); d == nil && s != nil {
		d = s.any(c.local)
	}
	if d == nil {
		return balance.DefaultIdleTimeout
	}
	return d.idle()
}

// hurry gives the client between half of and the whole idle time-out for taking what is written
// next. The deadline moves once in half that time and not at every write.
func (c *conn) hurry() {
	now, idle := time.Now(), c.idle()
	if by := time.Unix(0, c.writeBy.Load()); by.Sub(now) > idle/2 {
		return
	}
	by := now.Add(idle)
	c.writeBy.Store(by.UnixNano())
	_ = c.Conn.SetWriteDeadline(by) // a failure shows at the write
}

// SetWriteDeadline takes deadlines of the server; it takes none back, as there always is one.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	c.writeBy.Store(t.UnixNano())
	return c.Conn.SetWriteDeadline(t)
}

// last says that the connection closes after this answer, for a reason of the balancer's.
func (c *conn) last(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	if !c.h2 {
		c.lingers.Store(true)
	}
}

// closeWrite tells the client that nothing more comes.
func (c *conn) closeWrite() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // a client that is gone need not be told
	}
}

// Close ends the connection. Where the client may still be sending it first takes what comes, until
// the client closes too, but not for long.
func (c *conn) Close() error {
	if c.lingers.Swap(false) && !c.port.cutting.Load() {
		c.closeWrite()
		c.linger()
	}
	return c.Conn.Close()
}

// linger takes what the client still sends; while the port leaves it has less patience.
func (c *conn) linger() {
	defer context.AfterFunc(c.port.closing, func() { _ = c.Conn.SetReadDeadline(time.Now().Add(lameDuck)) })()
	buf := copies.Get()
	defer copies.Put(buf)
	for began := time.Now(); time.Since(began) < lingerMost; {
		quiet := lingerQuiet
		if c.port.closing.Err() != nil {
			quiet = lameDuck
		}
		_ = c.Conn.SetReadDeadline(time.Now().Add(quiet)) // a failure shows at the read
		if _, err := c.Conn.Read(buf); err != nil {
			return
		}
	}
}

// abort ends the connection so that the client cannot take what it got for a whole answer.
func (c *conn) abort() {
	if tcp, ok := c.wire.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // then it is reset
	}
	_ = c.wire.Close() // there is nobody else to tell
}
