package e2e_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal with a command on it.
type terminal struct {
	t    *testing.T
	keys *os.File // the user's side: what is written is typed
	cmd  *exec.Cmd
	over chan struct{} // closed once everything was shown

	mu    sync.Mutex
	shown strings.Builder
}

// onTerminal runs slipway on a terminal of 100 by 30, as if somebody sat there.
func (w *team) onTerminal(env []string, args ...string) *terminal {
	w.t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		w.t.Skipf("SKIPPED: there are no pseudo-terminals here: %v", err)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	fd := int(keys.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		w.t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		w.t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &terminal{t: w.t, keys: keys, over: make(chan struct{})}
	c.resize(100, 30)
	c.cmd = exec.Command(binary, args...)
	c.cmd.Dir, c.cmd.Env = w.dir, append(append(w.env(w.endpoint), "TERM=xterm-256color"), env...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = tty, tty, tty
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	_ = tty.Close() // it is the command's
	go func() {
		defer close(c.over)
		b := make([]byte, 4096)
		for {
			n, err := keys.Read(b) // ends with EIO when nobody has the terminal any more
			c.mu.Lock()
			c.shown.Write(b[:n])
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	w.t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it may have ended
		<-c.over
		_ = keys.Close() // nothing is written any more
	})
	return c
}

func (c *terminal) resize(columns, lines uint16) {
	c.t.Helper()
	if err := unix.IoctlSetWinsize(int(c.keys.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *terminal) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown.String()
}

// types presses keys.
func (c *terminal) types(keys string) {
	c.t.Helper()
	if _, err := c.keys.WriteString(keys); err != nil {
		c.t.Fatal(err)
	}
}

// shows waits until all of the words were shown since a moment, which is a length of text().
func (c *terminal) shows(since int, words ...string) {
	c.t.Helper()
	for end := time.Now().Add(deployPatience); ; {
		text, lacks := c.text()[since:], ""
		for _, word := range words {
			if !strings.Contains(text, word) {
				lacks = word
			}
		}
		if lacks == "" {
			return
		}
		select {
		case <-c.over:
			if strings.Contains(c.text()[since:], lacks) {
				continue
			}
			c.t.Fatalf("it ended and never showed %q:\n%q", lacks, text)
		case <-time.After(50 * time.Millisecond):
			if time.Now().After(end) {
				c.t.Fatalf("after %s it does not show %q:\n%q", deployPatience, lacks, text)
			}
		}
	}
}

// ends waits for the command's end and gives its exit code.
func (c *terminal) ends() int {
	c.t.Helper()
	late := time.AfterFunc(deployPatience, func() { _ = c.cmd.Process.Kill() }) // it may have ended
	defer late.Stop()
	<-c.over
	_ = c.cmd.Wait() // its code says more
	return c.cmd.ProcessState.ExitCode()
}

// colours are what a terminal takes for colours and weights; a plain reset is none.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*[1-9][0-9;]*m")

// TestAnInterruptOnATerminalAsksWhatItMeans types Ctrl-C while a deployment goes on that never ends
// by itself: it is left running, or rolled back, or watched on.
func TestAnInterruptOnATerminalAsksWhatItMeans(t *testing.T) {
	t.Parallel()
	w := newWard(t, fmt.Sprintf(sick, binary, alien(t)))
	for name, c := range map[string]struct {
		keys string
		code int
		says []string
	}{
		"leave": {"l\n", 130, []string{"interrupted", "goes on in ECS", "slipway watch arn:"}},
		"abort": {"a\n", 3, []string{"asked for a rollback", "rolled back"}},
		"on":    {"what?\nc\n", 130, []string{"interrupted", "goes on in ECS", "slipway watch arn:"}},
		"twice": {"\x03", 130, []string{"interrupted", "goes on in ECS", "slipway watch arn:"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.of(t)
			w.create(name, patient{image: "good:1"})
			w.steady(name)
			on := w.onTerminal([]string{"NO_COLOR=1"}, "deploy", name, "-c", "main", "--image", "app=none:1")
			on.shows(0, "following", "tasks", "IN_PROGRESS", "0s of 45s to ") // the live view, with the time against what is expected
			since := len(on.text())
			on.resize(40, 12)
			on.shows(since, name)
			if found := colours.FindString(on.text()); found != "" {
				t.Errorf("%q in spite of NO_COLOR: %q", found, on.text())
			}
			since = len(on.text())
			on.types("\x03")
			on.shows(since, "(l)eave it running, (a)bort it and roll back, (c)ontinue watching?")
			since = len(on.text())
			on.types(c.keys)
			if name == "on" {
				on.shows(since, "none:1") // a task's end, told after the answer
				on.types("\x03")          // the second leaves, unasked
			}
			if code := on.ends(); code != c.code {
				t.Errorf("exit code %d, want %d:\n%s", code, c.code, on.text())
			}
			for _, say := range c.says {
				if !strings.Contains(on.text()[since:], say) {
					t.Errorf("does not say %q:\n%s", say, on.text()[since:])
				}
			}
		})
	}
}
