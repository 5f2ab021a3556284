package alarm

import (
	"fmt"
	"strings"
	"time"
)

func (in Inputs) eval(t *term) (Value, error) {
	switch t.op {
	case leafNumber:
		return Value{Scalar: t.number}, nil
	case leafText:
		return Value{}, fmt.Errorf("the text %q stands where a value is wanted", t.text)
	case leafID:
		v, ok := in.Values[t.text]
		if !ok {
			return v, fmt.Errorf("there is no id %q", t.text)
		}
		return v, nil
	case "METRICS":
		return in.metrics(t)
	case "IF":
		return in.choose(t)
	case "FILL":
		return in.fill(t)
	}
	args := make([]Value, len(t.of))
	for i, a := range t.of {
		var err error
		if args[i], err = in.eval(a); err != nil {
			return Value{}, err
		}
	}
	if f := operators[t.op]; f != nil {
		return combine(args[0], args[1], f)
	}
	if f := singles[t.op]; f != nil {
		return each(args[0], f), nil
	}
	switch t.op {
	case "LIST":
		var all []Line
		for _, a := range args {
			if a.Series == nil {
				return Value{}, fmt.Errorf("a list takes metrics and no numbers")
			}
			all = append(all, a.Series...)
		}
		return Value{Series: all, List: true}, nil
	case "SUM", "AVG", "MIN", "MAX", "STDDEV":
		return gather(t.op, args)
	case "TIME_SERIES":
		if args[0].Series != nil {
			return Value{}, fmt.Errorf("TIME_SERIES takes a number")
		}
		return in.constant(args[0].Scalar), nil
	case "METRIC_COUNT":
		return Value{Scalar: float64(len(args[0].Series))}, nil
	case "FIRST", "LAST":
		if len(args[0].Series) == 0 {
			return Value{}, fmt.Errorf("%s takes several metrics", t.op)
		}
		i := 0
		if t.op == "LAST" {
			i = len(args[0].Series) - 1
		}
		return Value{Series: args[0].Series[i : i+1]}, nil
	}
	return along(t.op, args[0])
}

// metrics gives the metrics of the request whose ids hold a text.
func (in Inputs) metrics(t *term) (Value, error) {
	want := ""
	if len(t.of) == 1 {
		if t.of[0].op != leafText {
			return Value{}, fmt.Errorf("METRICS takes a text in quotes")
		}
		want = t.of[0].text
	}
	v := Value{Series: []Line{}, List: true}
	for _, l := range in.Metrics {
		if strings.Contains(l.ID, want) {
			v.Series = append(v.Series, l)
		}
	}
	return v, nil
}

// choose is IF: where the condition is not 0 the second argument, else the third or no point.
func (in Inputs) choose(t *term) (Value, error) {
	args := make([]Value, len(t.of))
	for i, a := range t.of {
		var err error
		if args[i], err = in.eval(a); err != nil {
			return Value{}, err
		}
		if len(args[i].Series) > 1 {
			return Value{}, fmt.Errorf("IF takes single metrics and numbers")
		}
	}
	cond := args[0]
	if cond.Series == nil {
		switch {
		case cond.Scalar != 0:
			return args[1], nil
		case len(args) == 3:
			return args[2], nil
		}
		return Value{Series: []Line{{}}}, nil
	}
	out := Line{}
	var lines []Line
	for _, a := range args {
		for _, l := range a.Series {
			out.Period = max(out.Period, l.Period)
			lines = append(lines, l)
		}
	}
	value := func(v Value, at time.Time) (float64, bool) {
		if v.Series == nil {
			return v.Scalar, true
		}
		if len(v.Series) == 0 {
			return 0, false
		}
		return v.Series[0].point(at)
	}
	for _, at := range moments(lines...) {
		c, _ := value(cond, at)
		var v float64
		ok := false
		switch {
		case c != 0:
			v, ok = value(args[1], at)
		case len(args) == 3:
			v, ok = value(args[2], at)
		}
		if ok && finite(v) {
			out.Points = append(out.Points, Point{At: at, Value: v})
		}
	}
	return Value{Series: []Line{out}}, nil
}

// fill is FILL: missing points get a number, the last value before, or what lies between neighbours.
func (in Inputs) fill(t *term) (Value, error) {
	v, err := in.eval(t.of[0])
	if err != nil || v.Series == nil {
		return v, err
	}
	how, number := "", 0.0
	if by := t.of[1]; by.op == leafID && (by.text == "REPEAT" || by.text == "LINEAR") {
		how = by.text
	} else if with, err := in.eval(by); err != nil || with.Series != nil {
		return Value{}, fmt.Errorf("FILL takes a number, REPEAT or LINEAR")
	} else {
		number = with.Scalar
	}
	out := Value{Series: make([]Line, len(v.Series)), List: v.List}
	for i, l := range v.Series {
		out.Series[i] = Line{ID: l.ID, Period: l.Period}
		if l.Period <= 0 || how != "" && len(l.Points) == 0 {
			out.Series[i] = l
			continue
		}
		for at := in.phase(l); at.Before(in.To); at = at.Add(l.Period) {
			y, ok := l.point(at)
			switch {
			case ok:
			case how == "":
				y, ok = number, true
			default:
				y, ok = l.between(at, how == "LINEAR")
			}
			if ok {
				out.Series[i].Points = append(out.Series[i].Points, Point{At: at, Value: y})
			}
		}
	}
	return out, nil
}

// phase gives the first time of a series' rhythm at or after From.
func (in Inputs) phase(l Line) time.Time {
	at := in.From
	if len(l.Points) > 0 {
		at = l.Points[0].At.Add(-l.Points[0].At.Sub(in.From).Truncate(l.Period))
	}
	return at
}

// constant is a number as a series over the time looked at.
func (in Inputs) constant(v float64) Value {
	l := Line{Period: time.Minute}
	for _, m := range in.Metrics {
		l.Period = m.Period
	}
	for at := in.From; at.Before(in.To); at = at.Add(l.Period) {
		l.Points = append(l.Points, Point{At: at, Value: v})
	}
	return Value{Series: []Line{l}}
}
