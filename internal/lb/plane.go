package lb

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

const (
	// targetIdle is how long an idle connection to a target is kept. ALB keeps it for its own
	// idle timeout (60 s) and answers 502 when the target closed it first; this is below what
	// usual servers keep, so that it does not happen.
	targetIdle = 1500 * time.Millisecond
	// lameDuck is how long clients of a closing listener are answered with Connection: close
	// before idle connections are closed under their hands.
	lameDuck = 400 * time.Millisecond
	// lastRequests is how long requests in flight may take when the process is told to stop.
	lastRequests = 5 * time.Second
	// maxResponseHeader is ALB's limit for the headers of a response.
	maxResponseHeader = 32 << 10
)

// plane is the data plane itself, without the socket to the daemon.
type plane struct {
	log    *slog.Logger
	snap   atomic.Pointer[snapshot]
	tally  tally
	probed func(Probed)

	authority authority
	journal   journal
	logEvery  atomic.Int64  // Table.LogEvery
	conns     atomic.Uint32 // deals out shards

	mu      sync.Mutex // guards the rest: one table at a time
	wg      sync.WaitGroup
	random  *rand.Rand
	host    string
	ports   map[int]*port // of HTTP
	inlets  map[inletKey]*inlet
	targets map[member]*target
	turns   map[string]*atomic.Uint64
	probers map[probeKey]context.CancelFunc
	stopped bool
	ctx     context.Context // ends the probers
	cancel  context.CancelFunc
}

func newPlane(ctx context.Context, log *slog.Logger, random *rand.Rand, probed func(Probed)) *plane {
	p := &plane{
		log: log, random: random, probed: probed,
		tally: tally{cells: map[place]*cell{}},
		ports: map[int]*port{}, inlets: map[inletKey]*inlet{}, targets: map[member]*target{}, turns: map[string]*atomic.Uint64{}, probers: map[probeKey]context.CancelFunc{},
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	p.snap.Store(p.build(&balance.Table{}))
	return p
}

// set serves by a table from now on and tells where the listeners are. Ports it opens are open
// when it returns; ports it no longer has leave as lame ducks on their own. After stop it does
// nothing and gives the zero Serving.
func (p *plane) set(table balance.Table) Serving {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return Serving{}
	}
	host := table.Host
	if host == "" {
		host = "127.0.0.1"
	}
	if host != p.host {
		for _, at := range p.ports {
			p.retire(at)
		}
		for _, in := range p.inlets {
			p.shut(in)
		}
		p.host, p.ports, p.inlets = host, map[int]*port{}, map[inletKey]*inlet{}
	}

	p.logEvery.Store(int64(table.LogEvery))
	gone := p.adopt(&table)
	snap := p.build(&table)
	p.release(snap)
	for _, b := range oldestFirst(&table) {
		for j := range b.Listeners {
			l := &b.Listeners[j]
			if d := snap.inlets[inletKey{l.ARN, l.Port}]; d != nil {
				p.flow(d)
				continue
			}
			at := p.ports[l.Port]
			if at == nil {
				at = p.newPort(l.Port)
				p.ports[l.Port] = at
			}
			at.last.Store(snap.sites[l.Port])
			at.openShared(l.Substitute)
			at.openOwn(b.Address)
		}
	}
	p.snap.Store(snap)
	for i := range table.Groups {
		g := &table.Groups[i]
		failsOpen := g.FailsOpen()
		for _, t := range g.Targets {
			had := p.targets[member{g.ARN, t.ID, t.Port, t.Address}]
			had.flows.tend(g, &t, failsOpen)
			had.draining(t.Draining && (g.Protocol != "TCP" || g.Flows.EndDraining), t.DrainUntil)
		}
	}
	for _, t := range gone {
		if !t.flows.outlive() {
			t.cutOff()
		}
	}
	p.watch(&table)

	serving := Serving{Version: table.Version}
	for i := range table.Balancers {
		for j := range table.Balancers[i].Listeners {
			l := &table.Balancers[i].Listeners[j]
			var b Bound
			if in := p.inlets[inletKey{l.ARN, l.Port}]; in != nil {
				b = in.bound()
			} else {
				b = p.ports[l.Port].bound(table.Balancers[i].Address)
			}
			b.Listener = l.ARN
			serving.Bound = append(serving.Bound, b)
		}
	}
	return serving
}

// release closes what a snapshot no longer has, so that what it has instead finds the port free.
func (p *plane) release(snap *snapshot) {
	for key, in := range p.inlets {
		if snap.inlets[key] == nil {
			p.shut(in)
			delete(p.inlets, key)
		}
	}
	for number, at := range p.ports {
		if s := snap.sites[number]; s == nil {
			p.retire(at)
			delete(p.ports, number)
		} else {
			at.closeOwn(s)
		}
	}
}

// adopt makes targets for the table's members and gives those it no longer has. A member that
// was cut at the end of its delay and is back, not draining, begins anew.
func (p *plane) adopt(table *balance.Table) (gone []*target) {
	next := make(map[member]*target)
	for i := range table.Groups {
		g := &table.Groups[i]
		for _, t := range g.Targets {
			m := member{g.ARN, t.ID, t.Port, t.Address}
			had := p.targets[m]
			if had != nil && !t.Draining && !had.cut().IsZero() {
				had = nil
			}
			if had == nil {
				had = &target{member: m, conns: map[*targetConn]struct{}{}}
			}
			next[m] = had
		}
	}
	for m, t := range p.targets {
		if next[m] != t {
			gone = append(gone, t)
		}
	}
	p.targets = next
	return gone
}

// flush gives what was counted since the last flush.
func (p *plane) flush() []Row {
	live := p.snap.Load().live
	return p.tally.flush(func(at place) bool { return live[at] })
}

// stop ends everything: listeners as lame ducks, then connections, then probers. It returns
// when all have ended.
func (p *plane) stop() {
	p.cancel()
	p.mu.Lock()
	p.stopped = true
	for number, at := range p.ports {
		p.retire(at)
		delete(p.ports, number)
	}
	for key, in := range p.inlets {
		p.shut(in)
		delete(p.inlets, key)
	}
	p.mu.Unlock()
	p.wg.Wait()
	for _, t := range p.targets {
		t.cutOff()
	}
}
