package codedeploy

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/store"
)

// reset makes the production listener forward to one group, as tools that declare it so do.
func (y *yard) reset(group string) {
	y.t.Helper()
	y.change(func(tx *store.Tx) { y.routes.put(tx, production+"/default", 1, group) })
	synctest.Wait()
}

func TestTheTaskSetThatIsLeftIsPrimaryWhoeverMovedTheTraffic(t *testing.T) {
	t.Run("to the replacement", func(t *testing.T) {
		inYard(t, func(y *yard) {
			y.group()
			id := y.deploy(appspec("web:2"))
			y.at(id, "Install")
			y.reset(greenGroup)
			if d := y.ends(id); d.Status != types.DeploymentStatusSucceeded || y.sets() != "2 PRIMARY green" {
				t.Errorf("it ended %s with %s", d.Status, y.sets())
			}
		})
	})
	t.Run("back to the original", func(t *testing.T) {
		inYard(t, func(y *yard) {
			y.group()
			id := y.deploy(appspec("web:2", "AfterAllowTraffic mute"))
			y.at(id, "AfterAllowTraffic")
			if got := y.sets(); got != "1 ACTIVE blue, 2 PRIMARY green" {
				t.Fatalf("task sets are %s", got)
			}
			y.reset(blueGroup)
			if _, err := y.room.StopDeployment(y.ctx, &sdk.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: aws.Bool(true)}); err != nil {
				t.Fatal(err)
			}
			back := y.ends(*y.ends(id).RollbackInfo.RollbackDeploymentId)
			if back.Status != types.DeploymentStatusSucceeded || y.sets() != "1 PRIMARY blue" {
				t.Errorf("the rollback ended %s with %s", back.Status, y.sets())
			}
		})
	})
}

func TestWhatAStoppedDeploymentLeftGetsNoTrafficOfTheNext(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group(func(in *sdk.CreateDeploymentGroupInput) { in.AutoRollbackConfiguration = nil })
		first := y.deploy(appspec("web:2"))
		y.at(first, "AllowTraffic")
		if _, err := y.room.StopDeployment(y.ctx, &sdk.StopDeploymentInput{DeploymentId: &first}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := y.weights(production); got != "90/10" {
			t.Fatalf("the stop left %s", got)
		}
		out, err := y.room.CreateDeployment(y.ctx, &sdk.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("web"),
			DeploymentConfigName: aws.String(allAtOnce), Revision: content(appspec("web:3"))})
		if err != nil {
			t.Fatal(err)
		}
		y.at(*out.DeploymentId, "Install")
		if got := y.weights(production); got != "100/0" {
			t.Errorf("while the next is installed the weights are %s", got)
		}
	})
}

func TestAServiceWhoseGroupIsDeletedMeanwhileStaysBusy(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group()
		id := y.deploy(appspec("web:2"))
		y.at(id, "AllowTraffic")
		if _, err := y.room.DeleteDeploymentGroup(y.ctx, &sdk.DeleteDeploymentGroupInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("web")}); err != nil {
			t.Fatal(err)
		}
		in := groupAsk()
		in.DeploymentGroupName = aws.String("other")
		if _, err := y.room.CreateDeploymentGroup(y.ctx, in); err != nil {
			t.Fatal(err)
		}
		again := &sdk.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("other"), Revision: content(appspec("web:3"))}
		_, err := y.room.CreateDeployment(y.ctx, again)
		if got, want := refusal(err), "DeploymentLimitExceededException: The Deployment Group 'web' already has an active Deployment '"+id+"'"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if d := y.ends(id); d.Status != types.DeploymentStatusSucceeded || y.sets() != "2 PRIMARY green" {
			t.Errorf("it ended %s with %s", d.Status, y.sets())
		}
		if _, err := y.room.CreateDeployment(y.ctx, again); err != nil {
			t.Errorf("after its end the next got %v", err)
		}
	})
}

func TestDiagnosticsTellWhatAFunctionRaised(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group()
		id := y.deploy(appspec("web:2", "AfterInstall thrower"))
		d := y.ends(id)
		if got := *d.ErrorInformation.Message; got != hookFailed {
			t.Errorf("the deployment says %q", got)
		}
		e := y.target(id).LifecycleEvents[2].Diagnostics
		if e == nil || *e.Message != "no such table" || *e.ScriptName != "thrower" || !strings.Contains(*e.LogTail, "no such table") {
			t.Errorf("diagnostics are %+v", e)
		}
	})
	for answer, want := range map[string]string{
		`{"errorMessage":"out of order","errorType":"RuntimeError"}`: "RuntimeError: out of order",
		`{"errorType":"Runtime.ExitError"}`:                          "Runtime.ExitError",
		`"text"`:                                                     "",
		``:                                                           "",
	} {
		if got := raised([]byte(answer)); got != want {
			t.Errorf("%s: got %q, want %q", answer, got, want)
		}
	}
}

func TestInstancesThatAreAskedForAreEchoed(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group()
		out, err := y.room.CreateDeployment(y.ctx, &sdk.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("web"),
			Revision: content(appspec("web:2")), FileExistsBehavior: types.FileExistsBehaviorRetain, UpdateOutdatedInstancesOnly: true, IgnoreApplicationStopFailures: true,
			TargetInstances: &types.TargetInstances{AutoScalingGroups: []string{"fleet"}}})
		if err != nil {
			t.Fatal(err)
		}
		d := y.get(*out.DeploymentId)
		if d.TargetInstances == nil || d.TargetInstances.AutoScalingGroups[0] != "fleet" || d.FileExistsBehavior != types.FileExistsBehaviorRetain ||
			!d.UpdateOutdatedInstancesOnly || !d.IgnoreApplicationStopFailures {
			t.Errorf("echoed are %+v, %s, %v, %v", d.TargetInstances, d.FileExistsBehavior, d.UpdateOutdatedInstancesOnly, d.IgnoreApplicationStopFailures)
		}
	})
}

func TestAnOriginalDeletedInTheTerminationWaitFailsNothing(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group(atOnce)
		id := y.deploy(appspec("web:2"))
		y.within(time.Hour, "the termination wait", func() bool { return y.get(id).InstanceTerminationWaitTimeStarted })
		y.change(func(tx *store.Tx) {
			if err := y.fleet.End(tx, webARN, "ecs-svc/1"); err != nil {
				t.Error(err)
			}
		})
		if d := y.ends(id); d.Status != types.DeploymentStatusSucceeded || y.sets() != "2 PRIMARY green" {
			t.Errorf("it ended %s with %s: %+v", d.Status, y.sets(), d.ErrorInformation)
		}
	})
}

func TestADeploymentGoesOnWithoutItsApplication(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group(atOnce)
		before := y.deploy(appspec("web:2"))
		y.ends(before)
		id := y.deploy(appspec("web:3"))
		y.at(id, "Install")
		if _, err := y.room.DeleteApplication(y.ctx, &sdk.DeleteApplicationInput{ApplicationName: aws.String("shop")}); err != nil {
			t.Fatal(err)
		}
		if _, err := y.room.GetDeployment(y.ctx, &sdk.GetDeploymentInput{DeploymentId: &before}); !isCode(err, "DeploymentDoesNotExistException") {
			t.Errorf("the one that was over is still told of: %v", err)
		}
		if d := y.ends(id); d.Status != types.DeploymentStatusSucceeded || y.sets() != "3 PRIMARY blue" {
			t.Errorf("it ended %s with %s: %+v", d.Status, y.sets(), d.ErrorInformation)
		}
	})
}
