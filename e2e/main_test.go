package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	startPatience  = 2 * time.Minute // for `ready`
	stopPatience   = 3 * time.Minute // after an interrupt
	deployPatience = 3 * time.Minute // for one deployment, most of it waits that --speed shortens
)

// binary is the program under test, built by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if runtime.GOOS != "linux" {
		fmt.Println("tasks get addresses of their own on Linux alone: skipped on", runtime.GOOS)
		return 0
	}
	if binary = os.Getenv("SLIPWAY_BIN"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "slipway-e2e")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what remains is in the system's folder for such
	binary = filepath.Join(dir, "slipway")
	build, done := context.WithTimeout(context.Background(), 5*time.Minute)
	defer done()
	if out, err := exec.CommandContext(build, "go", "build", "-o", binary, "../cmd/slipway").CombinedOutput(); err != nil {
		fmt.Printf("build the binary: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// team is a folder with a slipway.yaml, and a local cloud of its own.
type team struct {
	t        *testing.T
	dir      string
	endpoint string
}

// newTeam starts a cloud with images, and more flags of slipway local; it ends, with its tasks, when
// the test does.
func newTeam(t *testing.T, images string, flags ...string) *team {
	t.Helper()
	w := &team{t: t, dir: t.TempDir()}
	w.write("images.yaml", images)
	cmd := exec.Command(binary, append([]string{"local", "--listen", "127.0.0.1:0", "--data", "data", "--speed", "60", "--images", "images.yaml"}, flags...)...)
	cmd.Dir = w.dir
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(startPatience, func() { cmd.Process.Kill() }) //nolint:errcheck // it may have ended
	line, _ := bufio.NewReader(out).ReadString('\n')                     // a cloud that ended gives no line
	late.Stop()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)                                 //nolint:errcheck // it may have ended
		late := time.AfterFunc(stopPatience, func() { cmd.Process.Kill() }) //nolint:errcheck // same
		defer late.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the cloud ended with %v:\n%s", err, log.String())
		}
	})
	url, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ready {
		t.Fatalf("the cloud said %q, not ready", line)
	}
	w.endpoint = url
	return w
}

func (w *team) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// slipway runs a command in the folder, piped, and gives what it said and its exit code.
func (w *team) slipway(env []string, args ...string) (stdout, stderr string, code int) {
	w.t.Helper()
	ctx, done := context.WithTimeout(w.t.Context(), deployPatience)
	defer done()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = w.dir
	cmd.Env = append(w.env(w.endpoint), env...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		w.t.Fatalf("slipway %s: %v", strings.Join(args, " "), err)
	}
	w.t.Logf("slipway %s: %d\n%s%s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), out.String(), talk.String())
	return out.String(), talk.String(), cmd.ProcessState.ExitCode()
}

// env gives the environment of a command that calls an endpoint.
func (w *team) env(endpoint string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=123456789012", "AWS_SECRET_ACCESS_KEY=local", "AWS_EC2_METADATA_DISABLED=true",
	}
}
