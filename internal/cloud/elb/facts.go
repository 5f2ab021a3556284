package elb

import (
	"fmt"
	"slices"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// What the data plane reports, written down, and what the host publishes of it.

// ProbeResult is the raw result of one health check.
type ProbeResult struct {
	Group string // ARN
	ID    string // the target's, with Port
	Port  int
	Probe balance.Probe
}

// mostCounted is where counting passes and failures in a row ends: no threshold is higher.
const mostCounted = 10

// Probed writes down what checks found. Results for targets that are gone, drain or are not in
// use change nothing.
func (s *Service) Probed(tx *store.Tx, results []ProbeResult) {
	for _, r := range results {
		t, ok := s.targets.Get(tx, targetKey(r.Group, r.ID, r.Port))
		g, there := s.groups.Get(tx, r.Group)
		if !ok || !there {
			continue
		}
		was := t.Health
		t.Health = t.Health.After(r.Probe, g.Check.Healthy, g.Check.Unhealthy)
		t.Health.Passed, t.Health.Failed = min(t.Health.Passed, mostCounted), min(t.Health.Failed, mostCounted)
		if t.Health != was {
			if t.Health.State != was.State {
				t.SlowFrom, t.Anomaly = s.slowStart(tx, g, t), balance.Anomaly{}
			}
			s.targets.Put(tx, t)
		}
	}
}

// slowStart gives when a target's slow start begins that changed its health: never where it is not
// healthy, and where no other healthy target has done with its own.
//
// Source: ELBv2 guide, "Slow start mode".
func (s *Service) slowStart(tx *store.Tx, g groupRow, t targetRow) time.Time {
	length := seconds(number(groupAttributes, g.Attributes, keySlowStart))
	if t.Health.State != balance.Healthy || length == 0 {
		return time.Time{}
	}
	for o := range s.targets.By(tx, "group", g.ARN) {
		if (o.ID != t.ID || o.Port != t.Port) && o.Health.State == balance.Healthy && !o.SlowFrom.Add(length).After(tx.Now()) {
			return tx.Now()
		}
	}
	return time.Time{}
}

// Acked says that a data plane runs, and that it serves by a version of the table. One that
// serves by a version newer than ours has it from another store's rows; ours will be newer.
func (s *Service) Acked(tx *store.Tx, version uint64) {
	s.acks.ring()
	p, _ := s.plane.Get(tx, planeKey)
	if version > p.Version {
		p.Version, p.Digest, version = version, "", 0
	}
	if p.Serving && p.Acked == version {
		return
	}
	p.Serving, p.Acked = true, version
	s.plane.Put(tx, p)
}

// Stopped says that no data plane runs: nobody's request is in flight, and what waits for an
// acknowledgement waits no longer.
func (s *Service) Stopped(tx *store.Tx) {
	p, ok := s.plane.Get(tx, planeKey)
	if !ok || !p.Serving {
		return
	}
	p.Serving, p.Acked = false, 0
	s.plane.Put(tx, p)
}

// Bound is where the data plane says a listener answers.
type Bound struct {
	Listener string // ARN
	Shared   string // "127.0.0.1:8080"; empty where no port could be had
	Own      string // "127.1.7.9:80" on the balancer's own address; empty where the system has none
	Why      string // why the port asked for could not be had; empty where it could
}

// Bound writes down where listeners really answer. Where the shared address has another port
// than the listener's, a tag of the listener says so (AddressTag), and a warning.
func (s *Service) Bound(tx *store.Tx, at []Bound) {
	for _, b := range at {
		l, ok := s.listeners.Get(tx, b.Listener)
		now := bound{b.Shared, b.Own, b.Why}
		if !ok || l.Bound == now {
			continue
		}
		was := l.Bound
		l.Bound = now
		l.Tags = slices.DeleteFunc(slices.Clone(l.Tags), func(t tag) bool { return t.Key == AddressTag })
		if l.substitute() != 0 {
			l.Tags = append(l.Tags, tag{AddressTag, b.Shared})
			if was.Shared != b.Shared {
				s.o.Warn(fmt.Sprintf("listener %s answers at %s in place of port %d: %s", l.ARN, b.Shared, l.Port, b.Why))
			}
		}
		s.listeners.Put(tx, l)
	}
}

// HostCount is what HealthyHostCount and UnHealthyHostCount say of a group at a balancer.
type HostCount struct {
	Scope              names.Scope
	Balancer, Group    string // as metric dimensions: "app/web/50dc…", "targetgroup/blue/73e2…"
	Healthy, Unhealthy int
	Registered         int // all that are not draining
	// WeightedRandom groups have Anomalous and Mitigated targets.
	WeightedRandom       bool
	Anomalous, Mitigated int
	At                   time.Time // internal
}

// Hosts counts the healthy and unhealthy targets of every group in use, by balancer and group.
// Targets that are initial or drain are neither.
func (s *Service) Hosts(tx *store.Tx) []HostCount {
	var all []HostCount
	for g := range s.groups.All(tx) {
		for _, b := range s.balancersOf(tx, g.ARN) {
			c := HostCount{Scope: names.ScopeOf(g.ARN), Balancer: names.LoadBalancerDimension(b), Group: names.TargetGroupDimension(g.ARN), At: tx.Now(), WeightedRandom: g.weightedRandom()}
			for t := range s.targets.By(tx, "group", g.ARN) {
				switch t.Health.State {
				case balance.Healthy, balance.Unavailable:
					c.Healthy++
				case balance.Unhealthy:
					c.Unhealthy++
				}
				if !t.draining() {
					c.Registered++
				}
				if t.Health.State == balance.Healthy && t.Anomaly.Anomalous {
					c.Anomalous++
				}
				if g.halved(&t) > 0 {
					c.Mitigated++
				}
			}
			all = append(all, c)
		}
	}
	return all
}
