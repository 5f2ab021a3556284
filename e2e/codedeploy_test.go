package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// driven is a team whose service web CodeDeploy deploys, by a group that waits for an answer before
// production traffic moves.
func driven(t *testing.T) (*team, *ecs.Client) {
	t.Helper()
	w := newTeam(t, fmt.Sprintf("images:\n  - image: web:v1\n    command: [%[1]q, sample-web, -version, v1]\n  - image: web:v2\n    command: [%[1]q, sample-web, -version, v2]\n", binary))
	cloud, balancers, deploy, ctx := ecs.NewFromConfig(w.config()), elb.NewFromConfig(w.config()), codedeploy.NewFromConfig(w.config()), t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	nets, err := ec2.NewFromConfig(w.config()).DescribeSubnets(ctx, nil)
	must(err)
	_, err = cloud.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("main")})
	must(err)
	lb, err := balancers.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: w.subnets()})
	must(err)
	var groups []string
	for _, name := range []string{"blue", "green"} {
		g, err := balancers.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: &name, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(8080),
			VpcId: nets.Subnets[0].VpcId, TargetType: elbtypes.TargetTypeEnumIp, HealthCheckIntervalSeconds: aws.Int32(10), HealthyThresholdCount: aws.Int32(2), HealthCheckPath: aws.String("/health")})
		must(err)
		groups = append(groups, *g.TargetGroups[0].TargetGroupArn)
	}
	var listeners []string
	for _, port := range []int32{80, 8080} {
		l, err := balancers.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(port),
			DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &groups[0]}}})
		must(err)
		listeners = append(listeners, *l.Listeners[0].ListenerArn)
	}
	w.write("create.yaml", fmt.Sprintf(drivenFile, strings.Join(w.subnets(), ", "), groups[0]))
	if out, talk, code := w.slipway(nil, "plan", "web", "-f", "create.yaml"); code != 0 || !strings.Contains(out, "by codedeploy") || strings.Contains(out, "breaker") {
		t.Fatalf("plan of a service that is not there: %d\n%s%s", code, out, talk)
	}
	if out, talk, code := w.slipway(nil, "deploy", "web", "-f", "create.yaml"); code != 0 || !strings.Contains(out+talk, "CODE_DEPLOY deploys it from now on") {
		t.Fatalf("create the service from the file: %d\n%s%s", code, out, talk)
	}
	if got := steady(t, cloud); got != "web:1" {
		t.Fatalf("the service runs %s once the deploy that made it has ended, want web:1", got)
	}
	_, err = deploy.CreateApplication(ctx, &codedeploy.CreateApplicationInput{ApplicationName: aws.String("shop"), ComputePlatform: cdtypes.ComputePlatformEcs})
	must(err)
	_, err = deploy.CreateDeploymentGroup(ctx, &codedeploy.CreateDeploymentGroupInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("web"),
		ServiceRoleArn: aws.String("arn:aws:iam::123456789012:role/codedeploy"), DeploymentConfigName: aws.String("CodeDeployDefault.ECSAllAtOnce"),
		EcsServices:     []cdtypes.ECSService{{ClusterName: aws.String("main"), ServiceName: aws.String("web")}},
		DeploymentStyle: &cdtypes.DeploymentStyle{DeploymentType: cdtypes.DeploymentTypeBlueGreen, DeploymentOption: cdtypes.DeploymentOptionWithTrafficControl},
		LoadBalancerInfo: &cdtypes.LoadBalancerInfo{TargetGroupPairInfoList: []cdtypes.TargetGroupPairInfo{{
			TargetGroups:     []cdtypes.TargetGroupInfo{{Name: aws.String("blue")}, {Name: aws.String("green")}},
			ProdTrafficRoute: &cdtypes.TrafficRoute{ListenerArns: listeners[:1]}, TestTrafficRoute: &cdtypes.TrafficRoute{ListenerArns: listeners[1:]}}}},
		AlarmConfiguration:        &cdtypes.AlarmConfiguration{Enabled: true, IgnorePollAlarmFailure: true, Alarms: []cdtypes.Alarm{{Name: aws.String("web-5xx")}}},
		AutoRollbackConfiguration: &cdtypes.AutoRollbackConfiguration{Enabled: true, Events: []cdtypes.AutoRollbackEvent{cdtypes.AutoRollbackEventDeploymentStopOnAlarm}},
		BlueGreenDeploymentConfiguration: &cdtypes.BlueGreenDeploymentConfiguration{
			TerminateBlueInstancesOnDeploymentSuccess: &cdtypes.BlueInstanceTerminationOption{Action: cdtypes.InstanceActionTerminate, TerminationWaitTimeInMinutes: 1},
			DeploymentReadyOption:                     &cdtypes.DeploymentReadyOption{ActionOnTimeout: cdtypes.DeploymentReadyActionStopDeployment, WaitTimeInMinutes: 600}}})
	must(err)
	return w, cloud
}

// drivenFile is the file of a service that CodeDeploy deploys; %s are subnets and a target group.
const drivenFile = `version: 1
cluster: main
services:
  web:
    engine: codedeploy
    task: {family: web, networkMode: awsvpc, requiresCompatibilities: [FARGATE], cpu: "256", memory: "512", containerDefinitions: [
      {name: web, image: "web:v1", stopTimeout: 2, portMappings: [{containerPort: 8080}]}]}
    service:
      desiredCount: 1
      launchType: FARGATE
      healthCheckGracePeriodSeconds: 600
      deploymentController: {type: CODE_DEPLOY}
      networkConfiguration: {awsvpcConfiguration: {subnets: [%s]}}
      loadBalancers: [{targetGroupArn: "%s", containerName: web, containerPort: 8080}]
`

// alarming makes the alarm that the deployment group rolls back for; without samples it goes on.
func alarming(t *testing.T, w *team) {
	t.Helper()
	alarms := cloudwatch.NewFromConfig(w.config())
	if _, err := alarms.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("web-5xx"), Namespace: aws.String("Shop"), MetricName: aws.String("Errors"),
		Statistic: cwtypes.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("breaching")}); err != nil {
		t.Fatal(err)
	}
}

// steady waits until the service has one task set, and gives family:revision of it.
func steady(t *testing.T, cloud *ecs.Client) string {
	t.Helper()
	for end, seen := time.Now().Add(deployPatience), ""; ; {
		out, err := cloud.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"web"}})
		if err != nil || len(out.Services) != 1 {
			t.Fatalf("describe the service: %v", err)
		}
		sets := out.Services[0].TaskSets
		if len(sets) == 1 && aws.ToString(sets[0].Status) == "PRIMARY" && sets[0].StabilityStatus == ecstypes.StabilityStatusSteadyState {
			arn := *sets[0].TaskDefinition
			return arn[strings.LastIndexByte(arn, '/')+1:]
		}
		if seen = fmt.Sprintf("%d task sets", len(sets)); time.Now().After(end) {
			t.Fatalf("the service is not steady: %s", seen)
		}
		pause := time.NewTimer(200 * time.Millisecond)
		<-pause.C
	}
}

func TestACodeDeployServiceIsDeployedApprovedAbortedAndRolledBackByTheSameVerbs(t *testing.T) {
	t.Parallel()
	w, cloud := driven(t)
	for _, step := range []struct {
		args []string
		code int
		says []string
		runs string // once it is steady; "" is not asked for
	}{
		{[]string{"appspec"}, 0, []string{"TargetService:", "Type: AWS::ECS::Service", "task-definition/web:1", "ContainerPort: 8080"}, "web:1"},
		{[]string{"history"}, 0, []string{"no deployments"}, ""},
		{[]string{"explain"}, 0, []string{"main/web"}, ""},
		{[]string{"deploy", "--tag", "v1"}, 0, []string{"nothing to deploy"}, "web:1"},
		{[]string{"plan", "--tag", "v2"}, 0, []string{"CodeDeployDefault.ECSAllAtOnce by codedeploy", "its deployment group shop/web", "wait for `slipway approve`", "move test traffic",
			"keep the old tasks", "at most 2 tasks", "codedeploy:CreateDeployment", "rolls no failure back by itself"}, ""},
		{[]string{"deploy", "--tag", "v2", "--until", "test-traffic"}, 0, []string{"shop/web", "AllowTestTraffic succeeded", "reached test-traffic"}, ""},
		{[]string{"status"}, 0, []string{"Ready at READY_WAIT", "slipway approve or slipway reject", "passed: BeforeInstall, Install"}, ""},
		{[]string{"plan", "--tag", "v1"}, 0, []string{"is under way (Ready)"}, ""},
		{[]string{"deploy", "--tag", "v1", "--force", "--if-busy", "refuse"}, 1, nil, ""},
		{[]string{"abort"}, 0, []string{"rolled back"}, "web:1"},
		{[]string{"abort"}, 1, nil, "web:1"},
		{[]string{"deploy", "--tag", "v2", "--until", "before-shift"}, 0, []string{"reached before-shift"}, ""},
		{[]string{"wait", "--until", "approval"}, 8, []string{"waiting for approval"}, ""},
		{[]string{"approve", "--reason", "well"}, 0, []string{"approved"}, ""},
		{[]string{"wait"}, 0, []string{"succeeded: service web runs web:2"}, "web:2"},
		{[]string{"status"}, 0, []string{"web:2", "deployed by CODE_DEPLOY", ": succeeded, began"}, ""},
		{[]string{"history"}, 0, []string{"succeeded", "rolled back", "takes back d-", "MANUAL_STOP"}, ""},
		{[]string{"explain"}, 0, []string{"of web:2: succeeded"}, ""},
		{[]string{"revisions"}, 0, []string{"in use, last good", "rollback's target"}, ""},
		{[]string{"prune", "--keep", "0", "--yes"}, 0, []string{"nothing to prune"}, ""},
		{[]string{"rollback", "--timeout", "10s"}, 8, []string{"is to run web:1"}, ""},
		{[]string{"continue"}, 0, []string{"succeeded: service web runs web:1"}, "web:1"},
		{[]string{"deploy", "--tag", "v2", "--until", "before-shift", "--no-lease"}, 0, nil, ""},
		{[]string{"wait"}, 3, []string{"rolled back: stopped", "ALARM_ACTIVE", "<web-5xx>"}, "web:1"},
		{[]string{"history"}, 0, []string{"ALARM_ACTIVE"}, ""},
	} {
		if step.code == 3 {
			alarming(t, w)
		}
		args := append([]string{}, step.args[0])
		args = append(append(args, "web", "-c", "main"), step.args[1:]...)
		out, _, code := w.slipway(nil, args...)
		if code != step.code {
			t.Fatalf("%v: exit code %d, want %d", step.args, code, step.code)
		}
		for _, s := range step.says {
			if !strings.Contains(out, s) {
				t.Errorf("%v: does not say %q", step.args, s)
			}
		}
		if step.runs == "" {
			continue
		}
		if got := steady(t, cloud); got != step.runs {
			t.Fatalf("%v: the service runs %s, want %s", step.args, got, step.runs)
		}
	}
}
