package lb

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

const (
	// recordHandshake is the first byte of a client that speaks TLS.
	recordHandshake = 0x16
	// mostStreams and mostOfConnection are ALB's limits of a connection of HTTP/2.
	mostStreams      = 128
	mostOfConnection = 10_000
)

// handshake gives how listeners shake hands with a client that came to a local address: as the door says
// that is given for the name it asks for.
func (p *plane) handshake(local string, door func(name string) *door) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS10, // GetConfigForClient says better
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			d := door(hello.ServerName)
			if d == nil || d.listener.Secure == nil {
				return nil, errNoTarget // nobody serves TLS here any more
			}
			names := []string{strings.ToLower(hello.ServerName), d.balancer.DNSName, localDomain, local, d.balancer.Address, "127.0.0.1", "::1"}
			leaf, err := p.authority.leaf(names)
			if err != nil {
				p.log.Error("no certificate for a listener", "listener", d.listener.ARN, "err", err)
				return nil, err
			}
			s := d.listener.Secure
			c := &tls.Config{MinVersion: s.MinVersion, MaxVersion: s.MaxVersion, Certificates: []tls.Certificate{*leaf}, NextProtos: s.ALPN} //nolint:gosec // what the listener's policy allows
			switch {
			case d.listener.Flows():
			case s.HTTP2:
				c.NextProtos = []string{"h2", "http/1.1"}
			default:
				c.NextProtos = []string{"http/1.1"}
			}
			return c, nil
		},
	}
}

// prefixed is a connection of which some bytes were read already.
type prefixed struct {
	net.Conn
	first []byte
}

// Read reads.
func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.first) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.first)
	p.first = p.first[n:]
	return n, nil
}

// sort hands a client to the server that speaks its protocol, at a port where some listener
// speaks HTTPS: one whose first byte begins a TLS handshake gets it. It has the idle time-out for it.
func (at *port) sort(c *conn) {
	idle := balance.DefaultIdleTimeout
	if s := at.site(); s != nil {
		idle = s.any(c.local).idle()
	}
	raw := c.Conn
	_ = raw.SetDeadline(time.Now().Add(idle)) // a failure shows at the read
	stop := context.AfterFunc(at.closing, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	err := c.begin()
	if !stop() || err != nil {
		_ = raw.Close() // it said nothing, or no TLS of ours
		return
	}
	_ = raw.SetDeadline(time.Time{})
	to := at.shaken
	if c.h2 {
		to = at.streams
	}
	to.put(c)
}

func (c *conn) begin() error {
	first := make([]byte, 1)
	if _, err := c.Conn.Read(first); err != nil {
		return err
	}
	p := &prefixed{c.Conn, first}
	c.Conn = p
	if first[0] != recordHandshake {
		return nil
	}
	shaken := tls.Server(p, c.port.plane.handshake(c.local, func(name string) *door { return c.port.site().door(c.local, name, true) }))
	if err := shaken.Handshake(); err != nil {
		if s := c.port.site(); s != nil && s.secure.oldest != nil {
			s.door(c.local, "", true).cell.add(c.shard, clientHandshakes, 1)
		}
		return err
	}
	state := shaken.ConnectionState()
	c.Conn, c.tls, c.h2 = shaken, &state, state.NegotiatedProtocol == "h2"
	return nil
}

// CloseWrite tells the peer that nothing more comes.
func (p *prefixed) CloseWrite() error {
	if half, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// queue is a listener of connections that somebody else accepted.
type queue struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newQueue() *queue { return &queue{conns: make(chan net.Conn), done: make(chan struct{})} }

func (q *queue) put(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.done:
		_ = c.Close() // nobody serves it any more
	}
}

// Accept gives the next connection.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close ends the queue.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr is of no use to anybody.
func (q *queue) Addr() net.Addr { return &net.TCPAddr{} }

// mismatch is 464 where client and target group do not speak the same protocol; 0 where they do.
//
// Source: ELBv2 guide, "Troubleshoot your Application Load Balancers", HTTP 464.
func mismatch(r *http.Request, g *balance.Group) int {
	grpc := strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
	switch {
	case g.Version == balance.GRPC && (r.ProtoMajor != 2 || r.Method != http.MethodPost),
		g.Version == balance.HTTP2 && r.ProtoMajor != 2,
		g.Version == "" && grpc && r.ProtoMajor == 2:
		return 464
	}
	return 0
}

// cipherName is a cipher suite as OpenSSL, and so AWS, calls it.
func cipherName(id uint16) string {
	name := tls.CipherSuiteName(id)
	if !strings.Contains(name, "_WITH_") {
		return name // of TLS 1.3
	}
	name = strings.TrimPrefix(strings.ReplaceAll(strings.Replace(name, "_WITH_", "_", 1), "_", "-"), "TLS-")
	name = strings.ReplaceAll(strings.ReplaceAll(name, "AES-128", "AES128"), "AES-256", "AES256")
	return strings.TrimPrefix(strings.Replace(name, "-CBC-", "-", 1), "RSA-")
}

// versionName is a version of TLS as AWS writes it.
func versionName(v uint16) string {
	switch v {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	}
	return "TLSv1.3"
}
