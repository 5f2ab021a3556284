package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

func TestADeployBringsTheFilesSettingsToARunningService(t *testing.T) {
	t.Parallel()
	w, cloud := newProject(t)
	v1 := []string{"IMAGE=web:v1"}
	step := func(code int, says string, args ...string) {
		t.Helper()
		out, talk, got := w.slipway(v1, args...)
		if got != code || !strings.Contains(out+talk, says) {
			t.Fatalf("%v: exit code %d, want %d, and %q", args, got, code, says)
		}
	}
	step(0, "✓ succeeded", "deploy")
	if _, err := cloud.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("main"), Service: aws.String("web"), DesiredCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	file := fmt.Sprintf(project, strings.Join(w.subnets(), ", "))
	w.write("slipway.yaml", strings.Replace(file, "deploymentConfiguration: {", "enableExecuteCommand: true\n      deploymentConfiguration: {minimumHealthyPercent: 50, ", 1))
	step(5, "deploymentConfiguration.minimumHealthyPercent: 100 → 50", "diff", "--exit-code")
	step(0, "✓ succeeded", "deploy")
	step(0, "service web is as wanted", "diff", "--exit-code")
	step(0, "nothing to deploy", "deploy")
	w.write("slipway.yaml", strings.Replace(file, "    service:\n", "    strategy: {type: rolling, min-healthy-percent: 0}\n    service:\n", 1))
	step(5, "deploymentConfiguration.minimumHealthyPercent: 50 → 0", "diff", "--exit-code")
	step(0, "that takes no deployment", "deploy")
	step(0, "service web is as wanted", "diff", "--exit-code")
	out, err := cloud.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"web"}})
	if err != nil {
		t.Fatal(err)
	}
	s := out.Services[0]
	if c := s.DeploymentConfiguration; !s.EnableExecuteCommand || *c.MinimumHealthyPercent != 0 || !c.DeploymentCircuitBreaker.Enable || s.DesiredCount != 1 {
		t.Errorf("the service wants %d tasks, with %+v", s.DesiredCount, c)
	}
}

// migrating has a task at a point of its deploys; %s are the point, and how the task ends.
const migrating = `version: 1
cluster: main
services:
  app: {images: {app: "${IMAGE}"}, hooks: {%s: [{task: migrate}]}}
tasks:
  migrate: {service: app, command: [sh, -c, "echo looking; echo no table; exit %d"]}
`

func TestATaskThatFailsStopsTheDeployBeforeAnythingChanges(t *testing.T) {
	t.Parallel()
	w := newWard(t, chatty)
	w.create("app", patient{image: "app:1", define: logs("/app", true)})
	w.steady("app")
	p, url := newProxy(t, w.endpoint)
	deploy := func(code int, says ...string) {
		t.Helper()
		actions := w.foreseen([]string{"IMAGE=app:2"}, "deploy")
		out, talk, got := w.slipway([]string{"IMAGE=app:2", "AWS_ENDPOINT_URL=" + url}, "deploy")
		if more := p.unforeseen(actions); len(more) > 0 {
			t.Errorf("the deployment called %v, which its plan does not name: %v", more, actions)
		}
		if got != code {
			t.Fatalf("exit code %d, want %d", got, code)
		}
		for _, s := range says {
			if !strings.Contains(out+talk, s) {
				t.Errorf("does not say %q", s)
			}
		}
	}
	before := w.describe("app")
	w.write("slipway.yaml", fmt.Sprintf(migrating, "before", 5))
	deploy(1, "before: no table", "ended with exit code 5", "it said last: looking / no table", "nothing was deployed")
	after := w.describe("app")
	if *after.Deployments[0].Id != *before.Deployments[0].Id {
		t.Errorf("the service was updated: %s", *after.Deployments[0].TaskDefinition)
	}
	if _, err := w.ecs.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("app:2")}); err == nil {
		t.Error("a revision was registered")
	}

	w.write("slipway.yaml", fmt.Sprintf(migrating, "registered", 0))
	deploy(0, "of app:2", "registered: no table", "registered: task migrate passed", "✓ succeeded: service app runs app:2")
}
