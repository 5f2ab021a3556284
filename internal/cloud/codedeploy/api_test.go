package codedeploy

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/wire"
)

// refusal writes an error as a client sees it.
func refusal(err error) string {
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return e.Code + ": " + e.Message
	}
	return "no refusal"
}

func TestAnAppSpecFileIsReadInEveryFormThatToolsSend(t *testing.T) {
	t.Parallel()
	want := Spec{Definition: "arn:aws:ecs:us-east-1:123456789012:task-definition/web:7", Container: "web", Port: 8080, Hooks: []Hook{{"AfterInstall", "f2"}, {"BeforeInstall", "f1"}}}
	for name, text := range map[string]string{
		"YAML": "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n        TaskDefinition: \"arn:aws:ecs:us-east-1:123456789012:task-definition/web:7\"\n" +
			"        LoadBalancerInfo:\n          ContainerName: \"web\"\n          ContainerPort: 8080\nHooks:\n  - AfterInstall: f2\n  - BeforeInstall: f1\n",
		"JSON": `{"version":"0.0","Resources":[{"TargetService":{"Type":"AWS::ECS::Service","Properties":{"TaskDefinition":"arn:aws:ecs:us-east-1:123456789012:task-definition/web:7",` +
			`"LoadBalancerInfo":{"ContainerName":"web","ContainerPort":"8080"}}}}],"Hooks":[{"AfterInstall":"f2"},{"BeforeInstall":"f1"}]}`,
		"small keys": `{"version":0,"resources":[{"any":{"type":"AWS::ECS::Service","properties":{"taskDefinition":"arn:aws:ecs:us-east-1:123456789012:task-definition/web:7",` +
			`"loadBalancerInfo":{"containerName":"web","containerPort":8080}}}}],"hooks":[{"afterInstall":"f2"},{"beforeInstall":"f1"}]}`,
	} {
		got, err := parseSpec(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAnAppSpecFileThatCannotBeDeployedIsRefused(t *testing.T) {
	t.Parallel()
	good := appspec("web:2", "AfterInstall f")
	for _, c := range []struct{ old, new, want string }{
		{good, "", wordNoFile},
		{good, "Resources: [", "not well-formed yaml"},
		{"version: 0.0", "version: 1", "The version 1 is not supported"},
		{"version: 0.0\n", "", "The version is missing"},
		{"AWS::ECS::Service", "AWS::Lambda::Function", "must be AWS::ECS::Service"},
		{`"web:2"`, `"<TASK_DEFINITION>"`, "still the placeholder <TASK_DEFINITION>"},
		{`"web:2"`, `""`, "TaskDefinition is missing"},
		{"ContainerPort: 8080", "ContainerPort: many", "ContainerName and a ContainerPort"},
		{"AfterInstall: f", "AfterLunch: f", "AfterLunch is no life-cycle event"},
		{"AfterInstall: f\n", "AfterInstall: f\n  - AfterInstall: g\n", "more than once"},
		{"Hooks:", "        NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [a]}}\nHooks:", "Subnets, SecurityGroups and AssignPublicIp"},
		{"Hooks:", "        NetworkConfiguration: awsvpc\nHooks:", "Subnets, SecurityGroups and AssignPublicIp"},
		{"Hooks:", "        CapacityProviderStrategy: {CapacityProvider: FARGATE_SPOT}\nHooks:", "CapacityProviderStrategy must be a list"},
		{"Hooks:", "        CapacityProviderStrategy: [{Weight: 1}]\nHooks:", "must have a CapacityProvider"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("nothing of %q in the file", c.old)
		}
		_, err := parseSpec(text)
		if got := refusal(err); !strings.HasPrefix(got, "InvalidRevisionException: ") || !strings.Contains(got, c.want) {
			t.Errorf("%q was refused with %q, want %q", c.new, got, c.want)
		}
	}
}

func TestGroupsAreRefusedInCodeDeploysWords(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group()
		for _, c := range []struct {
			want   string
			change func(in *sdk.CreateDeploymentGroupInput)
		}{
			{"DeploymentGroupAlreadyExistsException: ", func(in *sdk.CreateDeploymentGroupInput) { in.DeploymentGroupName = aws.String("web") }},
			{"ApplicationDoesNotExistException: No application found for name: x", func(in *sdk.CreateDeploymentGroupInput) { in.ApplicationName = aws.String("x") }},
			{"InvalidDeploymentStyleException: " + wordStyle, func(in *sdk.CreateDeploymentGroupInput) { in.DeploymentStyle = nil }},
			{"InvalidBlueGreenDeploymentConfigurationException: " + wordBlueGreen, func(in *sdk.CreateDeploymentGroupInput) { in.BlueGreenDeploymentConfiguration = nil }},
			{"InvalidLoadBalancerInfoException: " + wordBalancer, func(in *sdk.CreateDeploymentGroupInput) { in.LoadBalancerInfo = nil }},
			{"InvalidLoadBalancerInfoException: " + wordELB, func(in *sdk.CreateDeploymentGroupInput) { in.LoadBalancerInfo.ElbInfoList = []types.ELBInfo{{}} }},
			{"InvalidTargetGroupPairException: " + wordPair, func(in *sdk.CreateDeploymentGroupInput) { in.LoadBalancerInfo.TargetGroupPairInfoList = nil }},
			{"InvalidTrafficRoutingConfigurationException: " + wordGradual, func(in *sdk.CreateDeploymentGroupInput) {
				in.DeploymentConfigName = aws.String("CodeDeployDefault.ECSCanary10Percent5Minutes")
				in.LoadBalancerInfo.TargetGroupPairInfoList[0].ProdTrafficRoute.ListenerArns = []string{scope.ARN("elasticloadbalancing", "listener/net/web/1/80")}
			}},
			{"InvalidInputException: " + wordScaling, func(in *sdk.CreateDeploymentGroupInput) { in.AutoScalingGroups = []string{"a"} }},
			{"InvalidDeploymentConfigNameException: ", func(in *sdk.CreateDeploymentGroupInput) {
				in.DeploymentConfigName = aws.String("CodeDeployDefault.OneAtATime")
			}},
			{"InvalidAutoRollbackConfigException: ", func(in *sdk.CreateDeploymentGroupInput) {
				in.AutoRollbackConfiguration = &types.AutoRollbackConfiguration{Enabled: true}
			}},
			{"InvalidAlarmConfigException: ", func(in *sdk.CreateDeploymentGroupInput) {
				in.AlarmConfiguration.Alarms = append(in.AlarmConfiguration.Alarms, in.AlarmConfiguration.Alarms[0])
			}},
			{"InvalidAlarmConfigException: ", func(in *sdk.CreateDeploymentGroupInput) { in.AlarmConfiguration.Alarms = nil }},
			{"InvalidECSServiceException: Could not load ECS service information for cluster: prod, service: x. Cause: Service not found.", func(in *sdk.CreateDeploymentGroupInput) {
				in.EcsServices[0].ServiceName = aws.String("x")
			}},
			{"ECSServiceMappingLimitExceededException: ", func(*sdk.CreateDeploymentGroupInput) {}},
		} {
			in := groupAsk()
			in.DeploymentGroupName = aws.String("second")
			c.change(in)
			_, err := y.room.CreateDeploymentGroup(y.ctx, in)
			if got := refusal(err); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		}
	})
}

func TestConfigurationsOutOfCodeDeploysBoundsAreRefused(t *testing.T) {
	inYard(t, func(y *yard) {
		for _, c := range []struct {
			name  string
			route *types.TrafficRoutingConfig
			want  string
		}{
			{"CodeDeployDefault.Mine", routing(canary(10, 5), nil), "InvalidDeploymentConfigNameException"},
			{"a", nil, "InvalidTrafficRoutingConfigurationException"},
			{"a", routing(canary(100, 5), nil), "InvalidTrafficRoutingConfigurationException"},
			{"a", routing(canary(10, 0), nil), "InvalidTrafficRoutingConfigurationException"},
			{"a", routing(nil, linear(1, 30)), "InvalidTrafficRoutingConfigurationException"},
			{"a", &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeTimeBasedLinear, TimeBasedCanary: canary(10, 5)}, "InvalidTrafficRoutingConfigurationException"},
			{"a", routing(canary(15, 5), nil), "no refusal"},
			{"a", routing(canary(15, 5), nil), "DeploymentConfigAlreadyExistsException"},
		} {
			_, err := y.room.CreateDeploymentConfig(y.ctx, &sdk.CreateDeploymentConfigInput{DeploymentConfigName: &c.name, ComputePlatform: types.ComputePlatformEcs, TrafficRoutingConfig: c.route})
			if got := refusal(err); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s %+v: got %q, want %q", c.name, c.route, got, c.want)
			}
		}
		if _, err := y.room.DeleteDeploymentConfig(y.ctx, &sdk.DeleteDeploymentConfigInput{DeploymentConfigName: aws.String(allAtOnce)}); !isCode(err, "InvalidOperationException") {
			t.Errorf("deleting a predefined one gave %v", err)
		}
	})
}

func TestRevisionsInS3AreReadOnceAndFoundAgain(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group(atOnce)
		at := func(key string, bundle types.BundleType) *types.RevisionLocation {
			return &types.RevisionLocation{RevisionType: types.RevisionLocationTypeS3, S3Location: &types.S3Location{Bucket: aws.String("specs"), Key: &key, BundleType: bundle}}
		}
		create := func(r *types.RevisionLocation) (*sdk.CreateDeploymentOutput, error) {
			return y.room.CreateDeployment(y.ctx, &sdk.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("web"), Revision: r})
		}
		for want, r := range map[string]*types.RevisionLocation{
			"RevisionDoesNotExistException: ":         at("other.yaml", types.BundleTypeYaml),
			"InvalidRevisionException: " + wordBundle: at("appspec.yaml", types.BundleTypeZip),
			"InvalidRevisionException: " + wordNoFile: at("empty.yaml", types.BundleTypeYaml),
		} {
			if _, err := create(r); !strings.HasPrefix(refusal(err), want) {
				t.Errorf("got %q, want %q", refusal(err), want)
			}
		}
		out, err := create(at("appspec.yaml", "yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if d := y.ends(*out.DeploymentId); d.Status != types.DeploymentStatusSucceeded || *d.Revision.S3Location.ETag != "0123" {
			t.Errorf("it ended %s from %+v", d.Status, d.Revision.S3Location)
		}
		list, err := y.room.ListApplicationRevisions(y.ctx, &sdk.ListApplicationRevisionsInput{ApplicationName: aws.String("shop"), S3Bucket: aws.String("specs"), Deployed: types.ListStateFilterActionInclude})
		if err != nil || len(list.Revisions) != 1 {
			t.Errorf("listed are %+v, %v", list, err)
		}
		got, err := y.room.GetApplicationRevision(y.ctx, &sdk.GetApplicationRevisionInput{ApplicationName: aws.String("shop"), Revision: at("appspec.yaml", types.BundleTypeYaml)})
		if err != nil || got.RevisionInfo.FirstUsedTime == nil || got.RevisionInfo.DeploymentGroups[0] != "web" {
			t.Errorf("found is %+v, %v", got, err)
		}
	})
}

func TestARenameKeepsGroupsAndHistory(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group(atOnce)
		id := y.deploy(appspec("web:2"))
		y.ends(id)
		if _, err := y.room.UpdateApplication(y.ctx, &sdk.UpdateApplicationInput{ApplicationName: aws.String("shop"), NewApplicationName: aws.String("store")}); err != nil {
			t.Fatal(err)
		}
		if _, err := y.room.UpdateDeploymentGroup(y.ctx, &sdk.UpdateDeploymentGroupInput{
			ApplicationName: aws.String("store"), CurrentDeploymentGroupName: aws.String("web"), NewDeploymentGroupName: aws.String("front"),
		}); err != nil {
			t.Fatal(err)
		}
		list, err := y.room.ListDeployments(y.ctx, &sdk.ListDeploymentsInput{ApplicationName: aws.String("store"), DeploymentGroupName: aws.String("front")})
		if d := y.get(id); err != nil || len(list.Deployments) != 1 || *d.ApplicationName != "store" || *d.DeploymentGroupName != "front" {
			t.Errorf("after the renames %+v, %v, %s/%s", list, err, *d.ApplicationName, *d.DeploymentGroupName)
		}
		g, err := y.room.GetDeploymentGroup(y.ctx, &sdk.GetDeploymentGroupInput{ApplicationName: aws.String("store"), DeploymentGroupName: aws.String("front")})
		if err != nil || *g.DeploymentGroupInfo.LastSuccessfulDeployment.DeploymentId != id || len(g.DeploymentGroupInfo.AlarmConfiguration.Alarms) != 1 {
			t.Errorf("the group is %+v, %v", g, err)
		}
	})
}
