package alarm

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// Stat is a parsed statistic: "Average", "p99.9", "tm(10%:90%)". The zero Stat is none.
type Stat struct {
	name     string
	kind     string  // the name itself, or p, tm, wm, tc, ts, pr
	low, top float64 // percent for p (top alone), tm, wm, tc, ts; values for pr and where absolute
	absolute bool    // low and top are values, not percents
}

// String gives the statistic as it was written.
func (s Stat) String() string { return s.name }

// The plain statistics, in CloudWatch's words.
const (
	SampleCount = "SampleCount"
	Average     = "Average"
	Sum         = "Sum"
	Minimum     = "Minimum"
	Maximum     = "Maximum"
)

// ParseStat reads a statistic: the five plain ones, p0 to p100, tmNN, wmNN, tcNN, tsNN, their
// range forms "tm(10%:90%)" and "tc(0.5:2)", "PR(0.5:2)" and "IQM"; ok is false for others.
//
// Source: CloudWatch User Guide, "CloudWatch statistics definitions".
func ParseStat(name string) (s Stat, ok bool) {
	switch name {
	case SampleCount, Average, Sum, Minimum, Maximum:
		return Stat{name: name, kind: name}, true
	case "IQM":
		return Stat{name: name, kind: "tm", low: 25, top: 75}, true
	}
	kind := strings.ToLower(name[:min(2, len(name))])
	switch kind {
	case "tm", "wm", "tc", "ts", "pr":
	default:
		kind = "p"
		if !strings.HasPrefix(name, "p") {
			return Stat{}, false
		}
	}
	s = Stat{name: name, kind: kind}
	rest := name[len(kind):]
	if inner, ranged := strings.CutPrefix(rest, "("); ranged && kind != "p" {
		inner, closed := strings.CutSuffix(inner, ")")
		from, to, two := strings.Cut(inner, ":")
		return s.bounded(from, to, closed && two)
	}
	if kind == "pr" {
		return Stat{}, false
	}
	s.top, ok = percent(rest)
	return s, ok
}

// bounded reads "10%:90%", "0.5:2", ":90%" or "10%:".
func (s Stat) bounded(from, to string, ok bool) (Stat, bool) {
	if !ok || from == "" && to == "" {
		return Stat{}, false
	}
	s.absolute = !strings.HasSuffix(from, "%") && !strings.HasSuffix(to, "%")
	s.low, s.top = 0, 100
	if s.absolute {
		s.low, s.top = math.Inf(-1), math.Inf(1)
	}
	for _, end := range []struct {
		text string
		into *float64
	}{{from, &s.low}, {to, &s.top}} {
		if end.text == "" {
			continue
		}
		number, isPercent := strings.CutSuffix(end.text, "%")
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || isPercent == s.absolute || isPercent && (v < 0 || v > 100) {
			return Stat{}, false
		}
		*end.into = v
	}
	if s.kind == "pr" && !s.absolute || s.low >= s.top {
		return Stat{}, false
	}
	return s, true
}

func percent(text string) (float64, bool) {
	if text == "" || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && v >= 0 && v <= 100
}

// Percentile reports whether the statistic is a percentile, pNN.
func (s Stat) Percentile() bool { return s.kind == "p" }

// few reports whether a percentile stands on too few samples to mean anything: fewer than
// 10/(1-p) for p of one half and more, 10/p below.
//
// Source: CloudWatch User Guide, "Percentile-based alarms and low data samples".
func (s Stat) few(samples float64) bool {
	if s.kind != "p" || samples == 0 {
		return false
	}
	p := s.top / 100
	if p >= 0.5 {
		return samples*(1-p) < 10
	}
	return samples*p < 10
}

// Of gives the statistic of a period's samples; ok is false where there are none, or where it
// needs single values and only sums are known.
func (s Stat) Of(d Dist) (value float64, ok bool) {
	if d.Count <= 0 {
		return 0, false
	}
	switch s.kind {
	case SampleCount:
		return d.Count, true
	case Average:
		return d.Sum / d.Count, true
	case Sum:
		return d.Sum, true
	case Minimum:
		return d.Min, true
	case Maximum:
		return d.Max, true
	case "":
		return 0, false
	}
	values, ok := d.singles()
	if !ok {
		return 0, false
	}
	if s.kind == "p" {
		return quantile(values, s.top/100), true
	}
	return s.trimmed(values)
}

// trimmed gives the statistics over the values between two bounds.
func (s Stat) trimmed(values []Weighted) (float64, bool) {
	total := 0.0
	for _, v := range values {
		total += v.Count
	}
	low, top := s.low, s.top
	if !s.absolute {
		low, top = quantile(values, s.low/100), quantile(values, s.top/100)
	}
	var sum, count float64
	for _, v := range values {
		switch inside := v.Value >= low && v.Value <= top; {
		case inside:
			sum += v.Value * v.Count
			count += v.Count
		case s.kind == "wm":
			sum += min(max(v.Value, low), top) * v.Count
			count += v.Count
		}
	}
	switch s.kind {
	case "tc":
		return count, true
	case "ts":
		return sum, true
	case "pr":
		return 100 * count / total, true
	}
	if count == 0 {
		return 0, false
	}
	return sum / count, true
}

// quantile gives the value below which a part q (0 to 1) of the samples lies, by linear
// interpolation between neighbours: sample i of n stands at i/(n-1).
func quantile(values []Weighted, q float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v.Count
	}
	rank := q * (total - 1)
	if rank <= 0 || len(values) == 1 {
		return values[0].Value
	}
	seen := 0.0 // samples before values[i]
	for i, v := range values {
		last := seen + v.Count - 1 // the rank of this value's last sample
		if rank <= last || i == len(values)-1 {
			return v.Value
		}
		if next := seen + v.Count; rank < next {
			return v.Value + (rank-last)/(next-last)*(values[i+1].Value-v.Value)
		}
		seen += v.Count
	}
	return values[len(values)-1].Value
}

func byValue(a, b Weighted) int { return cmp.Compare(a.Value, b.Value) }
