package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestADeployUnderGitHubActionsTellsLaterStepsHowItEnded(t *testing.T) {
	t.Parallel()
	w, _ := newProject(t)
	output, summary := filepath.Join(w.dir, "output"), filepath.Join(w.dir, "summary")
	env := []string{"GITHUB_ACTIONS=true", "CI=true", "GITHUB_OUTPUT=" + output, "GITHUB_STEP_SUMMARY=" + summary}
	for _, step := range []struct {
		image     string
		code      int
		log, says []string
	}{
		{"web:v1", 0, []string{"::group::slipway deploy web\n", "::endgroup::\n✓ succeeded", "::notice title=slipway deploy web::succeeded"},
			[]string{"verdict=succeeded\n", "revision-arn=arn:aws:ecs:us-east-1:123456789012:task-definition/web:1\n", "deployment-arn=arn:aws:ecs:us-east-1:123456789012:service-deployment/main/web/"}},
		{"web:broken", 3, []string{"::endgroup::\n✗ rolled back", "::error title=slipway deploy web::rolled back: "},
			[]string{"verdict=rolled back\n", "previous-revision-arn=arn:aws:ecs:us-east-1:123456789012:task-definition/web:1\n", "cause="}},
	} {
		os.Remove(output) //nolint:errcheck // each step of a job has a file of its own
		out, _, code := w.slipway(append(env, "IMAGE="+step.image), "deploy", "web")
		if code != step.code {
			t.Fatalf("%s: exit code %d, want %d", step.image, code, step.code)
		}
		for _, s := range step.log {
			if !strings.Contains(out, s) {
				t.Errorf("%s: the log has no %q", step.image, s)
			}
		}
		for _, s := range step.says {
			if text := w.read(output); !strings.Contains(text, s) {
				t.Errorf("%s: the outputs have no %q:\n%s", step.image, s, text)
			}
		}
	}
	if text := w.read(summary); strings.Count(text, "### ") != 2 || !strings.Contains(text, "exit code 1") {
		t.Errorf("the summary is\n%s", text)
	}
	out, talk, code := w.slipway(append(env, "IMAGE=web:v1"), "deploy", "web", "--output", "json")
	if code != 0 || strings.Contains(out, "::") && !strings.HasPrefix(out, "{") || !strings.Contains(talk, "::notice ") {
		t.Errorf("with JSON on stdout: exit code %d, said %q and %q", code, out, talk)
	}
}

func (w *team) read(path string) string {
	w.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// action is action.yml as far as its steps need it.
type action struct {
	Inputs map[string]struct {
		Description, Default string
		Required             bool
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []struct {
			Name, ID, Shell, Run string
			Dir                  string `yaml:"working-directory"`
			Env                  map[string]string
		}
	}
}

func readAction(t *testing.T) action {
	t.Helper()
	text, err := os.ReadFile("../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestActionDocumentsWhatItTakesAndUsesNothingElse(t *testing.T) {
	t.Parallel()
	a := readAction(t)
	text, err := os.ReadFile("../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	if a.Runs.Using != "composite" || len(a.Runs.Steps) == 0 {
		t.Errorf("it runs %+v", a.Runs)
	}
	for name, in := range a.Inputs {
		if in.Description == "" || !strings.Contains(string(text), "${{ inputs."+name+" }}") {
			t.Errorf("input %s has no description or no use", name)
		}
	}
	for name, out := range a.Outputs {
		if out.Description == "" || out.Value != "${{ steps.deploy.outputs."+name+" }}" {
			t.Errorf("output %s is %+v", name, out)
		}
	}
	for _, s := range a.Runs.Steps {
		if s.Shell != "bash" || strings.Contains(s.Run, "${{") {
			t.Errorf("step %q: shell %q; what users write must come by the environment, not into the script", s.Name, s.Shell)
		}
	}
}

func TestTheExampleWorkflowUsesTheActionAsItIs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../examples/github-actions/deploy.yml")
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses string
				With map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil {
		t.Fatal(err)
	}
	a, used := readAction(t), 0
	for _, job := range workflow.Jobs {
		for _, s := range job.Steps {
			if !strings.HasPrefix(s.Uses, "slipway-ecs/slipway@") {
				continue
			}
			used++
			for name := range s.With {
				if _, ok := a.Inputs[name]; !ok {
					t.Errorf("the action has no input %q", name)
				}
			}
		}
	}
	for _, part := range strings.Split(string(text), "steps.slipway.outputs.")[1:] {
		name, _, _ := strings.Cut(part, " ")
		if _, ok := a.Outputs[name]; !ok {
			t.Errorf("the action has no output %q", name)
		}
	}
	if used != 1 {
		t.Errorf("the action is used %d times", used)
	}
}

// releases serves a release of the binary under test as version 9.8.7, which is the latest too.
func releases(t *testing.T) *httptest.Server {
	t.Helper()
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	w := tar.NewWriter(z)
	err = w.WriteHeader(&tar.Header{Name: "slipway", Mode: 0o755, Size: int64(len(program)), Format: tar.FormatUSTAR})
	_, err2 := w.Write(program)
	if err := errors.Join(err, err2, w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("slipway_9.8.7_%s_%s.tar.gz", runtime.GOOS, runtime.GOARCH)
	sums := fmt.Sprintf("%x  slipway_9.8.7_plan9_mips.tar.gz\n%x  %s\n", sha256.Sum256(nil), sha256.Sum256(archive.Bytes()), name)
	files := http.NewServeMux()
	for _, from := range []string{"/latest/download/", "/download/v9.8.7/", "/download/v6.6.6/"} {
		files.HandleFunc("GET "+from+"checksums.txt", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, sums) })
		files.HandleFunc("GET "+from+name, func(w http.ResponseWriter, _ *http.Request) {
			if from == "/download/v6.6.6/" {
				fmt.Fprint(w, "something else")
				return
			}
			w.Write(archive.Bytes()) //nolint:errcheck // the client says what it got
		})
	}
	server := httptest.NewServer(files)
	t.Cleanup(server.Close)
	return server
}

// tools skips a test where what runners have is missing.
func tools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if slices.Contains(strings.Split(os.Getenv("SLIPWAY_REQUIRE"), ","), name) {
			t.Fatalf("%s is missing, and SLIPWAY_REQUIRE wants it", name)
		}
		t.Skipf("SKIPPED: %s is missing here; SLIPWAY_REQUIRE=%s makes that a failure", name, name)
	}
}

// use runs the action's steps as a runner does, and gives the log, the outputs and the exit code.
func (w *team) use(env []string, inputs map[string]string) (log, outputs string, code int) {
	w.t.Helper()
	a := readAction(w.t)
	root, err := filepath.Abs("..")
	if err != nil {
		w.t.Fatal(err)
	}
	temp, output := w.t.TempDir(), filepath.Join(w.t.TempDir(), "output")
	fill := []string{"${{ github.action_path }}", root, "${{ github.action_ref }}", inputs["ref"], "${{ runner.temp }}", temp}
	for name, in := range a.Inputs {
		v, given := inputs[name]
		if !given {
			v = in.Default
		}
		fill = append(fill, "${{ inputs."+name+" }}", v)
	}
	expand := strings.NewReplacer(fill...).Replace
	ctx, done := context.WithTimeout(w.t.Context(), deployPatience)
	defer done()
	var said bytes.Buffer
	for _, s := range a.Runs.Steps {
		cmd := exec.CommandContext(ctx, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
		cmd.Dir = filepath.Join(w.dir, expand(s.Dir))
		cmd.Env = append([]string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "AWS_ENDPOINT_URL=" + w.endpoint, "AWS_ACCESS_KEY_ID=123456789012", "AWS_SECRET_ACCESS_KEY=local",
			"AWS_EC2_METADATA_DISABLED=true", "GITHUB_ACTIONS=true", "CI=true", "GITHUB_OUTPUT=" + output, "GITHUB_PATH=" + filepath.Join(temp, "path"),
		}, env...)
		for key, value := range s.Env {
			cmd.Env = append(cmd.Env, key+"="+expand(value))
		}
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			w.t.Fatal(err)
		}
		if code = cmd.ProcessState.ExitCode(); code != 0 {
			break
		}
	}
	w.t.Logf("%v: %d\n%s", inputs, code, said.String())
	text, err := os.ReadFile(output)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	return said.String(), string(text), code
}

func TestActionInstallsAReleaseAndDeploys(t *testing.T) {
	t.Parallel()
	tools(t, "bash", "curl", "tar", "grep")
	w, cloud := newProject(t)
	env := []string{"IMAGE=web:v1", "SLIPWAY_DOWNLOAD_URL=" + releases(t).URL}
	log, outputs, code := w.use(env, map[string]string{"version": "9.8.7", "service": "web", "region": "us-east-1"})
	if code != 0 || !strings.Contains(log, "✓ succeeded") || !strings.Contains(outputs, "verdict=succeeded\n") || runs(t, cloud) != "web:1" {
		t.Fatalf("exit code %d, outputs\n%s", code, outputs)
	}
	// A tag of the action is the version; images and the rest come by lines, and are never words of a shell.
	log, outputs, code = w.use(env, map[string]string{
		"ref": "v9.8.7", "service": "web", "cluster": "main", "region": "us-east-1", "images": "web=web:v2\n\n",
		"environment-variables": "web:NOTE=$(touch evil) \"a b\"\nweb:LEVEL=debug", "count": "1", "timeout": "5m", "args": "--no-live",
	})
	if code != 0 || runs(t, cloud) != "web:2" || !strings.Contains(log, "environment LEVEL") {
		t.Errorf("exit code %d, outputs\n%s", code, outputs)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "evil")); err == nil {
		t.Error("an input was run by the shell")
	}
	_, outputs, code = w.use(env, map[string]string{"version": "latest", "service": "web", "region": "us-east-1", "images": "web=web:broken"})
	if code != 3 || !strings.Contains(outputs, "verdict=rolled back\n") || !strings.Contains(outputs, "cause=") || runs(t, cloud) != "web:2" {
		t.Errorf("exit code %d, outputs\n%s", code, outputs)
	}
	for version, says := range map[string]string{"6.6.6": "is not what the checksums say", "1.1.1": "cannot download"} {
		if log, outputs, code := w.use(env, map[string]string{"version": version, "service": "web", "region": "us-east-1"}); code != 1 || outputs != "" || !strings.Contains(log, says) {
			t.Errorf("version %s: exit code %d, outputs %q", version, code, outputs)
		}
	}
}
