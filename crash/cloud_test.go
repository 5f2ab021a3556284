package crash_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const (
	// startPatience is how long the binary may take until it says that it is ready.
	startPatience = 2 * time.Minute
	// stopPatience is how long it may take to end after SIGTERM.
	stopPatience = 3 * time.Minute
)

// local is a `slipway local` that can be killed and started again on the same directory.
type local struct {
	t      *testing.T
	dir    string   // --data
	addr   string   // --listen, the same at every start
	args   []string // further flags
	env    []string // of the process; nil is the test's own
	images string   // --images

	mu  sync.Mutex // guards what follows: a test may kill from another goroutine
	cmd *exec.Cmd
	log *bytes.Buffer
}

// newLocal starts a cloud; see prepareLocal.
func newLocal(t *testing.T, args ...string) *local {
	t.Helper()
	l := prepareLocal(t, args...)
	l.start()
	return l
}

// prepareLocal prepares a cloud with the sample web app's versions as images, to be started. It
// and all it started are gone when the test ends.
func prepareLocal(t *testing.T, args ...string) *local {
	t.Helper()
	home := t.TempDir()
	l := &local{t: t, dir: filepath.Join(home, "data"), addr: fmt.Sprintf("127.0.0.1:%d", freePort(t)), args: args}
	l.images = filepath.Join(home, "images.yaml")
	var text strings.Builder
	text.WriteString("images:\n")
	for v := range 30 {
		fmt.Fprintf(&text, "  - image: sample:v%d\n    command: [%q, sample-web, -version, v%d]\n", v, binary, v)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&text, "  - image: sample:slow\n    command: [%q, %s, %q]\n", self, slowWeb, home)
	fmt.Fprintf(&text, "  - image: sample:sick\n    command: [%q, sample-web, -version, sick, -health, '503']\n", binary)
	if err := os.WriteFile(l.images, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.destroy)
	return l
}

// command gives the command line that starts the cloud.
func (l *local) command(more ...string) *exec.Cmd {
	args := append([]string{"local", "--data", l.dir, "--listen", l.addr, "--images", l.images}, l.args...)
	cmd := exec.Command(binary, append(args, more...)...) //nolint:gosec // the binary under test
	cmd.Env = l.env
	return cmd
}

// start starts the cloud and returns when it said that it is ready.
func (l *local) start(more ...string) {
	l.t.Helper()
	if err := l.tryStart(more...); err != nil {
		l.t.Fatal(err)
	}
}

// tryStart is start for goroutines that may not end the test.
func (l *local) tryStart(more ...string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	cmd := l.command(more...)
	l.log = &bytes.Buffer{}
	cmd.Stderr = l.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	l.cmd = cmd
	ready := make(chan string, 1)
	go func() { // ends with the process's stdout
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "ready ") {
				select {
				case ready <- lines.Text():
				default:
				}
			}
		}
		close(ready)
	}()
	patience := time.NewTimer(startPatience)
	defer patience.Stop()
	select {
	case line, ok := <-ready:
		if want := "ready http://" + l.addr; !ok || line != want {
			return fmt.Errorf("the cloud did not come up: it said %q, want %q; its log:\n%s", line, want, l.log)
		}
		return nil
	case <-patience.C:
		return fmt.Errorf("the cloud is not ready after %s", startPatience)
	}
}

// kill ends the daemon, and nothing else, with SIGKILL.
func (l *local) kill() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = l.cmd.Wait() // it says that it was killed, which we know
	return nil
}

// crash kills the daemon and starts it again after a while of at most pause.
func (l *local) crash(r *rand.Rand, pause time.Duration) error {
	if err := l.kill(); err != nil {
		return err
	}
	timer := time.NewTimer(upTo(r, pause))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.t.Context().Done():
		return l.t.Context().Err()
	}
	return l.tryStart()
}

// stop ends the cloud by a signal and gives how it ended.
func (l *local) stop(sig os.Signal) error {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.cmd.Process.Signal(sig); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- l.cmd.Wait() }() // ends with the process
	patience := time.NewTimer(stopPatience)
	defer patience.Stop()
	select {
	case err := <-ended:
		return err
	case <-patience.C:
		return fmt.Errorf("the cloud still runs %s after %s; its log:\n%s", stopPatience, sig, l.log)
	}
}

// destroy leaves nothing of the cloud running, however the test ended.
func (l *local) destroy() {
	if l.t.Failed() && l.log != nil {
		l.t.Logf("what the cloud logged since its last start:\n%s", tail(l.log.String(), 4000))
	}
	if l.cmd != nil && l.cmd.ProcessState == nil {
		if err := l.kill(); err != nil {
			l.t.Log(err)
		}
	}
	for _, p := range processesOf(l.t, l.dir) {
		if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH { //nolint:errorlint // Kill gives the number itself
			l.t.Logf("end %v: %v", p, err)
		}
	}
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// config leads SDK clients to the cloud. They repeat calls for as long as a restart takes.
func (l *local) config(account string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + l.addr),
		Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 1200, 100*time.Millisecond, ratelimit.None
			})
		},
	}
}

// portBase begins the ports of tests. They lie below those that systems give to connections, so
// nobody takes one while the daemon that owns it is dead.
const portBase, ports = 12000, 7000

// given has the ports that tests were given, none of them twice: a daemon that is dead for a while
// gets its own again.
var given sync.Map

// freePort gives a port of 127.0.0.1 on which nobody listens.
func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := portBase + rand.IntN(ports) //nolint:gosec // any will do
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no free port")
	return 0
}
