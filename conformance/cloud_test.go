package conformance

import (
	"bufio"
	"bytes"
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
)

// images maps what the scripts deploy to the sample web app, by how it behaves. %[1]q is the
// binary.
const images = `images:
  - {image: "web:v1", command: [%[1]q, sample-web, -version, v1]}
  - {image: "web:v2", command: [%[1]q, sample-web, -version, v2]}
  - {image: "web:v3", command: [%[1]q, sample-web, -version, v3]}
  - {image: "web:v4", command: [%[1]q, sample-web, -version, v4]}
  - {image: "web:sick", command: [%[1]q, sample-web, -version, sick, -health, "503"]}
  - {image: "web:faulty", command: [%[1]q, sample-web, -version, faulty, -errors, "50"]}
  - {image: "web:slow", command: [%[1]q, sample-web, -version, slow, -slow, 700ms]}
`

// cloud is a local cloud that serves until its test ends.
type cloud struct {
	endpoint string
	data     string
	cmd      *exec.Cmd
	stderr   *tail
}

// startCloud starts `slipway local` in a new directory and waits until it is ready. When the
// test ends it ends the cloud and fails the test if anything of it is left.
func startCloud(t *testing.T, speed int, more ...string) *cloud {
	t.Helper()
	data := t.TempDir()
	list := filepath.Join(t.TempDir(), "images.yaml")
	if err := os.WriteFile(list, fmt.Appendf(nil, images, binary), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &cloud{data: data, stderr: &tail{}}
	c.cmd = exec.Command(binary, append([]string{"local", "--listen", "127.0.0.1:0", "--data", data,
		"--speed", strconv.Itoa(speed), "--images", list, "--region", "us-east-1"}, more...)...)
	c.cmd.Stderr = c.stderr
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.stop(t) })
	ready := make(chan string, 1)
	go func() { // ends with the process, whose end stop waits for
		defer close(ready)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if url, is := strings.CutPrefix(lines.Text(), "ready "); is {
				ready <- url
			}
		}
	}()
	select {
	case url, ok := <-ready:
		if !ok {
			t.Fatalf("the cloud ended before it was ready:\n%s", c.said())
		}
		c.endpoint = url
	case <-time.After(2 * time.Minute):
		t.Fatalf("the cloud is not ready after two minutes:\n%s", c.said())
	}
	return c
}

// stop ends the cloud as Ctrl-C does.
func (c *cloud) stop(t *testing.T) {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("ask the cloud to end: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- c.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("the cloud ended with %v:\n%s", err, c.said())
		}
	case <-time.After(3 * time.Minute):
		t.Errorf("the cloud has not ended three minutes after SIGTERM:\n%s", c.said())
		if err := c.cmd.Process.Kill(); err != nil {
			t.Errorf("kill the cloud: %v", err)
		}
		<-done
	}
	if left := c.processes(); len(left) > 0 {
		t.Errorf("the cloud has ended and left processes:\n%s", strings.Join(left, "\n"))
	}
}

// processes lists what still runs of the cloud, found by its directory in the command line or
// environment. It sees nothing on systems without /proc.
func (c *cloud) processes() []string {
	var found []string
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	for _, dir := range dirs {
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || len(line) == 0 {
			continue // gone, or a kernel's own
		}
		env, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil {
			env = nil // another user's
		}
		if bytes.Contains(line, []byte(c.data)) || bytes.Contains(env, []byte(c.data)) {
			found = append(found, filepath.Base(dir)+" "+string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found
}

// env is all the environment of a script: nothing of the host's credentials or settings gets in.
func (c *cloud) env(home, lib string) []string {
	return []string{
		"PATH=" + searchPath(), "HOME=" + home, "TMPDIR=" + home, "LANG=C.UTF-8",
		"PYTHONPATH=" + lib, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "LIB=" + lib,
		"ENDPOINT=" + c.endpoint, "SLIPWAY=" + binary,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-east-1",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=",
		"AWS_MAX_ATTEMPTS=1",
	}
}

// said is the end of what the cloud wrote to stderr.
func (c *cloud) said() string { return c.stderr.String() }

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 6000

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if n := len(l.text); n > 2*tailBytes {
		l.text = append([]byte(nil), l.text[n-tailBytes:]...)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
