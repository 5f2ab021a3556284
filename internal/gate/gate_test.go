package gate_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/gate"
)

func TestAThresholdFailsAtOnceAndPassesOnceThereIsEnough(t *testing.T) {
	t.Parallel()
	errors := gate.Threshold{Limit: 1, Least: 3, Allowed: 1}
	healthy := gate.Threshold{Bad: gate.LowIsBad, Limit: 4, Least: 2}
	for _, c := range []struct {
		name    string
		rule    gate.Threshold
		samples []float64
		want    gate.Verdict
	}{
		{"nothing seen", errors, nil, gate.More},
		{"too few, all well", errors, []float64{0, 1}, gate.More},
		{"enough, on the limit", errors, []float64{1, 1, 1}, gate.Pass},
		{"one more is allowed", errors, []float64{0, 2, 0}, gate.Pass},
		{"two are not", errors, []float64{2, 2}, gate.Fail},
		{"what is no number does not count", errors, []float64{math.NaN(), math.Inf(1), 0, 0}, gate.More},
		{"low is bad", healthy, []float64{4, 3}, gate.Fail},
		{"low is bad and none is", healthy, []float64{4, 5}, gate.Pass},
		{"zero least is one", gate.Threshold{Limit: 1}, nil, gate.More},
	} {
		if got := c.rule.Eval(c.samples); got.Verdict != c.want || got.Why == "" {
			t.Errorf("%s: got %q (%s), want %q", c.name, got.Verdict, got.Why, c.want)
		}
	}
}

// around gives n samples about a middle, half as wide as it.
func around(middle float64, n int, chance *rand.Rand) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = middle * (0.75 + chance.Float64()/2)
	}
	return s
}

func TestTheNewSideFailsOnlyWhereItIsSurelyAndNoticeablyWorse(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(1, 2))
	same := []float64{3, 3, 3, 3, 3, 3}
	for _, c := range []struct {
		name          string
		rule          gate.Comparison
		before, after []float64
		want          gate.Verdict
	}{
		{"too few new samples", gate.Comparison{}, around(100, 50, chance), around(900, 4, chance), gate.More},
		{"fewer than asked for", gate.Comparison{Least: 60}, around(100, 50, chance), around(900, 50, chance), gate.More},
		{"twice as slow", gate.Comparison{}, around(100, 20, chance), around(200, 20, chance), gate.Fail},
		{"twice as slow, many samples", gate.Comparison{}, around(100, 500, chance), around(200, 300, chance), gate.Fail},
		{"twice as fast", gate.Comparison{}, around(200, 20, chance), around(100, 20, chance), gate.Pass},
		{"half the successes", gate.Comparison{Bad: gate.LowIsBad}, around(200, 20, chance), around(100, 20, chance), gate.Fail},
		{"double the successes", gate.Comparison{Bad: gate.LowIsBad}, around(100, 20, chance), around(200, 20, chance), gate.Pass},
		{"all the same", gate.Comparison{}, same, same, gate.Pass},
		{"surely worse by less than allowed", gate.Comparison{Worse: 0.5}, around(100, 400, chance), around(120, 400, chance), gate.Pass},
		{"surely worse by more than allowed", gate.Comparison{Worse: 0.1}, around(100, 400, chance), around(120, 400, chance), gate.Fail},
		{"errors where there were none", gate.Comparison{Worse: 0.5}, make([]float64, 30), around(2, 30, chance), gate.Fail},
	} {
		if got := c.rule.Eval(c.before, c.after); got.Verdict != c.want || got.Why == "" {
			t.Errorf("%s: got %q (%s), want %q", c.name, got.Verdict, got.Why, c.want)
		}
	}
}

func TestAnEqualSideFailsAboutAsOftenAsDoubtSays(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(3, 4))
	failed := 0
	const rounds = 1000
	for range rounds {
		if (gate.Comparison{}).Eval(around(100, 15, chance), around(100, 15, chance)).Verdict == gate.Fail {
			failed++
		}
	}
	if failed < rounds/50 || failed > rounds/10 {
		t.Errorf("an equal side failed %d times of %d, want about one in twenty", failed, rounds)
	}
}

func TestBetterSamplesNeverTurnAPassIntoAFailure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.SliceOfN(rapid.Float64Range(0, 5), 5, 12)
		before, after := side.Draw(t, "before"), side.Draw(t, "after")
		better := make([]float64, len(after))
		for i, v := range after {
			better[i] = v - rapid.Float64Range(0, 3).Draw(t, "by")
		}
		rule := gate.Comparison{Worse: 0.1}
		if rule.Eval(before, after).Verdict == gate.Pass && rule.Eval(before, better).Verdict == gate.Fail {
			t.Fatalf("%v passes against %v, and %v, which is better, fails", after, before, better)
		}
	})
}
