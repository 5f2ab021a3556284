package dropin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// How often each phase looks. The original looks every 10 s for a running task and every 2 s
// for the end; its scripts are content with answers that come sooner.
const (
	startEvery  = 3 * time.Second
	settleEvery = 2 * time.Second
	taskEvery   = 10 * time.Second // a line on stdout says so
	page        = 100              // tasks DescribeTasks takes at once
)

// poll asks look until it is done or the phase's time is over, the first time at once and a
// last time when the time is over. A phase without time asks nothing.
func (r *run) poll(ctx context.Context, every time.Duration, look func(left time.Duration) (done bool, err error)) (done bool, err error) {
	end := r.clock.Now().Add(r.o.patience())
	if r.o.patience() <= 0 {
		return false, nil
	}
	for {
		left := end.Sub(r.clock.Now())
		done, err := look(max(left, 0))
		if done || err != nil || left <= 0 {
			return done, err
		}
		if err := ship.Wait(ctx, r.clock, min(every, left)); err != nil {
			return false, err
		}
	}
}

// start waits until one task of the new revision runs, healthy if its first container has a
// health check. A deployment that has ended otherwise is not waited for.
func (r *run) start(ctx context.Context, w *ship.Watch) error {
	health := checked(r.definition)
	var verdict ship.Verdict
	var told string
	done, err := r.poll(ctx, startEvery, func(left time.Duration) (bool, error) {
		tasks, err := r.running(ctx, &ecs.ListTasksInput{Cluster: &r.o.Cluster, ServiceName: &r.o.Service})
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(tasks, func(t types.Task) bool { return up(t, r.arn, health) }) {
			return true, nil
		}
		s, err := r.describeService(ctx)
		if err != nil {
			return false, err
		}
		r.progress(s, w, left, &told)
		v, cause, ended := w.Judge(s)
		if ended && v != ship.Succeeded {
			verdict = v
			r.explain(ctx, s, w, v, cause)
			return true, nil
		}
		return false, nil
	})
	if err != nil || done && verdict == "" {
		return err
	}
	r.out("ERROR: New task definition not running within %s seconds", r.o.Timeout)
	return r.back(ctx, verdict)
}

// up reports whether a task shows that a revision runs.
func up(t types.Task, arn string, health bool) bool {
	if aws.ToString(t.TaskDefinitionArn) != arn {
		return false
	}
	if health {
		return t.HealthStatus == types.HealthStatusHealthy
	}
	return aws.ToString(t.LastStatus) == "RUNNING"
}

// running gives tasks that are to run.
func (r *run) running(ctx context.Context, in *ecs.ListTasksInput) ([]types.Task, error) {
	in.DesiredStatus = types.DesiredStatusRunning
	return r.list(ctx, in)
}

// list lists tasks and describes them.
func (r *run) list(ctx context.Context, in *ecs.ListTasksInput) (tasks []types.Task, err error) {
	r.trace("list-tasks", "--cluster", r.o.Cluster, "--desired-status", string(in.DesiredStatus))
	var arns []string
	for more := true; more; more = in.NextToken != nil {
		out, err := r.api.ListTasks(ctx, in)
		if err != nil {
			return nil, sdk.Explain(err, "list tasks")
		}
		arns, in.NextToken = append(arns, out.TaskArns...), out.NextToken
	}
	for some := range slices.Chunk(arns, page) {
		r.trace("describe-tasks", "--cluster", r.o.Cluster)
		out, err := r.api.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &r.o.Cluster, Tasks: some})
		if err != nil {
			return nil, sdk.Explain(err, "describe tasks")
		}
		tasks = append(tasks, out.Tasks...)
	}
	return tasks, nil
}

// settle waits until the deployment is the only one and has succeeded. One deployment alone is
// no proof: after a rollback there is one too.
func (r *run) settle(ctx context.Context, w *ship.Watch) error {
	r.out("Waiting for service deployment to complete...")
	var verdict ship.Verdict
	var told string
	done, err := r.poll(ctx, settleEvery, func(left time.Duration) (bool, error) {
		s, err := r.describeService(ctx)
		if err != nil {
			return false, err
		}
		r.progress(s, w, left, &told)
		v, cause, ended := w.Judge(s)
		switch {
		case !ended:
			return false, nil
		case v == ship.Succeeded:
			verdict = v
			return len(s.Deployments) == 1, nil
		}
		verdict = v
		r.explain(ctx, s, w, v, cause)
		return true, nil
	})
	switch {
	case err != nil:
		return err
	case done && verdict == ship.Succeeded:
		r.out("Service deployment successful.")
		return nil
	case !done:
		r.note("the deployment has not ended within %s seconds", r.o.Timeout)
	}
	return r.back(ctx, verdict)
}

// explain tells people how a deployment ended that did not succeed: what the service said of it,
// and the tasks of it that stopped.
func (r *run) explain(ctx context.Context, s *types.Service, w *ship.Watch, v ship.Verdict, cause string) {
	r.note("the deployment has ended: %s: %s", v, cause)
	for _, e := range slices.Backward(s.Events) {
		if msg := aws.ToString(e.Message); w.Deployment != "" && strings.Contains(msg, w.Deployment) {
			r.note("%s", msg)
		}
	}
	tasks, err := r.list(ctx, &ecs.ListTasksInput{Cluster: &r.o.Cluster, ServiceName: &r.o.Service, DesiredStatus: types.DesiredStatusStopped})
	if err != nil {
		return // it is not known why, and that it failed is told
	}
	left := 3 // a crash loop says the same over and over
	for _, t := range tasks {
		if aws.ToString(t.StartedBy) == w.Deployment && left > 0 {
			r.note("%s", ship.TaskOf(t).Line())
			left--
		}
	}
}

// progress tells people how things stand, each state once.
func (r *run) progress(s *types.Service, w *ship.Watch, left time.Duration, told *string) {
	if line := ship.ProgressOf(s, w.Deployment).Line(); line != *told {
		*told = line
		r.note("%s (%s left)", line, left.Round(time.Second))
	}
}

// back rolls back where that was asked for and is left to do, waits for it as long as for a
// phase, and gives the end of the run, which is no success in any case.
func (r *run) back(ctx context.Context, v ship.Verdict) error {
	failed := &exit{ExitFailed}
	previous := aws.ToString(r.service.TaskDefinition)
	switch {
	case !r.o.Rollback:
		return failed
	case r.o.Force:
		r.note("a forced deployment runs the same task definition: there is nothing to roll back to")
		return failed
	case v == ship.RolledBack || v == ship.Superseded:
		r.note("nothing is rolled back: the service no longer runs %s", r.arn)
		return failed
	}
	r.out("Rolling back to %s", previous)
	before := r.service
	if s, err := r.describeService(ctx); err == nil { // a lost answer is judged by what is true now
		r.service = s
	}
	w, _, err := r.send(ctx, &ecs.UpdateServiceInput{Cluster: &r.o.Cluster, Service: &r.o.Service, TaskDefinition: &previous})
	r.service = before
	if err != nil {
		return err
	}
	var told string
	end := "the rollback has not ended within %s seconds; it goes on in ECS"
	done, err := r.poll(ctx, settleEvery, func(left time.Duration) (bool, error) {
		s, err := r.describeService(ctx)
		if err != nil {
			return false, err
		}
		r.progress(s, w, left, &told)
		v, cause, ended := w.Judge(s)
		if ended && v == ship.Succeeded {
			end = fmt.Sprintf("rolled back: service %s runs %s", r.o.Service, previous)
		} else if ended {
			end = fmt.Sprintf("the rollback has ended: %s: %s", v, cause)
		}
		return ended, nil
	})
	if err != nil {
		return err
	}
	if !done {
		end = fmt.Sprintf(end, r.o.Timeout)
	}
	r.note("%s", end)
	return failed
}
