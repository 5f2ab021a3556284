package conformance

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// atOnce is how many clouds run side by side: scripts wait more than they compute.
	atOnce = "4"
	// usualSpeed is the --speed of a script that does not say another.
	usualSpeed = 30
	// usualPatience is how long a script may take on a busy machine, where it does not say another
	// in seconds; most need a few.
	usualPatience = 10 * time.Minute
	// skipped is the status of a script that cannot be run here.
	skipped = 77
)

// binary is the slipway under test, made once by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the binary and runs the tests; it gives the exit code.
func run(m *testing.M) int {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if binary = os.Getenv("SLIPWAY_BIN"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "slipway-conformance")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "slipway")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/slipway-ecs/slipway/cmd/slipway").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the binary: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func TestScriptsSeeWhatAWSWouldShow(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, path := range scripts {
		name := filepath.Base(path)
		tool := toolOf(name)
		if tool == nil || strings.HasPrefix(name, "lib.") {
			continue
		}
		ran++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tool.need(t)
			play(t, tool, path)
		})
	}
	if ran < 25 {
		t.Errorf("found %d scripts in testdata, want at least 25", ran)
	}
}

// play runs a script against a cloud of its own.
func play(t *testing.T, tool *tool, path string) {
	speed := headOf(t, path, "speed")
	if speed == 0 {
		speed = usualSpeed
	}
	c := startCloud(t, speed, "--instances", strconv.Itoa(headOf(t, path, "instances")), "--instance-type", "t3.small")
	limit := usualPatience
	if n := headOf(t, path, "patience"); n != 0 {
		limit = time.Duration(n) * time.Second
	}
	ctx, stop := context.WithTimeout(t.Context(), limit)
	defer stop()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "env", tool.program, abs) // env looks in the PATH it is given
	cmd.Dir = t.TempDir()
	cmd.Env = c.env(cmd.Dir, filepath.Dir(abs))
	cmd.WaitDelay = 5 * time.Second
	began := time.Now()
	out, err := cmd.CombinedOutput()
	var status *exec.ExitError
	switch {
	case err == nil:
		t.Logf("passed after %.1fs\n%s", time.Since(began).Seconds(), out)
	case errors.As(err, &status) && status.ExitCode() == skipped:
		t.Skipf("%s", out)
	case ctx.Err() != nil:
		t.Errorf("not done after %s\n%s\nthe cloud said:\n%s", limit, out, c.said())
	default:
		t.Errorf("%v after %.1fs\n%s\nthe cloud said:\n%s", err, time.Since(began).Seconds(), out, c.said())
	}
}

// headOf reads the "# name: N" line of a script's head; it gives 0 where there is none.
func headOf(t *testing.T, path, name string) int {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, is := strings.CutPrefix(lines.Text(), "# "+name+": ")
		if !is {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n <= 0 {
			t.Fatalf("%s: a %s of %q is no number above 0", path, name, text)
		}
		return n
	}
	return 0
}

// tool is what runs a script.
type tool struct {
	name    string // as SLIPWAY_REQUIRE has it
	program string
	missing func() error // why the tool is not there; nil where it is
}

var (
	boto3  = &tool{name: "boto3", program: "python3", missing: asked("python3", "-c", "import boto3")}
	awsCLI = &tool{name: "aws", program: "bash", missing: asked("aws", "--version")}
)

// asked runs, once, a command that succeeds where a tool is there.
func asked(program string, args ...string) func() error {
	return sync.OnceValue(func() error {
		cmd := exec.Command("env", append([]string{program}, args...)...)
		cmd.Env = append(os.Environ(), "PATH="+searchPath())
		return cmd.Run()
	})
}

// toolOf gives what runs a file, nil where it is no script.
func toolOf(name string) *tool {
	switch filepath.Ext(name) {
	case ".py":
		return boto3
	case ".sh":
		return awsCLI
	}
	return nil
}

// searchPath is where programs are looked for: first where the interpreter itself lies, and what was
// installed with it, since python3 on the PATH may be a version manager's script that looks for the
// real one at every call.
var searchPath = sync.OnceValue(func() string {
	path := os.Getenv("PATH")
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return path
	}
	return filepath.Dir(strings.TrimSpace(string(out))) + string(filepath.ListSeparator) + path
})

// need skips the test where the tool is missing, or fails it where the environment requires it.
func (o *tool) need(t *testing.T) {
	err := o.missing()
	if err == nil {
		return
	}
	for name := range strings.SplitSeq(os.Getenv("SLIPWAY_REQUIRE"), ",") {
		if strings.TrimSpace(name) == o.name {
			t.Fatalf("%s is required and missing: %v", o.name, err)
		}
	}
	t.Skipf("SKIPPED: %s is missing here (%v); SLIPWAY_REQUIRE=%s makes that a failure", o.name, err, o.name)
}
