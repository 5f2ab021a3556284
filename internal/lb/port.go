package lb

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	// maxHeaders is ALB's limit for all headers of a request.
	maxHeaders = 64 << 10
	// farAway is a server time-out that never comes: conn shortens it to the balancer's own.
	farAway = 24 * time.Hour
)

// port is a port of the shared address, with those own addresses of balancers that have a
// listener there. The methods that change it are called under plane.mu.
type port struct {
	plane   *plane
	number  int          // as asked for
	shared  shared       // at the address all balancers share
	server  *http.Server // HTTP/1.1, with TLS below it or without
	h2      *http.Server // HTTP/2, always with TLS below it
	shaken  *queue       // for server: after TLS, or its absence, was seen
	streams *queue       // for h2
	closing context.Context
	close   func()
	own     map[string]net.Listener
	ownWhy  map[string]string
	leaving atomic.Bool
	cutting atomic.Bool          // whoever is left is closed at once
	last    atomic.Pointer[site] // what it served by, for requests after it left the table
}

// newPort makes a port that listens nowhere yet.
func (p *plane) newPort(number int) *port {
	at := &port{plane: p, number: number, own: map[string]net.Listener{}, ownWhy: map[string]string{}}
	at.server = &http.Server{
		Handler:                      at,
		ReadHeaderTimeout:            farAway,
		IdleTimeout:                  farAway,
		MaxHeaderBytes:               maxHeaders,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		ConnContext:                  func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ConnState:                    connState,
	}
	at.shaken, at.streams = newQueue(), newQueue()
	at.closing, at.close = context.WithCancel(p.ctx)
	// HTTP/2 is agreed on in TLS, which ends below the server: to it the connection is a plain one.
	at.h2 = &http.Server{
		Handler: at, IdleTimeout: farAway, MaxHeaderBytes: maxHeaders, ErrorLog: at.server.ErrorLog, ConnContext: at.server.ConnContext, ConnState: connState,
		Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: mostStreams}, //nolint:gosec // the sorter's deadline bounds the first bytes
	}
	at.h2.Protocols.SetUnencryptedHTTP2(true)
	at.run(at.server, at.shaken)
	at.run(at.h2, at.streams)
	return at
}

// openShared listens on the host; see shared.open.
func (at *port) openShared(substitute int) {
	if ln := at.shared.open(at.plane.log, at.plane.host, at.number, substitute); ln != nil {
		at.serve(ln, false)
	}
}

// openOwn listens on a balancer's own address too, where the system has that. It is safe to
// repeat: where the port could not be had it is asked for again.
func (at *port) openOwn(address string) {
	if address == "" || at.own[address] != nil {
		return
	}
	delete(at.ownWhy, address)
	if at.shared.wide() {
		return // the shared listener has all addresses, this one too
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(at.number)))
	if err != nil {
		at.ownWhy[address] = err.Error()
		return
	}
	at.own[address] = ln
	at.serve(ln, true)
}

// closeOwn stops accepting for balancers that have left this port.
func (at *port) closeOwn(s *site) {
	for address, ln := range at.own {
		if !s.own[address] {
			_ = ln.Close() // its Serve ends; connections go on until they are told to close
			delete(at.own, address)
		}
	}
	for address := range at.ownWhy {
		if !s.own[address] {
			delete(at.ownWhy, address)
		}
	}
}

// serve accepts until the listener or the server is closed; own says that it is of a balancer's own
// address. The plane waits for its end.
func (at *port) serve(ln net.Listener, own bool) { at.run(at.server, listener{ln, at, own}) }

// run serves what a listener accepts.
func (at *port) run(server *http.Server, ln net.Listener) {
	at.plane.wg.Go(func() {
		err := server.Serve(ln)
		if !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			at.plane.log.Error("listener ended", "port", at.number, "err", err)
		}
	})
}

// bound tells where the port is reached; address is a balancer's own.
func (at *port) bound(address string) Bound {
	b := Bound{Host: at.plane.host, Port: at.shared.number(), Error: at.shared.why}
	if address == "" {
		return b
	}
	b.OwnError = at.ownWhy[address]
	if at.own[address] != nil {
		b.Own = net.JoinHostPort(address, strconv.Itoa(at.number))
	} else if b.OwnError == "" {
		b.Own = net.JoinHostPort(address, strconv.Itoa(at.shared.number()))
	}
	return b
}

// retire closes a port as a lame duck: it accepts no more, answers what comes on open
// connections with Connection: close, and then closes the idle ones.
func (p *plane) retire(at *port) {
	listeners := make([]net.Listener, 0, len(at.own)+1)
	if at.shared.ln != nil {
		listeners = append(listeners, at.shared.ln)
	}
	for _, ln := range at.own {
		listeners = append(listeners, ln)
	}
	for _, ln := range slices.Backward(listeners) {
		_ = ln.Close() // it accepts nothing more either way
	}
	// Only now: a client that is told to connect anew before would be reset with what waits to be accepted.
	at.leaving.Store(true)
	at.close()
	p.wg.Go(func() {
		time.Sleep(lameDuck)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), lastRequests)
		defer cancel()
		for _, server := range []*http.Server{at.server, at.h2} {
			if server.Shutdown(ctx) != nil {
				at.cutting.Store(true)
				_ = server.Close() // only answers whose clients waited too long are left
			}
		}
	})
}
