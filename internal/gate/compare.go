package gate

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// Comparison is the new side against the old. It fails the new side only where it is worse in
// two ways: surely (by Mann and Whitney's rank test, which asks nothing of how samples are
// spread) and noticeably (by the difference of the medians).
type Comparison struct {
	Bad   Direction
	Doubt float64 // the chance one takes of failing an equal side, 0 to 1; 0 is 0.05
	Worse float64 // how much worse the new median may be, as a part of the old one: 0.1 is a tenth
	Least int     // samples needed on each side; below 5 it is 5, under which the test can hardly say anything
}

const (
	usualDoubt = 0.05
	leastSide  = 5
)

// Eval gives the verdict of the new side's samples against the old side's, in any order; those
// that are not finite are passed over.
//
// Source: Mann and Whitney, "On a Test of Whether one of Two Random Variables is Stochastically
// Larger than the Other" (1947); one-sided, ties counted half.
func (c Comparison) Eval(before, after []float64) Result {
	before, after = only(finite, before), only(finite, after)
	least := max(c.Least, leastSide)
	if n := min(len(before), len(after)); n < least {
		return Result{More, fmt.Sprintf("%d old and %d new of %d samples so far", len(before), len(after), least)}
	}
	doubt := c.Doubt
	if doubt == 0 {
		doubt = usualDoubt
	}
	low, high := before, after
	if c.Bad == LowIsBad {
		low, high = after, before
	}
	// Asked the other way round ("after is greater") the library counts ties against itself.
	test, err := stats.MannWhitneyUTest(low, high, stats.LocationLess)
	was, is := median(before), median(after)
	switch {
	case errors.Is(err, stats.ErrSamplesEqual):
		return Result{Pass, fmt.Sprintf("all samples of both sides are %g", was)}
	case err != nil:
		return Result{More, err.Error()} // too few samples, which is asked above
	case test.P >= doubt:
		return Result{Pass, fmt.Sprintf("new median %g against %g is not surely worse (p = %.3f)", is, was, test.P)}
	case !c.Bad.beyond(is, c.limit(was)):
		return Result{Pass, fmt.Sprintf("new median %g against %g is worse, but by no more than allowed (p = %.3f)", is, was, test.P)}
	}
	return Result{Fail, fmt.Sprintf("new median %g against %g is worse than allowed (p = %.3f)", is, was, test.P)}
}

// limit gives the median from which on the new side is noticeably worse.
func (c Comparison) limit(was float64) float64 {
	if c.Bad == LowIsBad {
		return was - math.Abs(was)*c.Worse
	}
	return was + math.Abs(was)*c.Worse
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return s[n/2-1]/2 + s[n/2]/2
}
