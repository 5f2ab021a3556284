package balance

import (
	"math/bits"
	"time"
)

// Golden is 2^64 divided by the golden ratio. The multiples n*Golden, wrapping around, are
// spread evenly over all numbers at every length and yet have no short cycle; handed to Choose
// they keep shares within a fraction of a percent after a few hundred requests, where true
// chance would need thousands. AWS draws truly at random.
const Golden uint64 = 0x9E3779B97F4A7C15

// Choose gives the group a request goes to, by weight, before anybody looks at health.
// The draw is any number, evenly spread over all of uint64. It answers false where all weights
// are 0 or there is no group: the balancer then answers 503 (unconfirmed for AWS).
//
// Source: ELBv2 guide, "Forward actions": there is no fail-over from one group to another.
func (f *Forward) Choose(draw uint64) (group string, ok bool) {
	total := 0
	for _, w := range f.Groups {
		total += w.Weight
	}
	if total <= 0 {
		return "", false
	}
	at, _ := bits.Mul64(draw, uint64(total)) // floor(draw / 2^64 * total)
	for _, w := range f.Groups {
		if at < uint64(w.Weight) {
			return w.Group, true
		}
		at -= uint64(w.Weight)
	}
	return "", false
}

// Picked is a choice of target.
type Picked struct {
	Index int // in Group.Targets
	// FailOpen says that too few targets are healthy, so that all that are not draining take
	// requests (UnhealthyRoutingRequestCount).
	FailOpen bool
}

// Pick gives the target a request goes to. Healthy ones are taken before others, unless there
// are fewer than LeastHealthy or LeastHealthyPercent ask for, and draining ones never. It answers
// false where there is none: the balancer then answers 503.
//
// The turn is a counter for RoundRobin, one more at every request, and any number for
// WeightedRandom, where anomalous targets take their lesser part; LeastOutstanding breaks ties by it.
// Now is for slow starts, which only RoundRobin has. Outstanding gives the requests a target has in
// flight; only LeastOutstanding asks. Skip, when not nil, says which targets were tried already.
func (g *Group) Pick(turn uint64, now time.Time, outstanding func(i int) int64, skip func(i int) bool) (Picked, bool) {
	healthy, open, failOpen := g.count(skip)
	if open == 0 {
		return Picked{}, false
	}
	if failOpen {
		healthy = open
	}
	takes := func(i int) bool {
		t := &g.Targets[i]
		return !t.Draining && (failOpen || t.Healthy) && (skip == nil || !skip(i))
	}
	if g.Algorithm != LeastOutstanding && g.uneven(now) {
		return Picked{Index: g.growing(turn, now, takes), FailOpen: failOpen}, true
	}
	place := int(turn % uint64(healthy))
	best, least := -1, int64(0)
	seen := 0
	for i := range g.Targets {
		if !takes(i) {
			continue
		}
		if g.Algorithm != LeastOutstanding {
			if seen == place {
				return Picked{Index: i, FailOpen: failOpen}, true
			}
			seen++
			continue
		}
		// Among equals the first at or after place wins, so that idle targets take turns.
		n := outstanding(i)
		if best < 0 || n < least || n == least && seen == place {
			best, least = i, n
		}
		seen++
	}
	return Picked{Index: best, FailOpen: failOpen}, best >= 0
}

// count gives how many targets could take a request, how many of them are healthy, and whether
// too few are for the healthy ones to take all.
func (g *Group) count(skip func(i int) bool) (healthy, open int, failOpen bool) {
	well, all := 0, 0 // with those tried already
	for i := range g.Targets {
		t := &g.Targets[i]
		if t.Draining {
			continue
		}
		all++
		if t.Healthy {
			well++
		}
		if skip != nil && skip(i) {
			continue
		}
		open++
		if t.Healthy {
			healthy++
		}
	}
	return healthy, open, healthy == 0 || well < g.LeastHealthy || well*100 < g.LeastHealthyPercent*all
}

// Takes reports whether a target takes requests, as a client's that is bound to it must ask.
func (g *Group) Takes(id string, port int) (index int, ok bool) {
	for i := range g.Targets {
		t := &g.Targets[i]
		if t.ID != id || t.Port != port || t.Draining {
			continue
		}
		if t.Healthy {
			return i, true
		}
		_, _, failOpen := g.count(nil)
		return i, failOpen
	}
	return 0, false
}

// fullPart is the part of a target that does not start slowly.
const fullPart = 1 << 20

// uneven reports whether some target takes less than its whole part: it starts slowly, or is anomalous.
func (g *Group) uneven(now time.Time) bool {
	for i := range g.Targets {
		t := &g.Targets[i]
		if g.Algorithm == WeightedRandom && t.Halved > 0 || g.Algorithm != WeightedRandom && now.Before(t.SlowUntil) {
			return true
		}
	}
	return false
}

// part is a target's part of the requests, which grows evenly while it starts slowly.
func (g *Group) part(t *Target, now time.Time) uint64 {
	if g.Algorithm == WeightedRandom {
		return fullPart >> t.Halved
	}
	if !now.Before(t.SlowUntil) {
		return fullPart
	}
	whole := t.SlowUntil.Sub(t.SlowFrom)
	gone := max(now.Sub(t.SlowFrom), 0)
	return max(1, uint64(float64(fullPart)*float64(gone)/float64(whole)))
}

// growing shares requests by the targets' parts.
//
// Source: ELBv2 guide, "Slow start mode": the share grows linearly.
func (g *Group) growing(turn uint64, now time.Time, takes func(i int) bool) int {
	total := uint64(0)
	for i := range g.Targets {
		if takes(i) {
			total += g.part(&g.Targets[i], now)
		}
	}
	at, _ := bits.Mul64(turn*Golden, total)
	for i := range g.Targets {
		if !takes(i) {
			continue
		}
		part := g.part(&g.Targets[i], now)
		if at < part {
			return i
		}
		at -= part
	}
	panic("balance: the parts do not sum up")
}
