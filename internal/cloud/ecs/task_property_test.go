package ecs

import (
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/launch/fake"
)

// However tasks behave and whenever the cloud is killed, started again or told to stop them: no
// attempt runs twice, times rise, every task that is told to stop does, and nothing is left.
func TestTasksEndWellHoweverTheCloudIsKilled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// In a bubble a test may not be asked for its deadline, which rapid would.
		rapid.Check(struct{ rapid.TB }{t}, func(r *rapid.T) {
			length := func(name string, most int) time.Duration {
				return time.Duration(rapid.IntRange(0, most*10).Draw(r, name)) * 100 * time.Millisecond
			}
			side := fake.Script{
				PullDelay: length("pull", 3), StartDelay: length("side starts", 3), StopDelay: length("side stops", 3),
				RunFor: length("side runs", 20), IgnoresTerm: rapid.Bool().Draw(r, "side ignores"), Health: []int{1, rapid.IntRange(0, 1).Draw(r, "side health")},
			}
			app := fake.Script{
				StartDelay: length("app starts", 3), StopDelay: length("app stops", 40), RunFor: length("app runs", 60),
				Lines: []string{"one", "two"},
			}
			if rapid.IntRange(0, 5).Draw(r, "app cannot start") == 0 {
				app.StartError = "no such file"
			}
			condition := rapid.SampledFrom(types.ContainerConditionStart.Values()).Draw(r, "condition")
			w := newTaskWorld(t, each(map[string]fake.Script{"app": app, "side": side}))
			w.register(func(in *sdk.RegisterTaskDefinitionInput) {
				two(condition, types.ContainerDefinition{
					HealthCheck: &types.HealthCheck{Command: []string{"CMD", "x"}, Interval: new(int32(5)), Retries: new(int32(1))}, StartTimeout: new(int32(30)),
				})(in)
				withLogs("app", false)(in)
			})
			w.start()
			var arns []string
			for range rapid.IntRange(1, 3).Draw(r, "tasks") {
				arns = append(arns, *w.run(nil).TaskArn)
			}
			for range rapid.IntRange(0, 5).Draw(r, "kills") {
				time.Sleep(length("until the kill", 6))
				w.stop()
				time.Sleep(length("dead for", 6))
				if err := w.s.Adopt(t.Context()); err != nil {
					r.Fatal(err)
				}
				w.start()
			}
			defer func() { w.stop() }()
			time.Sleep(length("until the stop", 30))
			for _, arn := range arns {
				if _, err := w.s.StopTask(w.ctx, &sdk.StopTaskInput{Task: &arn}); err != nil {
					r.Fatal(err)
				}
			}
			time.Sleep(3 * time.Minute)
			for _, arn := range arns {
				ended(r, w.task(arn))
			}
			if left, err := w.runtime.Find(t.Context()); err != nil || len(left) != 0 {
				r.Errorf("left behind: %v, %v", left, err)
			}
		})
	})
}

func ended(r *rapid.T, v types.Task) {
	if text(v.LastStatus) != "STOPPED" || v.StopCode == "" || text(v.StoppedReason) == "" {
		r.Errorf("%s is %s, %s, %q", *v.TaskArn, *v.LastStatus, v.StopCode, text(v.StoppedReason))
	}
	last := *v.CreatedAt
	for i, at := range []*time.Time{v.PullStartedAt, v.PullStoppedAt, v.StartedAt, v.StoppingAt, v.ExecutionStoppedAt, v.StoppedAt} {
		if at == nil {
			continue
		}
		if at.Before(last) {
			r.Errorf("time %d of %s is before the one before it: %v, %v", i, *v.TaskArn, at, last)
		}
		last = *at
	}
	for _, c := range v.Containers {
		if ran := c.RuntimeId != nil; text(c.LastStatus) != "STOPPED" || ran != (c.ExitCode != nil) {
			r.Errorf("container %s of %s: %s, ran %v, exit code %v, %q", *c.Name, *v.TaskArn, *c.LastStatus, ran, c.ExitCode, text(c.Reason))
		}
	}
}
