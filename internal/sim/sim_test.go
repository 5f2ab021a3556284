package sim_test

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/sim"
)

var (
	simFor  = flag.Duration("sim.for", 2*time.Second, "how long to simulate")
	simSeed = flag.Uint64("sim.seed", 1, "the seed of the first rollout; the next ones follow")
)

// Simulation runs random rollouts for -sim.for and prints the transcript of the first that
// breaks a rule.
func TestSimulationOfRandomRolloutsBreaksNoRule(t *testing.T) {
	t.Parallel()
	begun, n, took := time.Now(), uint64(0), 0
	ends := map[string]int{}
	for ; n%256 != 0 || n == 0 || time.Since(begun) < *simFor; n++ {
		r := sim.Run(sim.Random(*simSeed+n), nil)
		took += r.Steps
		if len(r.Broken) > 0 {
			t.Fatalf("seed %d: %s\n%s", *simSeed+n, strings.Join(r.Broken, "; "), transcript(*simSeed+n))
		}
		ends[r.State.Status.String()+" "+r.State.Cause.String()]++
	}
	rate := float64(n) / time.Since(begun).Seconds()
	t.Logf("%d rollouts from seed %d, %.0f a second, %d steps each; ends %v", n, *simSeed, rate, took/int(n), ends)
}

// transcript runs a seed again and gives the end of its transcript.
func transcript(seed uint64) string {
	var lines []string
	sim.Run(sim.Random(seed), func(l string) { lines = append(lines, l) })
	if over := len(lines) - 200; over > 0 {
		lines = lines[over:]
	}
	return strings.Join(lines, "\n")
}

func BenchmarkRollout(b *testing.B) {
	seed := uint64(0)
	for b.Loop() {
		seed++
		sim.Run(sim.Random(seed), nil)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rollouts/s")
}
