package reconcile

import (
	"time"

	"github.com/slipway-ecs/slipway/internal/rollout"
)

// Failures is what ECS remembers of the tasks of a deployment that failed. The zero value is a
// deployment whose tasks have yet to show. Each method gives the next value.
//
// Source: ecs.md 5.5 ("Counting") and 5.8.
type Failures struct {
	Count    int  // what the circuit breaker compares with its threshold
	Ran      bool // a task of the deployment reached RUNNING: stage 2 of the counting
	Launches int  // launches in a row that ended without RUNNING, for Backoff
}

// Started counts a task that reached RUNNING. It ends stage 1 and the back-off; the breaker's
// count stands until a task is healthy.
func (f Failures) Started() Failures {
	f.Ran, f.Launches = true, 0
	return f
}

// Healthy counts a task that became healthy. With reset, which is ECS's default, the breaker
// begins anew.
func (f Failures) Healthy(reset bool) Failures {
	if reset {
		f.Count = 0
	}
	return f
}

// End is how a task of the deployment ended.
type End struct {
	Ran     bool // it had reached RUNNING
	Healthy bool // it had been healthy once
	Sick    bool // it was replaced because a health check failed
	Asked   bool // it was stopped because fewer tasks are wanted, or by somebody's request
}

// Ended counts a task that ended, once for each task.
//
// In stage 1 each task that never ran counts. From then on each that was replaced for its
// health counts, and each that ended by itself before it was ever healthy: ECS's documents say
// so of services without health checks only; that it holds for all of them is our choice
// (unconfirmed).
func (f Failures) Ended(e End) Failures {
	switch {
	case e.Asked && !e.Sick:
	case !e.Ran:
		f.Launches++
		if !f.Ran {
			f.Count++
		}
	case e.Sick, !e.Healthy:
		f.Count++
	}
	return f
}

// Unplaced counts a task that found nothing to run on: in stage 1 a launch that failed. It is no
// reason to pause launches.
func (f Failures) Unplaced() Failures {
	if !f.Ran {
		f.Count++
	}
	return f
}

// The growth of the pause between launches that fail. ECS publishes the longest pause and that
// it begins with repeated failure; the curve is ours (unconfirmed).
//
// Source: ecs.md 5.8.
const (
	BackoffFrom  = 3 // failed launches in a row
	BackoffFirst = 10 * time.Second
	BackoffMost  = 27 * time.Minute
)

// Backoff gives the pause before the next launch after so many launches in a row that ended
// without RUNNING: none below BackoffFrom, then BackoffFirst doubled with each, up to
// BackoffMost.
func Backoff(launches int) time.Duration {
	if launches < BackoffFrom {
		return 0
	}
	pause := BackoffFirst
	for range launches - 1 {
		if pause *= 2; pause >= BackoffMost {
			return BackoffMost
		}
	}
	return pause
}

// Tripped reports whether failed tasks end a deployment of a service that wants desired tasks
// now. It is rollout.Breaker's rule, here for those who only count.
func Tripped(b rollout.Breaker, desired, failed int) bool { return b.Tripped(desired, failed) }

// Count gives how the wanted tasks of some revisions stand, as a rollout wants to see them,
// given how many the revisions were asked to have. Which revisions is for in to say.
func Count(asked int, have []Task, in func(revision string) bool, now time.Time) rollout.Count {
	c := rollout.Count{}
	for i := range have {
		t := &have[i]
		if !in(t.Revision) {
			continue
		}
		if !t.Wanted {
			if t.Phase != Stopped {
				c.Leaving++
			}
			continue
		}
		c.Want++
		if t.Phase == Running {
			c.Running++
		}
		if healthy, _ := Healthy(*t, now); healthy {
			c.Healthy++
		}
	}
	c.Want = max(c.Want, asked)
	return c
}
