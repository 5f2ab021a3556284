package codedeploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/store"
)

const allEvents = "BeforeInstall Succeeded, Install Succeeded, AfterInstall Succeeded, AllowTestTraffic Succeeded, AfterAllowTestTraffic Succeeded, " +
	"BeforeAllowTraffic Succeeded, AllowTraffic Succeeded, AfterAllowTraffic Succeeded"

func TestALinearDeploymentShiftsByTheMinuteAndWaitsBeforeTheEnd(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group()
		if got := y.weights(production); got != "100/0" {
			t.Errorf("a group that shifts gradually leaves the listener at %s", got)
		}
		id := y.deploy(appspec("web:2"))
		if got := y.get(id); got.Status != types.DeploymentStatusCreated || got.StartTime != nil {
			t.Errorf("a new deployment is %s", got.Status)
		}
		y.at(id, "AllowTraffic")
		for step := 1; step < 10; step++ {
			if got, want := y.weights(production), fmt.Sprintf("%d/%d", 100-10*step, 10*step); got != want {
				t.Errorf("step %d: got %s, want %s", step, got, want)
			}
			if got := y.sets(); got != "1 PRIMARY blue, 2 ACTIVE green" {
				t.Errorf("step %d: task sets are %s", step, got)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if got := y.weights(production); got != "0/100" {
			t.Errorf("after nine minutes the weights are %s", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		d := y.get(id)
		if d.Status != types.DeploymentStatusInProgress || !d.InstanceTerminationWaitTimeStarted || d.DeploymentOverview != nil || y.events(id) != allEvents {
			t.Errorf("in the termination wait it is %s, waiting %v: %s", d.Status, d.InstanceTerminationWaitTimeStarted, y.events(id))
		}
		if got := y.sets(); got != "1 ACTIVE blue, 2 PRIMARY green" {
			t.Errorf("in the termination wait the task sets are %s", got)
		}
		if took := y.within(10*time.Minute, "the end", func() bool { return y.get(id).CompleteTime != nil }); took < 4*time.Minute || took > 5*time.Minute {
			t.Errorf("the termination wait lasted %s more", took)
		}
		if d := y.get(id); d.Status != types.DeploymentStatusSucceeded || d.DeploymentOverview.Succeeded != 1 || y.sets() != "2 PRIMARY green" {
			t.Errorf("in the end it is %s with %+v and %s", d.Status, d.DeploymentOverview, y.sets())
		}
		if got := y.weights(testing8080); got != "0/100" {
			t.Errorf("the test listener ends at %s", got)
		}
		// The groups swap their roles.
		next := y.deploy(appspec("web:3"))
		y.at(next, "AllowTraffic")
		if got := y.weights(production); got != "10/90" {
			t.Errorf("the first step of the next deployment is %s", got)
		}
		if d := y.ends(next); d.Status != types.DeploymentStatusSucceeded || y.sets() != "3 PRIMARY blue" {
			t.Errorf("the next deployment ends %s with %s", d.Status, y.sets())
		}
	})
}

func TestACanaryWaitsBetweenItsTwoSteps(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group(noTest, func(in *sdk.CreateDeploymentGroupInput) {
			in.DeploymentConfigName = aws.String("CodeDeployDefault.ECSCanary10Percent5Minutes")
		})
		id := y.deploy(appspec("web:2"))
		y.at(id, "AllowTraffic")
		if got := y.weights(production); got != "90/10" {
			t.Errorf("the canary gets %s", got)
		}
		if took := y.within(time.Hour, "all traffic", func() bool { return y.weights(production) == "0/100" }); took < 5*time.Minute-time.Second || took > 5*time.Minute+time.Second {
			t.Errorf("the canary lasted %s", took)
		}
		if got, want := y.events(id), strings.Count(allEvents, ",")+1-2; strings.Count(got, ",")+1 != want {
			t.Errorf("without a test listener there are %s", got)
		}
	})
}

func TestFailuresInAnEventSkipTheRestAndAreRolledBack(t *testing.T) {
	for _, c := range []struct {
		name, spec  string
		change      func(in *sdk.CreateDeploymentGroupInput)
		meddle      func(y *yard, id string)
		status      types.DeploymentStatus
		code        string
		message     string
		events      string
		rolls       bool
		diagnostics types.LifecycleErrorCode
	}{
		{name: "an alarm before the start", meddle: func(y *yard, _ string) { y.ring("web-5xx", true) }, status: "Stopped", code: "ALARM_ACTIVE",
			message: "Activated alarms: <web-5xx>", events: "BeforeInstall Failed, Install Skipped"},
		{name: "an alarm during Install", meddle: func(y *yard, id string) { y.at(id, "Install"); y.ring("web-5xx", true) }, status: "Stopped", code: "ALARM_ACTIVE",
			message: "Activated alarms: <web-5xx>", events: "BeforeInstall Succeeded, Install Failed, AfterInstall Skipped", rolls: true},
		{name: "an alarm during AllowTraffic", meddle: func(y *yard, id string) { y.at(id, "AllowTraffic"); y.ring("web-5xx", true) }, status: "Stopped", code: "ALARM_ACTIVE",
			message: "Activated alarms: <web-5xx>", events: "AllowTraffic Failed, AfterAllowTraffic Skipped", rolls: true},
		{name: "an alarm that is deleted", meddle: func(y *yard, id string) {
			y.at(id, "Install")
			y.change(func(tx *store.Tx) { y.bells.table.Delete(tx, scope.ARN("cloudwatch", "alarm:web-5xx")) })
		}, status: "Stopped", code: "ALARM_ACTIVE", message: "could not retrieve", events: "Install Failed", rolls: true},
		{name: "a hook that fails", spec: appspec("web:2", "AfterInstall well", "BeforeAllowTraffic ill"), status: "Failed", code: "HOOK_EXECUTION_FAILURE",
			message: hookFailed, events: "BeforeAllowTraffic Failed, AllowTraffic Skipped", rolls: true, diagnostics: types.LifecycleErrorCodeScriptFailed},
		{name: "a hook that raises", spec: appspec("web:2", "AfterAllowTraffic thrower"), status: "Failed", code: "HOOK_EXECUTION_FAILURE",
			message: hookFailed, events: "AllowTraffic Succeeded, AfterAllowTraffic Failed", rolls: true, diagnostics: types.LifecycleErrorCodeScriptFailed},
		{name: "a hook that never calls back", spec: appspec("web:2", "AfterAllowTestTraffic mute"), status: "Failed", code: "HOOK_EXECUTION_FAILURE",
			message: hookTimedOut, events: "AfterAllowTestTraffic Failed, BeforeAllowTraffic Skipped", rolls: true, diagnostics: types.LifecycleErrorCodeScriptTimedOut},
		{name: "a hook without a function", spec: appspec("web:2", "BeforeInstall nobody"), status: "Failed", code: "INVALID_LAMBDA_FUNCTION",
			message: "Function not found: nobody", events: "BeforeInstall Failed, Install Skipped", diagnostics: types.LifecycleErrorCodeScriptMissing},
		{name: "tasks that never get healthy", spec: appspec("sick"), status: "Failed", code: "TIMEOUT", message: wordInstall,
			events: "Install Failed, AfterInstall Skipped", rolls: true},
		{name: "a definition that is not there", spec: appspec("none"), status: "Failed", code: "ECS_UPDATE_ERROR", message: "TaskDefinition not found.", events: "Install Failed"},
		{name: "a listener set back to the other group", meddle: func(y *yard, _ string) {
			y.change(func(tx *store.Tx) { y.routes.put(tx, production+"/default", 1, greenGroup) })
		}, status: "Failed", code: "ELASTIC_LOAD_BALANCING_INVALID",
			message: "Primary taskset target group must be behind listener " + production, events: "Install Failed"},
		{name: "the replacement is deleted", meddle: func(y *yard, id string) {
			y.at(id, "AllowTraffic")
			y.change(func(tx *store.Tx) { _ = y.fleet.End(tx, webARN, "ecs-svc/2") })
		}, status: "Failed", code: "ECS_UPDATE_ERROR", message: "was deleted", events: "AllowTraffic Failed", rolls: true},
		{name: "no notification to continue", change: func(in *sdk.CreateDeploymentGroupInput) {
			in.BlueGreenDeploymentConfiguration.DeploymentReadyOption = &types.DeploymentReadyOption{ActionOnTimeout: types.DeploymentReadyActionStopDeployment, WaitTimeInMinutes: 7}
		}, status: "Stopped", code: "TIMEOUT", message: "This time out period is 7 minutes.", events: "AfterAllowTestTraffic Succeeded, BeforeAllowTraffic Skipped", rolls: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inYard(t, func(y *yard) {
				y.group(func(in *sdk.CreateDeploymentGroupInput) {
					if c.change != nil {
						c.change(in)
					}
				})
				if c.spec == "" {
					c.spec = appspec("web:2")
				}
				if strings.Contains(c.name, "before") {
					c.meddle(y, "")
				}
				id := y.deploy(c.spec)
				if c.meddle != nil && !strings.Contains(c.name, "before") {
					c.meddle(y, id)
				}
				d := y.ends(id)
				if d.Status != c.status || string(d.ErrorInformation.Code) != c.code || !strings.Contains(*d.ErrorInformation.Message, c.message) || d.DeploymentOverview.Failed != 1 {
					t.Errorf("it ended %s, %s: %s", d.Status, d.ErrorInformation.Code, *d.ErrorInformation.Message)
				}
				if got := ", " + y.events(id); !strings.Contains(got, ", "+c.events) {
					t.Errorf("events are %s, want %s", got, c.events)
				}
				for _, e := range y.target(id).LifecycleEvents {
					if c.diagnostics != "" && e.Status == types.LifecycleEventStatusFailed && e.Diagnostics.ErrorCode != c.diagnostics {
						t.Errorf("diagnostics are %+v, want %s", e.Diagnostics, c.diagnostics)
					}
				}
				if c.rolls != (d.RollbackInfo != nil) {
					t.Fatalf("rollback: %+v", d.RollbackInfo)
				}
				if !c.rolls {
					return
				}
				back := y.ends(*d.RollbackInfo.RollbackDeploymentId)
				if back.Status != types.DeploymentStatusSucceeded || back.Creator != types.DeploymentCreatorCodeDeployRollback ||
					*back.RollbackInfo.RollbackTriggeringDeploymentId != id || *back.DeploymentConfigName != allAtOnce {
					t.Errorf("the rollback is %+v", back)
				}
				if took := back.CompleteTime.Sub(*d.CompleteTime); took > time.Second {
					t.Errorf("the way back took %s", took)
				}
				if y.sets() != "1 PRIMARY blue" || y.weights(production) != "100/0" || y.weights(testing8080) != "1/0" || y.events(*back.DeploymentId) != allEvents {
					t.Errorf("after it there are %s, %s and %s; events %s", y.sets(), y.weights(production), y.weights(testing8080), y.events(*back.DeploymentId))
				}
			})
		})
	}
}

func TestStopLeavesThingsAsTheyAreUnlessARollbackIsAskedFor(t *testing.T) {
	for _, ask := range []*bool{nil, aws.Bool(false), aws.Bool(true)} {
		inStop := ask != nil && *ask
		t.Run(fmt.Sprint(inStop), func(t *testing.T) {
			inYard(t, func(y *yard) {
				y.group()
				id := y.deploy(appspec("web:2"))
				y.at(id, "AllowTraffic")
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				out, err := y.room.StopDeployment(y.ctx, &sdk.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: ask})
				if err != nil || out.Status != types.StopStatusPending {
					t.Fatalf("the stop was answered %+v, %v", out, err)
				}
				synctest.Wait()
				d := y.get(id)
				if d.Status != types.DeploymentStatusStopped || d.ErrorInformation.Code != "MANUAL_STOP" {
					t.Errorf("it is %s, %+v", d.Status, d.ErrorInformation)
				}
				want, left := "1 PRIMARY blue, 2 ACTIVE green", "70/30"
				if inStop {
					want, left = "1 PRIMARY blue", "100/0"
				}
				if y.sets() != want || y.weights(production) != left || (d.RollbackInfo != nil) != inStop {
					t.Errorf("after the stop there are %s at %s; rollback %+v", y.sets(), y.weights(production), d.RollbackInfo)
				}
				if _, err := y.room.StopDeployment(y.ctx, &sdk.StopDeploymentInput{DeploymentId: &id}); !isCode(err, "DeploymentAlreadyCompletedException") {
					t.Errorf("a second stop gave %v", err)
				}
			})
		})
	}
}

func TestAStopWithARollbackBringsBlueBackWithinASecond(t *testing.T) {
	canary := func(in *sdk.CreateDeploymentGroupInput) {
		in.DeploymentConfigName = aws.String("CodeDeployDefault.ECSCanary10Percent15Minutes")
	}
	for _, c := range []struct {
		name  string
		group func(in *sdk.CreateDeploymentGroupInput)
		at    string // how the listener stands when it is stopped
		wait  func(y *yard, id string)
	}{
		{"in a canary's wait", canary, "90/10", func(y *yard, id string) { y.at(id, "AllowTraffic"); time.Sleep(7 * time.Minute) }},
		{"between linear steps", func(*sdk.CreateDeploymentGroupInput) {}, "60/40", func(y *yard, id string) { y.at(id, "AllowTraffic"); time.Sleep(3*time.Minute + 30*time.Second) }},
		{"with all of the traffic, in a hook", atOnce, "0/100", func(y *yard, id string) { y.at(id, "AfterAllowTraffic") }},
		{"in the termination wait", atOnce, "0/100", func(y *yard, id string) {
			y.within(time.Hour, "the termination wait", func() bool { return y.get(id).InstanceTerminationWaitTimeStarted })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inYard(t, func(y *yard) {
				y.group(c.group)
				var hooks []string
				if strings.HasSuffix(c.name, "hook") {
					hooks = []string{"AfterAllowTraffic mute"}
				}
				id := y.deploy(appspec("web:2", hooks...))
				c.wait(y, id)
				synctest.Wait()
				if got := y.weights(production); got != c.at {
					t.Fatalf("it is stopped at %s, want %s", got, c.at)
				}
				asked := time.Now()
				if _, err := y.room.StopDeployment(y.ctx, &sdk.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: aws.Bool(true)}); err != nil {
					t.Fatal(err)
				}
				if took := y.within(time.Minute, "blue's return", func() bool { return y.weights(production) == "100/0" }); took >= time.Second {
					t.Errorf("blue was back after %s", took)
				}
				d := y.get(id)
				if d.RollbackInfo == nil || d.CompleteTime.Sub(asked) >= time.Second {
					t.Fatalf("it was stopped at %s, asked for at %s: %+v", d.CompleteTime, asked, d.RollbackInfo)
				}
				for _, e := range y.target(*d.RollbackInfo.RollbackDeploymentId).LifecycleEvents {
					if *e.LifecycleEventName == "AllowTraffic" && (e.EndTime == nil || e.EndTime.Sub(asked) >= time.Second) {
						t.Errorf("the rollback moved traffic at %v, asked for at %s", e.EndTime, asked)
					}
				}
			})
		})
	}
}

func TestAStopInTheTerminationWaitOnlyMovesTheWeights(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group(atOnce)
		id := y.deploy(appspec("web:2"))
		y.within(time.Hour, "the termination wait", func() bool { return y.get(id).InstanceTerminationWaitTimeStarted })
		if got := y.sets(); got != "1 ACTIVE blue, 2 PRIMARY green" {
			t.Errorf("task sets are %s", got)
		}
		if _, err := y.room.StopDeployment(y.ctx, &sdk.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: aws.Bool(true)}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if y.sets() != "1 PRIMARY blue" || y.weights(production) != "100/0" {
			t.Errorf("there are %s at %s", y.sets(), y.weights(production))
		}
	})
}

func TestHooksAreCalledInOrderWhateverTheFilesOrder(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group(atOnce)
		id := y.deploy(appspec("web:2", "AfterAllowTraffic well", "BeforeInstall well", "AfterInstall well", "BeforeAllowTraffic well", "AfterAllowTestTraffic well"))
		d := y.ends(id)
		if made, _ := y.told(); d.Status != types.DeploymentStatusSucceeded || len(made) != 5 {
			t.Fatalf("it ended %s after %v: %+v", d.Status, made, d.ErrorInformation)
		}
		var before time.Time
		for _, e := range y.target(id).LifecycleEvents {
			if e.StartTime.Before(before) || e.EndTime.Before(*e.StartTime) {
				t.Errorf("%s lasts from %s to %s, after %s", *e.LifecycleEventName, e.StartTime, e.EndTime, before)
			}
			if strings.HasPrefix(*e.LifecycleEventName, "Before") && e.EndTime.Sub(*e.StartTime) != time.Second {
				t.Errorf("%s lasted %s, its function a second", *e.LifecycleEventName, e.EndTime.Sub(*e.StartTime))
			}
			before = *e.EndTime
		}
	})
}

func TestALateCallbackIsRefused(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group()
		d := y.ends(y.deploy(appspec("web:2", "BeforeInstall late")))
		if *d.ErrorInformation.Message != hookTimedOut {
			t.Errorf("it failed as %s", *d.ErrorInformation.Message)
		}
		var late error
		y.within(5*time.Minute, "the callback", func() bool { _, late = y.told(); return late != nil })
		if !isCode(late, "LifecycleEventAlreadyCompletedException") {
			t.Errorf("the callback was answered %v", late)
		}
		for code, in := range map[string]*sdk.PutLifecycleEventHookExecutionStatusInput{
			"InvalidLifecycleEventHookExecutionIdException": {DeploymentId: d.DeploymentId, LifecycleEventHookExecutionId: aws.String("x"), Status: "Succeeded"},
		} {
			if _, err := y.room.PutLifecycleEventHookExecutionStatus(y.ctx, in); !isCode(err, code) {
				t.Errorf("got %v, want %s", err, code)
			}
		}
	})
}

func TestAllRulesOfTheListenerThatForwardToEitherGroupShiftTogether(t *testing.T) {
	inYard(t, func(y *yard) {
		y.change(func(tx *store.Tx) {
			y.routes.put(tx, production+"/path", 1, blueGroup)
			y.routes.put(tx, production+"/else", 1, otherGroup)
		})
		y.group()
		y.at(y.deploy(appspec("web:2")), "AllowTraffic")
		y.change(func(tx *store.Tx) {
			path, _ := y.routes.Weights(tx, production+"/path")
			other, _ := y.routes.Weights(tx, production+"/else")
			if !slices.Equal(path, []balance.Weighted{{Group: blueGroup, Weight: 90}, {Group: greenGroup, Weight: 10}}) || len(other) != 1 || other[0].Weight != 1 {
				t.Errorf("rules are %v and %v", path, other)
			}
		})
	})
}

func TestBothWaitsEndWhenTold(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group(atOnce, func(in *sdk.CreateDeploymentGroupInput) {
			in.BlueGreenDeploymentConfiguration.DeploymentReadyOption = &types.DeploymentReadyOption{ActionOnTimeout: types.DeploymentReadyActionStopDeployment, WaitTimeInMinutes: 30}
		})
		id := y.deploy(appspec("web:2"))
		proceed := func(wait types.DeploymentWaitType) error {
			_, err := y.room.ContinueDeployment(y.ctx, &sdk.ContinueDeploymentInput{DeploymentId: &id, DeploymentWaitType: wait})
			synctest.Wait()
			return err
		}
		if err := proceed(types.DeploymentWaitTypeReadyWait); !isCode(err, "DeploymentIsNotInReadyStateException") {
			t.Errorf("too early gave %v", err)
		}
		y.within(time.Hour, "ready", func() bool { return y.get(id).Status == types.DeploymentStatusReady })
		if y.weights(production) != "1/0" || y.weights(testing8080) != "0/100" || y.target(id).Status != types.TargetStatusReady {
			t.Errorf("ready, the listeners are at %s and %s", y.weights(production), y.weights(testing8080))
		}
		if err := proceed("SOME_WAIT"); !isCode(err, "InvalidDeploymentWaitTypeException") {
			t.Errorf("a wait that is none gave %v", err)
		}
		if err := proceed(types.DeploymentWaitTypeReadyWait); err != nil {
			t.Fatal(err)
		}
		if got := y.get(id).Status; got != types.DeploymentStatusInProgress {
			t.Errorf("told to go on it is %s", got)
		}
		if err := proceed(types.DeploymentWaitTypeReadyWait); !isCode(err, "DeploymentIsNotInReadyStateException") {
			t.Errorf("twice gave %v", err)
		}
		y.within(time.Hour, "the termination wait", func() bool { return y.get(id).InstanceTerminationWaitTimeStarted })
		if _, err := y.room.SkipWaitTimeForInstanceTermination(y.ctx, &sdk.SkipWaitTimeForInstanceTerminationInput{DeploymentId: &id}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if d := y.get(id); d.Status != types.DeploymentStatusSucceeded || y.sets() != "2 PRIMARY green" {
			t.Errorf("it is %s with %s", d.Status, y.sets())
		}
		if err := proceed(types.DeploymentWaitTypeTerminationWait); !isCode(err, "DeploymentAlreadyCompletedException") {
			t.Errorf("after the end gave %v", err)
		}
	})
}

// A cloud killed at any event goes on where its rows are.
func TestADeploymentEndsAsItWouldHaveWhereverTheLoopIsStopped(t *testing.T) {
	events := []string{"BeforeInstall", "Install", "AfterInstall", "AllowTestTraffic", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"}
	if testing.Short() { // the race detector learns nothing from the others
		events = events[:3]
	}
	for _, event := range events {
		t.Run(event, func(t *testing.T) {
			inYard(t, func(y *yard) {
				y.group()
				id := y.deploy(appspec("web:2", "BeforeInstall well", "AfterInstall well", "AfterAllowTestTraffic well", "BeforeAllowTraffic well", "AfterAllowTraffic well"))
				reached := func() bool {
					if y.get(id).Status == types.DeploymentStatusCreated {
						return false
					}
					got := ", " + y.events(id)
					return strings.Contains(got, ", "+event+" InProgress") || strings.Contains(got, ", "+event+" Succeeded")
				}
				y.within(2*time.Hour, event, reached)
				y.stop()
				time.Sleep(10 * time.Second)
				y.start()
				if d := y.ends(id); d.Status != types.DeploymentStatusSucceeded || y.events(id) != allEvents {
					t.Errorf("it ended %s: %s %+v", d.Status, y.events(id), d.ErrorInformation)
				}
				if y.sets() != "2 PRIMARY green" || y.weights(production) != "0/100" {
					t.Errorf("there are %s at %s", y.sets(), y.weights(production))
				}
			})
		})
	}
}
