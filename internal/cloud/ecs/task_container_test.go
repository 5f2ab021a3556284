package ecs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
)

// two makes a definition of two containers: app, essential, and side, which app depends on.
func two(condition types.ContainerCondition, side types.ContainerDefinition) func(*sdk.RegisterTaskDefinitionInput) {
	return func(in *sdk.RegisterTaskDefinitionInput) {
		side.Name, side.Image = new("side"), new("side:1")
		if side.Essential == nil {
			side.Essential = new(false)
		}
		in.ContainerDefinitions = append(in.ContainerDefinitions, side)
		in.ContainerDefinitions[0].DependsOn = []types.ContainerDependency{{ContainerName: new("side"), Condition: condition}}
	}
}

func TestAContainerWaitsForWhatItDependsOn(t *testing.T) {
	t.Parallel()
	check := &types.HealthCheck{Command: []string{"CMD-SHELL", "true"}, Interval: new(int32(10))}
	for _, c := range []struct {
		name      string
		condition types.ContainerCondition
		def       types.ContainerDefinition
		side      fake.Script
		before    time.Duration // app does not run yet
		after     time.Duration // app runs, or the task has failed
		reason    string        // why it has
	}{
		{name: "START", condition: types.ContainerConditionStart, side: fake.Script{StartDelay: 5 * time.Second}, before: 4 * time.Second, after: 6 * time.Second},
		{name: "COMPLETE whatever the code", condition: types.ContainerConditionComplete, side: fake.Script{RunFor: 5 * time.Second, Exit: launch.Exit{Code: 1}}, before: 4 * time.Second, after: 6 * time.Second},
		{name: "SUCCESS", condition: types.ContainerConditionSuccess, side: fake.Script{RunFor: 5 * time.Second}, before: 4 * time.Second, after: 6 * time.Second},
		{name: "SUCCESS that fails", condition: types.ContainerConditionSuccess, side: fake.Script{RunFor: 5 * time.Second, Exit: launch.Exit{Code: 1}}, before: 4 * time.Second, after: 6 * time.Second,
			reason: "dependency graph: container ordering dependency [side] for target [app] cannot be met: SUCCESS."},
		{name: "HEALTHY", condition: types.ContainerConditionHealthy, def: types.ContainerDefinition{HealthCheck: check}, side: fake.Script{Health: []int{1, 1, 0}}, before: 29 * time.Second, after: 31 * time.Second},
		{name: "HEALTHY too late", condition: types.ContainerConditionHealthy, def: types.ContainerDefinition{HealthCheck: check, StartTimeout: new(int32(25))}, side: fake.Script{Health: []int{1}}, before: 24 * time.Second, after: 26 * time.Second,
			reason: "dependency graph: container ordering dependency [side] for target [app] has timed out."},
		{name: "a dependency that cannot start", condition: types.ContainerConditionStart, side: fake.Script{StartError: "no such file"}, after: time.Second,
			reason: "dependency graph: container ordering dependency [side] for target [app] cannot be met: START."},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, each(map[string]fake.Script{"side": c.side}), func(t *testing.T, w *taskWorld) {
				w.register(two(c.condition, c.def))
				arn := *w.run(nil).TaskArn
				time.Sleep(c.before)
				if v := w.task(arn); c.before > 0 && (text(v.LastStatus) != "ACTIVATING" || text(v.Containers[0].LastStatus) != "PENDING") {
					t.Errorf("after %v: task %s, app %s", c.before, *v.LastStatus, *v.Containers[0].LastStatus)
				}
				time.Sleep(c.after - c.before)
				v := w.task(arn)
				if c.reason == "" {
					if text(v.LastStatus) != "RUNNING" {
						t.Errorf("after %v: task %s, app %s", c.after, *v.LastStatus, *v.Containers[0].LastStatus)
					}
					return
				}
				if text(v.DesiredStatus) != "STOPPED" || v.StopCode != types.TaskStopCodeTaskFailedToStart || text(v.Containers[0].Reason) != c.reason {
					t.Errorf("after %v: desired %s, %s, app's reason %q", c.after, *v.DesiredStatus, v.StopCode, text(v.Containers[0].Reason))
				}
			})
		})
	}
}

func TestContainersStopInReverseOfTheirDependencies(t *testing.T) {
	in(t, each(map[string]fake.Script{"app": {StopDelay: 5 * time.Second}}), func(t *testing.T, w *taskWorld) {
		w.register(two(types.ContainerConditionStart, types.ContainerDefinition{}))
		arn := *w.run(nil).TaskArn
		time.Sleep(time.Second)
		if _, err := w.s.StopTask(w.ctx, &sdk.StopTaskInput{Task: &arn}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		if n := len(w.runtime.Running()); n != 2 {
			t.Errorf("while app stops, %d containers run, want app and side", n)
		}
		time.Sleep(2 * time.Second)
		if v := w.task(arn); text(v.LastStatus) != "STOPPED" {
			t.Errorf("in the end: %s", *v.LastStatus)
		}
	})
}

func TestANonEssentialContainerMayEnd(t *testing.T) {
	in(t, each(map[string]fake.Script{"side": {RunFor: time.Second, Exit: launch.Exit{Code: 9}}}), func(t *testing.T, w *taskWorld) {
		w.register(two(types.ContainerConditionStart, types.ContainerDefinition{}))
		arn := *w.run(nil).TaskArn
		time.Sleep(time.Minute)
		v := w.task(arn)
		if text(v.LastStatus) != "RUNNING" || text(v.Containers[1].LastStatus) != "STOPPED" || *v.Containers[1].ExitCode != 9 {
			t.Errorf("got %s, side %+v", *v.LastStatus, v.Containers[1])
		}
	})
}

func TestAContainerWithRestartPolicyStartsAgainInPlace(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		w.register(func(in *sdk.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].RestartPolicy = &types.ContainerRestartPolicy{Enabled: new(true), RestartAttemptPeriod: new(int32(60)), IgnoredExitCodes: []int32{5}}
		})
		arn := *w.run(nil).TaskArn
		time.Sleep(61 * time.Second)
		w.runtime.End(w.handle("app"), launch.Exit{Code: 1})
		time.Sleep(time.Second)
		if h := w.handle("app"); h.Attempt != 1 {
			t.Errorf("attempt: got %d, want 1", h.Attempt)
		}
		if v := w.task(arn); text(v.LastStatus) != "RUNNING" || v.Containers[0].ExitCode != nil {
			t.Errorf("after the restart: %s, exit %v", *v.LastStatus, v.Containers[0].ExitCode)
		}
		w.runtime.End(w.handle("app"), launch.Exit{Code: 1}) // it ran for less than 60 s
		time.Sleep(time.Second)
		if v := w.task(arn); text(v.LastStatus) != "STOPPED" || v.StopCode != types.TaskStopCodeEssentialContainerExited {
			t.Errorf("after an exit too soon: %s, %s", *v.LastStatus, v.StopCode)
		}
	})
}

func TestHealthFollowsTheChecks(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		w.register(func(in *sdk.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].HealthCheck = &types.HealthCheck{Command: []string{"CMD", "check"}, Interval: new(int32(5)), Retries: new(int32(2)), StartPeriod: new(int32(20))}
		})
		arn := *w.run(nil).TaskArn
		time.Sleep(time.Second)
		w.runtime.SetHealth(w.handle("app"), 1)
		health := func(after time.Duration, want types.HealthStatus) {
			t.Helper()
			time.Sleep(after)
			if v := w.task(arn); v.HealthStatus != want || v.Containers[0].HealthStatus != want {
				t.Errorf("%v later: task %s, container %s, want %s", after, v.HealthStatus, v.Containers[0].HealthStatus, want)
			}
		}
		health(18*time.Second, "UNKNOWN") // three checks failed within startPeriod
		health(2*time.Second, "UNKNOWN")  // at 21 s: one counts
		health(5*time.Second, "UNHEALTHY")
		if v := w.task(arn); text(v.LastStatus) != "RUNNING" {
			t.Error("a task nobody's service owns was stopped for its health")
		}
		w.runtime.SetHealth(w.handle("app"), 0)
		health(5*time.Second, "HEALTHY")
		w.runtime.SetHealth(w.handle("app"), 1)
		health(5*time.Second, "HEALTHY") // one failure is not two
		health(5*time.Second, "UNHEALTHY")
	})
}

func TestACheckThatItsContainersEndCutShortTellsNothingOfHealth(t *testing.T) {
	t.Parallel()
	at, h := time.Unix(100, 0), &types.HealthCheck{Retries: new(int32(1))}
	well := checked(Container{}, h, true, time.Unix(90, 0))
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("container app: %w", launch.ErrEnded), "HEALTHY"},
		{fmt.Errorf("container app: %w", launch.ErrGone), "HEALTHY"},
		{context.DeadlineExceeded, "UNHEALTHY"},
	} {
		if got := judged(well, h, 0, c.err, at); got.Health != c.want || !got.CheckedAt.Equal(at) {
			t.Errorf("%v: %s, checked at %s; want %s at %s", c.err, got.Health, got.CheckedAt, c.want, at)
		}
	}
}

func TestWhatAContainerWritesReachesItsStreamAndNothingTwice(t *testing.T) {
	in(t, always(fake.Script{Lines: []string{"hello", "world"}}), func(t *testing.T, w *taskWorld) {
		w.register(withLogs("app", false))
		arn := *w.run(nil).TaskArn
		id := arn[strings.LastIndexByte(arn, '/')+1:]
		time.Sleep(time.Second)
		w.stop() // the cloud is killed, and starts again
		w.runtime.Write(w.handle("app"), launch.Stdout, "meanwhile")
		w.start()
		time.Sleep(time.Second)
		w.runtime.Write(w.handle("app"), launch.Stderr, "bye")
		w.runtime.End(w.handle("app"), launch.Exit{})
		time.Sleep(time.Second)
		stream := "app web/app/" + id + " "
		if got, want := w.logs.all(), []string{stream + "hello", stream + "world", stream + "meanwhile", stream + "bye"}; !slices.Equal(got, want) {
			t.Errorf("lines:\ngot  %q\nwant %q", got, want)
		}
		if v := w.task(arn); text(v.LastStatus) != "STOPPED" {
			t.Errorf("after its end: %s", *v.LastStatus)
		}
	})
}

func withLogs(group string, create bool) func(*sdk.RegisterTaskDefinitionInput) {
	return func(in *sdk.RegisterTaskDefinitionInput) {
		o := map[string]string{"awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"}
		if create {
			o["awslogs-create-group"] = "true"
		}
		in.ContainerDefinitions[0].LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: o}
	}
}

func TestATaskWhoseLogGroupIsMissingDoesNotStart(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		w.register(withLogs("nowhere", false))
		arn := *w.run(nil).TaskArn
		w.register(withLogs("fresh", true))
		made := *w.run(nil).TaskArn
		time.Sleep(time.Second)
		v := w.task(arn)
		want := "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: api error ResourceNotFoundException: The specified log group does not exist."
		if text(v.LastStatus) != "STOPPED" || v.StopCode != types.TaskStopCodeTaskFailedToStart || text(v.StoppedReason) != want {
			t.Errorf("got %s, %s, %q", *v.LastStatus, v.StopCode, text(v.StoppedReason))
		}
		if v := w.task(made); text(v.LastStatus) != "RUNNING" {
			t.Errorf("with awslogs-create-group: %s, %q", *v.LastStatus, text(v.StoppedReason))
		}
	})
}

func TestATaskWhoseLogGroupIsDeletedRunsOnWithoutItsOutput(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		w.register(withLogs("app", false))
		arn := *w.run(nil).TaskArn
		time.Sleep(time.Second)
		w.logs.drop("app")
		for range 5 {
			w.runtime.Write(w.handle("app"), launch.Stdout, "into the void")
			time.Sleep(time.Minute)
		}
		if n := w.logs.opens(); n > 3 {
			t.Errorf("the deleted group's stream was opened %d times", n)
		}
		if v := w.task(arn); text(v.LastStatus) != "RUNNING" {
			t.Errorf("without its log group: %s, %q", *v.LastStatus, text(v.StoppedReason))
		}
		w.runtime.End(w.handle("app"), launch.Exit{})
		time.Sleep(time.Second)
		if v := w.task(arn); text(v.LastStatus) != "STOPPED" {
			t.Errorf("one second after its end: %s", *v.LastStatus)
		}
	})
}
