package ecs

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
	"github.com/slipway-ecs/slipway/internal/store"
)

// in runs a story in a bubble of its own, with the loop running.
func in(t *testing.T, script func(launch.Task, launch.Container) fake.Script, story func(t *testing.T, w *taskWorld)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTaskWorld(t, script)
		w.start()
		defer func() { w.stop() }()
		story(t, w)
	})
}

// always gives every container the same script.
func always(s fake.Script) func(launch.Task, launch.Container) fake.Script {
	return func(launch.Task, launch.Container) fake.Script { return s }
}

// each gives containers scripts by their names.
func each(by map[string]fake.Script) func(launch.Task, launch.Container) fake.Script {
	return func(_ launch.Task, c launch.Container) fake.Script { return by[c.Name] }
}

func TestATaskGoesThroughItsStatusesAndItsTimesRise(t *testing.T) {
	in(t, always(fake.Script{PullDelay: 3 * time.Second, StartDelay: time.Second, StopDelay: 2 * time.Second}), func(t *testing.T, w *taskWorld) {
		w.register(nil)
		first := w.run(nil)
		if got := text(first.LastStatus); got != "PROVISIONING" {
			t.Errorf("lastStatus of RunTask's answer: got %s, want PROVISIONING", got)
		}
		time.Sleep(time.Minute)
		v := w.task(*first.TaskArn)
		if text(v.LastStatus) != "RUNNING" || text(v.Containers[0].LastStatus) != "RUNNING" || v.Containers[0].ExitCode != nil {
			t.Fatalf("after a minute: %s, container %+v", *v.LastStatus, v.Containers[0])
		}
		if _, err := w.s.StopTask(w.ctx, &sdk.StopTaskInput{Task: v.TaskArn}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		v = w.task(*first.TaskArn)
		if text(v.LastStatus) != "STOPPED" || v.StopCode != types.TaskStopCodeUserInitiated || text(v.StoppedReason) != "Task stopped by user" {
			t.Errorf("after StopTask: %s, %s, %q", *v.LastStatus, v.StopCode, text(v.StoppedReason))
		}
		if c := v.Containers[0]; c.ExitCode == nil || *c.ExitCode != 143 {
			t.Errorf("exit code: got %v, want 143", c.ExitCode)
		}
		times := []*time.Time{v.CreatedAt, v.PullStartedAt, v.PullStoppedAt, v.StartedAt, v.StoppingAt, v.ExecutionStoppedAt, v.StoppedAt}
		for i, at := range times {
			if at == nil || i > 0 && at.Before(*times[i-1]) {
				t.Errorf("time %d of %v is missing or before the one before it", i, times)
			}
		}
		if pull := v.PullStoppedAt.Sub(*v.PullStartedAt); pull != 3*time.Second {
			t.Errorf("pull took %v, want 3s", pull)
		}
	})
}

func TestEveryStatusThatLastsIsSeenOnce(t *testing.T) {
	in(t, always(fake.Script{PullDelay: time.Second, StopDelay: time.Second}), func(t *testing.T, w *taskWorld) {
		d := w.register(nil)
		task := w.serve(d)
		seen := w.course(task.ARN)
		time.Sleep(10 * time.Second)
		w.stopNow(task.ARN, "ServiceSchedulerInitiated", "Scaling activity")
		time.Sleep(25 * time.Second)
		w.drained()
		time.Sleep(10 * time.Second)
		brief := []string{"PROVISIONING", "PENDING", "DEPROVISIONING"} // last for no time here, and may pass unseen
		got := strings.Join(slices.DeleteFunc(seen(), func(s string) bool { return slices.Contains(brief, s) }), " ")
		if want := "ACTIVATING RUNNING DEACTIVATING STOPPING STOPPED"; got != want {
			t.Errorf("statuses:\ngot  %s\nwant %s", got, want)
		}
	})
}

func TestATargetIsDrainedBeforeItsTaskIsToldToStop(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		task := w.serve(w.register(nil))
		time.Sleep(time.Second)
		row := w.row(task.ARN)
		if row.Last != "RUNNING" || row.Zone != "us-east-1a" || !row.Targets[0].Registered || row.Targets[0].State != "healthy" {
			t.Fatalf("after a second: %s in %s, target %+v", row.Last, row.Zone, row.Targets[0])
		}
		w.stopNow(task.ARN, "ServiceSchedulerInitiated", "Scaling activity")
		time.Sleep(19 * time.Second)
		if row = w.row(task.ARN); row.Last != "DEACTIVATING" || len(w.runtime.Running()) != 1 || row.Targets[0].State != "draining" {
			t.Fatalf("while it drains: %s, target %+v", row.Last, row.Targets[0])
		}
		time.Sleep(2 * time.Second)
		w.drained()
		time.Sleep(time.Second)
		if row = w.row(task.ARN); row.Last != "STOPPED" || !row.Targets[0].Gone || len(w.runtime.Running()) != 0 {
			t.Errorf("once it has drained: %s, target %+v", row.Last, row.Targets[0])
		}
	})
}

func TestATaskWhoseProgramDiedDoesNotWaitForItsTargets(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		task := w.serve(w.register(nil))
		time.Sleep(time.Second)
		w.runtime.End(w.handle("app"), launch.Exit{Code: 3})
		time.Sleep(time.Second)
		row := w.row(task.ARN)
		if row.Last != "STOPPED" || row.StopCode != "EssentialContainerExited" || row.StopReason != "Essential container in task exited" || *row.Containers[0].Exit != 3 {
			t.Errorf("a second after the exit: %s, %s, %q, %+v", row.Last, row.StopCode, row.StopReason, row.Containers[0])
		}
	})
}

func TestAnImageThatIsNotToBeHadIsTheTasksReason(t *testing.T) {
	in(t, always(fake.Script{PullError: "pull access denied for web"}), func(t *testing.T, w *taskWorld) {
		w.register(nil)
		arn := *w.run(nil).TaskArn
		time.Sleep(time.Second)
		v := w.task(arn)
		want := "CannotPullContainerError: pull access denied for web"
		if text(v.LastStatus) != "STOPPED" || v.StopCode != types.TaskStopCodeTaskFailedToStart || text(v.StoppedReason) != want || text(v.Containers[0].Reason) != want {
			t.Errorf("got %s, %s, %q, container %q", *v.LastStatus, v.StopCode, text(v.StoppedReason), text(v.Containers[0].Reason))
		}
		if v.Containers[0].ExitCode != nil || v.StartedAt != nil {
			t.Error("a container that never ran has an exit code, or its task a start")
		}
	})
}

func TestAProgramThatCannotStartIsItsContainersReason(t *testing.T) {
	in(t, always(fake.Script{StartError: "exec: no such file"}), func(t *testing.T, w *taskWorld) {
		w.register(nil)
		arn := *w.run(nil).TaskArn
		time.Sleep(time.Second)
		v := w.task(arn)
		if v.StopCode != types.TaskStopCodeTaskFailedToStart || text(v.StoppedReason) != "Task failed to start" ||
			text(v.Containers[0].Reason) != "CannotStartContainerError: exec: no such file" || v.Containers[0].ExitCode != nil {
			t.Errorf("got %s, %q, container %+v", v.StopCode, text(v.StoppedReason), v.Containers[0])
		}
	})
}

func TestAProgramThatIgnoresItsSignalIsKilledAfterStopTimeout(t *testing.T) {
	in(t, always(fake.Script{IgnoresTerm: true}), func(t *testing.T, w *taskWorld) {
		w.register(func(in *sdk.RegisterTaskDefinitionInput) { in.ContainerDefinitions[0].StopTimeout = new(int32(7)) })
		arn := *w.run(nil).TaskArn
		time.Sleep(time.Second)
		if _, err := w.s.StopTask(w.ctx, &sdk.StopTaskInput{Task: &arn, Reason: new("enough")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		if v := w.task(arn); text(v.LastStatus) != "STOPPING" || text(v.StoppedReason) != "enough" {
			t.Errorf("before the time-out: %s, %q", *v.LastStatus, text(v.StoppedReason))
		}
		time.Sleep(2 * time.Second)
		if v := w.task(arn); text(v.LastStatus) != "STOPPED" || *v.Containers[0].ExitCode != 137 {
			t.Errorf("after the time-out: %s, exit %v", *v.LastStatus, v.Containers[0].ExitCode)
		}
	})
}

func TestATaskStoppedInEachOfItsFirstStatusesLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, time.Second, 2500 * time.Millisecond, 3500 * time.Millisecond, 10 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			in(t, always(fake.Script{PullDelay: 2 * time.Second, StartDelay: 2 * time.Second}), func(t *testing.T, w *taskWorld) {
				w.register(nil)
				arn := *w.run(nil).TaskArn
				time.Sleep(after)
				if _, err := w.s.StopTask(w.ctx, &sdk.StopTaskInput{Task: &arn}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if v := w.task(arn); text(v.LastStatus) != "STOPPED" {
					t.Errorf("a minute after StopTask: %s", *v.LastStatus)
				}
				left, err := w.runtime.Find(w.ctx)
				if err != nil || len(left) != 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
			})
		})
	}
}

func TestAStoppedTaskCanBeDescribedForAnHour(t *testing.T) {
	in(t, always(fake.Script{RunFor: time.Second}), func(t *testing.T, w *taskWorld) {
		w.register(nil)
		arn := *w.run(nil).TaskArn
		time.Sleep(59 * time.Minute)
		if v := w.task(arn); *v.Containers[0].ExitCode != 0 {
			t.Errorf("exit code: got %d, want 0", *v.Containers[0].ExitCode)
		}
		time.Sleep(2 * time.Minute)
		out, err := w.s.DescribeTasks(w.ctx, &sdk.DescribeTasksInput{Tasks: []string{arn}})
		if err != nil || len(out.Failures) != 1 || text(out.Failures[0].Reason) != "MISSING" || text(out.Failures[0].Arn) != arn {
			t.Errorf("after an hour: %+v, %v", out, err)
		}
	})
}

// stopNow decides a stop as the service keeper does.
func (w *taskWorld) stopNow(arn, code, reason string) {
	w.t.Helper()
	if err := w.stopErr(arn, code, reason); err != nil {
		w.t.Fatal(err)
	}
}

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

func TestSpeedShortensWaitsAndNeverLimitsOnWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTaskWorldIn(t, store.Options{Speed: 60}, each(map[string]fake.Script{"app": {Health: []int{1}, IgnoresTerm: true}}))
		w.start()
		defer func() { w.stop() }()
		w.register(func(in *sdk.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].HealthCheck = &types.HealthCheck{Command: []string{"CMD", "x"}}
			in.ContainerDefinitions[0].StopTimeout = new(int32(7))
		})
		arn := *w.run(nil).TaskArn
		time.Sleep(2 * time.Second) // three checks, 30 s apart
		if v := w.task(arn); v.HealthStatus != types.HealthStatusUnhealthy {
			t.Errorf("after 120 s of its time: %s", v.HealthStatus)
		}
		if _, err := w.s.StopTask(w.ctx, &sdk.StopTaskInput{Task: &arn}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		if v := w.task(arn); text(v.LastStatus) != "STOPPING" {
			t.Errorf("6 s of the wall into a stopTimeout of 7 s: %s", *v.LastStatus)
		}
		time.Sleep(2 * time.Second)
		if v := w.task(arn); text(v.LastStatus) != "STOPPED" || *v.Containers[0].ExitCode != 137 {
			t.Errorf("after its stopTimeout: %s, %v", *v.LastStatus, v.Containers[0].ExitCode)
		}
		time.Sleep(time.Minute) // an hour of the cloud's
		if out, err := w.s.DescribeTasks(w.ctx, &sdk.DescribeTasksInput{Tasks: []string{arn}}); err != nil || len(out.Failures) != 1 {
			t.Errorf("an hour later: %+v, %v", out, err)
		}
	})
}

func TestStartTimeoutIsOfTheWall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTaskWorldIn(t, store.Options{Speed: 60}, each(map[string]fake.Script{"side": {Health: []int{1}}}))
		w.start()
		defer func() { w.stop() }()
		w.register(two(types.ContainerConditionHealthy, types.ContainerDefinition{
			HealthCheck: &types.HealthCheck{Command: []string{"CMD", "x"}}, StartTimeout: new(int32(10)),
		}))
		arn := *w.run(nil).TaskArn
		time.Sleep(9 * time.Second)
		if v := w.task(arn); text(v.DesiredStatus) != "RUNNING" {
			t.Errorf("9 s of the wall into a startTimeout of 10 s: %q", text(v.Containers[0].Reason))
		}
		time.Sleep(2 * time.Second)
		if v := w.task(arn); v.StopCode != types.TaskStopCodeTaskFailedToStart {
			t.Errorf("after its startTimeout: %s", v.StopCode)
		}
	})
}

func TestTargetsOfADeploymentAreRegisteredTogether(t *testing.T) {
	in(t, func(task launch.Task, _ launch.Container) fake.Script {
		return fake.Script{StartDelay: time.Duration(task.ID[31]%3) * time.Second}
	}, func(t *testing.T, w *taskWorld) {
		d := w.register(nil)
		for range 4 {
			w.serve(d)
		}
		time.Sleep(5 * time.Second)
		var said []string
		err := w.s.o.Store.View(func(tx *store.Tx) error {
			for e := range w.s.events.All(tx) {
				said = append(said, e.Message)
			}
			return nil
		})
		if want := []string{"(service web) registered 4 targets in (target-group group)"}; err != nil || !slices.Equal(said, want) {
			t.Errorf("events: got %q, %v, want %q", said, err, want)
		}
	})
}
