// Package gate turns metric samples into pass, fail or "more data": against a threshold, or the
// new side against the old by Mann and Whitney's test.
//
// It is pure: samples come in, a result goes out. Where samples come from, when they were taken
// and what follows from a failure is its caller's business. Read Result first.
package gate

import (
	"fmt"
	"math"
)

// Verdict is what a gate says.
type Verdict string

// The verdicts.
const (
	More Verdict = "more data" // too few samples to say; ask again with more
	Pass Verdict = "pass"
	Fail Verdict = "fail"
)

// Result is a verdict and what it stands on.
type Result struct {
	Verdict Verdict
	Why     string // one sentence with the values; lower case, no full stop
}

// Direction says which values are bad.
type Direction string

// The directions.
const (
	HighIsBad Direction = "high" // error rates, latencies; also the zero Direction
	LowIsBad  Direction = "low"  // success rates, healthy hosts
)

// beyond reports whether v lies on the bad side of limit.
func (d Direction) beyond(v, limit float64) bool {
	if d == LowIsBad {
		return v < limit
	}
	return v > limit
}

func (d Direction) word() string {
	if d == LowIsBad {
		return "below"
	}
	return "above"
}

// Threshold is a limit that samples must keep.
type Threshold struct {
	Bad     Direction
	Limit   float64 // a sample equal to it is well
	Least   int     // samples needed to pass; below 1 it is 1
	Allowed int     // samples that may be beyond the limit
}

// Eval gives the verdict of samples, oldest first; those that are not finite are passed over. It
// fails as soon as more samples than allowed are beyond the limit, and passes once there are
// enough and no more than allowed are.
func (t Threshold) Eval(samples []float64) Result {
	seen, beyond := 0, 0
	last := 0.0 // the newest beyond the limit
	for _, v := range samples {
		if !finite(v) {
			continue
		}
		seen++
		if t.Bad.beyond(v, t.Limit) {
			beyond++
			last = v
		}
	}
	switch least := max(t.Least, 1); {
	case beyond > t.Allowed:
		return Result{Fail, fmt.Sprintf("%d of %d samples are %s %g, the newest of them %g; %d may be", beyond, seen, t.Bad.word(), t.Limit, last, t.Allowed)}
	case seen < least:
		return Result{More, fmt.Sprintf("%d of %d samples so far", seen, least)}
	}
	return Result{Pass, fmt.Sprintf("%d of %d samples are %s %g; %d may be", beyond, seen, t.Bad.word(), t.Limit, t.Allowed)}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func only(keep func(float64) bool, values []float64) []float64 {
	var out []float64
	for _, v := range values {
		if keep(v) {
			out = append(out, v)
		}
	}
	return out
}
