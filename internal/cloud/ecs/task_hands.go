package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/store"
)

// What hands do for a task, and the facts they bring back. Each may be asked for again at any
// time, also after a crash: the runtime's methods are safe to repeat, and a fact that comes late
// changes nothing.

// change makes the fact that changes a task, if it is still there and not STOPPED.
func (s *Service) change(arn string, f func(tx *store.Tx, t *Task)) cloud.Fact {
	return func(tx *store.Tx) error {
		t, ok := s.tasks.Get(tx, arn)
		if !ok || t.Last == "STOPPED" {
			return nil
		}
		was := t
		t.Containers = slices.Clone(t.Containers)
		f(tx, &t)
		if changedVisibly(&was, &t) {
			t.Version++
		}
		s.tasks.Put(tx, t)
		return nil
	}
}

// changeContainer makes the fact that changes a container, if it is still at that attempt.
func (s *Service) changeContainer(arn string, x *Container, f func(tx *store.Tx, t *Task, x *Container)) cloud.Fact {
	name, attempt := x.Name, x.Attempt
	return s.change(arn, func(tx *store.Tx, t *Task) {
		if now := t.container(name); now != nil && now.Attempt == attempt {
			f(tx, t, now)
		}
	})
}

// job names a hand's work for one start of a container.
func job(verb string, x *Container) string { return fmt.Sprintf("%s %s#%d", verb, x.ARN, x.Attempt) }

// interrupted says that a hand was told to end: what it was doing is asked for again.
func interrupted(ctx context.Context, err error) bool { return err != nil && ctx.Err() != nil }

func (c *care) prepare(lt launch.Task) cloud.Job {
	arn := c.t.ARN
	return cloud.Job{Key: "prepare " + arn, Do: func(ctx context.Context) (cloud.Fact, error) {
		network, err := c.o.Runtime.Prepare(ctx, lt)
		if interrupted(ctx, err) {
			return nil, err
		}
		return c.change(arn, func(tx *store.Tx, t *Task) {
			t.Prepared = true
			if t.Place = network; err != nil && t.Desired == "RUNNING" {
				t.end(tx.Now(), "TaskFailedToStart", "ResourceInitializationError: "+err.Error())
			}
		}), nil
	}}
}

// pull resolves all images. One that is not to be had ends the task (ecs.md 4.2).
func (c *care) pull(lt launch.Task) cloud.Job {
	arn := c.t.ARN
	return cloud.Job{Key: "pull " + arn, Do: func(ctx context.Context) (cloud.Fact, error) {
		digests := make([]string, len(lt.Containers))
		for i, x := range lt.Containers {
			digest, err := c.o.Runtime.Pull(ctx, lt, x.Name)
			if interrupted(ctx, err) {
				return nil, err
			}
			if err != nil {
				return c.change(arn, func(tx *store.Tx, t *Task) { t.unpulled(tx.Now(), x.Name, err) }), nil
			}
			digests[i] = digest
		}
		return c.change(arn, func(tx *store.Tx, t *Task) {
			if t.Pulled {
				return
			}
			t.Pulled, t.PullStopped = true, tx.Now()
			for i := range t.Containers {
				t.Containers[i].Digest = digests[i]
			}
			c.resolved(tx, t)
		}), nil
	}}
}

// unpulled writes into a task that an image is not to be had.
func (t *Task) unpulled(now time.Time, container string, err error) {
	if t.Desired == "STOPPED" {
		return
	}
	reason := err.Error()
	if _, ok := errors.AsType[*launch.PullError](err); !ok {
		reason = "CannotPullContainerError: " + reason
	}
	t.PullStopped = now
	t.container(container).Reason = reason
	t.end(now, "TaskFailedToStart", reason)
}

// resolved keeps the digests of a deployment's first task with the deployment (ecs.md 2.8).
func (s *Service) resolved(tx *store.Tx, t *Task) {
	if t.Service == "" {
		return
	}
	d, ok := s.deployments.Get(tx, t.Service+"/"+t.Deployment)
	if !ok || len(d.Images) > 0 {
		return
	}
	for _, x := range t.Containers {
		d.Images = append(d.Images, Image{Container: x.Name, Image: x.Image, Digest: x.Digest})
	}
	s.deployments.Put(tx, d)
}

// start starts a container. One that cannot be started and is essential ends the task.
func (c *care) start(lt launch.Task, x *Container) cloud.Job {
	arn, name, attempt := c.t.ARN, x.Name, x.Attempt
	row := *x
	return cloud.Job{Key: job("start", x), Do: func(ctx context.Context) (cloud.Fact, error) {
		lt, err := c.withSecrets(lt, name)
		var h launch.Handle
		if err == nil {
			h, err = c.o.Runtime.Start(ctx, lt, name, attempt)
		}
		if interrupted(ctx, err) {
			return nil, err
		}
		return c.changeContainer(arn, &row, func(tx *store.Tx, t *Task, x *Container) {
			if !x.Starting {
				return
			}
			x.Starting = false
			if err == nil {
				x.Handle, x.RuntimeID, x.Last, x.Started = &h, h.ID, "RUNNING", tx.Now()
				return
			}
			x.Last, x.Reason = "STOPPED", err.Error()
			if _, ok := errors.AsType[*launch.StartError](err); !ok && !strings.HasPrefix(x.Reason, noSecrets) {
				x.Reason = "CannotStartContainerError: " + x.Reason
			}
			if x.Essential && t.Desired == "RUNNING" {
				t.end(tx.Now(), "TaskFailedToStart", failedToStart)
			}
		}), nil
	}}
}

// watch waits for a container's end.
func (c *care) watch(x *Container) cloud.Job {
	arn, row := c.t.ARN, *x
	return cloud.Job{Key: job("watch", x), Do: func(ctx context.Context) (cloud.Fact, error) {
		exit, err := c.o.Runtime.Watch(ctx, *row.Handle)
		return c.ended(ctx, arn, &row, exit, err)
	}}
}

// stop ends a container: its stop signal, then after stopTimeout the kill. The time-out is real
// work and is not shortened.
func (c *care) stop(x *Container) cloud.Job {
	arn, row, grace := c.t.ARN, *x, grace(definitionOf(c.d, x.Name))
	return cloud.Job{Key: job("stop", x), Do: func(ctx context.Context) (cloud.Fact, error) {
		if err := c.o.Runtime.Stop(ctx, *row.Handle, grace); err != nil && !errors.Is(err, launch.ErrGone) {
			return nil, fmt.Errorf("stop container %s: %w", row.ARN, err)
		}
		exit, err := c.o.Runtime.Watch(ctx, *row.Handle)
		return c.ended(ctx, arn, &row, exit, err)
	}}
}

func grace(d *types.ContainerDefinition) time.Duration {
	if d.StopTimeout != nil {
		return time.Duration(*d.StopTimeout) * time.Second
	}
	return stopTimeout
}

// gone is the reason of a container whose runtime does not know it any more.
const gone = "The container is gone and its exit code is not known"

// ended makes the fact of a container's end.
func (s *Service) ended(ctx context.Context, arn string, row *Container, exit launch.Exit, err error) (cloud.Fact, error) {
	if err != nil && (ctx.Err() != nil || !errors.Is(err, launch.ErrGone)) {
		return nil, fmt.Errorf("watch container %s: %w", row.ARN, err)
	}
	return s.changeContainer(arn, row, func(tx *store.Tx, t *Task, x *Container) {
		if x.Last == "STOPPED" {
			return
		}
		x.Last, x.Ended = "STOPPED", tx.Now()
		switch {
		case err != nil:
			x.Reason = gone
			return
		case exit.OOM:
			x.Reason = "OutOfMemoryError: Container killed due to memory usage"
		default:
			x.Reason = exit.Reason
		}
		x.Exit = new(exit.Code)
	}), nil
}

// checkHealth runs a container's health check once. Its time-out is real work and is not
// shortened; the interval between checks is internal time.
func (c *care) checkHealth(x *Container, h *types.HealthCheck) cloud.Job {
	arn, row := c.t.ARN, *x
	argv := h.Command[1:]
	if h.Command[0] == "CMD-SHELL" {
		argv = []string{"/bin/sh", "-c", h.Command[1]}
	}
	return cloud.Job{Key: job("check", x), Do: func(ctx context.Context) (cloud.Fact, error) {
		bound, cancel := context.WithTimeout(ctx, time.Duration(*or(h.Timeout, checkTimeout))*time.Second)
		defer cancel()
		code, _, err := c.o.Runtime.Exec(bound, *row.Handle, argv)
		if interrupted(ctx, err) {
			return nil, err
		}
		return c.changeContainer(arn, &row, func(tx *store.Tx, t *Task, x *Container) {
			if x.running() {
				*x = judged(*x, h, code, err, tx.Now())
				t.Health = t.health()
			}
		}), nil
	}}
}

// remove gives a task's place back; with that the task is STOPPED.
func (c *care) remove() cloud.Job {
	arn, id := c.t.ARN, c.t.ID
	return cloud.Job{Key: "remove " + arn, Do: func(ctx context.Context) (cloud.Fact, error) {
		if err := c.o.Runtime.Remove(ctx, id); err != nil {
			return nil, fmt.Errorf("remove the place of %s: %w", arn, err)
		}
		return c.change(arn, func(tx *store.Tx, t *Task) {
			t.Dead, t.Last, t.Stopped = true, "STOPPED", tx.Now()
			t.Targets = slices.Clone(t.Targets)
			for i := range t.Targets {
				t.Targets[i].Gone = true
			}
		}), nil
	}}
}
