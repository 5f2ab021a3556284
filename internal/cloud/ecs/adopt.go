package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Starts and ends of the cloud. A cloud that was killed leaves its tasks running: Adopt clears
// away what no row knows, and the task keeper takes up the rest, as it keeps every task once at
// the start of the loop. A cloud that ends in order calls StopAll.

// localStopped is the stoppedReason of tasks that end because the cloud does.
const localStopped = "slipway local was stopped"

// Adopt removes the places of tasks that no row wants any more: those of a data folder that was
// emptied, or of tasks whose end was not told. Of tasks that are to stop it finds out which
// containers were really started, so that none is started only to be stopped. Call it before the
// loop starts.
func (s *Service) Adopt(ctx context.Context) error {
	places, err := s.o.Runtime.Find(ctx)
	if err != nil {
		return fmt.Errorf("find what runs: %w", err)
	}
	runs := startedIn(places)
	known := map[string]bool{}
	err = s.o.Store.Update(func(tx *store.Tx) error {
		for t := range s.tasks.All(tx) {
			known[t.ID] = !t.Dead
			if t.Desired == "STOPPED" && slices.ContainsFunc(t.Containers, func(x Container) bool { return x.Starting }) {
				t.Containers = startedAfterAll(t.Containers, runs[t.ID])
				s.tasks.Put(tx, t)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range places {
		if known[p.Task.ID] {
			continue
		}
		if err := s.o.Runtime.Remove(ctx, p.Task.ID); err != nil {
			return fmt.Errorf("remove what was left of task %s: %w", p.Task.ID, err)
		}
	}
	return nil
}

// StopAll ends every task in order because the cloud ends: stop signals, time to end, then the
// kill. Call it after the loop has ended; services keep what they want, so the next start
// replaces their tasks. The rows say stopCode ServiceSchedulerInitiated (TerminationNotice for
// tasks somebody ran), which no deployment counts as a failure. What remains of each task, its
// last lines and its place, the next start's loop does.
//
// It returns when no container runs any more, or with ctx's error; then some may.
func (s *Service) StopAll(ctx context.Context) error {
	places, err := s.o.Runtime.Find(ctx)
	if err != nil {
		return fmt.Errorf("find what runs: %w", err)
	}
	runs := startedIn(places)
	var all []ending
	err = s.o.Store.Update(func(tx *store.Tx) error {
		for t := range s.tasks.All(tx) {
			if t.Last == "STOPPED" {
				continue
			}
			code := "TerminationNotice"
			if t.Service != "" {
				code = "ServiceSchedulerInitiated"
			}
			d, _ := s.definition(tx, t.Definition)
			t = s.stopTask(tx, t, code, localStopped)
			t.Containers = startedAfterAll(t.Containers, runs[t.ID])
			all = append(all, ending{t, d})
		}
		return nil
	})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	failed := make([]error, len(all))
	for i, e := range all {
		wg.Go(func() { failed[i] = s.stopContainers(ctx, e) })
	}
	wg.Wait()
	return errors.Join(failed...)
}

// startedIn gives the containers started of each task.
func startedIn(places []launch.Place) map[string][]launch.Handle {
	runs := map[string][]launch.Handle{}
	for _, p := range places {
		runs[p.Task.ID] = p.Started
	}
	return runs
}

// startedAfterAll tells of containers that a hand was starting when the loop ended whether they
// were started or not.
func startedAfterAll(containers []Container, runs []launch.Handle) []Container {
	out := slices.Clone(containers)
	for i := range out {
		x := &out[i]
		if !x.Starting {
			continue
		}
		x.Starting, x.Last = false, "STOPPED"
		for _, h := range runs {
			if h.Container == x.Name && h.Attempt == x.Attempt {
				x.Handle, x.RuntimeID, x.Last = &h, h.ID, "RUNNING"
			}
		}
	}
	return out
}

type ending struct {
	t Task
	d *types.TaskDefinition
}

// stopContainers stops a task's containers, those first that no other waits for.
func (s *Service) stopContainers(ctx context.Context, e ending) error {
	t := e.t // its containers are its own: startedAfterAll copied them
	for {
		var wave []*Container
		for i := range t.Containers {
			if x := &t.Containers[i]; !x.running() {
				x.Last = "STOPPED"
			}
		}
		for i := range t.Containers {
			if x := &t.Containers[i]; x.running() && stoppable(&t, e.d, x) {
				wave = append(wave, x)
			}
		}
		if len(wave) == 0 {
			return nil
		}
		var wg sync.WaitGroup
		failed := make([]error, len(wave))
		for i, x := range wave {
			wg.Go(func() {
				err := s.o.Runtime.Stop(ctx, *x.Handle, grace(definitionOf(e.d, x.Name)))
				if err != nil && !errors.Is(err, launch.ErrGone) {
					failed[i] = fmt.Errorf("stop container %s: %w", x.ARN, err)
				}
			})
		}
		wg.Wait()
		if err := errors.Join(failed...); err != nil {
			return err
		}
		for _, x := range wave {
			x.Last = "STOPPED"
		}
	}
}
