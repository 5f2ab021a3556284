package balance_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

func TestATargetThatFailsFarMoreThanTheOthersIsAnomalous(t *testing.T) {
	t.Parallel()
	well, ill := balance.Anomaly{}, balance.Anomaly{Anomalous: true}
	for name, tt := range map[string]struct {
		was         balance.Anomaly
		own, others balance.Done
		want        bool
	}{
		"all fail alike":                   {well, balance.Done{Requests: 100, Errors: 50}, balance.Done{Requests: 200, Errors: 100}, false},
		"it alone fails":                   {well, balance.Done{Requests: 100, Errors: 20}, balance.Done{Requests: 200}, true},
		"too few failures":                 {well, balance.Done{Requests: 4, Errors: 4}, balance.Done{Requests: 200}, false},
		"too small a part":                 {well, balance.Done{Requests: 1000, Errors: 50}, balance.Done{Requests: 2000}, false},
		"one failure keeps it so":          {ill, balance.Done{Requests: 4, Errors: 1}, balance.Done{Requests: 200}, true},
		"no failure ends it":               {ill, balance.Done{Requests: 1}, balance.Done{Requests: 200}, false},
		"who is not asked stays anomalous": {ill, balance.Done{}, balance.Done{Requests: 200}, true},
		"most of four targets fail":        {well, balance.Done{Requests: 100, Errors: 100}, balance.Done{Requests: 300, Errors: 200}, false},
		"half of four targets fail":        {well, balance.Done{Requests: 100, Errors: 100}, balance.Done{Requests: 300, Errors: 100}, true},
	} {
		if got := tt.was.After(tt.own, tt.others, false); got.Anomalous != tt.want || got.Halved != 0 {
			t.Errorf("%s: got %+v, want anomalous %v", name, got, tt.want)
		}
	}
}

func TestAnAnomalousTargetsPartFallsAndRisesStepByStep(t *testing.T) {
	t.Parallel()
	bad, good, others := balance.Done{Requests: 100, Errors: 100}, balance.Done{Requests: 3}, balance.Done{Requests: 200}
	a := balance.Anomaly{}
	for _, want := range []int{1, 2, 3, 4, 5, 6, 6, 6} {
		if a = a.After(bad, others, true); !a.Anomalous || a.Halved != want {
			t.Fatalf("while it fails: got %+v, want halved %d times", a, want)
		}
	}
	if still := a.After(balance.Done{}, others, true); still != a {
		t.Errorf("unasked: got %+v, want %+v", still, a)
	}
	if off := a.After(bad, others, false); !off.Anomalous || off.Halved != 0 {
		t.Errorf("with mitigation off: got %+v", off)
	}
	for _, want := range []int{5, 4, 3, 2, 1, 0, 0} {
		if a = a.After(good, others, true); a.Anomalous || a.Halved != want {
			t.Fatalf("once it is well: got %+v, want halved %d times", a, want)
		}
	}
}

func TestRandomWeightsFollowTheHalvedParts(t *testing.T) {
	t.Parallel()
	g := balance.Group{Algorithm: balance.WeightedRandom, Targets: []balance.Target{{ID: "a", Healthy: true}, {ID: "b", Healthy: true, Halved: 2}, {ID: "c", Healthy: true}, {ID: "d"}}}
	random := rand.New(rand.NewPCG(3, 4))
	var n [4]int
	const draws = 90_000
	for range draws {
		p, ok := g.Pick(random.Uint64(), time.Time{}, nil, nil)
		if !ok || p.FailOpen {
			t.Fatalf("picked %+v %v", p, ok)
		}
		n[p.Index]++
	}
	for i, want := range [4]int{4, 1, 4, 0} {
		if got, want := n[i], want*draws/9; got < want*97/100 || got > want*103/100 {
			t.Errorf("target %d got %d of %d, want about %d", i, got, draws, want)
		}
	}
}
