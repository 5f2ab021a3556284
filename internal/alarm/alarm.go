// Package alarm evaluates CloudWatch alarms: M of N data points, missing data, and the sentences
// CloudWatch gives as a reason; with it the statistics over a period's samples, percentiles
// included, metric math (math.go) and the rules of composite alarms (composite.go).
//
// It is pure: points, the state before and the time come in, a verdict goes out. It knows no
// metric store, no clock and no wire. Read Eval first.
package alarm

import (
	"slices"
	"time"
)

// State is an alarm's state, in CloudWatch's words.
type State string

// The states of an alarm.
const (
	OK               State = "OK"
	Alarm            State = "ALARM"
	InsufficientData State = "INSUFFICIENT_DATA"
)

// Treatment says what a period without samples counts as. The zero Treatment is AsMissing.
type Treatment string

// The treatments of missing data, in CloudWatch's words.
const (
	AsMissing      Treatment = "missing"
	AsIgnore       Treatment = "ignore"
	AsBreaching    Treatment = "breaching"
	AsNotBreaching Treatment = "notBreaching"
)

// Comparison says which values breach a threshold.
type Comparison string

// The comparisons with a fixed threshold, in CloudWatch's words.
const (
	Greater        Comparison = "GreaterThanThreshold"
	GreaterOrEqual Comparison = "GreaterThanOrEqualToThreshold"
	Less           Comparison = "LessThanThreshold"
	LessOrEqual    Comparison = "LessThanOrEqualToThreshold"
)

// Breaches reports whether a value breaches the threshold. An unknown comparison never does.
func (c Comparison) Breaches(value, threshold float64) bool {
	switch c {
	case Greater:
		return value > threshold
	case GreaterOrEqual:
		return value >= threshold
	case Less:
		return value < threshold
	case LessOrEqual:
		return value <= threshold
	}
	return false
}

// words gives the comparison as reasons say it: "greater than".
func (c Comparison) words() string {
	switch c {
	case Greater:
		return "greater than"
	case GreaterOrEqual:
		return "greater than or equal to"
	case Less:
		return "less than"
	case LessOrEqual:
		return "less than or equal to"
	}
	return string(c)
}

// Rule is what an alarm compares. It is plain data and never changes during an evaluation.
type Rule struct {
	Period     time.Duration // 10, 20 or 30 s, or whole minutes
	Periods    int           // N, how many of the newest points are looked at; at least 1
	Datapoints int           // M, how many of them must breach; 0 means N
	Compare    Comparison
	Threshold  float64
	Missing    Treatment
	Statistic  Stat   // told in the reason's data; with a percentile also how many samples are enough
	Unit       string // told in the reason's data; empty means the alarm names none
	KeepLow    bool   // a percentile of too few samples keeps the state (EvaluateLowSampleCountPercentile "ignore")
}

// need gives M.
func (r Rule) need() int {
	if r.Datapoints == 0 {
		return r.Periods
	}
	return r.Datapoints
}

// Point is the statistic of one period that had samples.
type Point struct {
	At      time.Time // the period's beginning
	Value   float64
	Samples float64 // how many samples the value was made from; 0 where nobody knows
}

// Series is the points of an alarm's metric, oldest first. Periods without samples have no point.
type Series []Point

const (
	// spare is how many periods more than N an evaluation reads, so that late points count.
	// Source: CloudWatch User Guide, whose example reads 5 points for N = 3; the number for other
	// N is not documented.
	spare = 2
	// minuteRange is the least number of periods read by an alarm of 60 s periods. One old point
	// was seen to hold a real 1-of-1 alarm in ALARM for over six minutes; the exact number is not
	// documented.
	minuteRange = 10
)

// Range gives the number of periods an evaluation reads, at least N.
func Range(r Rule) int {
	if r.Period == time.Minute {
		return max(r.Periods+spare, minuteRange)
	}
	return r.Periods + spare
}

// Window gives the time an evaluation at a time reads, [from, to): whole periods, the last of
// which ended at the last full minute (at the last full ten seconds for shorter periods). It
// slides with the evaluation and is not aligned to the period.
//
// Source: CloudWatch User Guide, "Evaluating an alarm".
func Window(r Rule, at time.Time) (from, to time.Time) {
	to = at.Truncate(Step(r))
	return to.Add(-time.Duration(Range(r)) * r.Period), to
}

// Step gives how often an alarm is evaluated: every minute, every 10 s with periods below a
// minute, every hour where the points compared span more than a day.
//
// Source: CloudWatch User Guide, "Evaluating an alarm".
func Step(r Rule) time.Duration {
	switch {
	case r.Period < time.Minute:
		return 10 * time.Second
	case r.Period*time.Duration(r.Periods) > 24*time.Hour:
		return time.Hour
	}
	return time.Minute
}

// Verdict is what an evaluation found.
type Verdict struct {
	State State
	// Points are the real points that decided, newest first, at most N.
	Points []Point
	// Filled is how many missing points were counted to reach N.
	Filled int
	// Start is the beginning of the oldest period compared, real or filled in; End is the end of
	// the newest.
	Start, End time.Time
}

// Eval gives an alarm's state at a time.
//
// It looks at the periods of Window. With N real points or more it compares the N newest,
// whatever r.Missing says; with fewer it compares all there are and fills up to N as r.Missing
// says; without any, r.Missing decides alone. One fresh breaching point among missing ones does
// not alarm by itself, but it does once it is M periods old and nothing after it was well. With
// too little to decide it keeps prev. Points outside of the window are passed over.
//
// Source: CloudWatch User Guide, "Evaluating an alarm" and "Configuring how CloudWatch alarms
// treat missing data"; the tables of both are in testdata/missing.txt.
func Eval(r Rule, points Series, prev State, at time.Time) Verdict {
	from, to := Window(r, at)
	var real []Point
	for _, p := range slices.Backward(points) {
		if !p.At.Before(from) && p.At.Before(to) {
			real = append(real, p)
		}
	}
	slices.SortStableFunc(real, func(a, b Point) int { return b.At.Compare(a.At) })
	v := Verdict{Points: real[:min(len(real), r.Periods)], End: to}
	v.Filled = r.Periods - len(v.Points)
	v.Start = to.Add(-time.Duration(r.Periods) * r.Period)
	if n := len(v.Points); n > 0 && v.Points[n-1].At.Before(v.Start) {
		v.Start = v.Points[n-1].At
	}
	if r.KeepLow && slices.ContainsFunc(v.Points, func(p Point) bool { return r.Statistic.few(p.Samples) }) {
		v.State = prev
		return v
	}
	v.State = decide(r, v.Points, v.Filled, prev, to)
	return v
}

func decide(r Rule, points []Point, missing int, prev State, to time.Time) State {
	breaching := 0
	var oldest time.Time // of the breaching ones
	for _, p := range points {
		if r.Compare.Breaches(p.Value, r.Threshold) {
			breaching++
			oldest = p.At
		}
	}
	switch {
	case r.Missing == AsBreaching:
		breaching += missing
	case r.Missing == AsNotBreaching || missing == 0:
	case len(points) == 0 && r.Missing == AsIgnore:
		return prev
	case len(points) == 0:
		return InsufficientData
	case breaching >= r.need():
	case breaching < len(points):
		return OK
	case to.Sub(oldest) < time.Duration(r.need())*r.Period: // a fresh lonely breach
		return prev
	case r.Missing == AsIgnore:
		return prev
	default:
		return Alarm
	}
	if breaching >= r.need() {
		return Alarm
	}
	return OK
}
