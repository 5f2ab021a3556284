// Package crash_test kills the local cloud at random moments and looks whether anybody noticed.
//
// The binary is built once and driven from outside, as its users do: by its command line, by
// signals, by AWS SDK clients and by HTTP. Chance comes from a seed that every test prints;
// -crash.seed repeats a run, -crash.rounds makes it longer.
package crash_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

var (
	seedFlag   = flag.Uint64("crash.seed", 0, "the seed of all chance; 0 takes another one each time")
	roundsFlag = flag.Int("crash.rounds", 1, "how many times the killing goes on")
)

// binary is the program under test, built by TestMain.
var binary string

func TestMain(m *testing.M) {
	if path := os.Getenv(callerFile); path != "" {
		os.Exit(call(path))
	}
	if len(os.Args) == 3 && os.Args[1] == slowWeb {
		os.Exit(serveSlowly(os.Args[2]))
	}
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if runtime.GOOS != "linux" {
		fmt.Println("processes are found through /proc here: skipped on", runtime.GOOS)
		return 0
	}
	// SLIPWAY_BIN spares the build in development.
	if binary = os.Getenv("SLIPWAY_BIN"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "slipway-crash")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what remains is in the system's folder for such
	binary = filepath.Join(dir, "slipway")
	build, done := context.WithTimeout(context.Background(), 5*time.Minute)
	defer done()
	if out, err := exec.CommandContext(build, "go", "build", "-o", binary, "../cmd/slipway").CombinedOutput(); err != nil {
		fmt.Printf("build the binary: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// chance gives the test's own source of random numbers and prints its seed.
func chance(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("again with: go test ./crash -run '^%s$' -crash.seed %d", t.Name(), seed)
	return rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // chance, not secrets
}

// upTo gives a duration from 0 to d.
func upTo(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }

// rest lets time pass: the moment of a kill is the one thing no condition tells.
func rest(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.Context().Done():
	case <-timer.C:
	}
}

// until waits for a condition; seen says how things stand meanwhile.
func until(t *testing.T, within time.Duration, what string, holds func() (ok bool, seen string)) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		ok, seen := holds()
		if ok {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: the test was ended; last seen: %s", what, seen)
		case <-deadline.C:
			t.Fatalf("not within %s: %s; last seen: %s", within, what, seen)
		case <-look.C:
		}
	}
}
