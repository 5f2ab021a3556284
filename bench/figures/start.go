package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// startTarget is how long the first answer may take after the start of the process.
const startTarget = 50 * time.Millisecond

// start measures from just before the process is started to the end of its first answer, each
// time on an empty directory.
func start(ctx context.Context, dir string, args []string) error {
	n, err := times("start", args, 20)
	if err != nil {
		return err
	}
	binary, err := build(ctx, dir)
	if err != nil {
		return err
	}
	var took []time.Duration
	for i := range n {
		c, err := launch(ctx, binary, filepath.Join(dir, fmt.Sprint("data", i)))
		if err != nil {
			return err
		}
		if err := ask(ctx, c.endpoint); err != nil {
			return err
		}
		took = append(took, time.Since(c.began))
		if err := c.end(); err != nil {
			return err
		}
	}
	slices.Sort(took)
	median := took[len(took)/2]
	fmt.Printf("start: first answer after %.1f ms (median of %d; fastest %.1f, slowest %.1f); target %s\n",
		millis(median), n, millis(took[0]), millis(took[n-1]), startTarget)
	if median >= startTarget {
		return fmt.Errorf("start: missed")
	}
	return nil
}

// ask asks for the clusters, as any client might first.
func ask(ctx context.Context, endpoint string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader("{}"))
	if err != nil {
		return err
	}
	req.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListClusters")
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("ListClusters: %s", res.Status)
	}
	return nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
