package process_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/process"
	"github.com/slipway-ecs/slipway/internal/proc"
)

// TestMain makes the test binary also the shim, the programs that run under it, and the daemon
// that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "shim":
			os.Exit(proc.ShimMain(os.Args[2:]))
		case "program":
			os.Exit(program(os.Args[2:]))
		case "daemon":
			os.Exit(daemon(os.Args[2], os.Args[3:]))
		}
	}
	os.Exit(m.Run())
}

// program is what the tests run as containers.
func program(args []string) int {
	switch args[0] {
	case "serve": // answers with its address until SIGTERM
		term := make(chan os.Signal, 1)
		signal.Notify(term, syscall.SIGTERM)
		address := os.Getenv("HOST") + ":" + os.Getenv("PORT")
		server := &http.Server{Addr: address, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, address)
		})}
		go func() {
			fmt.Println("serving", address)
			if err := server.ListenAndServe(); err != http.ErrServerClosed {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}()
		<-term
		fmt.Println("bye")
		return 0
	case "stubborn": // ignores SIGTERM
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		select {}
	case "daemonise": // leaves a grandchild in a session of its own, and tells its pid
		child := exec.Command(os.Args[0], "program", "stubborn")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			return 1
		}
		fmt.Println(child.Process.Pid)
		if len(args) > 1 && args[1] == "end" {
			return 0
		}
		select {}
	}
	return 2
}

// daemon starts one container per program in dir, says so, and waits to be killed.
func daemon(dir string, programs []string) int {
	r, err := process.New(process.Options{Dir: dir, Shim: shim(), Host: os.Environ()})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for i, p := range programs {
		t := task(fmt.Sprintf("t%d", i), p)
		if _, err := r.Prepare(context.Background(), t); err != nil {
			fmt.Println(err)
			return 1
		}
		if _, err := r.Start(context.Background(), t, "main", 0); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	fmt.Println("started")
	select {}
}

func shim() proc.Shim { return proc.Shim{Path: "/proc/self/exe", Args: []string{"shim"}} }

// task makes a task of one container that runs a shell script.
func task(id, script string) launch.Task {
	return launch.Task{ID: id, Name: "test/" + id, Containers: []launch.Container{{
		Name: "main", Image: "none", EntryPoint: []string{"/bin/sh", "-c"}, Command: []string{script},
	}}}
}

// self makes a task of one container that runs this test binary as a program.
func self(t *testing.T, id string, args ...string) launch.Task {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return launch.Task{ID: id, Containers: []launch.Container{{
		Name: "main", Image: "none", EntryPoint: []string{exe, "program"}, Command: args,
	}}}
}

// open gives a runtime over a directory and removes all its tasks when the test ends.
func open(t *testing.T, dir string, images ...process.Image) *process.Runtime {
	t.Helper()
	r, err := process.New(process.Options{Dir: dir, Shim: shim(), Images: images, Host: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
		defer cancel()
		places, err := r.Find(ctx)
		if err != nil {
			t.Error(err)
		}
		for _, p := range places {
			if err := r.Remove(ctx, p.Task.ID); err != nil {
				t.Errorf("remove %s: %v", p.Task.ID, err)
			}
		}
	})
	return r
}

// start prepares a task and starts its container.
func start(t *testing.T, r *process.Runtime, task launch.Task) launch.Handle {
	t.Helper()
	ctx := bounded(t)
	if _, err := r.Prepare(ctx, task); err != nil {
		t.Fatal(err)
	}
	h, err := r.Start(ctx, task, "main", 0)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func watch(t *testing.T, r *process.Runtime, h launch.Handle) launch.Exit {
	t.Helper()
	e, err := r.Watch(bounded(t), h)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// bounded gives a context that ends long after everything should have.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// text gives all a container wrote, once it has ended.
func text(t *testing.T, r *process.Runtime, h launch.Handle) string {
	t.Helper()
	var b strings.Builder
	for l, err := range r.Logs(bounded(t), h, 0) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%c %s\n", l.Stream, l.Text)
	}
	return b.String()
}

// firstLine waits for a container's first line.
func firstLine(t *testing.T, r *process.Runtime, h launch.Handle) string {
	t.Helper()
	for l, err := range r.Logs(bounded(t), h, 0) {
		if err != nil {
			t.Fatal(err)
		}
		return l.Text
	}
	t.Fatal("the container ended without a line")
	return ""
}

// runs reports whether a process is there and no zombie.
func runs(pid int) bool {
	id, err := proc.Identify(pid)
	return err == nil && proc.Alive(id)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for ctx := bounded(t); !holds(); {
		select {
		case <-ctx.Done():
			t.Fatalf("never came true: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// shimOf gives the pid of the shim of a task's main container.
func shimOf(t *testing.T, dir, task string) int {
	t.Helper()
	s, err := proc.ReadState(filepath.Join(dir, task, "main.0"))
	if err != nil {
		t.Fatal(err)
	}
	return s.Shim.Pid
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
