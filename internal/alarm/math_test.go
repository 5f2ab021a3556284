package alarm

import (
	"strings"
	"testing"
	"time"
)

// minute0 is where the series of these tests begin; "-" is a minute without a point.
var minute0 = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func line(id, text string) Line {
	l := Line{ID: id, Period: time.Minute}
	for i, f := range strings.Fields(text) {
		if f != "-" {
			l.Points = append(l.Points, Point{At: minute0.Add(time.Duration(i) * time.Minute), Value: parse(f)})
		}
	}
	return l
}

func parse(s string) (v float64) {
	e, err := ParseExpression(s)
	if err != nil {
		panic(err)
	}
	x, err := e.Eval(Inputs{})
	if err != nil {
		panic(err)
	}
	return x.Scalar
}

// told writes a value as line reads it.
func toldValue(v Value, minutes int) string {
	if v.Series == nil {
		return "= " + Number(v.Scalar)
	}
	var all []string
	for _, l := range v.Series {
		var fields []string
		for i := range minutes {
			if y, ok := l.point(minute0.Add(time.Duration(i) * time.Minute)); ok {
				fields = append(fields, strings.TrimSuffix(Number(y), ".0"))
			} else {
				fields = append(fields, "-")
			}
		}
		all = append(all, strings.Join(fields, " "))
	}
	return strings.Join(all, " | ")
}

func TestExpressionsComeToWhatCloudWatchSays(t *testing.T) {
	t.Parallel()
	metrics := []Line{line("m1", "1 - 3 4"), line("m2", "10 20 0 -"), line("bad", "5 6 7 8")}
	in := Inputs{Values: map[string]Value{}, Metrics: metrics, From: minute0, To: minute0.Add(4 * time.Minute)}
	for _, m := range metrics {
		in.Values[m.ID] = Value{Series: []Line{m}}
	}
	for text, want := range map[string]string{
		"1 + 2 * 3 ^ 2":                      "= 19.0",
		"-(2 - 5) / 2":                       "= 1.5",
		"m1 + 1":                             "2 - 4 5",
		"m1 + m2":                            "11 20 3 4",
		"100 * m1 / m2":                      "10 0 - -",
		"100*m1/(m1+m2)":                     "9.090909090909092 0 100 100",
		"IF(m2 > 0, 100*m1/m2, 0)":           "10 0 0 -",
		"IF(m1 > 2, m1)":                     "- - 3 4",
		"m1 > 2":                             "0 - 1 1",
		"m1 >= 1 AND m2 > 0":                 "1 0 0 0",
		"FILL(m1, 0)":                        "1 0 3 4",
		"FILL(m1, REPEAT)":                   "1 1 3 4",
		"FILL(m1, LINEAR)":                   "1 2 3 4",
		"FILL(m2, LINEAR)":                   "10 20 0 -",
		"SUM(m1)":                            "= 8.0",
		"AVG(METRICS())":                     "5.333333333333333 13 3.3333333333333335 6",
		`SUM(METRICS("m"))`:                  "11 20 3 4",
		`SUM(METRICS("bad"))`:                "5 6 7 8",
		"MIN([m1])":                          "1 - 3 4",
		"AVG(METRICS(\"bad\") * 2)":          "10 12 14 16",
		"MAX([m1, m2])":                      "10 20 3 4",
		"MIN([m1,m2,bad])":                   "1 6 0 4",
		"m1 / SUM(m1) * 8":                   "1 - 3 4",
		"DIFF(m2)":                           "- 10 -20 -",
		"RATE(m1)":                           "- - 0.016666666666666666 0.016666666666666666",
		"PERIOD(m1)":                         "= 60.0",
		"m1 / PERIOD(m1) * 60":               "1 - 3 4",
		"CEIL(m1 / 2)":                       "1 - 2 2",
		"FLOOR(m1 / 2) - ABS(-1)":            "-1 - 0 1",
		"METRICS() * 2":                      "2 - 6 8 | 20 40 0 - | 10 12 14 16",
		"RUNNING_SUM(m1)":                    "1 - 4 8",
		"TIME_SERIES(7)":                     "7 7 7 7",
		"DATAPOINT_COUNT(m1)":                "= 3.0",
		"IF(1 == 1, m1, m2)":                 "1 - 3 4",
		"(m1 || 0) && (m2 != 10)":            "0 0 1 0",
		"FILL(m1, 0) / (FILL(m1,0) + bad)*0": "0 0 0 0",
	} {
		e, err := ParseExpression(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		v, err := e.Eval(in)
		if got := toldValue(v, 4); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "m1 +", "(m1", "SUM(", "NOPE(m1)", "M1", "m1 m2", "FILL(m1)", "1..2", `METRICS("x`, "[m1"} {
		if _, err := ParseExpression(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, bad := range []string{"m9", "FILL(m1, m2)", "METRICS() + METRICS(\"m\")", "TIME_SERIES(m1)", "RATE(1)", "[1, m1]"} {
		e, err := ParseExpression(bad)
		if err != nil {
			t.Errorf("%s: %v", bad, err)
			continue
		}
		if _, err := e.Eval(in); err == nil {
			t.Errorf("%q is evaluated", bad)
		}
	}
}
