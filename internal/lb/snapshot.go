package lb

import (
	"slices"
	"sync/atomic"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// snapshot is a table made ready to serve by. It is immutable but for counters; a request keeps
// the one it began with.
type snapshot struct {
	version uint64
	sites   map[int]*site // by the port asked for; those of HTTP
	inlets  map[inletKey]*door
	pools   map[poolKey]*pool
	live    map[place]bool
}

// site is everything that answers on one port.
type site struct {
	plain, secure doors
	own           map[string]bool // the balancers' own addresses
}

// doors are listeners of one port that speak HTTP, or HTTPS.
type doors struct {
	oldest *door
	names  map[string]*door // by the balancer's name
	own    map[string]*door // by the balancer's own address
}

// door is one listener.
type door struct {
	balancer *balance.Balancer
	listener *balance.Listener
	router   *balance.Router
	turns    map[*balance.Rule]*atomic.Uint64
	pools    map[string]*pool // by the group's ARN
	cell     *cell
	seals    seals
}

type poolKey struct{ balancer, group string }

// pool is a target group as one balancer uses it. The slices go along with Group.Targets.
type pool struct {
	group   *balance.Group
	targets []*target
	cells   []*cell
	turn    *atomic.Uint64
}

// door finds the listener for a connection to a local address, with TLS or without, and a Host
// header: the balancer whose own address it is, the one of that name, or the oldest. It is nil
// where none speaks so.
func (s *site) door(local, host string, secure bool) *door {
	all := &s.plain
	if secure {
		all = &s.secure
	}
	if d := all.own[local]; d != nil {
		return d
	}
	if d := all.names[balance.HostName(host)]; d != nil {
		return d
	}
	return all.oldest
}

// any finds the listener for a connection of which nothing else is known.
func (s *site) any(local string) *door {
	if d := s.door(local, "", false); d != nil {
		return d
	}
	return s.door(local, "", true)
}

func (all *doors) add(d *door) {
	if all.oldest == nil {
		*all = doors{oldest: d, names: map[string]*door{}, own: map[string]*door{}}
	}
	all.names[balance.HostName(d.balancer.DNSName)] = d
	if d.balancer.Address != "" {
		all.own[d.balancer.Address] = d
	}
}

// oldestFirst gives a table's balancers by the time they were made.
func oldestFirst(table *balance.Table) []*balance.Balancer {
	all := make([]*balance.Balancer, len(table.Balancers))
	for i := range table.Balancers {
		all[i] = &table.Balancers[i]
	}
	slices.SortStableFunc(all, func(a, b *balance.Balancer) int { return a.Created.Compare(b.Created) })
	return all
}

// build makes a snapshot. Targets, turns and cells that were there before go on.
func (p *plane) build(table *balance.Table) *snapshot {
	s := &snapshot{version: table.Version, sites: map[int]*site{}, inlets: map[inletKey]*door{}, pools: map[poolKey]*pool{}, live: map[place]bool{}}
	groups := make(map[string]*balance.Group, len(table.Groups))
	for i := range table.Groups {
		groups[table.Groups[i].ARN] = &table.Groups[i]
	}
	turns := make(map[string]*atomic.Uint64, len(p.turns))
	turn := func(arn string) *atomic.Uint64 {
		t := turns[arn]
		if t == nil {
			if t = p.turns[arn]; t == nil {
				t = new(atomic.Uint64)
				t.Store(p.random.Uint64() >> 1)
			}
			turns[arn] = t
		}
		return t
	}
	for _, b := range oldestFirst(table) {
		s.live[place{balancer: b.ARN}] = true
		cell := p.tally.cell(place{balancer: b.ARN})
		seals := newSeals(b.ARN)
		for j := range b.Listeners {
			l := &b.Listeners[j]
			d := &door{seals: seals, balancer: b, listener: l, router: balance.NewRouter(l.Rules), turns: map[*balance.Rule]*atomic.Uint64{}, pools: map[string]*pool{}, cell: cell}
			for k := range l.Rules {
				f := l.Rules[k].Action.Forward
				if f == nil {
					continue
				}
				d.turns[&l.Rules[k]] = turn(l.Rules[k].ARN)
				for _, w := range f.Groups {
					if g := groups[w.Group]; g != nil {
						d.pools[g.ARN] = p.pool(s, b, g, turn)
					}
				}
			}
			if l.Flows() {
				s.inlets[inletKey{l.ARN, l.Port}] = d
				continue
			}
			at := s.sites[l.Port]
			if at == nil {
				at = &site{own: map[string]bool{}}
				s.sites[l.Port] = at
			}
			if l.Protocol == "HTTPS" {
				at.secure.add(d)
			} else {
				at.plain.add(d)
			}
			if b.Address != "" {
				at.own[b.Address] = true
			}
		}
	}
	p.turns = turns
	return s
}

// pool gives a group as used by a balancer, made at the first call.
func (p *plane) pool(s *snapshot, b *balance.Balancer, g *balance.Group, turn func(string) *atomic.Uint64) *pool {
	key := poolKey{b.ARN, g.ARN}
	if had := s.pools[key]; had != nil {
		return had
	}
	use := &pool{group: g, turn: turn(g.ARN), targets: make([]*target, len(g.Targets)), cells: make([]*cell, len(g.Targets))}
	for i, t := range g.Targets {
		at := place{b.ARN, g.ARN, t.ID, t.Port}
		s.live[at] = true
		use.targets[i] = p.targets[member{g.ARN, t.ID, t.Port, t.Address}]
		use.cells[i] = p.tally.cell(at)
	}
	s.pools[key] = use
	return use
}
