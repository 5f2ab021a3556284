package crash_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/demo"
)

// driven is a shop whose service CodeDeploy drives between two target groups.
type driven struct {
	*shop
	cd    *codedeploy.Client
	other string // ARN of the second target group
}

func newDriven(t *testing.T, l *local, desired int32) *driven {
	t.Helper()
	d := &driven{shop: newShop(t, l), cd: codedeploy.NewFromConfig(l.config("123456789012"))}
	ctx := t.Context()
	group, err := d.elb.CreateTargetGroup(ctx, &elasticloadbalancingv2.CreateTargetGroupInput{
		Name: aws.String("other"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(port), VpcId: d.vpc, TargetType: elbtypes.TargetTypeEnumIp,
		HealthCheckPath: aws.String("/health"), HealthCheckIntervalSeconds: aws.Int32(10), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.other = *group.TargetGroups[0].TargetGroupArn
	testing, err := d.elb.CreateListener(ctx, &elasticloadbalancingv2.CreateListenerInput{
		LoadBalancerArn: &d.balancer, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(int32(freePort(t))), //nolint:gosec // a port fits
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &d.group}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ecs.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: aws.String(cluster), ServiceName: aws.String(service), TaskDefinition: aws.String(d.register("v0")), DesiredCount: &desired,
		LaunchType: ecstypes.LaunchTypeFargate, DeploymentController: &ecstypes.DeploymentController{Type: ecstypes.DeploymentControllerTypeCodeDeploy},
		HealthCheckGracePeriodSeconds: aws.Int32(400), NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: d.subnets}},
		LoadBalancers: []ecstypes.LoadBalancer{{TargetGroupArn: &d.group, ContainerName: aws.String("web"), ContainerPort: aws.Int32(port)}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.cd.CreateApplication(ctx, &codedeploy.CreateApplicationInput{ApplicationName: aws.String("shop"), ComputePlatform: cdtypes.ComputePlatformEcs}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.cd.CreateDeploymentConfig(ctx, &codedeploy.CreateDeploymentConfigInput{
		DeploymentConfigName: aws.String("halves"), ComputePlatform: cdtypes.ComputePlatformEcs,
		TrafficRoutingConfig: &cdtypes.TrafficRoutingConfig{Type: cdtypes.TrafficRoutingTypeTimeBasedLinear, TimeBasedLinear: &cdtypes.TimeBasedLinear{LinearPercentage: 50, LinearInterval: 1}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.cd.CreateDeploymentGroup(ctx, &codedeploy.CreateDeploymentGroupInput{
		ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("web"), ServiceRoleArn: aws.String("arn:aws:iam::123456789012:role/codedeploy"),
		DeploymentConfigName: aws.String("halves"), EcsServices: []cdtypes.ECSService{{ClusterName: aws.String(cluster), ServiceName: aws.String(service)}},
		DeploymentStyle: &cdtypes.DeploymentStyle{DeploymentType: cdtypes.DeploymentTypeBlueGreen, DeploymentOption: cdtypes.DeploymentOptionWithTrafficControl},
		LoadBalancerInfo: &cdtypes.LoadBalancerInfo{TargetGroupPairInfoList: []cdtypes.TargetGroupPairInfo{{
			TargetGroups:     []cdtypes.TargetGroupInfo{{Name: aws.String(service)}, {Name: aws.String("other")}},
			ProdTrafficRoute: &cdtypes.TrafficRoute{ListenerArns: []string{d.listener}},
			TestTrafficRoute: &cdtypes.TrafficRoute{ListenerArns: []string{*testing.Listeners[0].ListenerArn}},
		}}},
		BlueGreenDeploymentConfiguration: &cdtypes.BlueGreenDeploymentConfiguration{
			TerminateBlueInstancesOnDeploymentSuccess: &cdtypes.BlueInstanceTerminationOption{Action: cdtypes.InstanceActionTerminate, TerminationWaitTimeInMinutes: 1},
		},
	}); err != nil {
		t.Fatal(err)
	}
	d.settled()
	return d
}

// settled waits until one task set is left, PRIMARY and steady.
func (d *driven) settled() {
	d.t.Helper()
	until(d.t, 2*time.Minute, "one steady task set", func() (bool, string) {
		out, err := d.ecs.DescribeServices(d.t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String(cluster), Services: []string{service}})
		if err != nil || len(out.Services) != 1 {
			return false, fmt.Sprint(err)
		}
		var seen []string
		for _, s := range out.Services[0].TaskSets {
			seen = append(seen, *s.Status+" "+string(s.StabilityStatus))
		}
		return strings.Join(seen, ", ") == "PRIMARY STEADY_STATE", strings.Join(seen, ", ")
	})
}

// deploy begins a deployment of a definition, with a function's name as the hook of events.
func (d *driven) deploy(definition, function string, events ...string) string {
	d.t.Helper()
	var hooks []string
	for _, e := range events {
		hooks = append(hooks, fmt.Sprintf("{%q:%q}", e, function))
	}
	spec := fmt.Sprintf(`{"version":0.0,"Resources":[{"TargetService":{"Type":"AWS::ECS::Service","Properties":{"TaskDefinition":%q,"LoadBalancerInfo":{"ContainerName":"web","ContainerPort":%d}}}}],"Hooks":[%s]}`,
		definition, port, strings.Join(hooks, ","))
	out, err := d.cd.CreateDeployment(d.t.Context(), &codedeploy.CreateDeploymentInput{
		ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("web"),
		Revision: &cdtypes.RevisionLocation{RevisionType: cdtypes.RevisionLocationTypeAppSpecContent, AppSpecContent: &cdtypes.AppSpecContent{Content: &spec}},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return *out.DeploymentId
}

// reached reports whether an event of a deployment has begun; "" is the wait before the end.
func (d *driven) reached(id, event string) (bool, string) {
	if event == "" {
		out, err := d.cd.GetDeployment(d.t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
		return err == nil && out.DeploymentInfo.InstanceTerminationWaitTimeStarted, fmt.Sprint(err)
	}
	out, err := d.cd.GetDeploymentTarget(d.t.Context(), &codedeploy.GetDeploymentTargetInput{DeploymentId: &id, TargetId: aws.String(cluster + ":" + service)})
	if err != nil {
		return false, err.Error()
	}
	var seen []string
	for _, e := range out.DeploymentTarget.EcsTarget.LifecycleEvents {
		seen = append(seen, *e.LifecycleEventName+" "+string(e.Status))
		if *e.LifecycleEventName == event && e.StartTime != nil {
			return true, ""
		}
	}
	return false, strings.Join(seen, ", ")
}

// succeeds waits for the end of a deployment.
func (d *driven) succeeds(id, what string) {
	d.t.Helper()
	until(d.t, 2*time.Minute, "success "+what, func() (bool, string) {
		out, err := d.cd.GetDeployment(d.t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if err != nil {
			return false, err.Error()
		}
		if i := out.DeploymentInfo; i.CompleteTime != nil && i.Status != cdtypes.DeploymentStatusSucceeded {
			d.t.Fatalf("%s it ended %s: %+v", what, i.Status, i.ErrorInformation)
		}
		return out.DeploymentInfo.Status == cdtypes.DeploymentStatusSucceeded, string(out.DeploymentInfo.Status)
	})
	d.settled()
}

// Events of hooks without a function are over in a moment; see the test below for those with one.
func TestACodeDeployDeploymentEndsWellThoughTheDaemonIsKilledAtEachEventOfItsOwn(t *testing.T) {
	t.Parallel()
	r := chance(t)
	l := newLocal(t, "--speed", "40")
	d := newDriven(t, l, 2)
	load := &demo.Load{URL: d.url, PerSec: 50}
	traffic, stop := context.WithCancel(t.Context())
	var going sync.WaitGroup
	going.Go(func() { load.Run(traffic) })
	defer going.Wait()
	defer stop()
	for i, event := range []string{"BeforeInstall", "Install", "AllowTestTraffic", "AllowTraffic", ""} {
		load.Enter("killed at " + event)
		id := d.deploy(d.register(fmt.Sprintf("v%d", i+1)), "")
		until(t, time.Minute, event, func() (bool, string) { return d.reached(id, event) })
		if err := l.crash(r, 300*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		d.succeeds(id, "after a kill at "+event)
	}
	stop()
	going.Wait()
	requests, failures := load.Sum()
	t.Logf("%d requests, %d failed", requests, failures)
	if failures > 0 || requests < 100 {
		t.Errorf("got %d failed requests of %d, want none of many: %+v", failures, requests, load.Results(nil))
	}
}

// holder notes what it is told, and leaves the answer to somebody else.
const holder = `
import json, os
def handler(event, context):
    with open(os.environ["TOLD"], "a") as f:
        f.write(json.dumps(event) + "\n")
`

func TestACodeDeployDeploymentEndsWellThoughTheDaemonIsKilledWhileEachHookHoldsIt(t *testing.T) {
	t.Parallel()
	needPython(t)
	r := chance(t)
	l := newLocal(t, "--speed", "20")
	d := newDriven(t, l, 1)
	told := filepath.Join(t.TempDir(), "told")
	d.function("hold", holder, map[string]string{"TOLD": told})
	events := []string{"BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"}
	id := d.deploy(d.register("v1"), "hold", events...)
	answered := map[string]bool{}
	for _, event := range events {
		until(t, time.Minute, event, func() (bool, string) { return d.reached(id, event) })
		execution := ""
		hear := func() (bool, string) {
			text, err := os.ReadFile(told)
			for line := range strings.Lines(string(text)) {
				var e struct{ DeploymentId, LifecycleEventHookExecutionId string }
				if json.Unmarshal([]byte(line), &e) == nil && e.DeploymentId == id && !answered[e.LifecycleEventHookExecutionId] {
					execution = e.LifecycleEventHookExecutionId
				}
			}
			return execution != "", fmt.Sprint(err)
		}
		if event != events[0] { // the first is killed before or after its function is called, as it comes
			until(t, time.Minute, "the function of "+event+" is called", hear)
		}
		if err := l.crash(r, 300*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		until(t, time.Minute, "the function of "+event+" is called", hear)
		if _, err := d.cd.PutLifecycleEventHookExecutionStatus(t.Context(), &codedeploy.PutLifecycleEventHookExecutionStatusInput{
			DeploymentId: &id, LifecycleEventHookExecutionId: &execution, Status: cdtypes.LifecycleEventStatusSucceeded}); err != nil {
			t.Fatalf("answer the hook of %s after a kill: %v", event, err)
		}
		answered[execution] = true
	}
	d.succeeds(id, "after a kill at each hook")
}
