package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ecsDeploy runs a link named ecs-deploy to the binary, with nothing on its path.
func (w *team) ecsDeploy(env []string, args ...string) (lines []string, stderr string, code int) {
	w.t.Helper()
	link := filepath.Join(w.dir, "ecs-deploy")
	if err := os.Symlink(binary, link); err != nil && !errors.Is(err, os.ErrExist) {
		w.t.Fatal(err)
	}
	ctx, done := context.WithTimeout(w.t.Context(), deployPatience)
	defer done()
	cmd := exec.CommandContext(ctx, link, args...)
	cmd.Dir = w.dir
	cmd.Env = append([]string{"PATH=", "HOME=" + w.dir, "AWS_ENDPOINT_URL=" + w.endpoint, "AWS_EC2_METADATA_DISABLED=true"}, env...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		w.t.Fatalf("ecs-deploy %s: %v", strings.Join(args, " "), err)
	}
	w.t.Logf("ecs-deploy %s: %d\n%s%s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), out.String(), talk.String())
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), talk.String(), cmd.ProcessState.ExitCode()
}

// says holds a run's stdout against patterns, line by line.
func says(t *testing.T, lines []string, patterns ...string) {
	t.Helper()
	for i, p := range patterns {
		if i >= len(lines) || !regexp.MustCompile("^"+p+"$").MatchString(lines[i]) {
			t.Errorf("stdout is\n  %s\nwant\n  %s", strings.Join(lines, "\n  "), strings.Join(patterns, "\n  "))
			return
		}
	}
	if len(lines) != len(patterns) {
		t.Errorf("stdout has %d lines, want %d: %q", len(lines), len(patterns), lines)
	}
}

// keys are credentials and a region as the original's users set them.
var keys = []string{"AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=123456789012", "AWS_SECRET_ACCESS_KEY=local"}

// active gives the family's active revisions, oldest first.
func active(t *testing.T, cloud *ecs.Client) (out []string) {
	t.Helper()
	list, err := cloud.ListTaskDefinitions(t.Context(), &ecs.ListTaskDefinitionsInput{FamilyPrefix: aws.String("web")})
	if err != nil {
		t.Fatal(err)
	}
	for _, arn := range list.TaskDefinitionArns {
		out = append(out, arn[strings.LastIndexByte(arn, '/')+1:])
	}
	return out
}

const revisionARN = `arn:aws:ecs:us-east-1:123456789012:task-definition/web:`

func TestEcsDeployTakesAServiceThroughItsLife(t *testing.T) {
	t.Parallel()
	w, cloud := newProject(t)
	if _, _, code := w.slipway([]string{"IMAGE=web:v1"}, "deploy"); code != 0 {
		t.Fatal("the service was not created")
	}
	tags := []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}}
	if _, err := cloud.TagResource(t.Context(), &ecs.TagResourceInput{ResourceArn: aws.String(revisionARN + "1"), Tags: tags}); err != nil {
		t.Fatal(err)
	}
	service := []string{"-c", "main", "-n", "web"}
	begin := func(image string, from, to int) []string {
		return []string{"Using image name: " + image, fmt.Sprint("Current task definition: ", revisionARN, from), fmt.Sprint("New task definition: ", revisionARN, to)}
	}
	ends := []string{`Service updated successfully, new task definition running\.`, `Waiting for service deployment to complete\.\.\.`, `Service deployment successful\.`}

	lines, _, code := w.ecsDeploy(keys, append(service, "-i", "web:v2", "-m", "50", "-M", "200", "-t", "150")...)
	says(t, lines, append(begin("web:v2", 1, 2), ends...)...)
	if got := runs(t, cloud); code != 0 || got != "web:2" {
		t.Errorf("exit code %d, and the service runs %s", code, got)
	}
	out, err := cloud.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web:2"), Include: []types.TaskDefinitionField{"TAGS"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Tags) != 0 || *out.TaskDefinition.Cpu != "256" || *out.TaskDefinition.ContainerDefinitions[0].StopTimeout != 2 {
		t.Errorf("registered %+v with tags %v", out.TaskDefinition, out.Tags)
	}

	// What ECS's breaker takes back is no success.
	lines, talk, code := w.ecsDeploy(keys, append(service, "-i", "web:broken", "-t", "150", "--enable-rollback")...)
	if got := runs(t, cloud); code != 1 || got != "web:2" || slices.Contains(lines, "Service deployment successful.") || !strings.Contains(talk, "deployment failed: tasks failed to start") ||
		!strings.Contains(talk, "exit code 1") {
		t.Errorf("exit code %d, the service runs %s, stderr %s", code, got, talk)
	}

	// Tags come along when asked, the pruning comes last and spares what runs and what ran.
	lines, _, code = w.ecsDeploy(nil, append(service, "-k", "123456789012", "-s", "local", "-r", "us-east-1",
		"-i", "web", "-e", "TAG", "--copy-task-definition-tags")...)
	if code != 1 || lines[0] != "" {
		t.Errorf("a variable that is not set: exit code %d, said %q", code, lines)
	}
	lines, _, code = w.ecsDeploy([]string{"TAG=v1", "AWS_PROFILE="}, append(service, "-k", "123456789012", "-s", "local", "-r", "us-east-1",
		"-i", "web", "-e", "TAG", "-t", "150", "--max-definitions", "1")...)
	says(t, lines, append(append(begin("web:v1", 2, 4), ends...), "Deregistering outdated task revision: "+revisionARN+"1", "Deregistering outdated task revision: "+revisionARN+"3")...)
	if got := active(t, cloud); code != 0 || !slices.Equal(got, []string{"web:2", "web:4"}) {
		t.Errorf("exit code %d, active are %v", code, got)
	}

	lines, _, code = w.ecsDeploy(keys, append(service, "-i", "ignore", "-to", "v2", "-D", "1", "-t", "150")...)
	says(t, lines, append(begin("v2", 4, 5), ends...)...)
	if got := runs(t, cloud); code != 0 || got != "web:5" {
		t.Errorf("exit code %d, and the service runs %s", code, got)
	}

	lines, _, code = w.ecsDeploy(keys, append(service, "--force-new-deployment", "-t", "150")...)
	says(t, lines, append([]string{"Force a new deployment of the service"}, ends[1:]...)...)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}

	lines, _, code = w.ecsDeploy(keys, append(service, "-i", "web:v2", "-D", "0", "-t", "150")...)
	says(t, lines, append(begin("web:v2", 5, 6), "Skipping check for running task definition, as desired-count <= 0", ends[1], ends[2])...)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}

	lines, talk, code = w.ecsDeploy(keys, append(service, "-i", "other:v2")...)
	if got := active(t, cloud); code != 14 || len(got) != 4 || !strings.Contains(talk, "web:v2") || len(lines) != 2 {
		t.Errorf("no image matches: exit code %d, active are %v, said %s", code, got, talk)
	}
}

func TestEcsDeployUpdatesADefinitionAndRunsATask(t *testing.T) {
	t.Parallel()
	w := newTeam(t, images+"  - image: web:done\n    command: [\"true\"]\n")
	cloud := ecs.NewFromConfig(w.config())
	if _, err := cloud.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("main")}); err != nil {
		t.Fatal(err)
	}
	definition := map[string]any{"taskDefinition": map[string]any{
		"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": []string{"FARGATE"}, "cpu": "256", "memory": "512", "revision": 9,
		"containerDefinitions": []any{map[string]any{"name": "web", "image": "web:none", "dockerLabels": map[string]string{"a": "taskRoleArn"}}},
	}}
	text, err := json.Marshal(definition) // on one line, which the original could not read
	if err != nil {
		t.Fatal(err)
	}
	w.write("task.json", string(text))
	if _, err := cloud.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("web"), ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("web:none"), Memory: aws.Int32(64)}},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}},
	}); err != nil {
		t.Fatal(err)
	}

	lines, _, code := w.ecsDeploy(keys, "-d", "web", "-i", "web:v1", "--copy-task-definition-tags", "--task-definition-file", "task.json")
	says(t, lines, "Using image name: web:v1", "Current task definition: "+revisionARN+"1", "New task definition: "+revisionARN+"2", "Task definition updated successfully")
	out, err := cloud.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("web:2"), Include: []types.TaskDefinitionField{"TAGS"}})
	if err != nil {
		t.Fatal(err)
	}
	if code != 0 || len(out.Tags) != 1 || *out.TaskDefinition.Cpu != "256" || out.TaskDefinition.TaskRoleArn != nil {
		t.Errorf("exit code %d, registered %+v with tags %v", code, out.TaskDefinition, out.Tags)
	}

	network := "awsvpcConfiguration={subnets=[" + strings.Join(w.subnets(), ",") + "],assignPublicIp=ENABLED}"
	run := []string{"-d", "web", "-c", "main", "--run-task", "--launch-type", "FARGATE", "--network-configuration", network, "-t", "150"}
	const task = `arn:aws:ecs:us-east-1:123456789012:task/main/[0-9a-f]{32}`
	lines, _, code = w.ecsDeploy(keys, append(run, "-i", "web:done")...)
	says(t, lines, "Using image name: web:done", "Current task definition: "+revisionARN+"2", "New task definition: "+revisionARN+"3",
		"Run task: "+revisionARN+"3", "Executed task: "+task, "Task "+task+" executed successfully!")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	lines, _, code = w.ecsDeploy(keys, append(run, "-i", "web:broken", "--wait-for-success")...)
	if end := lines[max(len(lines)-2, 0):]; code != 1 || end[0] != "Task finished with status: STOPPED" || end[1] != "Task execution failed with exit code: 1" {
		t.Errorf("exit code %d after %q", code, lines)
	}
	lines, _, code = w.ecsDeploy(keys, append(run, "-i", "web:done", "--wait-for-success", "-a", "arn:aws:iam::123456789012:role/deployer")...)
	if code != 0 || !strings.HasSuffix(lines[len(lines)-1], " executed successfully!") {
		t.Errorf("under a role: exit code %d after %q", code, lines)
	}
}

func TestEcsDeployEndsAsTheAwsProgramDoesWhereAWSIsTheCause(t *testing.T) {
	t.Parallel()
	w := newTeam(t, images)
	for _, c := range []struct {
		env  []string
		args []string
		code int
	}{
		{keys, []string{"-c", "nope", "-n", "web", "-i", "web:v2"}, 254},
		{keys, []string{"-c", "default", "-n", "nope", "-i", "web:v2"}, 254},
		{keys, []string{"-d", "nope", "-i", "web:v2"}, 254},
		{[]string{"AWS_DEFAULT_REGION=us-east-1"}, []string{"-d", "web", "-i", "web:v2"}, 253},
		{keys[1:], []string{"-d", "web", "-i", "web:v2"}, 253},
		{append([]string{"AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_MAX_ATTEMPTS=1"}, keys...), []string{"-d", "web", "-i", "web:v2"}, 255},
	} {
		lines, talk, code := w.ecsDeploy(c.env, c.args...)
		if code != c.code || talk == "" || len(lines) > 1 {
			t.Errorf("%v: exit code %d, want %d; said %q and %q", c.args, code, c.code, lines, talk)
		}
	}
	// The same without a link, and any first word that is not a flag is the original's to refuse.
	out, _, code := w.slipway(nil, "ecs-deploy", "--version")
	if code != 0 || out != "3.10.22\n" {
		t.Errorf("slipway ecs-deploy --version: exit code %d, said %q", code, out)
	}
	if out, _, code := w.slipway(nil, "ecs-deploy", "--help"); code != 3 || !strings.HasPrefix(out, "##### ecs-deploy #####\n") {
		t.Errorf("slipway ecs-deploy --help: exit code %d, said %q", code, out)
	}
}
