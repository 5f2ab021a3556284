package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/slipway-ecs/slipway/internal/demo"
)

const (
	// backTarget is how long an alarm may take to bring all traffic back to the old version.
	backTarget = 500 * time.Millisecond
	// backRate is how many requests a second are sent meanwhile.
	backRate = 500
)

// back measures, request by request and at speed 1, the time from an alarm's change to the last
// request that the new version of a canary at 50 % answered.
func back(ctx context.Context, dir string, args []string) (err error) {
	n, err := times("back", args, 5)
	if err != nil {
		return err
	}
	binary, images, err := stock(ctx, dir)
	if err != nil {
		return err
	}
	c, err := launch(ctx, binary, filepath.Join(dir, "data"), "--images", images)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	all, err := demo.Back{Config: config(c.endpoint), PerSec: backRate, Times: n}.Run(ctx)
	if err != nil {
		return err
	}
	var took []time.Duration
	requests, failures, after := 0, 0, 0
	for _, one := range all {
		took = append(took, one.Took)
		requests, failures, after = requests+one.Requests, failures+one.Failures, after+one.After
	}
	slices.Sort(took)
	fmt.Printf("back: all traffic on the old version %.0f ms after the alarm (median of %d; fastest %.0f, slowest %.0f); %d requests, %d failed, %d sent after the alarm met the new version; target %s\n",
		millis(took[n/2]), n, millis(took[0]), millis(took[n-1]), requests, failures, after, backTarget)
	if took[n-1] >= backTarget || failures > 0 {
		return fmt.Errorf("back: missed")
	}
	return nil
}

// stock gives the binary and the file of images that run it.
func stock(ctx context.Context, dir string) (binary, images string, err error) {
	if binary, err = build(ctx, dir); err != nil {
		return "", "", err
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return "", "", err
	}
	images = filepath.Join(dir, "images.json")
	return binary, images, writeImages(images, binary)
}

// writeImages writes what images the measured service runs.
func writeImages(path, binary string) error {
	type entry struct {
		Image   string   `json:"image"`
		Command []string `json:"command"`
	}
	var list []entry
	for _, i := range demo.BackImages(binary) {
		list = append(list, entry{i.Pattern, i.Command})
	}
	out, err := json.Marshal(map[string][]entry{"images": list})
	if err != nil {
		return err
	}
	return os.WriteFile(path, out, 0o600)
}
