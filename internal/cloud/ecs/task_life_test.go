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

func TestALongReasonIsCut(t *testing.T) {
	in(t, always(fake.Script{StartError: strings.Repeat("é", 2000)}), func(t *testing.T, w *taskWorld) {
		w.register(nil)
		arn := *w.run(nil).TaskArn
		time.Sleep(time.Second)
		if got, want := text(w.task(arn).Containers[0].Reason), "CannotStartContainerError: "+strings.Repeat("é", 997); got != want {
			t.Errorf("reason: got %d characters, want %d", len([]rune(got)), len([]rune(want)))
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
