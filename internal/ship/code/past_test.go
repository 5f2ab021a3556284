package code_test

import (
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

func TestThePastTellsOfRollbacksFromBothSides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(func(*fake, *types.DeploymentInfo) {}, undo(types.DeploymentStatusSucceeded))
		f.deploy(t, ship.Request{})
		f.deployments[0].Revision = f.deployments[1].Revision // as CodeDeploy has it where nothing has succeeded before
		all, err := f.engine().Past(t.Context(), f.service, 0)
		if err != nil || len(all) != 2 {
			t.Fatalf("got %d deployments (%v), want two", len(all), err)
		}
		back, broken := all[0], all[1]
		if back.Verdict != ship.Succeeded || back.Cause != "takes back "+broken.ARN || back.Revision != "web:1" {
			t.Errorf("the rollback is %s of %s (%s), want succeeded of web:1", back.Verdict, back.Revision, back.Cause)
		}
		if broken.Verdict != ship.RolledBack || broken.Revision != "web:2" || broken.Cause != "HOOK_EXECUTION_FAILURE: The function failed" {
			t.Errorf("the one undone is %s of %s (%s), want rolled back of web:2", broken.Verdict, broken.Revision, broken.Cause)
		}
		if one, err := f.engine().Past(t.Context(), f.service, 1); err != nil || len(one) != 1 || one[0].ARN != "d-BACK" {
			t.Errorf("got %+v (%v), want the newest alone", one, err)
		}
	})
}

func TestTheFactsOfADeploymentAreItsTargets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(func(*fake, *types.DeploymentInfo) {}, wreck)
		f.deploy(t, ship.Request{})
		f.events = []types.LifecycleEvent{{LifecycleEventName: aws.String("Install"), Status: types.LifecycleEventStatusSucceeded},
			{LifecycleEventName: aws.String("AfterInstall"), Status: types.LifecycleEventStatusFailed, Diagnostics: &types.Diagnostics{ScriptName: aws.String("check")}}}
		all, err := f.engine().Past(t.Context(), f.service, 1)
		if err != nil {
			t.Fatal(err)
		}
		facts, err := f.engine().Facts(t.Context(), f.service, &all[0])
		if err != nil {
			t.Fatal(err)
		}
		cause := explain.Of(explain.Facts{Deployment: facts})
		if cause.Class != explain.HookFailed || cause.Text != "function check refused at AfterInstall" || len(all[0].Events) != 2 {
			t.Errorf("got %+v of %+v", cause, all[0])
		}
	})
}

func TestTheForecastIsTheGroupsOwnSettings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		g := &f.groups[0]
		route := &types.TrafficRoute{ListenerArns: []string{"production"}}
		g.LoadBalancerInfo = &types.LoadBalancerInfo{TargetGroupPairInfoList: []types.TargetGroupPairInfo{{ProdTrafficRoute: route, TestTrafficRoute: route}}}
		g.DeploymentConfigName = aws.String("tenths")
		g.BlueGreenDeploymentConfiguration = &types.BlueGreenDeploymentConfiguration{
			TerminateBlueInstancesOnDeploymentSuccess: &types.BlueInstanceTerminationOption{TerminationWaitTimeInMinutes: 5},
			DeploymentReadyOption:                     &types.DeploymentReadyOption{ActionOnTimeout: types.DeploymentReadyActionStopDeployment, WaitTimeInMinutes: 60}}
		d, err := f.engine().Forecast(t.Context(), f.start(t, ship.Request{Functions: map[ship.Point]string{ship.PointTestTraffic: "check:live"}}))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		least := 0
		for _, s := range d.Steps {
			names = append(names, s.Name)
			least += s.Least
		}
		want := []string{"move test traffic", "call check at AfterAllowTestTraffic", "wait for `slipway approve`, else it is stopped", "move production traffic", "keep the old tasks, for an instant way back"}
		if len(names) != len(want) || least != 9*30*60+5*60 || d.By != "shop/web" || d.Production != "production" {
			t.Errorf("got %q, %d s at least, by %s", names, least, d.By)
		}
		for i := range want {
			if names[i] != want[i] {
				t.Errorf("step %d is %q, want %q", i, names[i], want[i])
			}
		}
		if len(d.Wrong) != 2 || d.Wrong[0].Code != "rollback.off" || d.Wrong[1].Code != "alarms.none" {
			t.Errorf("got %+v, want that nothing rolls back and nothing guards", d.Wrong)
		}
	})
}
