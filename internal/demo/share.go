package demo

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// Share is what the new version answered of the requests that were sent while it had one share of
// production traffic.
type Share struct {
	Phase    string  `json:"phase"`
	Version  string  `json:"version"`
	Percent  float64 `json:"percent"`  // that the listener's rule gave it
	Requests int     `json:"requests"` // sent meanwhile
	Answered int     `json:"answered"` // of them by the version
}

// Had gives the part of the requests that the version answered, in percent.
func (s Share) Had() float64 { return 100 * float64(s.Answered) / float64(max(1, s.Requests)) }

// within reports whether the version answered no more than its share. The load balancer draws lots
// for each request, so of n requests at a share p the number spreads with √(n·p·(1-p)) about n·p:
// five times that is beyond chance, and a share of nothing is none at all.
func (s Share) within() bool {
	n, p := float64(s.Requests), s.Percent/100
	return float64(s.Answered) <= n*p+5*math.Sqrt(n*p*(1-p))
}

// readEvery is how often the rule's weights are read, on the wall.
const readEvery = 100 * time.Millisecond

// moment is the time from one reading of the weights to the next.
type moment struct {
	phase   string
	percent float64 // the new version's, as read when the moment began
	by      map[string]int
	sent    int
}

// weigh reads the weights of the production rule now and then, and marks them in the traffic,
// until ctx ends.
func (s *stage) weigh(ctx context.Context, load *Load) {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for {
		if w, err := s.weights(ctx); err == nil {
			load.Mark(w)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// spread gives what each act's new version answered at each share it had.
//
// A request belongs to the moment it was sent in. The rule may have changed anywhere between two
// readings, a request may be on its way while it does, and the data plane learns of it a little
// later, so a request may have met any weight from the reading before its moment to the one after
// the next; the greatest of these counts.
func spread(moments []moment, acts []act) (out []Share) {
	for _, a := range acts {
		var of []moment
		for _, m := range moments {
			if m.phase == a.name() {
				of = append(of, m)
			}
		}
		first := len(out)
		for i, m := range of {
			percent := 0.0
			for _, near := range of[max(0, i-1):min(len(of), i+3)] {
				percent = max(percent, near.percent)
			}
			at := slices.IndexFunc(out[first:], func(s Share) bool { return s.Percent == percent })
			if at < 0 {
				at = len(out) - first
				out = append(out, Share{Phase: a.name(), Version: a.to, Percent: percent})
			}
			out[first+at].Requests += m.sent
			out[first+at].Answered += m.by[a.to]
		}
		slices.SortFunc(out[first:], func(x, y Share) int { return cmp.Compare(x.Percent, y.Percent) })
	}
	return out
}

// judgeShares says whether an act's new version answered no more than its share at each step.
func (d *demo) judgeShares(a act, shares []Share) {
	held, seen, own := true, "", 0
	for _, s := range shares {
		if s.Phase != a.name() {
			continue
		}
		held = held && s.within()
		own += s.Answered
		if seen != "" {
			seen += ", "
		}
		seen += fmt.Sprintf("%d of %d at %g %%", s.Answered, s.Requests, s.Percent)
	}
	if a.hidden {
		d.promise(fmt.Sprintf("%s: production never sees %s", a.name(), a.to), held && own == 0 && seen != "", fmt.Sprintf("%d requests answered by it", own))
		return
	}
	d.promise(fmt.Sprintf("%s: %s answers no more than its share at each step", a.name(), a.to), held && own > 0, seen)
}
