package proc

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// leaderGone is a program whose first thread ends at once; it ends with its input.
const leaderGone = "leader-gone"

// onFirstThread is set while packages are initialised, when the first goroutine surely is on the
// first thread.
var onFirstThread = keepFirstThread()

func keepFirstThread() bool {
	program := len(os.Args) > 1 && os.Args[1] == leaderGone
	if program {
		runtime.LockOSThread()
	}
	return program
}

// runLeaderGone is that program.
func runLeaderGone() {
	if !onFirstThread {
		panic("not on the first thread")
	}
	runtime.GOMAXPROCS(2)  // a thread that ends like this keeps its processor
	debug.SetGCPercent(-1) // and a cycle, which is awaited here if one is under way, would wait for it for ever
	reads := make(chan struct{})
	go func() {
		close(reads)
		var b [1]byte
		unix.Read(0, b[:])
		unix.Exit(0)
	}()
	<-reads
	unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
}

func TestAProcessWhoseFirstThreadIsGoneIsWaitedForAndReaped(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0], leaderGone)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for Alive(id) { // shown as a zombie once its first thread is gone
		if err := pause(t.Context(), time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}

	p, err := Open(id)

	if err != nil {
		t.Fatalf("opening a process that has threads left: %v", err)
	}
	defer p.Close()
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, id.Pid, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("a child that was waited for can be waited for again: got %v, want %v", err, unix.ECHILD)
	}
}
