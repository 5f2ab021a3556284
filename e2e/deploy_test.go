package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// images has two versions that serve and one that ends at once.
const images = `images:
  - image: web:v1
    command: [sleep, "600"]
  - image: web:v2
    command: [sleep, "601"]
  - image: web:broken
    command: ["false"]
`

// project deploys ${IMAGE} to a service that the first deployment creates; %s is subnets.
const project = `version: 1
cluster: main
services:
  web:
    images: {web: "${IMAGE}"}
    task:
      family: web
      networkMode: awsvpc
      requiresCompatibilities: [FARGATE]
      cpu: "256"
      memory: "512"
      containerDefinitions: [{name: web, image: "web:none", stopTimeout: 2}]
    service:
      desiredCount: 2
      launchType: FARGATE
      networkConfiguration: {awsvpcConfiguration: {subnets: [%s]}}
      deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}
`

// newProject is a team with a cluster and the project's file.
func newProject(t *testing.T) (*team, *ecs.Client) {
	t.Helper()
	w := newTeam(t, images)
	cloud := ecs.NewFromConfig(w.config())
	if _, err := cloud.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("main")}); err != nil {
		t.Fatal(err)
	}
	w.write("slipway.yaml", fmt.Sprintf(project, strings.Join(w.subnets(), ", ")))
	return w, cloud
}

// config is for SDK clients of the team's cloud.
func (w *team) config() aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &w.endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("123456789012", "local", ""),
	}
}

// subnets gives the ids of the cloud's subnets.
func (w *team) subnets() (ids []string) {
	w.t.Helper()
	nets, err := ec2.NewFromConfig(w.config()).DescribeSubnets(w.t.Context(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range nets.Subnets {
		ids = append(ids, *n.SubnetId)
	}
	return ids
}

// runs gives family:revision of what the service runs.
func runs(t *testing.T, cloud *ecs.Client) string {
	t.Helper()
	out, err := cloud.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"web"}})
	if err != nil || len(out.Services) != 1 {
		t.Fatalf("describe the service: %v", err)
	}
	arn := *out.Services[0].TaskDefinition
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

func TestDeployCreatesThenUpdatesThenRollsBackAndExitCodesSaySo(t *testing.T) {
	t.Parallel()
	w, cloud := newProject(t)
	for _, step := range []struct {
		env, args []string
		code      int
		says      []string
		runs      string
	}{
		{[]string{"IMAGE=web:v1"}, []string{"deploy"}, 0, []string{"created service web", "✓ succeeded: service web runs web:1"}, "web:1"},
		{[]string{"IMAGE=web:v1"}, []string{"deploy", "web"}, 0, []string{"nothing to deploy"}, "web:1"},
		{nil, []string{"deploy", "web", "-c", "main", "-f", "none.yaml"}, 2, nil, "web:1"},
		{[]string{"IMAGE=web:v2"}, []string{"deploy", "web"}, 0, []string{"✓ succeeded: service web runs web:2"}, "web:2"},
		{[]string{"IMAGE=web:broken"}, []string{"deploy", "web"}, 3, []string{"✗ rolled back: ", "circuit breaker", "why: [exit-code] task ", "exit code 1 (", "now: service web runs web:2 again", "  do: "}, "web:2"},
	} {
		out, _, code := w.slipway(step.env, step.args...)
		if code != step.code {
			t.Fatalf("%v: exit code %d, want %d", step.args, code, step.code)
		}
		for _, s := range step.says {
			if !strings.Contains(out, s) {
				t.Errorf("%v: does not say %q", step.args, s)
			}
		}
		if strings.Contains(out, "\x1b") {
			t.Errorf("%v: piped output has escape codes", step.args)
		}
		if got := runs(t, cloud); got != step.runs {
			t.Errorf("%v: the service runs %s, want %s", step.args, got, step.runs)
		}
	}
}

func TestJSONIsOneEventALineAndEndsWithTheVerdict(t *testing.T) {
	t.Parallel()
	w, _ := newProject(t)
	out, talk, code := w.slipway([]string{"IMAGE=web:v1"}, "deploy", "web", "--output", "json")
	if code != 0 || talk != "" {
		t.Fatalf("exit code %d, said %q", code, talk)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	var end struct {
		Kind    string
		Outcome struct{ Verdict, Deployment string }
	}
	for _, l := range lines {
		if !utf8.ValidString(l) || json.Unmarshal([]byte(l), &end) != nil {
			t.Errorf("not a JSON line: %q", l)
		}
	}
	if end.Kind != "verdict" || end.Outcome.Verdict != "succeeded" || !strings.Contains(end.Outcome.Deployment, ":service-deployment/main/web/") {
		t.Errorf("the last line is %+v", end)
	}
	w.goesOnUnheard("deploy", "web", "--force")
}

// goesOnUnheard runs a command whose output nobody reads, and wants it to end well all the same.
func (w *team) goesOnUnheard(args ...string) {
	w.t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		w.t.Fatal(err)
	}
	ctx, done := context.WithTimeout(w.t.Context(), deployPatience)
	defer done()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env, cmd.Stdout = w.dir, append(w.env(w.endpoint), "IMAGE=web:v1"), writer
	err = errors.Join(cmd.Run(), writer.Close())
	if err != nil {
		w.t.Errorf("with output that nobody reads, %v ends with %v", args, err)
	}
}

func TestAWrongClusterOrServiceChangesNothing(t *testing.T) {
	t.Parallel()
	w := newTeam(t, images)
	for _, args := range [][]string{
		{"deploy", "web", "-c", "nope", "--image", "web=web:v2"},
		{"deploy", "nope", "-c", "default", "--image", "web=web:v2"},
	} {
		out, talk, code := w.slipway(nil, args...)
		if code != 1 || out != "" || strings.Count(talk, "✗") != 1 || !strings.Contains(talk, `"nope"`) {
			t.Errorf("%v: exit code %d, said %q and %q", args, code, out, talk)
		}
	}
}
