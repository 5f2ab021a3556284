package alarm_test

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/alarm"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// series reads "0 - X", the newest right, ended at noon; X is 9, which breaches 5, and 0 is 0.
func series(picture string, period time.Duration) alarm.Series {
	slots := strings.Fields(picture)
	var s alarm.Series
	for i, c := range slots {
		at := noon.Add(-time.Duration(len(slots)-i) * period)
		switch c {
		case "X":
			s = append(s, alarm.Point{At: at, Value: 9, Samples: 1})
		case "0":
			s = append(s, alarm.Point{At: at, Value: 0, Samples: 1})
		}
	}
	return s
}

func TestMissingDataIsTreatedAsInTheUserGuidesTables(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/missing.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 11 {
			t.Fatalf("row %q has %d fields, want 11", line, len(f))
		}
		rows++
		var m, n, filled int
		if _, err := fmt.Sscanf(f[0]+" "+f[6], "%d/%d %d", &m, &n, &filled); err != nil {
			t.Fatal(err)
		}
		picture := strings.Join(f[1:6], " ")
		for i, treat := range []alarm.Treatment{alarm.AsMissing, alarm.AsIgnore, alarm.AsBreaching, alarm.AsNotBreaching} {
			r := alarm.Rule{Period: 5 * time.Minute, Periods: n, Datapoints: m, Compare: alarm.Greater, Threshold: 5, Missing: treat}
			for _, prev := range []alarm.State{alarm.OK, alarm.Alarm, alarm.InsufficientData} {
				want := alarm.State(f[7+i])
				if want == "keep" {
					want = prev
				}
				got := alarm.Eval(r, series(picture, r.Period), prev, noon)
				if got.State != want || got.Filled != filled {
					t.Errorf("%s %q, %s, before %s: got %s with %d filled, want %s with %d", f[0], picture, treat, prev, got.State, got.Filled, want, filled)
				}
			}
		}
	}
	if rows != 11 {
		t.Errorf("the table has %d rows, want 11", rows)
	}
}

func TestOneOldPointHoldsAMinuteAlarmForTheWholeRange(t *testing.T) {
	t.Parallel()
	r := alarm.Rule{Period: time.Minute, Periods: 1, Compare: alarm.GreaterOrEqual, Threshold: 1, Missing: alarm.AsNotBreaching}
	points := alarm.Series{{At: noon, Value: 7, Samples: 7}}
	for after, want := range map[time.Duration]alarm.State{
		59 * time.Second: alarm.OK, // its minute is not over
		time.Minute:      alarm.Alarm,
		10 * time.Minute: alarm.Alarm,
		11 * time.Minute: alarm.OK,
	} {
		if got := alarm.Eval(r, points, alarm.OK, noon.Add(after)).State; got != want {
			t.Errorf("%s after the point began: got %s, want %s", after, got, want)
		}
	}
}

func TestComparisonsBreachAsTheirNamesSay(t *testing.T) {
	t.Parallel()
	for c, want := range map[alarm.Comparison][3]bool{
		alarm.Greater: {false, false, true}, alarm.GreaterOrEqual: {false, true, true},
		alarm.Less: {true, false, false}, alarm.LessOrEqual: {true, true, false}, "Nonsense": {},
	} {
		if got := [3]bool{c.Breaches(4, 5), c.Breaches(5, 5), c.Breaches(6, 5)}; got != want {
			t.Errorf("%s of 4, 5, 6 against 5: got %v, want %v", c, got, want)
		}
	}
}

func TestAPercentileOfTooFewSamplesKeepsTheStateWhereAsked(t *testing.T) {
	t.Parallel()
	p99, _ := alarm.ParseStat("p99")
	r := alarm.Rule{Period: time.Minute, Periods: 1, Compare: alarm.Greater, Threshold: 5, Statistic: p99, KeepLow: true}
	for samples, want := range map[float64]alarm.State{999: alarm.OK, 1000: alarm.Alarm} {
		points := alarm.Series{{At: noon.Add(-time.Minute), Value: 9, Samples: samples}}
		if got := alarm.Eval(r, points, alarm.OK, noon).State; got != want {
			t.Errorf("p99 of %v samples: got %s, want %s", samples, got, want)
		}
	}
	r.KeepLow = false
	points := alarm.Series{{At: noon.Add(-time.Minute), Value: 9, Samples: 3}}
	if got := alarm.Eval(r, points, alarm.OK, noon).State; got != alarm.Alarm {
		t.Errorf("p99 of 3 samples that are to be evaluated: got %s, want ALARM", got)
	}
}

func TestEnoughRealPointsDecideWhateverMissingIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "n")
		r := alarm.Rule{
			Period: time.Minute, Periods: n, Datapoints: rapid.IntRange(1, n).Draw(t, "m"), Compare: alarm.Greater, Threshold: 5,
		}
		slots := rapid.SliceOfN(rapid.SampledFrom([]string{"0", "X", "-"}), 10, 10).Draw(t, "slots")
		points := series(strings.Join(slots, " "), r.Period)
		prev := rapid.SampledFrom([]alarm.State{alarm.OK, alarm.Alarm, alarm.InsufficientData}).Draw(t, "prev")
		var all []alarm.State
		for _, treat := range []alarm.Treatment{alarm.AsMissing, alarm.AsIgnore, alarm.AsBreaching, alarm.AsNotBreaching} {
			r.Missing = treat
			v := alarm.Eval(r, points, prev, noon)
			if v.Filled+len(v.Points) != n {
				t.Fatalf("%d points and %d filled do not make N = %d", len(v.Points), v.Filled, n)
			}
			if again := alarm.Eval(r, points, prev, noon); !cmp.Equal(v, again) {
				t.Fatalf("the same input gave another verdict: %v, then %v", v, again)
			}
			if treat == alarm.AsNotBreaching && v.State == alarm.Alarm && alarm.Eval(r, points, prev, noon).Filled > n-r.Datapoints {
				t.Fatalf("alarm with %d of %d points not breaching", v.Filled, n)
			}
			all = append(all, v.State)
		}
		if len(points) < n {
			return
		}
		for _, s := range all[1:] {
			if s != all[0] {
				t.Fatalf("%v with enough real points: got %v by treatment, want all the same", slots, all)
			}
		}
	})
}

func TestOneMoreBreachingPointNeverCalmsAnAlarm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "n")
		r := alarm.Rule{
			Period: rapid.SampledFrom([]time.Duration{time.Minute, 5 * time.Minute}).Draw(t, "period"), Periods: n,
			Datapoints: rapid.IntRange(1, n).Draw(t, "m"), Compare: alarm.Greater, Threshold: 5,
			Missing: rapid.SampledFrom([]alarm.Treatment{"", alarm.AsMissing, alarm.AsIgnore, alarm.AsBreaching, alarm.AsNotBreaching}).Draw(t, "missing"),
		}
		slots := rapid.SliceOfN(rapid.SampledFrom([]string{"0", "X", "-"}), 6, 6).Draw(t, "slots")
		prev := rapid.SampledFrom([]alarm.State{alarm.OK, alarm.Alarm, alarm.InsufficientData}).Draw(t, "prev")
		if alarm.Eval(r, series(strings.Join(slots, " "), r.Period), prev, noon).State != alarm.Alarm {
			return
		}
		for i, s := range slots {
			if s != "0" {
				continue
			}
			worse := slices.Clone(slots)
			worse[i] = "X"
			if got := alarm.Eval(r, series(strings.Join(worse, " "), r.Period), prev, noon).State; got != alarm.Alarm {
				t.Fatalf("%v is ALARM, and %v is %s", slots, worse, got)
			}
		}
	})
}
