package host

import (
	"context"
	"errors"
	"log/slog"
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
}

// lastReport is which report of which data plane was kept last; a report may come twice.
type lastReport struct {
	instance string
	seq      uint64
}

func (p *dataPlane) Name() string { return "host.plane" }

// Watches makes the plane a keeper: of the row that says which version the table has.
func (p *dataPlane) Watches() []cloud.Watch {
	return []cloud.Watch{{Table: p.elb.VersionTable(), Keys: func(store.Change) []string { return []string{"table"} }}}
}

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
			p.update(func(tx *store.Tx) error { return p.elb.Acked(tx, table.Version) })
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
		for _, b := range e.Serving.Bound {
			if b.Error != "" {
				p.log.Warn("a listener has another port than asked for", "listener", b.Listener, "port", b.Port, "err", b.Error)
			}
		}
		p.update(func(tx *store.Tx) error {
			if err := p.elb.Bound(tx, e.Serving.Bound); err != nil {
				return err
			}
			return p.elb.Acked(tx, e.Serving.Version)
		})
	case e.Probe != nil:
		p.update(func(tx *store.Tx) error { return p.elb.Probed(tx, *e.Probe) })
	case e.Report != nil:
		now := lastReport{p.client.Hello().Instance, e.Report.Seq}
		if now.instance != p.seen.instance || now.seq > p.seen.seq {
			p.seen = now
			p.report(*e.Report)
		}
		if err := p.client.Seen(e.Report.Seq); err != nil {
			p.log.Debug("cannot confirm a report; it comes again", "err", err)
		}
	}
}

func (p *dataPlane) update(f func(tx *store.Tx) error) {
	if err := p.store.Update(f); err != nil {
		p.log.Error("cannot write what the data plane found", "err", err)
	}
}

// stop ends the data plane's process, once run has returned.
func (p *dataPlane) stop(ctx context.Context) error {
	if p.client == nil {
		return nil
	}
	return p.client.Stop(ctx)
}
