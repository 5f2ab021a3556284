package code_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/code"
)

const (
	arns = "arn:aws:ecs:eu-west-1:123456789012:"
	web1 = arns + "task-definition/web:1"
	web2 = arns + "task-definition/web:2"
)

// live is service web as DescribeServices tells it.
func live() *types.Service {
	return &types.Service{
		ServiceName: aws.String("web"), ServiceArn: aws.String(arns + "service/main/web"), ClusterArn: aws.String(arns + "cluster/main"), DesiredCount: 2,
		TaskDefinition: aws.String(web1), DeploymentController: &types.DeploymentController{Type: types.DeploymentControllerTypeCodeDeploy},
		LoadBalancers: []types.LoadBalancer{{ContainerName: aws.String("web"), ContainerPort: aws.Int32(8080)}},
		TaskSets:      []types.TaskSet{{Id: aws.String("ecs-svc/1"), Status: aws.String("PRIMARY"), TaskDefinition: aws.String(web1), PlatformVersion: aws.String("1.4.0")}},
	}
}

func TestTheAppSpecIsMadeFromTheServiceAndWhatTheFileLacksIsFilledIn(t *testing.T) {
	t.Parallel()
	const made = `{"version":0.0,"Resources":[{"TargetService":{"Properties":{"LoadBalancerInfo":{"ContainerName":"web","ContainerPort":8080},"PlatformVersion":"1.4.0","TaskDefinition":"` + web2 + `"},"Type":"AWS::ECS::Service"}}]`
	for _, c := range []struct {
		name, given string
		functions   map[ship.Point]string
		want        string
	}{
		{"nothing given", "", nil, made + "}"},
		{"functions", "", map[ship.Point]string{ship.PointShifted: "after", ship.PointScaled: "scaled"}, made + `,"Hooks":[{"AfterInstall":"scaled"},{"AfterAllowTraffic":"after"}]}`},
		{"a placeholder", `{"version":0.0,"Resources":[{"TargetService":{"Type":"AWS::ECS::Service","Properties":{"TaskDefinition":"<TASK_DEFINITION>","LoadBalancerInfo":{"ContainerName":"a","ContainerPort":1}}}}]}`, nil,
			`{"version":0.0,"Resources":[{"TargetService":{"Properties":{"LoadBalancerInfo":{"ContainerName":"a","ContainerPort":1},"TaskDefinition":"` + web2 + `"},"Type":"AWS::ECS::Service"}}]}`},
		{"lower case stays", `{"version":"0.0","resources":[{"x":{"type":"AWS::ECS::Service","properties":{"taskDefinition":"old","loadBalancerInfo":{"containerName":"a","containerPort":1}}}}]}`, nil,
			`{"version":"0.0","resources":[{"x":{"properties":{"loadBalancerInfo":{"containerName":"a","containerPort":1},"taskDefinition":"` + web2 + `"},"type":"AWS::ECS::Service"}}]}`},
		{"hooks alone", `{"Hooks":[{"BeforeInstall":"f"}]}`, nil,
			`{"version":0.0,"Resources":[{"TargetService":{"Properties":{"LoadBalancerInfo":{"ContainerName":"web","ContainerPort":8080},"TaskDefinition":"` + web2 + `"},"Type":"AWS::ECS::Service"}}],"Hooks":[{"BeforeInstall":"f"}]}`},
	} {
		var given []byte
		if c.given != "" {
			given = []byte(c.given)
		}
		got, err := code.Spec(given, live(), web2, c.functions)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if string(got) != c.want {
			t.Errorf("%s: got\n%s, want\n%s", c.name, got, c.want)
		}
	}
}

func TestAnAppSpecThatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ given, code string }{
		{`{"Resources":[]}`, "appspec.resources"},
		{`{"Resources":[{"a":{}},{"b":{}}]}`, "appspec.resources"},
		{`{"Resources":{"TargetService":{"Type":"AWS::ECS::Service"}}}`, "appspec.resources"},
		{`{"hooks":[{"afterinstall":"f"}]}`, "appspec.hooks"},
		{`{"Hooks":{"BeforeInstall":"f"}}`, "appspec.hooks"},
	} {
		_, err := code.Spec([]byte(c.given), live(), web2, map[ship.Point]string{ship.PointScaled: "g"})
		if !fail.Is(err, c.code) {
			t.Errorf("%s: got %v, want an error %s", c.given, err, c.code)
		}
	}
	bare := live()
	bare.LoadBalancers = nil
	if _, err := code.Spec(nil, bare, web2, nil); !fail.Is(err, "appspec.balancer") || !strings.Contains(err.Error(), "web") {
		t.Errorf("without a balancer: got %v, want an error appspec.balancer", err)
	}
}
