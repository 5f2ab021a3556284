package balance

// Anomaly is what a target's errors make of it beside the others of its group. The zero value is a
// normal target that takes its whole part of the requests.
type Anomaly struct {
	Anomalous bool `json:",omitempty"`
	// Halved is how often the target's part of the requests was halved, 0 to mostHalved. While it is
	// not 0, mitigation is in effect.
	Halved int `json:",omitempty"`
}

// Done is what a target did in a stretch of time: the requests it was chosen for, and those among them
// that it answered with 5XX or that found no connection to it.
type Done struct{ Requests, Errors uint64 }

// LeastJudged is how many healthy targets a group needs for one of them to be anomalous.
//
// Source: ELBv2 guide, "Automatic target weights".
const LeastJudged = 3

// AWS tells what an anomaly is and that parts fall and rise step by step; the numbers are ours.
const (
	// fewestErrors is how many errors in one stretch make a target anomalous at the least; one keeps it so.
	fewestErrors = 5
	// leastRatio is the part of a target's requests that must fail.
	leastRatio = 0.1
	// farAbove is how many times the others' part of failures that must be.
	farAbove = 3
	// mostHalved is where parts stop falling: a sixty-fourth is next to nothing, and enough to see
	// that a target is well again.
	mostHalved = 6
)

// After gives the anomaly after one more stretch of time, in which the target did own and the other
// healthy ones of its group did others. A target that was not asked stays what it was. Where mitigate
// is set an anomalous target's part halves with every stretch, and doubles again once it is normal.
//
// Source: ELBv2 guide, "Automatic target weights": a disproportionate part of errors among HTTP status
// codes and connections, compared with other targets of the group.
func (a Anomaly) After(own, others Done, mitigate bool) Anomaly {
	if own.Requests > 0 {
		least := uint64(fewestErrors)
		if a.Anomalous {
			least = 1
		}
		ratio := own.ratio()
		a.Anomalous = own.Errors >= least && ratio >= leastRatio && ratio >= farAbove*others.ratio()
	}
	switch {
	case !mitigate:
		a.Halved = 0
	case own.Requests == 0:
	case a.Anomalous:
		a.Halved = min(a.Halved+1, mostHalved)
	default:
		a.Halved = max(a.Halved-1, 0)
	}
	return a
}

// Plus adds what was done in two stretches of time, or by two targets.
func (d Done) Plus(o Done) Done { return Done{d.Requests + o.Requests, d.Errors + o.Errors} }

// ratio is the part of errors, 0 to 1.
func (d Done) ratio() float64 {
	if d.Requests == 0 {
		return 0
	}
	return float64(min(d.Errors, d.Requests)) / float64(d.Requests)
}
