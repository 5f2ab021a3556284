package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// mishap is a fault at the first call of an operation.
type mishap struct {
	what fault
	of   string
}

// through is slipway with an endpoint of its own; started is told the running command.
func (w *team) through(endpoint string, started func(*exec.Cmd), args ...string) ran {
	w.t.Helper()
	ctx, done := context.WithTimeout(w.t.Context(), deployPatience)
	defer done()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = w.dir, w.env(endpoint)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	started(cmd)
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) || ctx.Err() != nil {
		w.t.Fatalf("slipway %v: %v, %v\n%s", args, err, ctx.Err(), out.String())
	}
	return ran{out.String(), cmd.ProcessState.ExitCode()}
}

// mishaps deploys one service again and again, each time with a fault, and then once more without: all
// in all one revision and one deployment are made each time, and the revision serves.
func (w *team) mishaps(all []mishap, deploy func(version string) []string, counts func() (revisions, deployments int), runs func() string) {
	w.t.Helper()
	for i, m := range all {
		version := []string{"2", "1"}[i%2]
		revisions, deployments := counts()
		actions := w.foreseen(nil, deploy(version)...)
		p, url := newProxy(w.t, w.endpoint)
		p.what, p.of = m.what, m.of
		first := w.through(url, func(c *exec.Cmd) { p.kill = func() { _ = c.Process.Kill() } }, deploy(version)...)
		second := w.through(w.endpoint, func(*exec.Cmd) {}, deploy(version)...)
		told := fmt.Sprintf("%s at %s\nfirst run: %d\n%s\nsecond run: %d\n%s\ncalls %v", m.what, m.of, first.code, first.out, second.code, second.out, p.made())
		if m.what == kill && first.code != -1 || m.what != kill && first.code != 0 || second.code != 0 || !slices.Contains(p.made(), m.of) {
			w.t.Fatalf("ends badly: %s", told)
		}
		if more := p.unforeseen(actions); len(more) > 0 {
			w.t.Errorf("the deployment called %v, which its plan does not name: %v", more, actions)
		}
		nowRevisions, nowDeployments := counts()
		if nowRevisions != revisions+1 || nowDeployments != deployments+1 {
			w.t.Fatalf("%d revisions and %d deployments were made, want one of each: %s", nowRevisions-revisions, nowDeployments-deployments, told)
		}
		if got, want := runs(), fmt.Sprintf(":%d", nowRevisions); got[max(0, len(got)-len(want)):] != want {
			w.t.Fatalf("the service runs %s, want revision %s: %s", got, want, told)
		}
	}
}

// registered counts a family's revisions.
func registered(t *testing.T, cloud *ecs.Client, family string) int {
	t.Helper()
	out, err := cloud.ListTaskDefinitions(t.Context(), &ecs.ListTaskDefinitionsInput{FamilyPrefix: &family})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.TaskDefinitionArns)
}

func TestABlueGreenDeployerThatDiesOrIsCutOffDeploysOnce(t *testing.T) {
	t.Parallel()
	const name = "shift"
	w := newWard(t, fmt.Sprintf(reviewed, binary))
	w.blueGreen(name)
	w.said(0, []string{"wait", name, "-c", name}, "succeeded")
	w.mishaps([]mishap{{kill, "TagResource"}, {kill, "RegisterTaskDefinition"}, {kill, "UpdateService"}, {kill, "DescribeServiceDeployments"},
		{mute, "RegisterTaskDefinition"}, {mute, "UpdateService"}, {deaf, "UpdateService"}, {mute, "DescribeServiceDeployments"}},
		func(version string) []string {
			return []string{"deploy", name, "-c", name, "--image", "web=web:" + version, "--lease-for", leaseFor.String()}
		},
		func() (int, int) {
			out, err := w.ecs.ListServiceDeployments(t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: aws.String(name), Service: aws.String(name)})
			if err != nil {
				t.Fatal(err)
			}
			return registered(t, w.ecs, name), len(out.ServiceDeployments)
		},
		func() string {
			out, err := w.ecs.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String(name), Services: []string{name}})
			if err != nil || len(out.Services) != 1 || len(out.Services[0].Deployments) != 1 {
				t.Fatalf("describe the service: %+v, %v", out, err)
			}
			return *out.Services[0].TaskDefinition
		})
}

func TestACodeDeployDeployerThatDiesOrIsCutOffDeploysOnce(t *testing.T) {
	t.Parallel()
	w, cloud := driven(t)
	deploy := codedeploy.NewFromConfig(w.config())
	_, err := deploy.UpdateDeploymentGroup(t.Context(), &codedeploy.UpdateDeploymentGroupInput{ApplicationName: aws.String("shop"), CurrentDeploymentGroupName: aws.String("web"),
		BlueGreenDeploymentConfiguration: &cdtypes.BlueGreenDeploymentConfiguration{
			TerminateBlueInstancesOnDeploymentSuccess: &cdtypes.BlueInstanceTerminationOption{Action: cdtypes.InstanceActionTerminate},
			DeploymentReadyOption:                     &cdtypes.DeploymentReadyOption{ActionOnTimeout: cdtypes.DeploymentReadyActionContinueDeployment}}})
	if err != nil {
		t.Fatal(err)
	}
	w.mishaps([]mishap{{kill, "RegisterTaskDefinition"}, {kill, "CreateDeployment"}, {kill, "GetDeployment"},
		{mute, "RegisterTaskDefinition"}, {mute, "CreateDeployment"}, {deaf, "CreateDeployment"}},
		func(version string) []string { return []string{"deploy", "web", "-c", "main", "--tag", "v" + version} },
		func() (int, int) {
			out, err := deploy.ListDeployments(t.Context(), &codedeploy.ListDeploymentsInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("web")})
			if err != nil {
				t.Fatal(err)
			}
			return registered(t, cloud, "web"), len(out.Deployments)
		},
		func() string { return steady(t, cloud) })
}
