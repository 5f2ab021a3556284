package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// restoreTarget is how long the first answer may take after a start with the services stored.
const restoreTarget = 500 * time.Millisecond

// restore measures a start, to its first answer, on a directory that holds a thousand services. The
// daemon before it was killed.
func restore(ctx context.Context, dir string, args []string) error {
	n, err := times("restore", args, 10)
	if err != nil {
		return err
	}
	binary, err := build(ctx, dir)
	if err != nil {
		return err
	}
	data := filepath.Join(dir, "data")
	c, err := launch(ctx, binary, data)
	if err != nil {
		return err
	}
	if err := store1000(ctx, c.endpoint); err != nil {
		return errors.Join(err, c.end())
	}
	var took []time.Duration
	for range n {
		if err := c.cmd.Process.Kill(); err != nil {
			return err
		}
		_ = c.cmd.Wait() // it says that it was killed
		if c, err = launch(ctx, binary, data); err != nil {
			return err
		}
		if err := ask(ctx, c.endpoint); err != nil {
			return err
		}
		took = append(took, time.Since(c.began))
	}
	slices.Sort(took)
	fmt.Printf("restore: first answer after %.0f ms with 1,000 services stored (median of %d; fastest %.0f, slowest %.0f); target %s\n",
		millis(took[n/2]), n, millis(took[0]), millis(took[n-1]), restoreTarget)
	if err := c.end(); err != nil {
		return err
	}
	if took[n/2] >= restoreTarget {
		return fmt.Errorf("restore: missed")
	}
	return nil
}

// store1000 makes a thousand services without tasks, and rolls each once.
func store1000(ctx context.Context, endpoint string) error {
	client := newCaller(endpoint)
	defer client.close()
	call := func(name, body string) error {
		if err := client.call(ctx, measured{name: name, body: body}.request(endpoint)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	if err := errors.Join(call("CreateCluster", `{"clusterName":"fleet"}`), call("RegisterTaskDefinition", callDefinition)); err != nil {
		return err
	}
	for i := range 1000 {
		if err := call("CreateService", fmt.Sprintf(`{"cluster":"fleet","serviceName":"web-%d","taskDefinition":"web","desiredCount":0}`, i)); err != nil {
			return err
		}
		if err := call("UpdateService", fmt.Sprintf(`{"cluster":"fleet","service":"web-%d","forceNewDeployment":true}`, i)); err != nil {
			return err
		}
	}
	return nil
}
