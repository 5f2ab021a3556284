package host

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/cloud/elb"
	"github.com/slipway-ecs/slipway/internal/lb"
)

// judgeEvery is how long targets' errors are counted before they are judged, in real time: requests
// come in real time, however fast the cloud is. AWS gives no number.
const judgeEvery = 10 * time.Second

// stretch counts what targets do until they are judged. The zero value has counted nothing.
type stretch struct {
	since time.Time
	did   map[elb.Did]balance.Done // by the target, with no Done in it
}

// add counts a second more, and gives what was done where the stretch is over with it.
func (s *stretch) add(r lb.Report) []elb.Did {
	if s.did == nil {
		s.since, s.did = r.At, map[elb.Did]balance.Done{}
	}
	for _, row := range r.Rows {
		if row.Target == "" {
			continue
		}
		at := elb.Did{Group: row.Group, ID: row.Target, Port: row.Port}
		errs := row.Target5XX + row.ConnectionErrors
		// A request that found no connection to its first target was not counted for the next one.
		asked := max(row.Requests, row.Target2XX+row.Target3XX+row.Target4XX+errs)
		s.did[at] = s.did[at].Plus(balance.Done{Requests: asked, Errors: errs})
	}
	if r.At.Sub(s.since) < judgeEvery {
		return nil
	}
	all := slices.SortedFunc(maps.Keys(s.did), func(a, b elb.Did) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Port, b.Port))
	})
	for i, d := range all {
		all[i].Done = s.did[d]
	}
	*s = stretch{}
	return all
}
