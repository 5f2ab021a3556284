package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// reviewed has three versions that serve. %[1]s is the binary.
const reviewed = `images:
  - {image: "web:1", command: ["%[1]s", sample-web, -version, v1]}
  - {image: "web:2", command: ["%[1]s", sample-web, -version, v2]}
  - {image: "web:3", command: ["%[1]s", sample-web, -version, v3]}
`

// The file of examples/approval-lambda, as it stands: ECS holds each deployment until somebody
// answers, whether or not a client is there.
func TestOneLineOfTheFileHoldsADeploymentUntilItIsApprovedOrRejected(t *testing.T) {
	t.Parallel()
	const name = "slipway-approval"
	w := newWard(t, fmt.Sprintf(reviewed, binary))
	file, err := os.ReadFile("../examples/approval-lambda/slipway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w.write("slipway.yaml", string(file))
	w.blueGreen(name)
	w.said(0, []string{"wait", name, "-c", name}, "succeeded")
	first := w.newest(name)

	for _, turn := range []struct {
		image, answer string
		code          int
		end           string
		status        types.ServiceDeploymentStatus
	}{
		{"web:2", "approve", 0, "succeeded", types.ServiceDeploymentStatusSuccessful},
		{"web:3", "reject", 3, "rolled back: Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT", types.ServiceDeploymentStatusRollbackSuccessful},
	} {
		if _, _, code := w.slipway([]string{"IMAGE=" + turn.image}, "deploy", "--detach"); code != 0 {
			t.Fatalf("deploy %s: exit code %d", turn.image, code)
		}
		var d types.ServiceDeployment
		w.until(turn.image+" waits for an answer", func() bool {
			d = w.newest(name)
			return len(d.LifecycleHookDetails) == 1 && d.LifecycleHookDetails[0].Status == types.DeploymentLifecycleHookStatusAwaitingAction
		})
		if d.LifecycleStage != types.ServiceDeploymentLifecycleStagePostTestTrafficShift || aws.ToString(d.ServiceDeploymentArn) == aws.ToString(first.ServiceDeploymentArn) {
			t.Errorf("%s waits in %s of %s", turn.image, d.LifecycleStage, *d.ServiceDeploymentArn)
		}
		if got := *d.TargetServiceRevision.RequestedProductionTrafficWeight; got != 0 {
			t.Errorf("%s has %g %% of production before anybody said yes", turn.image, got)
		}
		w.said(0, []string{turn.answer, name, "-c", name, "--reason", "the cart is empty"})
		w.said(turn.code, []string{"wait", name, "-c", name}, turn.end)
		if d = w.newest(name); d.Status != turn.status {
			t.Errorf("%s ended as %s (%s), want %s", turn.image, d.Status, aws.ToString(d.StatusReason), turn.status)
		}
	}
}

// blueGreen makes a cluster and in it a service of web:1, of one name, that deploys blue/green
// between two target groups.
func (w *ward) blueGreen(name string) {
	w.t.Helper()
	ctx := w.t.Context()
	if _, err := w.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &name}); err != nil {
		w.t.Fatal(err)
	}
	blue, green := w.group("blue", "/health"), w.group("green", "/health")
	made, err := w.elb.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: &w.balancer, Port: aws.Int32(freePort(w.t)), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, ForwardConfig: &elbtypes.ForwardActionConfig{TargetGroups: []elbtypes.TargetGroupTuple{
			{TargetGroupArn: &blue, Weight: aws.Int32(1)}, {TargetGroupArn: &green, Weight: aws.Int32(0)}}}}}})
	if err != nil {
		w.t.Fatal(err)
	}
	rules, err := w.elb.DescribeRules(ctx, &elb.DescribeRulesInput{ListenerArn: made.Listeners[0].ListenerArn})
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("first.yaml", fmt.Sprintf(firstFile, name, strings.Join(w.subnets, ", "), blue, green, *rules.Rules[0].RuleArn))
	w.said(0, []string{"deploy", "-f", "first.yaml"}, "created service "+name, "succeeded: service "+name+" runs")
	d := w.newest(name)
	if c := d.DeploymentConfiguration; c.Strategy != types.DeploymentStrategyBlueGreen || d.Status != types.ServiceDeploymentStatusSuccessful || len(d.SourceServiceRevisions) != 0 {
		w.t.Errorf("the first deployment is %s by %s, from %d revisions", d.Status, c.Strategy, len(d.SourceServiceRevisions))
	}
}

// firstFile is the file of a service that is not there yet, deployed blue/green. %[1]s is its name and its
// cluster's, then come subnets, both target groups and the production listener's rule.
const firstFile = `version: 1
cluster: %[1]s
services:
  %[1]s:
    strategy: {type: blue-green, bake: 0s}
    task: {family: %[1]s, networkMode: awsvpc, requiresCompatibilities: [FARGATE], cpu: "256", memory: "512", containerDefinitions: [
      {name: web, image: "web:1", stopTimeout: 2, portMappings: [{containerPort: 8080}]}]}
    service:
      desiredCount: 1
      launchType: FARGATE
      healthCheckGracePeriodSeconds: 600
      networkConfiguration: {awsvpcConfiguration: {subnets: [%[2]s]}}
      loadBalancers: [{targetGroupArn: "%[3]s", containerName: web, containerPort: 8080, advancedConfiguration: {
        alternateTargetGroupArn: "%[4]s", productionListenerRule: "%[5]s", roleArn: "arn:aws:iam::123456789012:role/infrastructure"}}]
`

// newest gives the newest service deployment of a service in the cluster of its name.
func (w *ward) newest(name string) types.ServiceDeployment {
	w.t.Helper()
	list, err := w.ecs.ListServiceDeployments(w.t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: &name, Service: &name})
	if err != nil || len(list.ServiceDeployments) == 0 {
		w.t.Fatalf("list the deployments of %s: %v, %v", name, list, err)
	}
	out, err := w.ecs.DescribeServiceDeployments(w.t.Context(), &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*list.ServiceDeployments[0].ServiceDeploymentArn}})
	if err != nil || len(out.ServiceDeployments) != 1 {
		w.t.Fatalf("describe the newest deployment of %s: %v, %v", name, out, err)
	}
	return out.ServiceDeployments[0]
}
