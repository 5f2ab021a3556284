package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-ecs/slipway/internal/demo"
)

const (
	// rollingRate is how many requests a second are sent meanwhile.
	rollingRate = 500
	// rollingSpeed is the cloud's speed: AWS's waits are shortened, no limit on real work is.
	rollingSpeed = "10"
	// rollingKills bounds the random moment, after a deployment began, at which the daemon is killed.
	rollingKills = 4 * time.Second
)

// rolling counts the requests that fail over rolling deployments, first undisturbed and then with the
// daemon killed -9 at a random moment of each.
func rolling(ctx context.Context, dir string, args []string) error {
	flags := flag.NewFlagSet("rolling", flag.ContinueOnError)
	n := flags.Int("n", 50, "deployments without a disturbance")
	kills := flags.Int("kills", 20, "deployments in each of which the daemon is killed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	binary, images, err := stock(ctx, dir)
	if err != nil {
		return err
	}
	quiet, err := roll(ctx, binary, images, filepath.Join(dir, "quiet"), *n, false)
	if err != nil {
		return err
	}
	killed, err := roll(ctx, binary, images, filepath.Join(dir, "killed"), *kills, true)
	if err != nil {
		return err
	}
	if quiet+killed > 0 {
		return fmt.Errorf("rolling: missed")
	}
	return nil
}

// roll runs n deployments on a cloud of their own and gives the failed requests.
func roll(ctx context.Context, binary, images, dir string, n int, kill bool) (failures int, err error) {
	if n == 0 {
		return 0, nil
	}
	address, err := freeAddress() // the same after each kill
	if err != nil {
		return 0, err
	}
	start := func() (*cloud, error) {
		return launch(ctx, binary, dir, "--images", images, "--speed", rollingSpeed, "--listen", address)
	}
	c, err := start()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	cfg := config(c.endpoint)
	cfg.RetryMaxAttempts = 20 // the daemon is away for a moment
	rolls := demo.Rolls{Config: cfg, PerSec: rollingRate, Times: n, Tell: func(n, requests, failures int, why []string) {
		fmt.Fprintf(os.Stderr, "rolling: after %d deployments %d requests, %d failed %v\n", n, requests, failures, why)
	}}
	how := "undisturbed"
	if kill {
		how = "with the daemon killed -9 in each"
		rolls.During = func(ctx context.Context) error {
			pause := time.NewTimer(time.Duration(rand.Int64N(int64(rollingKills)))) //nolint:gosec // a random moment
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-pause.C:
			}
			if err := c.cmd.Process.Kill(); err != nil {
				return err
			}
			_ = c.cmd.Wait() // it was killed
			next, err := start()
			if err == nil {
				c = next
			}
			return err
		}
	}
	requests, failures, err := rolls.Run(ctx)
	if err != nil {
		return 0, err
	}
	fmt.Printf("rolling: %d deployments of 4 tasks %s at speed %s: %d requests at %d a second, half on connections of their own; %d failed; target 0\n",
		n, how, rollingSpeed, requests, rollingRate, failures)
	return failures, nil
}
