package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"
)

const (
	// helpTarget is how long `slipway --help` and `slipway version` may take, from start to end of the
	// process.
	helpTarget = 30 * time.Millisecond
	// statusTarget is how long `slipway status` may take on the local cloud.
	statusTarget = 150 * time.Millisecond
)

// help measures the commands that call nobody.
func help(ctx context.Context, dir string, args []string) error {
	n, err := times("help", args, 20)
	if err != nil {
		return err
	}
	binary, err := build(ctx, dir)
	if err != nil {
		return err
	}
	run := func(arg string) error {
		return held("help: slipway "+arg, n, helpTarget, func() *exec.Cmd { return exec.CommandContext(ctx, binary, arg) }) //nolint:gosec // the binary we built
	}
	return errors.Join(run("--help"), run("version"))
}

// status measures `slipway status` of a service with two tasks.
func status(ctx context.Context, dir string, args []string) (err error) {
	n, err := times("status", args, 20)
	if err != nil {
		return err
	}
	s, err := newShop(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.cloud.end()) }()
	return held("status: slipway status", n, statusTarget, func() *exec.Cmd { return s.command(ctx, "status", "web", "--cluster", "main") })
}

// held runs a command n times and holds the median against a target. Its CPU time tells what a busy
// machine adds.
func held(name string, n int, target time.Duration, command func() *exec.Cmd) error {
	var took, busy []time.Duration
	for range n {
		c := command()
		began := time.Now()
		out, err := c.CombinedOutput()
		took = append(took, time.Since(began))
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", name, err, out)
		}
		busy = append(busy, c.ProcessState.UserTime()+c.ProcessState.SystemTime())
	}
	slices.Sort(took)
	slices.Sort(busy)
	fmt.Printf("%s ended after %.1f ms, %.1f ms of CPU (medians of %d; fastest %.1f, slowest %.1f); target %s\n",
		name, millis(took[n/2]), millis(busy[n/2]), n, millis(took[0]), millis(took[n-1]), target)
	if took[n/2] >= target {
		return fmt.Errorf("%s: missed", name)
	}
	return nil
}

// verdictTarget is how long after a deployment's end its verdict may be told.
const verdictTarget = 2 * time.Second

// verdict measures from the end of a deployment, by ECS's finishedAt, to the end of `slipway deploy`,
// which had followed it.
func verdict(ctx context.Context, dir string, args []string) (err error) {
	n, err := times("verdict", args, 10)
	if err != nil {
		return err
	}
	s, err := newShop(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.cloud.end()) }()
	var took []time.Duration
	for i := range n {
		out, err := s.command(ctx, "deploy", "web", "--cluster", "main", "--image", fmt.Sprintf("web=web:v%d", 2-i%2)).CombinedOutput()
		now := time.Now()
		if err != nil {
			return fmt.Errorf("deploy: %w\n%s", err, out)
		}
		end, err := s.ended(ctx)
		if err != nil {
			return err
		}
		took = append(took, now.Sub(end))
	}
	slices.Sort(took)
	fmt.Printf("verdict: told %.0f ms after the deployment's end (median of %d; fastest %.0f, slowest %.0f); target %s\n",
		millis(took[n/2]), n, millis(took[0]), millis(took[n-1]), verdictTarget)
	if took[n-1] >= verdictTarget {
		return fmt.Errorf("verdict: missed")
	}
	return nil
}
