package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// chatty serves nobody, and says so.
const chatty = `images:
  - {image: "app:1", command: [sh, -c, "echo one; exec sleep 600"]}
  - {image: "app:2", command: [sh, -c, "echo two; exec sleep 600"]}
  - {image: "app:3", command: [sh, -c, "echo three; exit 9"]}
`

const shopFile = `version: 1
cluster: main
services:
  app: {images: {app: "${IMAGE}"}}
tasks:
  migrate: {service: app, command: [sh, -c, "echo to $$WHERE; exit 5"], env: {WHERE: version-7}}
`

// said runs a command that has to end with a code and say things, and gives its output.
func (w *team) said(code int, args []string, says ...string) string {
	w.t.Helper()
	out, talk, got := w.slipway(nil, args...)
	if got != code {
		w.t.Fatalf("%v: exit code %d, want %d", args, got, code)
	}
	for _, s := range says {
		if !strings.Contains(out+talk, s) {
			w.t.Errorf("%v: does not say %q", args, s)
		}
	}
	return out
}

func TestAServiceIsLookedAtAndTended(t *testing.T) {
	t.Parallel()
	w := newWard(t, chatty)
	w.create("app", patient{image: "app:1", define: logs("/app", true), service: breaker})
	w.steady("app")
	from := []string{"app", "-c", "main"}
	look := func(verb string, more ...string) []string { return append(append([]string{verb}, from...), more...) }

	w.said(0, look("status"), "ACTIVE, 1 of 1 running", "app:1", "PRIMARY COMPLETED", "succeeded", "has reached a steady state")
	w.said(0, look("deploy", "--image", "app=app:2", "--no-lease"), "✓ succeeded")
	w.said(3, look("deploy", "--image", "app=app:3", "--no-lease"), "rolled back")

	history := strings.Split(strings.TrimSpace(w.said(0, look("history", "-o", "json"))), "\n")
	var verdicts []string
	for _, line := range history {
		var d struct{ Verdict, Revision string }
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatal(err)
		}
		verdicts = append(verdicts, d.Revision+" "+d.Verdict)
	}
	if got, want := strings.Join(verdicts, ", "), "app:3 rolled back, app:2 succeeded, app:1 succeeded"; got != want {
		t.Errorf("history %q, want %q", got, want)
	}
	w.said(0, look("history"), "the circuit breaker ended it", "app:3")
	w.said(0, look("tasks"), "RUNNING", "STOPPED", "app: exit code 9")
	w.said(0, look("events"), "deployment failed: tasks failed to start.", "has reached a steady state.")
	w.said(0, look("logs", "--revision", "3"), "three")
	if out := w.said(0, look("logs", "--revision", "app:1", "-o", "json"), `"text":"one"`); strings.Contains(out, "three") {
		t.Errorf("lines of another revision:\n%s", out)
	}
	w.said(0, look("explain"), "[exit-code]", "| three")
	first := strings.Fields(strings.Split(w.said(0, look("history")), "\n")[3])[0]
	w.said(0, look("explain", "--deployment", first), "of app:1: succeeded")
	w.said(1, look("explain", "--deployment", "none"), `has no deployment "none"`)
	w.said(0, look("revisions"), "in use, last good", "rollback's target", "rolled back")

	w.said(0, look("scale", "2"), "✓ succeeded")
	if got := w.describe("app").DesiredCount; got != 2 {
		t.Errorf("%d tasks are wanted, not 2", got)
	}
	w.said(0, look("refresh", "--no-lease"), "✓ succeeded")
	w.said(1, []string{"status", "none", "-c", "main"}, `service "none" is not in cluster "main"`)

	w.said(2, look("prune", "--keep", "0"), "say --yes")
	w.said(0, look("prune", "--keep", "0", "--dry-run"), "deregister  app:3")
	out := w.said(0, look("prune", "--keep", "0", "--yes"), "deregistered app:3")
	if strings.Contains(out, "app:1") || strings.Contains(out, "app:2") {
		t.Errorf("pruned what runs, or what a rollback would go back to:\n%s", out)
	}
	w.said(0, look("prune", "--keep", "0", "--yes"), "nothing to prune")

	w.said(2, look("delete"), "say --yes")
	w.said(0, look("delete", "--yes"), "service app is gone")
	w.said(1, look("delete", "--yes"), "is gone already")
}

func TestRunEndsWithTheContainersCode(t *testing.T) {
	t.Parallel()
	w := newWard(t, chatty)
	w.create("app", patient{image: "app:1", define: logs("/app", true)})
	w.steady("app")

	if out := w.said(7, []string{"run", "app", "-c", "main", "--env-var", "WHO=you", "--", "sh", "-c", "echo hello $WHO; exit 7"}, "[exit-code]"); out != "hello you\n" {
		t.Errorf("data is %q, want the container's line alone", out)
	}
	w.said(0, []string{"run", "app", "-c", "main", "--", "true"}, "succeeded")
	w.said(1, []string{"run", "app", "-c", "main", "--", "./none"}, "[command-not-found]")
	w.said(2, []string{"run", "app", "-c", "main", "--container", "none", "-o", "xml"}, `there is no output "xml"`)
	w.said(1, []string{"run", "app", "-c", "main", "--container", "none"}, "its containers are app")
	w.write("slipway.yaml", shopFile)
	out, _, code := w.slipway([]string{"IMAGE=app:1"}, "run", "migrate")
	if code != 5 || out != "to version-7\n" {
		t.Errorf("the file's task said %q and ended with %d", out, code)
	}
}

func TestAnInterruptStopsTheTaskThatRuns(t *testing.T) {
	t.Parallel()
	w := newWard(t, chatty)
	w.create("app", patient{image: "app:1", define: logs("/app", true)})
	w.steady("app")
	cmd := exec.CommandContext(t.Context(), binary, "run", "app", "-c", "main", "--endpoint", w.endpoint, "--", "sleep", "500")
	cmd.Dir = w.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=123456789012", "AWS_SECRET_ACCESS_KEY=local", "AWS_EC2_METADATA_DISABLED=true"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ours := func() int {
		out, err := w.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("main"), Family: aws.String("app"), DesiredStatus: "RUNNING"})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.TaskArns)
	}
	w.until("it runs beside the service's", func() bool { return ours() == 2 })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(deployPatience, func() { cmd.Process.Kill() }) //nolint:errcheck // it may have ended
	defer late.Stop()
	cmd.Wait() //nolint:errcheck // its code is looked at
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if n := ours(); n != 1 {
		t.Errorf("%d tasks run, want the service's alone", n)
	}
}
