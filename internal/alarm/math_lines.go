package alarm

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// each applies a function to each point.
func each(v Value, f func(float64) float64) Value {
	if v.Series == nil {
		return Value{Scalar: f(v.Scalar)}
	}
	out := Value{Series: make([]Line, len(v.Series)), List: v.List}
	for i, l := range v.Series {
		out.Series[i] = Line{ID: l.ID, Period: l.Period}
		for _, p := range l.Points {
			if p.Value = f(p.Value); finite(p.Value) {
				out.Series[i].Points = append(out.Series[i].Points, Point{At: p.At, Value: p.Value})
			}
		}
	}
	return out
}

// combine applies an operator: numbers with numbers, with each point of series, or two series point by
// point. Several series go with a number or with one series.
func combine(a, b Value, f func(x, y float64) float64) (Value, error) {
	switch {
	case a.Series == nil && b.Series == nil:
		return Value{Scalar: f(a.Scalar, b.Scalar)}, nil
	case b.Series == nil:
		return each(a, func(x float64) float64 { return f(x, b.Scalar) }), nil
	case a.Series == nil:
		return each(b, func(y float64) float64 { return f(a.Scalar, y) }), nil
	}
	n := max(len(a.Series), len(b.Series))
	if len(a.Series) != n && len(a.Series) != 1 || len(b.Series) != n && len(b.Series) != 1 {
		return Value{}, fmt.Errorf("%d metrics do not go with %d", len(a.Series), len(b.Series))
	}
	out := Value{Series: make([]Line, n), List: a.List || b.List}
	for i := range n {
		x, y := a.Series[min(i, len(a.Series)-1)], b.Series[min(i, len(b.Series)-1)]
		out.Series[i] = Line{Period: max(x.Period, y.Period)}
		for _, at := range moments(x, y) {
			if v := f(x.at(at), y.at(at)); finite(v) {
				out.Series[i].Points = append(out.Series[i].Points, Point{At: at, Value: v})
			}
		}
	}
	return out, nil
}

// moments gives the times at which any of some series has a point, in order.
func moments(lines ...Line) []time.Time {
	var all []time.Time
	for _, l := range lines {
		for _, p := range l.Points {
			all = append(all, p.At)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// at gives a series' value at a time, 0 where it has none.
func (l Line) at(t time.Time) float64 {
	v, _ := l.point(t)
	return v
}

func (l Line) point(t time.Time) (float64, bool) {
	i, ok := slices.BinarySearchFunc(l.Points, t, func(p Point, t time.Time) int { return p.At.Compare(t) })
	if !ok {
		return 0, false
	}
	return l.Points[i].Value, true
}

// between gives the value of a missing point from its neighbours.
func (l Line) between(at time.Time, linear bool) (float64, bool) {
	i, _ := slices.BinarySearchFunc(l.Points, at, func(p Point, t time.Time) int { return p.At.Compare(t) })
	switch {
	case i == 0:
		return 0, false
	case !linear:
		return l.Points[i-1].Value, true
	case i == len(l.Points):
		return 0, false
	}
	a, b := l.Points[i-1], l.Points[i]
	part := float64(at.Sub(a.At)) / float64(b.At.Sub(a.At))
	return a.Value + part*(b.Value-a.Value), true
}

// gather is SUM, AVG, MIN, MAX and STDDEV: of one series over its time, a number; of several point by
// point, one series. Points that are missing do not count.
func gather(op string, args []Value) (Value, error) {
	var lines []Line
	several := len(args) > 1
	for _, a := range args {
		if a.Series == nil {
			if len(args) == 1 {
				return a, nil
			}
			return Value{}, fmt.Errorf("%s takes metrics", op)
		}
		several = several || a.List
		lines = append(lines, a.Series...)
	}
	if !several {
		var all []float64
		for _, l := range lines {
			for _, p := range l.Points {
				all = append(all, p.Value)
			}
		}
		if len(all) == 0 {
			return Value{Series: []Line{}}, nil
		}
		return Value{Scalar: reduce(op, all)}, nil
	}
	out := Line{}
	for _, l := range lines {
		out.Period = max(out.Period, l.Period)
	}
	for _, at := range moments(lines...) {
		var all []float64
		for _, l := range lines {
			if v, ok := l.point(at); ok {
				all = append(all, v)
			}
		}
		out.Points = append(out.Points, Point{At: at, Value: reduce(op, all)})
	}
	return Value{Series: []Line{out}}, nil
}

func reduce(op string, all []float64) float64 {
	sum := 0.0
	for _, v := range all {
		sum += v
	}
	mean := sum / float64(len(all))
	switch op {
	case "SUM":
		return sum
	case "AVG":
		return mean
	case "MIN":
		return slices.Min(all)
	case "MAX":
		return slices.Max(all)
	}
	square := 0.0
	for _, v := range all {
		square += (v - mean) * (v - mean)
	}
	return math.Sqrt(square / float64(len(all)))
}

// along computes what looks at a series from its begin to its end.
func along(op string, v Value) (Value, error) {
	if v.Series == nil {
		return Value{}, fmt.Errorf("%s takes a metric", op)
	}
	out := Value{Series: make([]Line, len(v.Series)), List: v.List}
	for i, l := range v.Series {
		line := Line{ID: l.ID, Period: l.Period}
		sum := 0.0
		for j, p := range l.Points {
			y, ok := 0.0, j > 0
			switch op {
			case "DIFF":
				if ok {
					y = p.Value - l.Points[j-1].Value
				}
			case "DIFF_TIME":
				if ok {
					y = p.At.Sub(l.Points[j-1].At).Seconds()
				}
			case "RATE":
				if ok {
					y = (p.Value - l.Points[j-1].Value) / p.At.Sub(l.Points[j-1].At).Seconds()
				}
			case "PERIOD":
				y, ok = l.Period.Seconds(), true
			case "DATAPOINT_COUNT":
				y, ok = float64(len(l.Points)), true
			case "RUNNING_SUM":
				sum += p.Value
				y, ok = sum, true
			}
			if ok && finite(y) {
				line.Points = append(line.Points, Point{At: p.At, Value: y})
			}
		}
		out.Series[i] = line
	}
	// Two of them are one number for a metric.
	if len(out.Series) == 1 && (op == "PERIOD" || op == "DATAPOINT_COUNT") {
		if op == "PERIOD" {
			return Value{Scalar: v.Series[0].Period.Seconds()}, nil
		}
		return Value{Scalar: float64(len(v.Series[0].Points))}, nil
	}
	return out, nil
}
