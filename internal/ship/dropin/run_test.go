package dropin

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// same holds lines against those wanted.
func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

var toService = []string{"-c", "main", "-n", "web", "-i", "repo/app:2"}

func with(args ...string) []string { return append(slices.Clone(toService), args...) }

func TestAServiceDeploySaysTheOriginalsLinesAndWritesTwice(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.then = []func(*fake){nothing, runs(2), nothing, succeeds}
	out, _, code, _ := deploy(t, f, with("-m", "50", "-M", "150", "-D", "3")...)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	same(t, out, "Using image name: repo/app:2", "Current task definition: "+revision(1), "New task definition: "+revision(2),
		"Service updated successfully, new task definition running.", "Waiting for service deployment to complete...", "Service deployment successful.")
	same(t, f.writes(), "RegisterTaskDefinition", "UpdateService web:2 count=3 max=150 min=50")
	if d := f.family[1]; d["futureMember"] != "kept" || d["status"] != nil || d["tags"] != nil {
		t.Errorf("registered %v", d)
	}
	for _, c := range f.calls {
		if strings.Contains(c, "ServiceDeployments") || strings.Contains(c, "Tag") {
			t.Errorf("a policy written for the original does not grant %s", c)
		}
	}
}

func TestADesiredCountOfNoneSkipsTheFirstWait(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.then = []func(*fake){succeeds}
	out, _, code, _ := deploy(t, f, with("-D", "0")...)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	same(t, out[3:], "Skipping check for running task definition, as desired-count <= 0", "Waiting for service deployment to complete...", "Service deployment successful.")
}

func TestTheCheckOfDeploymentsCanBeSkipped(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.then = []func(*fake){runs(2)}
	out, _, code, _ := deploy(t, f, with("--skip-deployments-check")...)
	if code != 0 || out[len(out)-1] != "Service updated successfully, new task definition running." {
		t.Errorf("exit code %d after %v", code, out)
	}
}

func TestATaskCountsWhenItIsHealthyWhereThereIsAHealthCheck(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.family[0]["containerDefinitions"].([]any)[0].(sdk.Tree)["healthCheck"] = sdk.Tree{"command": []any{"CMD", "true"}}
	f.then = []func(*fake){runs(2), nothing, func(f *fake) { f.tasks[0].HealthStatus = types.HealthStatusHealthy }, succeeds}
	_, _, code, took := deploy(t, f, toService...)
	if code != 0 || took < 2*startEvery {
		t.Errorf("exit code %d after %s: a task without health counted", code, took)
	}
}

func TestATimeoutOfTheFirstPhaseIsAnErrorAfterThatTime(t *testing.T) {
	t.Parallel()
	f := newFake()
	out, _, code, took := deploy(t, f, with("-t", "25")...)
	if code != 1 || out[len(out)-1] != "ERROR: New task definition not running within 25 seconds" {
		t.Errorf("exit code %d after %v", code, out)
	}
	if took != 25*time.Second {
		t.Errorf("it took %s", took)
	}
	same(t, f.writes(), "RegisterTaskDefinition", "UpdateService web:2")
}

func TestATimeoutThatIsNoNumberEndsTheFirstPhaseAtOnce(t *testing.T) {
	t.Parallel()
	out, _, code, took := deploy(t, newFake(), with("-t", "soon")...)
	if code != 1 || out[len(out)-1] != "ERROR: New task definition not running within soon seconds" || took != 0 {
		t.Errorf("exit code %d after %v, %s", code, out, took)
	}
}

func TestEachPhaseHasItsOwnTimeAndTheSecondEndsWithoutAWord(t *testing.T) {
	t.Parallel()
	f := newFake()
	slow := slices.Repeat([]func(*fake){nothing}, 6) // 18 s of 20
	f.then = append(slow, runs(2))
	out, _, code, took := deploy(t, f, with("-t", "20")...)
	if code != 1 || out[len(out)-1] != "Waiting for service deployment to complete..." || took <= 35*time.Second || took > 41*time.Second {
		t.Errorf("exit code %d after %s: %v", code, took, out)
	}
}

func TestARollbackThatWasAskedForIsWaitedForAndIsNoSuccess(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.then = append(slices.Repeat([]func(*fake){nothing}, 6), succeeds)
	out, talk, code, _ := deploy(t, f, with("-t", "9", "--enable-rollback")...)
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	same(t, out[3:], "ERROR: New task definition not running within 9 seconds", "Rolling back to "+revision(1))
	same(t, f.writes(), "RegisterTaskDefinition", "UpdateService web:2", "UpdateService web:1")
	if !strings.Contains(talk, "rolled back: service web runs "+revision(1)) {
		t.Errorf("the rollback's end is not told: %s", talk)
	}
}

func TestTheRollbackGoesToWhatWasInUseThoughTheBaseIsNewer(t *testing.T) {
	t.Parallel()
	f := newFake()
	newer := definition("repo/app:1.5")
	newer["family"], newer["taskDefinitionArn"] = "web", revision(2)
	f.family = append(f.family, newer)
	out, _, code, _ := deploy(t, f, with("-t", "3", "--enable-rollback", "--use-latest-task-def")...)
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	same(t, out[1:], "Current task definition: "+revision(2), "New task definition: "+revision(3),
		"ERROR: New task definition not running within 3 seconds", "Rolling back to "+revision(1))
}

func TestARollbackByECSIsNoSuccessAndNotRolledBackAgain(t *testing.T) {
	t.Parallel()
	for _, phase := range [][]func(*fake){{nothing, fails}, {runs(2), nothing, fails}} {
		f := newFake()
		f.then = phase
		_, talk, code, took := deploy(t, f, with("--enable-rollback")...)
		if code != 1 || !strings.Contains(talk, "circuit breaker") {
			t.Errorf("exit code %d, said %s", code, talk)
		}
		same(t, f.writes(), "RegisterTaskDefinition", "UpdateService web:2")
		if took >= 90*time.Second {
			t.Errorf("it was noticed after %s", took)
		}
	}
}

func TestAnotherDeploymentThatTookOverIsNoSuccess(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.then = []func(*fake){runs(2), nothing, func(f *fake) {
		f.service.Deployments = []types.Deployment{side("ecs-svc/99", "PRIMARY", 7, types.DeploymentRolloutStateCompleted)}
	}}
	_, talk, code, _ := deploy(t, f, with("--enable-rollback")...)
	if code != 1 || !strings.Contains(talk, "superseded") || len(f.writes()) != 2 {
		t.Errorf("exit code %d after %v: %s", code, f.writes(), talk)
	}
}

func TestAForcedDeploymentWritesOnceAndReadsNoDefinition(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.then = []func(*fake){nothing, succeeds}
	out, _, code, _ := deploy(t, f, "-c", "main", "-n", "web", "--force-new-deployment", "-D", "5", "-m", "1", "-i", "$(x)")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	same(t, out, "Force a new deployment of the service", "Waiting for service deployment to complete...", "Service deployment successful.")
	same(t, f.writes(), "UpdateService force")
	if slices.ContainsFunc(f.calls, func(c string) bool { return strings.HasPrefix(c, "DescribeTaskDefinition") }) {
		t.Error("it read a definition")
	}
	f = newFake()
	_, talk, code, _ := deploy(t, f, "-c", "main", "-n", "web", "--force-new-deployment", "--enable-rollback", "-t", "4")
	if code != 1 || !strings.Contains(talk, "nothing to roll back to") || len(f.writes()) != 1 {
		t.Errorf("exit code %d after %v: %s", code, f.writes(), talk)
	}
}

func TestNoMatchingImageRegistersNothingUnlessStrictlyCompatible(t *testing.T) {
	t.Parallel()
	f := newFake("repo/other:1", "redis:7")
	_, talk, code, _ := deploy(t, f, toService...)
	if code != 14 || len(f.writes()) != 0 || !strings.Contains(talk, "repo/other:1, redis:7") {
		t.Errorf("exit code %d after %v: %s", code, f.writes(), talk)
	}
	f = newFake("repo/other:1")
	f.then = []func(*fake){runs(2), succeeds}
	_, talk, code, _ = deploy(t, f, with("--compat=strict")...)
	if code != 0 || !strings.Contains(talk, "warning: no container's image") {
		t.Errorf("exit code %d: %s", code, talk)
	}
}

func TestOldRevisionsGoLastAndWhatIsUsedStays(t *testing.T) {
	t.Parallel()
	f := newFake()
	for n := 2; n <= 5; n++ {
		d := definition("repo/app:1")
		d["family"], d["taskDefinitionArn"] = "web", revision(n)
		f.family = append(f.family, d)
	}
	f.service.TaskDefinition, f.service.Deployments[0].TaskDefinition = aws.String(revision(3)), aws.String(revision(3))
	f.then = []func(*fake){runs(6), succeeds}
	out, _, code, _ := deploy(t, f, with("--max-definitions", "1")...)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	same(t, out[3:], "Service updated successfully, new task definition running.", "Waiting for service deployment to complete...", "Service deployment successful.",
		"Deregistering outdated task revision: "+revision(1), "Deregistering outdated task revision: "+revision(2),
		"Deregistering outdated task revision: "+revision(4), "Deregistering outdated task revision: "+revision(5))
	if f.gone[revision(3)] || f.gone[revision(6)] {
		t.Error("a revision in use is gone")
	}
	f = newFake()
	if out, _, code, _ := deploy(t, f, with("--max-definitions", "1", "-t", "3")...); code != 1 || strings.Contains(strings.Join(out, ""), "Deregistering") {
		t.Errorf("a failed deployment prunes: %v", out)
	}
}

func TestATaskDefinitionIsUpdatedWithoutACluster(t *testing.T) {
	t.Parallel()
	f := newFake()
	out, _, code, _ := deploy(t, f, "-d", "web", "-i", "repo/app:2", "--copy-task-definition-tags")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	same(t, out, "Using image name: repo/app:2", "Current task definition: "+revision(1), "New task definition: "+revision(2), "Task definition updated successfully")
	same(t, f.writes(), "RegisterTaskDefinition")
	if f.family[1]["tags"] == nil {
		t.Error("the tags that were asked for are not there")
	}
}

func TestAFileIsTheBaseInEitherShape(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"describe.json": `{"taskDefinition":{"family":"other","revision":9,"containerDefinitions":[{"image":"repo/app:0","name":"a"}],"pidMode":"task"}}`,
		"register.json": `{"family":"other","containerDefinitions":[{"image":"repo/app:0","name":"a"}],"pidMode":"task"}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f := newFake()
		if _, _, code, _ := deploy(t, f, "-d", "web", "-i", "repo/app:2", "--task-definition-file", path); code != 0 {
			t.Fatalf("%s: exit code %d", name, code)
		}
		if d := f.family[1]; d["family"] != "other" || d["pidMode"] != "task" || imagesOf(d)[0] != "repo/app:2" || d["revision"] != nil {
			t.Errorf("%s: registered %v", name, d)
		}
	}
	f := newFake()
	if _, talk, code, _ := deploy(t, f, "-d", "web", "-i", "repo/app:2", "--task-definition-file", "/nowhere"); code != 1 || len(f.calls) != 0 {
		t.Errorf("a missing file: exit code %d after %v: %s", code, f.calls, talk)
	}
}

func TestRunTaskSaysHowTheTaskEnded(t *testing.T) {
	t.Parallel()
	const task = arns + "task/main/1"
	ends := func(code *int32) func(*fake) {
		return func(f *fake) {
			f.tasks[0].LastStatus, f.tasks[0].StoppedReason = aws.String("STOPPED"), aws.String("Essential container in task exited")
			f.tasks[0].Containers = []types.Container{{Name: aws.String("app"), ExitCode: code}}
		}
	}
	for _, c := range []struct {
		then []func(*fake)
		code int
		says []string
	}{
		{[]func(*fake){nothing, ends(aws.Int32(0))}, 0, []string{"Checking task status every 10 seconds. Status: RUNNING", "Task finished with status: STOPPED", "Task " + task + " executed successfully!"}},
		{[]func(*fake){ends(aws.Int32(3))}, 1, []string{"Task finished with status: STOPPED", "Task execution failed with exit code: 3"}},
		{[]func(*fake){ends(nil)}, 1, []string{"Task finished with status: STOPPED", "Task execution failed with exit code: null"}},
		{nil, 1, []string{"Checking task status every 10 seconds. Status: RUNNING", "Checking task status every 10 seconds. Status: RUNNING", "ERROR: New task run took longer than 10 seconds"}},
	} {
		f := newFake()
		runs(2)(f)
		f.then = c.then
		out, _, code, _ := deploy(t, f, "-d", "web", "-i", "repo/app:2", "--run-task", "-c", "main", "--wait-for-success", "--launch-type", "FARGATE", "--platform-version", "1.4.0", "-t", "10")
		if code != c.code {
			t.Errorf("exit code %d, want %d", code, c.code)
		}
		same(t, out[2:], append([]string{"New task definition: " + revision(2), "Run task: " + revision(2), "Executed task: " + task}, c.says...)...)
		same(t, f.writes(), "RegisterTaskDefinition", "RunTask main FARGATE 1.4.0")
	}
	f := newFake()
	runs(2)(f)
	out, _, code, _ := deploy(t, f, "-d", "web", "-i", "repo/app:2", "--run-task")
	if code != 0 || out[len(out)-1] != "Task "+task+" executed successfully!" || f.writes()[1] != "RunTask false" {
		t.Errorf("exit code %d after %v, %v", code, out, f.calls)
	}
	f = newFake()
	out, talk, code, _ := deploy(t, f, "-d", "web", "-i", "repo/app:2", "--run-task", "-c", "main")
	if code != 1 || out[len(out)-1] != "Executed task: null" || !strings.Contains(talk, "RESOURCE:MEMORY") {
		t.Errorf("a task that was not placed: exit code %d after %v: %s", code, out, talk)
	}
}

func TestErrorsOfAWSEndAsTheAwsProgramDoes(t *testing.T) {
	t.Parallel()
	for op, writes := range map[string]int{"DescribeServices": 0, "DescribeTaskDefinition": 0, "RegisterTaskDefinition": 1, "UpdateService": 2, "ListTasks": 2} {
		f := newFake()
		f.refuse[op] = denied
		_, talk, code, _ := deploy(t, f, toService...)
		if code != 254 || !strings.Contains(talk, "AccessDeniedException") || len(f.writes()) != writes {
			t.Errorf("%s: exit code %d after %v: %s", op, code, f.writes(), talk)
		}
	}
	f := newFake()
	f.service = nil
	if _, talk, code, _ := deploy(t, f, toService...); code != 254 || len(f.writes()) != 0 || !strings.Contains(talk, `"web"`) {
		t.Errorf("a missing service: exit code %d: %s", code, talk)
	}
	f = newFake()
	f.refuse["DescribeServices"] = errLost
	if _, _, code, _ := deploy(t, f, toService...); code != 255 {
		t.Errorf("no connection: exit code %d", code)
	}
}

func TestVerboseTellsCallsAndNoSecrets(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.then = []func(*fake){runs(2), succeeds}
	_, talk, code, _ := deploy(t, f, with("-v", "-k", "AKIAKEY", "-s", "hushhush")...)
	if code != 0 || !strings.Contains(talk, "+ ecs update-service --cluster main --service web --task-definition "+revision(2)) || strings.Contains(talk, "hushhush") {
		t.Errorf("exit code %d: %s", code, talk)
	}
	f = newFake()
	f.then = []func(*fake){runs(2), succeeds}
	if _, talk, _, _ = deploy(t, f, with("--run-task")...); !strings.Contains(talk, "--run-task has no effect") {
		t.Errorf("--run-task with a service: %s", talk)
	}
}
