package alarm_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/alarm"
)

func dist(values ...float64) (d alarm.Dist) {
	for _, v := range values {
		d = d.Merge(alarm.Single(v, 1))
	}
	return d
}

func TestStatisticsOfSamples(t *testing.T) {
	t.Parallel()
	d := dist(4, 1, 3, 2, 10)
	for name, want := range map[string]float64{
		"SampleCount": 5, "Sum": 20, "Average": 4, "Minimum": 1, "Maximum": 10,
		"p0": 1, "p25": 2, "p50": 3, "p75": 4, "p90": 7.6, "p100": 10, "p62.5": 3.5,
		"tm80": 2.5, "tc80": 4, "ts80": 10, "PR(2:4)": 60, "tc(2:4)": 3, "ts(:3)": 6, "IQM": 3, "tm(25%:75%)": 3, "wm75": 2.8,
	} {
		if got, ok := stat(t, name).Of(d); !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s of 1, 2, 3, 4, 10: got %v, %v, want %v", name, got, ok, want)
		}
	}
}

func TestStatisticsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "sum", "p", "p101", "p-1", "pNaN", "tm", "tm(10:)x", "tm(:)", "PR(1%:2%)", "PR50", "tm(90%:10%)", "q50", "tm(1:2%)"} {
		if s, ok := alarm.ParseStat(name); ok {
			t.Errorf("%q was read as %v", name, s)
		}
	}
}

func TestPercentilesNeedTheValuesNotTheirSums(t *testing.T) {
	t.Parallel()
	p50 := stat(t, "p50")
	if v, ok := p50.Of(alarm.Summed(3, 9, 1, 5)); ok {
		t.Errorf("p50 of a statistic set: got %v, want none", v)
	}
	if v, ok := p50.Of(dist(1).Merge(alarm.Summed(3, 9, 1, 5))); ok {
		t.Errorf("p50 of a value and a statistic set: got %v, want none", v)
	}
	for name, d := range map[string]alarm.Dist{"one sample": alarm.Summed(1, 4, 4, 4), "equal samples": alarm.Summed(7, 28, 4, 4)} {
		if v, ok := p50.Of(d); !ok || v != 4 {
			t.Errorf("p50 of a statistic set of %s: got %v, %v, want 4", name, v, ok)
		}
	}
	if v, ok := p50.Of(alarm.Dist{}); ok {
		t.Errorf("p50 of nothing: got %v, want none", v)
	}
}

func TestCountedValuesAreTheirSamples(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(dist(4, 4, 1).Merge(alarm.Single(9, 3)), alarm.Counted([]float64{4, 9, 1, 7, 5}, []float64{2, 3, 1, 0})); diff != "" {
		t.Errorf("with counts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(dist(-4, -1), alarm.Counted([]float64{-1, -4}, nil)); diff != "" {
		t.Errorf("without (-want +got):\n%s", diff)
	}
	if got := alarm.Counted(nil, nil); got.Count != 0 || len(got.Values) != 0 {
		t.Errorf("none: got %+v", got)
	}
}

func TestABoundedDistKeepsSumsExactlyAndPercentilesNearly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0.001, 10), 1, 400).Draw(t, "values")
		d := dist(values...)
		b := d.Bounded(100)
		if len(b.Values) > 100 {
			t.Fatalf("%d values are kept, want at most 100", len(b.Values))
		}
		if b.Count != d.Count || b.Sum != d.Sum || b.Min != d.Min || b.Max != d.Max {
			t.Fatalf("sums changed: %+v, want %+v", b, d)
		}
		slices.Sort(values)
		for _, name := range []string{"p10", "p50", "p99"} {
			s, _ := alarm.ParseStat(name)
			got, _ := s.Of(b)
			want, _ := s.Of(d)
			if math.Abs(got-want) > want*0.15 {
				t.Fatalf("%s: got %v, want within 15 %% of %v", name, got, want)
			}
		}
	})
}

func TestMergingTakesNothingFromItsParts(t *testing.T) {
	t.Parallel()
	a, b := dist(1, 5), dist(3)
	m := a.Merge(b)
	if m.Count != 3 || a.Count != 2 || len(a.Values) != 2 || a.Values[1].Value != 5 || b.Values[0].Value != 3 {
		t.Errorf("merged %+v out of %+v and %+v", m, a, b)
	}
}
