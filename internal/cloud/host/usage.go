package host

import (
	"context"
	"errors"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
	"github.com/slipway-ecs/slipway/internal/cloud/ecs"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	ecsNamespace = "AWS/ECS"
	// usageEvery is how often what tasks use is measured, in internal time: in the middle of each
	// minute, so that each has one sample of each task before alarms look at it.
	usageEvery = time.Minute
	// usageLeast is how much of the wall's time a measurement covers at least: the system counts
	// CPU time in hundredths of a second. A cloud whose minutes are shorter tells the last again.
	usageLeast = 250 * time.Millisecond
)

// publishUsage measures the running tasks of services once a minute of internal time, until ctx
// ends. It does nothing where the runtime cannot measure.
func (c *Cloud) publishUsage(ctx context.Context) {
	meter, ok := c.runtime.(launch.Meter)
	if !ok {
		return
	}
	u := &usage{meter: meter}
	for {
		now := c.store.Clock().Now()
		due := now.Truncate(usageEvery).Add(usageEvery / 2)
		if !due.After(now) {
			due = due.Add(usageEvery)
		}
		timer := c.store.Clock().NewTimer(due.Sub(now))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
		var loads []ecs.Load
		if err := c.store.View(func(tx *store.Tx) error { loads = c.rooms.ecs.Loads(tx); return nil }); err != nil {
			c.o.Log.Error("cannot list running tasks", "err", err)
			continue
		}
		samples, err := u.measure(ctx, loads, time.Now)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			c.o.Log.Info("this system does not tell what tasks use: there are no CPUUtilization and MemoryUtilization")
			return
		case err != nil && ctx.Err() == nil:
			c.o.Log.Warn("cannot measure what tasks use", "err", err)
		}
		for _, l := range loads {
			if s, ok := samples[l.Task]; ok {
				c.rooms.cloudwatch.Publish(l.Scope, usagePoints(l, s, due))
			}
		}
	}
}

// usage remembers what was measured last, to tell what was used since.
type usage struct {
	meter launch.Meter
	at    time.Time // of the wall
	cpu   map[string]time.Duration
	last  map[string]sample
}

// sample is what a task used: how much of a CPU, and bytes.
type sample struct{ cpus, memory float64 }

// measure gives what tasks used since the last time, by ARN; of a container that started since,
// since its start. A task all of whose containers have ended has no sample.
func (u *usage) measure(ctx context.Context, loads []ecs.Load, wall func() time.Time) (map[string]sample, error) {
	if len(loads) == 0 {
		u.cpu, u.last = nil, nil
		return nil, nil
	}
	if wall().Sub(u.at) < usageLeast && u.last != nil {
		return u.last, nil
	}
	var handles []launch.Handle
	for _, l := range loads {
		handles = append(handles, l.Containers...)
	}
	used, err := u.meter.Usages(ctx, handles)
	if err != nil {
		return nil, err
	}
	now := wall()
	cpu, samples := map[string]time.Duration{}, map[string]sample{}
	for _, l := range loads {
		for _, h := range l.Containers {
			got, ok := used[h.ID]
			if !ok {
				continue
			}
			since, before := h.Started, time.Duration(0)
			if b, ok := u.cpu[h.ID]; ok {
				since, before = u.at, b
			}
			cpu[h.ID] = got.CPU
			s := samples[l.Task]
			if passed := now.Sub(since); passed > 0 {
				s.cpus += max(0, (got.CPU-before).Seconds()/passed.Seconds())
			}
			s.memory += float64(got.Memory)
			samples[l.Task] = s
		}
	}
	u.at, u.cpu, u.last = now, cpu, samples
	return samples, nil
}

// usagePoints are a task's part in its service's metrics: one sample of each, in percent of what
// the task reserved. There is none of what it did not reserve.
//
// Source: alarms-and-hooks.md 3.5.
func usagePoints(l ecs.Load, s sample, at time.Time) (out []cloudwatch.Point) {
	dimensions := []cloudwatch.Dimension{{Name: "ClusterName", Value: l.Cluster}, {Name: "ServiceName", Value: l.Service}}
	add := func(name string, used, reserved float64) {
		if reserved > 0 {
			out = append(out, cloudwatch.Point{
				Namespace: ecsNamespace, Name: name, Dimensions: dimensions, Unit: "Percent", At: at,
				Values: []float64{100 * used / reserved}, Counts: []float64{1},
			})
		}
	}
	add("CPUUtilization", s.cpus, float64(l.CPU)/1024)
	add("MemoryUtilization", s.memory, float64(l.MemoryMiB)*(1<<20))
	return out
}
