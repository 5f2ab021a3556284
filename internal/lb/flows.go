package lb

import (
	"sync"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// flows are those of a listener, or of a target.
type flows struct {
	mu     sync.Mutex // guards the rest
	all    map[*flow]struct{}
	closed error // why none may join
	keep   bool  // they outlive their target's place in the table
}

// join adds a flow; false means that it came too late.
func (s *flows) join(f *flow) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed != nil {
		return false
	}
	if s.all == nil {
		s.all = map[*flow]struct{}{}
	}
	s.all[f] = struct{}{}
	return true
}

func (s *flows) leave(f *flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, f)
}

func (s *flows) some() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all) > 0
}

// endThose ends the flows that are meant.
func (s *flows) endThose(cause error, meant func(*flow) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.all {
		if meant(f) {
			f.end(cause)
		}
	}
}

// endQuiet ends those on which nothing moved for a while.
func (s *flows) endQuiet(d time.Duration) {
	s.endThose(errShut, func(f *flow) bool { return f.quiet(d) })
}

// end ends all flows for good.
func (s *flows) end(cause error) {
	s.mu.Lock()
	s.closed = cause
	s.mu.Unlock()
	s.endThose(cause, func(*flow) bool { return true })
}

// tend does to a target's flows what its health asks for, and notes whether they outlive its
// place in the table.
//
// Source: Network Load Balancers guide, "Edit target group attributes": connection termination.
func (s *flows) tend(g *balance.Group, t *balance.Target, failsOpen bool) {
	if g.Protocol != "TCP" {
		return
	}
	s.mu.Lock()
	s.keep = !g.Flows.EndDraining
	s.mu.Unlock()
	if g.Flows.EndUnhealthy && t.Unhealthy && !t.Draining && !failsOpen {
		s.endThose(errUnhealthy, func(*flow) bool { return true })
	}
}

func (s *flows) outlive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keep
}
