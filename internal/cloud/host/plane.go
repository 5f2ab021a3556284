package host

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/elb"
	"github.com/slipway-ecs/slipway/internal/lb"
	"github.com/slipway-ecs/slipway/internal/store"
)

// planeRetry is how long the host waits before it tries again to reach the data plane.
const planeRetry = 250 * time.Millisecond

// dataPlane keeps the data plane serving what the tables say, and brings back what it finds.
// The process is started with the first listener and outlives us; the next host finds it.
type dataPlane struct {
	elb    *elb.Service
	store  *store.Store
	log    *slog.Logger
	exe    string
	dir    string
	host   string // the address that listeners share
	report func(lb.Report)
	clock  clock.Clock

	nudged chan struct{} // the table has another version
	client *lb.Client    // nil while there is no connection
	sent   uint64        // the version last handed over on this connection
	seen   lastReport
	doing  stretch // of the targets, since they were last judged
}

// lastReport is which report of which data plane was kept last; a report may come twice.
type lastReport struct {
	instance string
	seq      uint64
}

func (p *dataPlane) Name() string { return "host.plane" }

// Watches makes the plane a keeper: of the row that says which version the table has.
func (p *dataPlane) Watches() []cloud.Watch { return []cloud.Watch{p.elb.WatchPlane()} }

// Keep wakes run; handing a table over is I/O, so it is not done here.
func (p *dataPlane) Keep(*store.Tx, string) (cloud.Result, error) {
	select {
	case p.nudged <- struct{}{}:
	default: // it is awake
	}
	return cloud.Result{}, nil
}

// run serves until ctx ends. It leaves the process running: stop ends it.
func (p *dataPlane) run(ctx context.Context) {
	p.connect(ctx, false)
	for {
		p.hand(ctx)
		var events <-chan lb.Event
		if p.client != nil {
			events = p.client.Events()
		}
		select {
		case <-ctx.Done():
			return
		case <-p.nudged:
		case e, ok := <-events:
			if !ok {
				p.log.Warn("the data plane is gone; it is started again")
				p.client = nil
				p.connect(ctx, true)
				continue
			}
			p.take(e)
		}
	}
}

// connect finds the data plane, or starts one where start says so.
func (p *dataPlane) connect(ctx context.Context, start bool) {
	for ctx.Err() == nil {
		var err error
		if start {
			p.client, err = lb.Open(ctx, p.exe, []string{"lb"}, p.dir)
		} else {
			p.client, err = lb.Dial(ctx, p.dir)
		}
		switch {
		case err == nil:
			p.sent = 0
			return
		case errors.Is(err, lb.ErrAbsent):
			return
		}
		p.log.Error("cannot reach the data plane", "err", err)
		pause := time.NewTimer(planeRetry)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// hand gives the data plane the table, if it has not got this version.
func (p *dataPlane) hand(ctx context.Context) {
	var table balance.Table
	if err := p.store.View(func(tx *store.Tx) error { table = p.elb.Plane(tx); return nil }); err != nil {
		p.log.Error("cannot read the routing table", "err", err)
		return
	}
	table.Host = p.host
	if p.client == nil {
		if !listens(table) {
			// Nothing is served, so nothing has to hear of it: targets may go at once.
			p.update(p.elb.Stopped)
			return
		}
		if p.connect(ctx, true); p.client == nil {
			return
		}
	}
	if p.sent == table.Version && p.sent != 0 {
		return
	}
	if err := p.client.Serve(table); err != nil {
		p.log.Warn("cannot hand over the routing table", "err", err)
		return // the connection's end is the next event
	}
	p.sent = table.Version
}

func listens(t balance.Table) bool {
	for _, b := range t.Balancers {
		if len(b.Listeners) > 0 {
			return true
		}
	}
	return false
}

// take writes what the data plane says into tables.
func (p *dataPlane) take(e lb.Event) {
	switch {
	case e.Serving != nil:
		p.update(func(tx *store.Tx) {
			p.elb.Bound(tx, bounds(e.Serving.Bound))
			p.elb.Acked(tx, e.Serving.Version)
		})
	case e.Probe != nil:
		p.update(func(tx *store.Tx) {
			p.elb.Probed(tx, []elb.ProbeResult{{Group: e.Probe.Group, ID: e.Probe.Target, Port: e.Probe.Port, Probe: e.Probe.Probe}})
		})
	case e.Report != nil:
		now := lastReport{p.client.Hello().Instance, e.Report.Seq}
		if now.instance != p.seen.instance || now.seq > p.seen.seq {
			p.seen = now
			p.report(*e.Report)
			if did := p.doing.add(*e.Report); did != nil {
				p.update(func(tx *store.Tx) { p.elb.Judge(tx, did) })
			}
		}
		if err := p.client.Seen(e.Report.Seq); err != nil {
			p.log.Debug("cannot confirm a report; it comes again", "err", err)
		}
	}
}

// bounds are where listeners answer, as the load balancing room keeps it.
func bounds(in []lb.Bound) (out []elb.Bound) {
	for _, b := range in {
		at := elb.Bound{Listener: b.Listener, Own: b.Own, Why: b.Error}
		if b.Port != 0 {
			at.Shared = net.JoinHostPort(b.Host, strconv.Itoa(b.Port))
		}
		out = append(out, at)
	}
	return out
}

func (p *dataPlane) update(f func(tx *store.Tx)) {
	if err := p.store.Update(func(tx *store.Tx) error { f(tx); return nil }); err != nil {
		p.log.Error("cannot write what the data plane found", "err", err)
	}
}

// stop ends the data plane's process, once run has returned; also one that run had no time to find.
func (p *dataPlane) stop(ctx context.Context) error {
	if p.client == nil {
		var err error
		p.client, err = lb.Dial(ctx, p.dir)
		if errors.Is(err, lb.ErrAbsent) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	heard := make(chan struct{})
	go func() { // it says what it counted last; Events ends with the connection
		defer close(heard)
		for e := range p.client.Events() {
			if p.store != nil { // of a cloud that is forgotten nobody keeps anything
				p.take(e)
			}
		}
	}()
	err := p.client.Stop(ctx)
	if cerr := p.client.Close(); err == nil && !errors.Is(cerr, net.ErrClosed) {
		err = cerr
	}
	<-heard
	return err
}
