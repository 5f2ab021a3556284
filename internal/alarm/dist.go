package alarm

import (
	"math"
	"slices"
)

// Dist is what is kept of a period's samples: their number, sum and extremes, and the values
// themselves as far as they are known. The zero Dist has no samples. A Dist is a value: Add and
// Merge give another and leave their receiver as it was.
type Dist struct {
	Count float64 `json:"n"`
	Sum   float64 `json:"s"`
	Min   float64 `json:"l"`
	Max   float64 `json:"h"`
	// Values are the samples by value, ascending. It is empty where only sums are known, which
	// percentiles then cannot be made from.
	Values []Weighted `json:"v,omitempty"`
	// Sums says that some samples came as sums alone, so that Values would not tell all.
	Sums bool `json:"x,omitempty"`
}

// Weighted is a value that occurred Count times.
type Weighted struct {
	Value float64 `json:"v"`
	Count float64 `json:"c"`
}

// Single gives the samples of one value that occurred count times, count > 0.
func Single(value, count float64) Dist {
	return Dist{Count: count, Sum: value * count, Min: value, Max: value, Values: []Weighted{{value, count}}}
}

// Counted gives the samples of several values, each with how often it occurred; nil counts are
// once each. Values that never occurred, or that have no count, are passed over.
func Counted(values, counts []float64) (d Dist) {
	for i, v := range values {
		n := 1.0
		if counts != nil {
			if i >= len(counts) {
				break
			}
			n = counts[i]
		}
		if n <= 0 {
			continue
		}
		if d.Count == 0 {
			d.Min, d.Max = v, v
		}
		d.Count, d.Sum, d.Min, d.Max = d.Count+n, d.Sum+v*n, min(d.Min, v), max(d.Max, v)
		d.Values = append(d.Values, Weighted{v, n})
	}
	d.Values = join(d.Values)
	return d
}

// Summed gives samples of which only a statistic set is known. Where all must be equal (one
// sample, or minimum and maximum the same) their values are known too.
func Summed(count, sum, least, most float64) Dist {
	d := Dist{Count: count, Sum: sum, Min: least, Max: most, Sums: true}
	switch {
	case least == most:
		d.Values, d.Sums = []Weighted{{least, count}}, false
	case count == 1:
		d.Values, d.Sums = []Weighted{{sum, 1}}, false
	}
	return d
}

// Merge gives the samples of both.
func (d Dist) Merge(o Dist) Dist {
	if d.Count == 0 {
		return o
	}
	if o.Count == 0 {
		return d
	}
	m := Dist{
		Count: d.Count + o.Count, Sum: d.Sum + o.Sum, Min: min(d.Min, o.Min), Max: max(d.Max, o.Max),
		Sums: d.Sums || o.Sums,
	}
	if !m.Sums {
		m.Values = join(slices.Concat(d.Values, o.Values))
	}
	return m
}

// Bounded gives the same samples with at most limit different values: where there are more,
// neighbours closer than a few percent are taken together, closer or wider as the limit needs.
// Count, Sum, Min and Max stay exact.
func (d Dist) Bounded(limit int) Dist {
	for step := 0.01; len(d.Values) > limit; step *= 2 {
		coarse := make([]Weighted, len(d.Values))
		for i, v := range d.Values {
			coarse[i] = Weighted{rounded(v.Value, step), v.Count}
		}
		d.Values = join(coarse)
	}
	return d
}

// rounded gives the middle of the logarithmic class of a width (as a part of the value) in which
// a value lies.
func rounded(v, width float64) float64 {
	if v == 0 {
		return 0
	}
	base := math.Log1p(width)
	return math.Copysign(math.Exp(math.Round(math.Log(math.Abs(v))/base)*base), v)
}

// join sorts values and takes equal ones together.
func join(values []Weighted) []Weighted {
	slices.SortStableFunc(values, byValue)
	out := values[:0]
	for _, v := range values {
		if n := len(out); n > 0 && out[n-1].Value == v.Value {
			out[n-1].Count += v.Count
			continue
		}
		out = append(out, v)
	}
	return out
}

// singles gives the values of all samples; ok is false where some are known as sums alone.
func (d Dist) singles() (values []Weighted, ok bool) {
	return d.Values, !d.Sums && len(d.Values) > 0
}
