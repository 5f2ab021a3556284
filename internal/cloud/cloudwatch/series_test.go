package cloudwatch

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/alarm"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestASeriesStaysSmallAndLosesNoSampleWithinItsTime(t *testing.T) {
	t.Parallel()
	var s series
	const days = 5
	for i := range days * 24 * 60 {
		s.add(minutes, noon.Add(time.Duration(i)*time.Minute), alarm.Single(float64(i%97), 2))
	}
	for kind, list := range s {
		if len(list) > kept[kind] {
			t.Errorf("buckets of %s: got %d, want at most %d", widths[kind], len(list), kept[kind])
		}
	}
	end := noon.Add(days * 24 * time.Hour)
	total := 0.0
	for _, slot := range s.read(noon, end, time.Hour) {
		if slot.dist.Count != 120 {
			t.Errorf("hour at %s: got %v samples, want 120", slot.at, slot.dist.Count)
		}
		total += slot.dist.Count
	}
	if want := 2.0 * days * 24 * 60; total != want {
		t.Errorf("samples of %d days: got %v, want %v", days, total, want)
	}
	if n := len(s.read(end.Add(-24*time.Hour), end, time.Minute)); n != 24*60 {
		t.Errorf("minutes of the last day: got %d, want all", n)
	}
}

func TestSamplesAreReadOnceWhateverTheOrderTheyCameIn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type sample struct {
			At    int
			Fine  bool
			Value float64
		}
		samples := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) sample {
			return sample{rapid.IntRange(0, 3600).Draw(t, "at"), rapid.Bool().Draw(t, "fine"), rapid.Float64Range(-5, 5).Draw(t, "value")}
		}), 0, 60).Draw(t, "samples")
		var s series
		sum := 0.0
		for _, one := range samples {
			kind := minutes
			if one.Fine {
				kind = seconds
			}
			s.add(kind, noon.Add(time.Duration(one.At)*time.Second), alarm.Single(one.Value, 1))
			sum += one.Value
		}
		period := time.Duration(rapid.SampledFrom([]int{60, 120, 300, 3600}).Draw(t, "period")) * time.Second
		count, got := 0.0, 0.0
		var before time.Time
		for _, slot := range s.read(noon, noon.Add(2*time.Hour), period) {
			if !slot.at.After(before) || slot.at.Sub(noon)%period != 0 {
				t.Fatalf("period at %s after one at %s, by %s", slot.at, before, period)
			}
			before = slot.at
			count, got = count+slot.dist.Count, got+slot.dist.Sum
		}
		if count != float64(len(samples)) || math.Abs(got-sum) > 1e-9 {
			t.Fatalf("read %v samples of sum %v, want %d of %v", count, got, len(samples), sum)
		}
	})
}

func TestASeriesReadsBackFromDisk(t *testing.T) {
	t.Parallel()
	var s series
	for i := range 2000 {
		s.add(minutes, noon.Add(time.Duration(i)*time.Minute), alarm.Single(float64(i)/7, 1))
	}
	s.add(seconds, noon, alarm.Summed(3, 9, 1, 5))
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back series
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Errorf("(-put +got):\n%s", diff)
	}
}

func BenchmarkAdd(b *testing.B) {
	var s series
	for i := 0; b.Loop(); i++ {
		s.add(minutes, noon.Add(time.Duration(i/1000)*time.Minute), alarm.Single(float64(i%300)/100, 1))
	}
}
