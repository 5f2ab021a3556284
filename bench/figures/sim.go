package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// simTarget is how many rollouts a second one core simulates at least.
const simTarget = 5000

// sim runs the simulator's own test for ten seconds on one core and reads the rate it prints. It
// checks every rule meanwhile, so this is the rate of testing, not of stepping alone.
func sim(ctx context.Context, _ string, args []string) error {
	if _, err := times("sim", args, 1); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "./internal/sim", "-run", "Simulation", "-count=1", "-cpu=1", "-v", "-sim.for", "10s")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("simulate: %w\n%s", err, out)
	}
	found := regexp.MustCompile(`(\d+) rollouts from seed (\d+), (\d+) a second, (\d+) steps each`).FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("simulate: no rate in its output:\n%s", out)
	}
	rate, err := strconv.Atoi(string(found[3]))
	if err != nil {
		return err
	}
	fmt.Printf("sim: %d rollouts a second on one core (%s of them, %s steps each); target %d\n", rate, found[1], found[4], simTarget)
	if rate < simTarget {
		return fmt.Errorf("sim: missed")
	}
	return nil
}
