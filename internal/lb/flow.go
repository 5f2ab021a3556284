package lb

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

var (
	// errUnhealthy is what the end of connections to a target says that has become unhealthy.
	errUnhealthy = errors.New("the target is unhealthy")
	errShut      = errors.New("the listener is closed")
)

// duplex is a connection whose directions end one by one: TCP, or a unix socket.
type duplex interface {
	net.Conn
	CloseWrite() error
}

// flow is one connection of TCP between a client and a target; with a listener of TLS, which ends
// here, the client's is within that.
//
// NLB passes packets on and so never accepts a connection that the target does not. A proxy has
// accepted by then: where the target refuses, the client is reset instead.
type flow struct {
	door   *door
	shard  uint32
	client duplex

	touched atomic.Int64 // when a byte last moved, in nanoseconds since the epoch
	timer   *time.Timer

	mu     sync.Mutex // guards the rest
	target duplex     // nil until it is connected
	cause  error      // why it was ended; nil while it goes on
}

// serve carries one client's connection.
func (in *inlet) serve(client *net.TCPConn) {
	d := in.door.Load()
	f := &flow{door: d, shard: in.plane.conns.Add(1), client: client}
	d.cell.add(f.shard, newConnections, 1)
	d.cell.active.Add(1)
	defer d.cell.active.Add(-1)
	defer func() { _ = f.client.Close() }() // the flow has ended
	f.touch()
	if !in.flows.join(f) {
		reset(client)
		return
	}
	defer in.flows.leave(f)
	if d.listener.Secure != nil {
		d.cell.add(f.shard, secureConnections, 1)
		d.cell.secure.Add(1)
		defer d.cell.secure.Add(-1)
		if !f.shake(in.plane, client) {
			if f.ended() == nil { // else it was not for the client's hands
				d.cell.add(f.shard, clientHandshakes, 1)
			}
			return
		}
	}
	source, _ := netip.ParseAddrPort(client.RemoteAddr().String())
	t, pool, ok := d.route(f.shard, source.Addr().Unmap())
	if !ok {
		d.cell.add(f.shard, rejectedFlows, 1)
		d.cell.add(f.shard, elbResets, 1)
		reset(f.client)
		return
	}
	if !t.flows.join(f) {
		f.end(errCut)
		f.count(errCut)
		return
	}
	defer t.flows.leave(f)
	t.outstanding.Add(1)
	defer t.outstanding.Add(-1)
	f.count(f.run(in.closing, t, pool.group))
}

// shake has the client shake hands, for which it has as long as a target has to accept a connection.
func (f *flow) shake(p *plane, client *net.TCPConn) bool {
	local, _, _ := net.SplitHostPort(client.LocalAddr().String())
	shaken := tls.Server(client, p.handshake(local, func(string) *door { return f.door }))
	_ = client.SetDeadline(time.Now().Add(connectTimeout)) // a failure shows at the handshake
	if shaken.Handshake() != nil {
		return false
	}
	_ = client.SetDeadline(time.Time{}) // likewise at the first read
	f.mu.Lock()
	defer f.mu.Unlock()
	f.client = shaken
	return f.cause == nil
}

// route chooses group and target for a new connection; ok is false where there is none.
func (d *door) route(shard uint32, source netip.Addr) (*target, *pool, bool) {
	rule := d.router.Route(&balance.Request{Source: source})
	if rule == nil || rule.Action.Forward == nil {
		return nil, nil, false
	}
	draw := d.turns[rule].Add(1) * balance.Golden
	if rule.Action.Forward.BySource {
		draw = balance.Draw(source, rule.ARN)
	}
	arn, ok := rule.Action.Forward.Choose(draw)
	pool := d.pools[arn]
	if !ok || pool == nil {
		return nil, nil, false
	}
	picked, ok := pool.group.PickFlow(pool.turn.Add(1), source)
	if !ok {
		return nil, nil, false
	}
	cell := pool.cells[picked.Index]
	cell.add(shard, requests, 1)
	if picked.FailOpen {
		cell.add(shard, unhealthyRouted, 1)
	}
	return pool.targets[picked.Index], pool, true
}

// targetError marks what a target's side did to a flow.
type targetError struct{ error }

// Unwrap gives what went wrong with the target.
func (e targetError) Unwrap() error { return e.error }

// run carries a flow to its end and tells what ended it; nil is both sides having said all.
func (f *flow) run(ctx context.Context, t *target, g *balance.Group) error {
	conn, err := f.dial(ctx, t, g)
	if err != nil {
		f.end(targetError{err})
		return f.ended()
	}
	defer conn.Close() //nolint:errcheck // the flow has ended
	f.mu.Lock()
	f.target = conn
	ended := f.cause
	f.mu.Unlock()
	if ended != nil {
		reset(conn)
		return ended
	}
	f.touch()
	f.mu.Lock()
	f.timer = time.AfterFunc(f.idle(), f.expire)
	f.mu.Unlock()
	defer f.timer.Stop()
	if g.Flows.ProxyHeader {
		if _, err := conn.Write(proxyHeader(f.client)); err != nil {
			f.end(targetError{err})
			return f.ended()
		}
	}
	done := make(chan struct{})
	go func() { // waited for below
		defer close(done)
		if from, to := f.copy(conn, f.client); from != nil {
			f.end(targetError{from})
		} else if to != nil {
			f.end(to)
		}
	}()
	if from, to := f.copy(f.client, conn); from != nil {
		f.end(from)
	} else if to != nil {
		f.end(targetError{to})
	}
	<-done
	return f.ended()
}

// dial connects to a target, as the client where that is asked for and the system lets us: from
// one loopback address to another.
func (f *flow) dial(ctx context.Context, t *target, g *balance.Group) (duplex, error) {
	d := net.Dialer{Timeout: connectTimeout}
	if from, ok := f.client.RemoteAddr().(*net.TCPAddr); ok && g.Flows.KeepSource && t.address.Network == "tcp" && from.IP.IsLoopback() {
		d.LocalAddr = &net.TCPAddr{IP: from.IP}
	}
	conn, err := d.DialContext(ctx, t.address.Network, t.address.Address)
	if err != nil && d.LocalAddr != nil && ctx.Err() == nil {
		d.LocalAddr = nil
		conn, err = d.DialContext(ctx, t.address.Network, t.address.Address)
	}
	if err != nil {
		return nil, err
	}
	return conn.(duplex), nil
}

// copy carries one direction to its end, and the end too. It tells what went wrong with either
// side.
func (f *flow) copy(from, to duplex) (broke, refused error) {
	buf := copies.Get()
	defer copies.Put(buf)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			f.touch()
			f.door.cell.add(f.shard, processedBytes, uint64(n))
			if f.door.listener.Secure != nil {
				f.door.cell.add(f.shard, secureBytes, uint64(n))
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return nil, err
			}
			f.touch()
		}
		if err == io.EOF {
			_ = to.CloseWrite() // one that is gone needs no end; its reader tells
			return nil, nil
		}
		if err != nil {
			return err, nil
		}
	}
}

func (f *flow) touch() { f.touched.Store(time.Now().UnixNano()) }

// quiet reports whether nothing moved for a while.
func (f *flow) quiet(d time.Duration) bool {
	return time.Since(time.Unix(0, f.touched.Load())) >= d
}

func (f *flow) idle() time.Duration {
	if f.door.listener.Idle > 0 {
		return f.door.listener.Idle
	}
	return balance.DefaultFlowIdle
}

// expire ends a flow on which nothing moved for the idle time-out, and else waits for the rest.
func (f *flow) expire() {
	if rest := f.idle() - time.Since(time.Unix(0, f.touched.Load())); rest > 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.timer.Reset(rest)
		return
	}
	f.end(errIdle)
}

// end resets both sides. The first cause counts.
func (f *flow) end(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause != nil {
		return
	}
	f.cause = cause
	reset(f.client)
	if f.target != nil {
		reset(f.target)
	}
}

func (f *flow) ended() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cause
}

// count counts a flow's end by what caused it.
//
// Source: Network Load Balancers guide, "CloudWatch metrics": TCP_Client_Reset_Count,
// TCP_Target_Reset_Count, TCP_ELB_Reset_Count.
func (f *flow) count(cause error) {
	kind := clientResets
	var late net.Error
	switch {
	case cause == nil, errors.Is(cause, errShut), errors.Is(cause, context.Canceled):
		return
	case errors.Is(cause, errIdle), errors.Is(cause, errCut), errors.Is(cause, errUnhealthy):
		kind = elbResets
	case errors.As(cause, &late) && late.Timeout():
		return // nobody reset anything: the target never answered
	case errors.As(cause, new(targetError)):
		kind = targetResets
	}
	f.door.cell.add(f.shard, kind, 1)
}

// reset closes a connection so that its other end sees a reset.
func reset(c duplex) {
	wire := net.Conn(c)
	if shaken, ok := c.(*tls.Conn); ok {
		wire = shaken.NetConn() // without a farewell, which could block
	}
	if tcp, ok := wire.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // one that is gone has nobody to tell
	}
	_ = wire.Close()
}
