package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/process"
)

func TestExitSaysHowTheProgramEnded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		want   launch.Exit
	}{
		"by itself":             {"exit 0", launch.Exit{Code: 0}},
		"with a code":           {"exit 3", launch.Exit{Code: 3}},
		"by SIGTERM":            {"kill -TERM $$", launch.Exit{Code: 143, Signal: "SIGTERM"}},
		"by SIGKILL":            {"kill -KILL $$", launch.Exit{Code: 137, Signal: "SIGKILL"}},
		"a command not there":   {"no-such-command", launch.Exit{Code: 127}},
		"at once, with a group": {"sleep 100 & exit 5", launch.Exit{Code: 5}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, t.TempDir())

			got := watch(t, r, start(t, r, task("t", c.script)))

			if age := time.Since(got.At); age < 0 || age > time.Minute {
				t.Errorf("it ended at %s", got.At)
			}
			got.At = time.Time{}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("exit of %q (-want +got):\n%s", c.script, diff)
			}
		})
	}
}

func TestStopAsksThenKills(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	polite := self(t, "polite", "serve")
	polite.Containers[0].Ports = []launch.Port{{Container: 8080}}
	stubborn := self(t, "stubborn", "stubborn")
	asked := task("asked", "trap 'exit 7' INT; echo ready; while :; do sleep 0.01; done")
	asked.Containers[0].StopSignal = "SIGINT"
	for _, c := range []struct {
		task  launch.Task
		grace time.Duration
		want  int
	}{
		{polite, time.Minute, 0},
		{stubborn, 50 * time.Millisecond, 137},
		{asked, time.Minute, 7},
		{task("plain", "echo ready; exec sleep 100"), time.Minute, 143},
		{task("now", "trap '' TERM; echo ready; exec sleep 100"), 0, 137},
	} {
		t.Run(c.task.ID, func(t *testing.T) {
			t.Parallel()
			h := start(t, r, c.task)
			firstLine(t, r, h)

			for range 2 { // stopping what is stopped is harmless
				if err := r.Stop(bounded(t), h, c.grace); err != nil {
					t.Fatal(err)
				}
			}

			if runs(h.Pid) {
				t.Error("Stop returned while the program ran")
			}
			if got := watch(t, r, h).Code; got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
		})
	}
}

func TestNothingAProgramLeftBehindOutlivesIt(t *testing.T) {
	t.Parallel()
	for _, ends := range []string{"end", "stay"} {
		t.Run(ends, func(t *testing.T) {
			t.Parallel()
			r := open(t, t.TempDir())
			h := start(t, r, self(t, "t", "daemonise", ends))
			grandchild, err := strconv.Atoi(firstLine(t, r, h))
			if err != nil {
				t.Fatal(err)
			}
			if ends == "stay" {
				if !runs(grandchild) {
					t.Fatal("the grandchild does not run")
				}
				if err := r.Stop(bounded(t), h, time.Minute); err != nil {
					t.Fatal(err)
				}
			}
			watch(t, r, h)

			if runs(grandchild) {
				t.Errorf("the daemonised grandchild %d runs after the container ended", grandchild)
			}
		})
	}
}

func TestAProgramThatCannotBeStartedIsAStartError(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		argv []string
		dir  string
		want launch.StartError
	}{
		"missing": {[]string{"no-such-program"}, "", launch.StartError{Code: 127, Msg: `exec: "no-such-program": executable file not found in $PATH`}},
		"path":    {[]string{"/no/such"}, "", launch.StartError{Code: 127, Msg: `exec: "/no/such": stat /no/such: no such file or directory`}},
		"mode":    {[]string{plain}, "", launch.StartError{Code: 126, Msg: fmt.Sprintf(`exec: %q: stat %s: permission denied`, plain, plain)}},
		"dir":     {[]string{"/bin/sh"}, "/no/dir", launch.StartError{Code: 127, Msg: `chdir to cwd ("/no/dir"): no such file or directory`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := launch.Task{ID: name, Containers: []launch.Container{{Name: "main", EntryPoint: c.argv, WorkingDir: c.dir}}}
			if _, err := r.Prepare(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			for range 2 { // it may be tried again
				_, err := r.Start(bounded(t), task, "main", 0)

				got, ok := errors.AsType[*launch.StartError](err)
				c.want.Msg = "failed to create task for container: unable to start container process: " + strings.TrimPrefix(c.want.Msg, "failed to create task for container: unable to start container process: ")
				if !ok || *got != c.want {
					t.Errorf("got %v, want %v", err, c.want)
				}
			}
			if _, err := r.Watch(bounded(t), launch.Handle{Task: name, Container: "main"}); !errors.Is(err, launch.ErrGone) {
				t.Errorf("watching what never started: %v, want ErrGone", err)
			}
		})
	}
}

// A cloud that ends stops what Find finds: a start that its end overtook is among that.
func TestAStartIsSeenThroughThoughItsContextEnds(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	task := launch.Task{ID: "begun", Containers: []launch.Container{{Name: "main", EntryPoint: []string{"/bin/sh", "-c", "exec sleep 1000"}}}}
	if _, err := r.Prepare(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	h, err := r.Start(ctx, task, "main", 0)
	if err != nil {
		t.Fatal(err)
	}
	places, err := r.Find(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(places) != 1 || len(places[0].Started) != 1 || places[0].Started[0].ID != h.ID {
		t.Errorf("found %+v, want the one start %s", places, h.ID)
	}
	if err := r.Remove(bounded(t), task.ID); err != nil {
		t.Error(err)
	}
}

func TestStartedTwiceIsStartedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := open(t, dir)
	once := task("t", "echo started; exec sleep 100")
	first := start(t, r, once)

	for _, again := range []*process.Runtime{r, open(t, dir)} {
		if diff := cmp.Diff(first, start(t, again, once)); diff != "" {
			t.Errorf("started again (-first +again):\n%s", diff)
		}
	}

	firstLine(t, r, first)
	if err := r.Stop(bounded(t), first, 0); err != nil {
		t.Fatal(err)
	}
	if got := text(t, r, first); got != "o started\n" {
		t.Errorf("wrote %q", got)
	}
	if diff := cmp.Diff(first, start(t, r, once)); diff != "" {
		t.Errorf("started again after its end (-first +again):\n%s", diff)
	}
	second, err := r.Start(bounded(t), once, "main", 1)
	if err != nil || second.ID == first.ID || second.Pid == first.Pid {
		t.Errorf("the next attempt: %+v, %v; first: %+v", second, err, first)
	}
}

func TestTasksListenOnOnePortAtAddressesOfTheirOwn(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("shared %t", shared), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			open(t, dir) // for its cleanup
			r, err := process.New(process.Options{Dir: dir, Shim: shim(), Host: os.Environ(), SharedAddress: shared})
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for i := range 3 {
				web := self(t, fmt.Sprintf("web%d", i), "serve")
				web.Containers[0].Ports = []launch.Port{{Container: 8080}}
				network, err := r.Prepare(t.Context(), web)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := r.Start(bounded(t), web, "main", 0); err != nil {
					t.Fatal(err)
				}
				at := r.Reach(web, network, 8080)
				var body []byte
				eventually(t, "the task answers at "+at.Address, func() bool {
					answer, err := http.Get("http://" + at.Address)
					if err != nil {
						return false
					}
					defer answer.Body.Close()
					body, err = io.ReadAll(answer.Body)
					return err == nil
				})
				if string(body) != at.Address {
					t.Errorf("who answers at %s listens on %s", at.Address, body)
				}
				seen[at.Address] = true
			}
			if len(seen) != 3 {
				t.Errorf("addresses: %v, want 3", seen)
			}
			places, err := open(t, dir).Find(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range places {
				if err := r.Remove(bounded(t), p.Task.ID); err != nil {
					t.Error(err)
				}
				for _, h := range p.Started {
					if runs(h.Pid) {
						t.Errorf("%s runs after its task was removed", p.Task.ID)
					}
				}
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left in the directory: %v, %v", left, err)
			}
		})
	}
}

func TestExecRunsBesideTheProgram(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	web := task("t", "echo ready; exec sleep 100")
	web.Containers[0].Env = []launch.KeyValue{{Key: "COLOUR", Value: "green"}}
	h := start(t, r, web)

	code, out, err := r.Exec(bounded(t), h, []string{"/bin/sh", "-c", "echo $COLOUR; echo oh >&2; exit 4"})
	if code != 4 || string(out) != "green\noh\n" || err != nil {
		t.Errorf("got %d, %q, %v", code, out, err)
	}

	code, _, err = r.Exec(bounded(t), h, []string{"no-such-program"})
	if code != 127 || err == nil {
		t.Errorf("a program that is not there: got %d, %v; want 127 and an error", code, err)
	}

	code, out, err = r.Exec(bounded(t), h, []string{"/bin/sh", "-c", "yes | head -c 1000000; echo end"})
	if code != 0 || len(out) != launch.OutputLimit || !strings.HasSuffix(string(out), "end\n") || err != nil {
		t.Errorf("much output: got %d, %d bytes, %v", code, len(out), err)
	}

	if err := r.Stop(bounded(t), h, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Exec(bounded(t), h, []string{"true"}); !errors.Is(err, launch.ErrEnded) {
		t.Errorf("after its end: got %v, want ErrEnded", err)
	}
}

func TestExecKillsTheCommandAndItsChildrenWhenTimeIsUp(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	h := start(t, r, task("t", "exec sleep 100"))
	pids := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := contextUntil(t, func() bool {
		b, err := os.ReadFile(pids)
		return err == nil && strings.Count(string(b), "\n") == 2
	})
	defer cancel()

	_, _, err := r.Exec(ctx, h, []string{"/bin/sh", "-c", "sleep 100 & echo $! >" + pids + "; echo $$ >>" + pids + "; wait"})

	if err == nil || !errors.Is(err, ctx.Err()) {
		t.Errorf("got %v, want the context's error", err)
	}
	b, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(b)) {
		pid, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the command's process is gone: "+line, func() bool { return syscall.Kill(pid, 0) != nil || !runs(pid) })
	}
}

func TestExecLeavesNothingOfACommandThatEnded(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	h := start(t, r, task("t", "exec sleep 100"))
	for _, c := range []struct{ name, redirected string }{
		{"silent", " >/dev/null 2>&1"},
		{"holding its output", ""},
	} {
		code, out, err := r.Exec(bounded(t), h, []string{"/bin/sh", "-c", "sleep 100" + c.redirected + " & echo $!; exit 3"})
		if code != 3 || err != nil {
			t.Errorf("%s: got %d, %v", c.name, code, err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "what the command left is gone, "+c.name, func() bool { return syscall.Kill(pid, 0) != nil || !runs(pid) })
	}
}

func TestExecEndsWithTheContainer(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	h := start(t, r, task("t", "exec sleep 100"))
	pids := filepath.Join(t.TempDir(), "pids")
	over := make(chan error, 1)
	go func() {
		_, _, err := r.Exec(bounded(t), h, []string{"/bin/sh", "-c", "echo $$ >" + pids + "; exec sleep 100"})
		over <- err
	}()
	var pid int
	eventually(t, "the command runs", func() bool {
		b, err := os.ReadFile(pids)
		if err != nil || !strings.HasSuffix(string(b), "\n") {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		return err == nil
	})

	if err := r.Stop(bounded(t), h, 0); err != nil {
		t.Fatal(err)
	}

	if err := <-over; !errors.Is(err, launch.ErrEnded) {
		t.Errorf("got %v, want ErrEnded", err)
	}
	eventually(t, "the command is gone", func() bool { return syscall.Kill(pid, 0) != nil || !runs(pid) })
}
