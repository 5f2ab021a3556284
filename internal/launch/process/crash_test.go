package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/proc"
)

// killedDaemon runs a daemon that starts the scripts as tasks t0, t1, … and kills it.
func killedDaemon(t *testing.T, dir string, scripts ...string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := exec.CommandContext(t.Context(), exe, append([]string{"daemon", dir}, scripts...)...)
	out, err := d.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if said != "started\n" {
		t.Errorf("the daemon said %q, %v", said, err)
	}
	kill(t, d.Process.Pid)
	d.Wait() //nolint:errcheck // it was killed
}

// find gives the only handle of a task among all places.
func find(t *testing.T, places []launch.Place, task string) launch.Handle {
	t.Helper()
	for _, p := range places {
		if p.Task.ID == task && len(p.Started) == 1 {
			return p.Started[0]
		}
	}
	t.Fatalf("task %s is not among %+v", task, places)
	return launch.Handle{}
}

func TestTasksOutliveADaemonThatIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	flag := filepath.Join(t.TempDir(), "flag")
	killedDaemon(t, dir,
		"echo one; exec sleep 100",
		"exit 3",
		"echo before; while ! test -e "+flag+"; do sleep 0.01; done; echo after; exit 5",
	)

	r := open(t, dir)
	places, err := r.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	running := find(t, places, "t0")
	if !runs(running.Pid) {
		t.Error("the task did not outlive the daemon")
	}
	if got := watch(t, r, find(t, places, "t1")).Code; got != 3 {
		t.Errorf("exit code of the task that ended by itself: got %d, want 3", got)
	}
	waiting := find(t, places, "t2")
	if got := firstLine(t, r, waiting); got != "before" {
		t.Errorf("first line: %q", got)
	}
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := watch(t, r, waiting).Code; got != 5 {
		t.Errorf("exit code of the task that ended under the second daemon: got %d, want 5", got)
	}
	if got := text(t, r, waiting); got != "o before\no after\n" {
		t.Errorf("its output: %q", got)
	}
	if err := r.Stop(bounded(t), running, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := watch(t, r, running).Code; got != 143 {
		t.Errorf("exit code of the task that was stopped: got %d, want 143", got)
	}
}

func TestAProgramOutlivesItsShimAndIsTakenOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := open(t, dir)
	flag := filepath.Join(t.TempDir(), "flag")
	h := start(t, r, task("t", `echo before; while ! test -e `+flag+`; do echo tick; sleep 0.01; done; echo oh >&2; echo after; exit 6`))
	firstLine(t, r, h)
	type end struct {
		exit launch.Exit
		err  error
	}
	watched := make(chan end)
	for range 2 { // one that was taken over can be taken over again
		ctx := bounded(t)
		go func() {
			e, err := r.Watch(ctx, h)
			watched <- end{e, err}
		}()
		shim := shimOf(t, dir, "t")

		kill(t, shim)

		eventually(t, "another shim", func() bool { return shimOf(t, dir, "t") != shim && runs(shimOf(t, dir, "t")) })
	}
	if !runs(h.Pid) {
		t.Fatal("the program did not outlive its shim")
	}
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got := <-watched
		// The system tells a stranger's exit code from Linux 6.15 on.
		if got.err != nil || got.exit.Code != 6 && got.exit.Reason == "" {
			t.Errorf("got %+v, %v; want code 6, or a reason why that was lost", got.exit, got.err)
		}
	}
	if got := text(t, r, h); !strings.HasPrefix(got, "o before\no tick\n") || !strings.Contains(got, "e oh\n") || !strings.HasSuffix(got, "o after\n") && !strings.HasSuffix(got, "o after\ne oh\n") {
		t.Errorf("the output has a hole: %q", got)
	}
}

func TestAProgramKilledWithItsShimHasEndedWithAReason(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := open(t, dir)
	h := start(t, r, task("t", "exec sleep 100"))

	kill(t, shimOf(t, dir, "t"))
	kill(t, h.Pid)

	if got := watch(t, r, h); got.Code != 137 {
		t.Errorf("got %+v, want code 137", got)
	}
}

func TestAProgramThatWritesMuchWithoutAShimWaitsAndLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := open(t, dir)
	const lines = 20000 // several times what a FIFO holds
	h := start(t, r, task("t", fmt.Sprintf("read x <&- ; kill -STOP $$; i=0; while [ $i -lt %d ]; do echo line $i; i=$((i+1)); done", lines)))
	eventually(t, "the program has stopped itself", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", h.Pid))
		return err == nil && strings.Contains(string(b), ") T ")
	})
	shim := shimOf(t, dir, "t")
	kill(t, shim)
	eventually(t, "the shim's end", func() bool { return !runs(shim) })
	if err := syscall.Kill(h.Pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	out, err := os.Open(filepath.Join(dir, "t", "main.0", "out")) // the program holds it, so this does not wait
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()       //nolint:errcheck // only looked at
	const fionread = 0x541b // Linux's
	eventually(t, "the program writes", func() bool {
		n, err := unix.IoctlGetInt(int(out.Fd()), fionread)
		return err == nil && n > 4000 // a FIFO may be as small as a page
	})
	if got := shimOf(t, dir, "t"); got != shim {
		t.Errorf("there is a shim %d; want none", got)
	}

	if got := watch(t, r, h); got.Code != 0 && got.Reason == "" {
		t.Errorf("got %+v", got)
	}

	n := 0
	for l, err := range r.Logs(bounded(t), h, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("line %d", n); l.Text != want {
			t.Fatalf("got %q, want %q", l.Text, want)
		}
		n++
	}
	if n != lines {
		t.Errorf("got %d lines, want %d", n, lines)
	}
}

func TestExecWithoutAShimBringsNoneAndEndsWithTheProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := open(t, dir)
	h := start(t, r, task("t", "exec sleep 100"))
	shim := shimOf(t, dir, "t")
	kill(t, shim)
	eventually(t, "the shim's end", func() bool { return !runs(shim) })
	begun := filepath.Join(t.TempDir(), "begun")
	over := make(chan error, 1)
	ctx := bounded(t)
	go func() {
		_, _, err := r.Exec(ctx, h, []string{"/bin/sh", "-c", ": >" + begun + "; exec sleep 1000"})
		over <- err
	}()
	eventually(t, "the command runs", func() bool { _, err := os.Stat(begun); return err == nil })

	kill(t, h.Pid)

	if err := <-over; !errors.Is(err, launch.ErrEnded) {
		t.Errorf("got %v, want ErrEnded", err)
	}
	if got := shimOf(t, dir, "t"); got != shim {
		t.Errorf("a command brought another shim, %d", got)
	}
	if got, err := proc.ReadExit(filepath.Join(dir, "t", "main.0")); !errors.Is(err, proc.ErrUnknown) {
		t.Errorf("a shim noted the program's end: %+v, %v", got, err)
	}
}

func TestRemovedTasksAreGone(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	h := start(t, r, task("t", "exec sleep 100"))

	for range 2 {
		if err := r.Remove(bounded(t), "t"); err != nil {
			t.Fatal(err)
		}
	}

	if _, err := r.Watch(bounded(t), h); !errors.Is(err, launch.ErrGone) {
		t.Errorf("Watch: %v, want ErrGone", err)
	}
	if err := r.Stop(bounded(t), h, time.Minute); err != nil {
		t.Errorf("Stop: %v", err)
	}
	for _, err := range r.Logs(bounded(t), h, 0) {
		if !errors.Is(err, launch.ErrGone) {
			t.Errorf("Logs: %v, want ErrGone", err)
		}
	}
	if runs(h.Pid) {
		t.Error("the program of a removed task runs")
	}
}

func TestRemoveWhileATaskIsBeingStartedLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	r, outside := open(t, t.TempDir()), t.TempDir()
	var rounds sync.WaitGroup
	for i := range 40 {
		id := fmt.Sprintf("t%d", i)
		rounds.Go(func() {
			pid := filepath.Join(outside, id)
			job := task(id, "echo $$ >"+pid+"; exec sleep 100")
			if _, err := r.Prepare(t.Context(), job); err != nil {
				t.Error(err)
				return
			}
			soon, cut := context.WithTimeout(t.Context(), time.Duration(i)*250*time.Microsecond)
			defer cut()
			if _, err := r.Start(soon, job, "main", 0); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if err := r.Remove(t.Context(), id); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second) // what comes up late comes up within it
			b, err := os.ReadFile(pid)
			if err != nil || len(b) == 0 {
				return // it never ran, or was killed before it wrote who it is
			}
			n, err := strconv.Atoi(strings.TrimSpace(string(b)))
			if err != nil {
				t.Error(err)
				return
			}
			if runs(n) { // a zombie, which whoever inherits it may be late to reap, does not
				t.Errorf("task %s runs as %d after Remove", id, n)
				kill(t, n)
			}
		})
	}
	rounds.Wait()
}
