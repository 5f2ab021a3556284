package ecs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/reconcile"
)

// What the scheduler gives as its reason to stop a task. Source: ecs.md 4.2.
const (
	stopByScheduler = string(types.TaskStopCodeServiceSchedulerInitiated)
	sickReason      = "Task failed "
	sickContainer   = sickReason + "container health checks"
	sickTarget      = sickReason + "ELB health checks in (target-group %s)"
)

// impaired is said once when launches begin to be paused. Source: ecs.md 3.7 and 5.8.
const impaired = "is unable to consistently start tasks successfully."

// relaunchPause is the pause after a task that ran and failed. ECS takes about 50 s from one launch
// to the next, most of it to bring the task up; without any pause a program that exits at once
// would be started without end as fast as the machine can (our choice; unconfirmed).
//
// Source: ecs.md 5.5, the capture of a crash loop.
const relaunchPause = 10 * time.Second

// scalingReason is why a task is stopped that is one too many. Source: ecs.md 4.2.
func scalingReason(digits string) string {
	return "Scaling activity initiated by (deployment ecs-svc/" + digits + ")"
}

// count brings what deployments remember of their tasks up to date: who reached RUNNING, who was
// healthy, who ended and how. Each of these counts once for each task.
//
// Source: ecs.md 5.5 and 5.8.
func (g *keeping) count() {
	var gone []int
	for i := range g.tasks {
		t, d := g.tasks[i], g.deployment(g.tasks[i].Deployment)
		if d == nil || t.Counted {
			continue
		}
		if !t.EverRan && !t.Started.IsZero() {
			t.EverRan = true
			d.Failures = d.Failures.Started()
			if d.Impaired { // what was in the way of launches is gone
				d.Pause, d.Impaired = time.Time{}, false
			}
		}
		if healthy, at := reconcile.Healthy(g.seen[i], g.now); healthy && !t.EverWell {
			t.EverWell = true
			d.Failures, d.FailedTasks, d.Served = d.Failures.Healthy(!d.Lasting), 0, true
			g.resolve(d, &t)
		} else {
			g.res.Sooner(at)
		}
		sick, at := reconcile.Sick(g.seen[i], g.now)
		g.res.Sooner(at)
		if sick && !t.ToldIll {
			t.ToldIll = true
			g.s.tell(g.tx, &g.row, d.setID(), illness(&t))
		}
		if t.Desired == taskStopped {
			t.Counted = true
			g.ended(d, &t)
			gone = append(gone, i)
		}
		if old := &g.tasks[i]; old.EverRan != t.EverRan || old.EverWell != t.EverWell || old.ToldIll != t.ToldIll || old.Counted != t.Counted {
			g.s.tasks.Put(g.tx, t)
			g.tasks[i] = t
		}
	}
	g.draining(gone)
}

// ended counts a task that is to stop or has stopped.
func (g *keeping) ended(d *Deployment, t *Task) {
	sick := t.StopCode == stopByScheduler && strings.HasPrefix(t.StopReason, sickReason)
	if !t.EverRan && t.StopCode == string(types.TaskStopCodeEssentialContainerExited) {
		// Its program ran and ended before anybody looked. To ECS's agent such a task reaches
		// RUNNING, however briefly: it is a crash, which the breaker counts in both stages.
		t.EverRan = true
		d.Failures = d.Failures.Started()
	}
	f := d.Failures.Ended(reconcile.End{
		Ran: t.EverRan, Healthy: t.EverWell, Sick: sick,
		Asked: t.StopCode == stopByScheduler || t.StopCode == string(types.TaskStopCodeUserInitiated) ||
			t.StopCode == string(types.TaskStopCodeSpotInterruption) || t.StopReason == forcedOff,
	})
	if f == d.Failures {
		return
	}
	pause := relaunchPause
	if f.Launches > d.Failures.Launches {
		pause = reconcile.Backoff(f.Launches)
		if pause > 0 && !d.Impaired {
			d.Impaired = true
			g.s.tell(g.tx, &g.row, "", impaired)
		}
	}
	d.Failures, d.Pause = f, g.now.Add(pause)
	d.FailedTasks++
}

// draining tells of the targets of tasks that have begun to leave.
//
// Source: ecs.md 3.7: "deregistered" for each target group, then "draining" for each deployment.
func (g *keeping) draining(gone []int) {
	groups, deployments := newTally(), newTally()
	for _, i := range gone {
		t := &g.tasks[i]
		registered := false
		for _, target := range t.Targets {
			if target.Registered {
				groups.add(target.Group)
				registered = true
			}
		}
		if registered {
			deployments.add(t.Deployment)
		}
	}
	for _, group := range groups.order {
		g.s.tell(g.tx, &g.row, "", fmt.Sprintf("deregistered %d targets in (target-group %s)", groups.n[group], group))
	}
	for _, digits := range deployments.order {
		g.s.tell(g.tx, &g.row, names.DeploymentID(digits), fmt.Sprintf("has begun draining connections on %d tasks.", deployments.n[digits]))
	}
}

// inOrder counts by name, and keeps the order in which names came.
type inOrder struct {
	order []string
	n     map[string]int
}

func newTally() inOrder { return inOrder{n: map[string]int{}} }

func (c *inOrder) add(name string) {
	if c.n[name]++; c.n[name] == 1 {
		c.order = append(c.order, name)
	}
}

// resolve keeps the images that the first healthy task of a deployment runs.
//
// Source: ecs.md 2.8.
func (g *keeping) resolve(d *Deployment, t *Task) {
	if len(d.Images) > 0 {
		return
	}
	images := make([]Image, 0, len(t.Containers))
	for _, c := range t.Containers {
		images = append(images, Image{Container: c.Name, Image: c.Image, Digest: c.Digest})
	}
	d.Images = images
}

// illness is the event of a task whose health fails. That of containers is unconfirmed.
//
// Source: ecs.md 3.7: in a group of instances the instance stands before its port.
func illness(t *Task) string {
	bad := t.unhealthyTarget()
	switch {
	case bad == nil:
		return fmt.Sprintf("(task %s) failed container health checks.", t.ID)
	case bad.EC2 != "":
		return fmt.Sprintf("(task %s) (instance %s) (port %d) is unhealthy in (target-group %s) due to (reason %s)", t.ID, bad.EC2, bad.Host, bad.Group, bad.Reason)
	}
	return fmt.Sprintf("(task %s) (port %d) is unhealthy in (target-group %s) due to (reason %s)", t.ID, bad.Port, bad.Group, bad.Reason)
}

// stopReason is why the scheduler stops a task now.
func (g *keeping) stopReason(i int) string {
	t := &g.tasks[i]
	if sick, _ := reconcile.Sick(g.seen[i], g.now); !sick {
		return scalingReason(t.Deployment)
	}
	if bad := t.unhealthyTarget(); bad != nil {
		return fmt.Sprintf(sickTarget, bad.Group)
	}
	return sickContainer
}

// unhealthyTarget gives the first target of a task that its group reports unhealthy, or nil.
func (t *Task) unhealthyTarget() *Target {
	i := slices.IndexFunc(t.Targets, func(x Target) bool { return x.Registered && !x.Gone && x.State == "unhealthy" })
	if i < 0 {
		return nil
	}
	return &t.Targets[i]
}
