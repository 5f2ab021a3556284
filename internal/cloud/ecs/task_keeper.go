package ecs

import (
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	// retention is how long a stopped task can still be described: at least an hour (ecs.md 4.1).
	retention = time.Hour
	// logsGrace is how long, on the wall, the end of a task waits for its last lines to reach
	// the log groups.
	logsGrace = 10 * time.Second
)

// taskKeeper brings tasks to life and to their end. Keys are task ARNs.
//
//	PROVISIONING ─prepare─► PENDING ─log streams─► ACTIVATING ─pull, start, register─► RUNNING
//	   any of them, once desired is STOPPED:
//	DEACTIVATING ─targets are gone─► STOPPING ─containers ended─► DEPROVISIONING ─place given back─► STOPPED
//
// Each step compares the row with what should be and asks a hand for the rest, so a start after a
// crash goes on wherever the last process was.
type taskKeeper struct{ *Service }

// Name gives the keeper's name in the log.
func (k *taskKeeper) Name() string { return "ecs.task" }

// Watches tells which rows, once changed, have a key kept again.
func (k *taskKeeper) Watches() []cloud.Watch {
	return []cloud.Watch{cloud.On(k.tasks, func(t *Task) string { return t.ARN }), k.o.Balancer.Watch()}
}

// care is one look at one task.
type care struct {
	*Service
	tx  *store.Tx
	t   *Task
	d   *types.TaskDefinition
	res cloud.Result
}

// Keep does the next things a task needs.
func (k *taskKeeper) Keep(tx *store.Tx, key string) (cloud.Result, error) {
	was, ok := k.tasks.Get(tx, key)
	if !ok {
		return cloud.Result{}, nil
	}
	if was.Last == "STOPPED" {
		if end := was.Stopped.Add(retention); tx.Now().Before(end) {
			return cloud.Result{Wake: end}, nil
		}
		k.tasks.Delete(tx, key)
		return cloud.Result{}, nil
	}
	d, ok := k.definition(tx, was.Definition)
	if !ok {
		panic("ecs: task " + key + " has a definition that is not there")
	}
	t := was
	t.Containers, t.Targets = slices.Clone(was.Containers), slices.Clone(was.Targets)
	c := &care{Service: k.Service, tx: tx, t: &t, d: d}
	if t.Desired == "RUNNING" {
		c.live()
	}
	if t.Desired == "STOPPED" {
		c.leave()
	}
	c.attend()
	t.Health = t.health()
	if !reflect.DeepEqual(was, t) {
		if changedVisibly(&was, &t) {
			t.Version++
		}
		k.tasks.Put(tx, t)
	}
	return c.res, nil
}

// changedVisibly says whether ECS would tell of a change: a status, a reason, a health.
func changedVisibly(a, b *Task) bool {
	if a.Last != b.Last || a.Desired != b.Desired || a.Health != b.Health {
		return true
	}
	for i := range a.Containers {
		if a.Containers[i].Last != b.Containers[i].Last || a.Containers[i].Health != b.Containers[i].Health {
			return true
		}
	}
	return false
}

func (c *care) ask(j cloud.Job) { c.res.Jobs = append(c.res.Jobs, j) }

// slow turns a limit on real work into internal time.
func (s *Service) slow(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.o.Store.Timeline().Speed())
}

// live takes a task that shall run a step towards RUNNING, and notices why it cannot.
func (c *care) live() {
	t := c.t
	if !t.Prepared {
		c.ask(c.prepare(c.launchTask()))
		return
	}
	if t.Last == "PROVISIONING" {
		t.Last = "PENDING"
	}
	if t.Connected.IsZero() {
		t.Connected = c.tx.Now()
	}
	if !t.Ready && !c.initialise() {
		return
	}
	if t.Last == "PENDING" {
		t.Last = "ACTIVATING"
	}
	if !t.Pulled {
		if t.PullStarted.IsZero() {
			t.PullStarted = c.tx.Now()
		}
		c.ask(c.pull(c.launchTask()))
		return
	}
	if c.containers(); t.Desired == "STOPPED" || slices.ContainsFunc(t.Containers, func(x Container) bool { return x.Last == "PENDING" }) {
		return
	}
	if c.targets(); t.Last == "ACTIVATING" && c.enrolled() {
		// The grace period begins with the start of the task (ecs.md 3.9); until now it stood as if
		// that had been the creation.
		t.Last, t.Started, t.GraceUntil = "RUNNING", c.tx.Now(), c.tx.Now().Add(t.GraceUntil.Sub(t.Created))
	}
}

// containers starts those that may start, starts again those that restart in place, and ends the
// task where an essential one has ended or one can never start.
func (c *care) containers() {
	t, now := c.t, c.tx.Now()
	for i := range t.Containers {
		x := &t.Containers[i]
		if x.Last != "STOPPED" {
			continue
		}
		if restartable(x, definitionOf(c.d, x.Name).RestartPolicy) {
			*x = Container{
				Name: x.Name, ARN: x.ARN, Image: x.Image, Digest: x.Digest, Fixed: x.Fixed, Essential: x.Essential, Last: "PENDING",
				Attempt: x.Attempt + 1, Token: t.ID + "-" + c.o.IDs.Digits(10),
			}
			if definitionOf(c.d, x.Name).HealthCheck != nil {
				x.Health = "UNKNOWN"
			}
			continue
		}
		if x.Essential && x.started() {
			t.end(now, "EssentialContainerExited", "Essential container in task exited")
			return
		}
	}
	for i := range t.Containers {
		x := &t.Containers[i]
		if x.Last != "PENDING" {
			continue
		}
		v := startable(t, c.d, x, now, c.slow)
		switch {
		case v.never != "":
			x.Reason = v.never
			t.end(now, "TaskFailedToStart", failedToStart)
			return
		case v.ok:
			x.Starting = true
		}
		c.res.Sooner(v.wake)
	}
}

// leave takes a task that shall stop a step towards STOPPED.
func (c *care) leave() {
	t, now := c.t, c.tx.Now()
	if !t.Prepared {
		// A hand may be making its place just now; it is given back once it is known.
		c.ask(c.prepare(c.launchTask()))
		return
	}
	draining := false
	for i := range t.Targets {
		g := &t.Targets[i]
		if !g.Registered || g.Gone {
			continue
		}
		id, port := c.address(g)
		if err := c.o.Balancer.Deregister(c.tx, g.Group, id, port); err != nil {
			c.o.Log.Warn("cannot deregister a target", "task", t.ARN, "group", g.Group, "err", err)
			g.Gone = true
			continue
		}
		g.Gone = !c.note(g, id, port)
		draining = draining || !g.Gone
	}
	if draining && t.drains() {
		t.Last = "DEACTIVATING"
		return
	}
	for i := range t.Containers {
		if x := &t.Containers[i]; x.Last == "PENDING" && !x.Starting {
			x.Last = "STOPPED"
		}
	}
	if slices.ContainsFunc(t.Containers, func(x Container) bool { return x.Last != "STOPPED" }) {
		t.Last = "STOPPING"
		return
	}
	if t.ExecutionStopped.IsZero() {
		t.ExecutionStopped = now
	}
	t.Last = "DEPROVISIONING"
	waitUntil := t.ExecutionStopped.Add(c.slow(logsGrace))
	if now.Before(waitUntil) && slices.ContainsFunc(t.Containers, func(x Container) bool { return c.collects(&x) }) {
		c.res.Sooner(waitUntil)
		return
	}
	c.ask(c.remove())
}

// attend asks for the hands that go with what containers there are: starting, watching, reading
// what they write, checking and stopping them.
func (c *care) attend() {
	t := c.t
	for i := range t.Containers {
		x := &t.Containers[i]
		if x.Starting {
			c.ask(c.start(c.launchTask(), x))
			continue
		}
		if c.collects(x) {
			c.ask(c.collect(x))
		}
		if !x.running() {
			continue
		}
		c.ask(c.watch(x))
		switch h := definitionOf(c.d, x.Name).HealthCheck; {
		case t.Last == "STOPPING" && stoppable(t, c.d, x):
			c.ask(c.stop(x))
		case t.Desired == "RUNNING" && h != nil:
			if at := nextCheck(x, h); c.tx.Now().Before(at) {
				c.res.Sooner(at)
			} else {
				c.ask(c.checkHealth(x, h))
			}
		}
	}
}
