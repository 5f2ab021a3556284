package lb

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// inletKey names a listener of TCP at a port through all tables.
type inletKey struct {
	listener string
	port     int
}

// inlet is where a listener of TCP accepts: a port of the shared address that is its own, as
// nothing in a connection tells balancers apart, and the port asked for of the balancer's own
// address. The methods that change it are called under plane.mu.
type inlet struct {
	plane   *plane
	number  int // as asked for
	shared  shared
	own     net.Listener
	ownWhy  string
	door    atomic.Pointer[door] // what new connections go by
	flows   flows
	closing context.Context
	close   func()
}

// flow opens a listener of TCP, or has the one there is go by what is new. It is safe to repeat:
// where a port could not be had it is asked for again.
func (p *plane) flow(d *door) {
	key := inletKey{d.listener.ARN, d.listener.Port}
	in := p.inlets[key]
	if in == nil {
		in = &inlet{plane: p, number: d.listener.Port}
		in.closing, in.close = context.WithCancel(p.ctx)
		p.inlets[key] = in
	}
	in.door.Store(d)
	in.openShared(d.listener.Substitute)
	in.openOwn(d.balancer.Address)
}

// openShared listens on the host; see shared.open.
func (in *inlet) openShared(substitute int) {
	if ln := in.shared.open(in.plane.log, in.plane.host, in.number, substitute); ln != nil {
		in.accept(ln)
	}
}

// openOwn listens on the balancer's own address too, where the system has that.
func (in *inlet) openOwn(address string) {
	if in.own != nil || in.shared.ln == nil {
		return
	}
	in.ownWhy = ""
	wide := in.shared.wide()
	if address == "" || wide && in.shared.number() == in.number {
		return // the shared listener has all addresses, this one too
	}
	own, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(in.number)))
	if err != nil {
		if !wide {
			in.ownWhy = err.Error()
		}
		return
	}
	in.own = own
	in.accept(own)
}

// accept takes connections until the listener closes. The plane waits for the end of each.
func (in *inlet) accept(ln net.Listener) {
	in.plane.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				in.plane.log.Error("accept a connection", "port", in.number, "err", err)
				time.Sleep(100 * time.Millisecond) // out of files, most likely
				continue
			}
			in.plane.wg.Go(func() { in.serve(c.(*net.TCPConn)) })
		}
	})
}

// bound tells where the listener is reached.
func (in *inlet) bound() Bound {
	b := Bound{Host: in.plane.host, Port: in.shared.number(), Error: in.shared.why, OwnError: in.ownWhy}
	address := in.door.Load().balancer.Address
	switch {
	case in.own != nil:
		b.Own = in.own.Addr().String()
	case address != "" && in.ownWhy == "" && in.shared.ln != nil:
		b.Own = net.JoinHostPort(address, strconv.Itoa(in.shared.number()))
	}
	return b
}

// shut closes a listener: it accepts no more, connections on which nothing moves end after a
// moment, and the others in time.
func (p *plane) shut(in *inlet) {
	for _, ln := range []net.Listener{in.shared.ln, in.own} {
		if ln != nil {
			_ = ln.Close() // it accepts nothing more either way
		}
	}
	in.close()
	p.wg.Go(func() {
		late := time.Now().Add(lastRequests)
		for {
			time.Sleep(lameDuck)
			in.flows.endQuiet(lameDuck)
			if !in.flows.some() || time.Now().After(late) {
				break
			}
		}
		in.flows.end(errShut)
	})
}
