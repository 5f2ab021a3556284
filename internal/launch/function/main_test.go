package function_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/function"
	"github.com/slipway-ecs/slipway/internal/names"
)

// TestMain makes the test binary also the bootstrap of custom runtimes, and a daemon to be killed.
func TestMain(m *testing.M) {
	if api := os.Getenv("AWS_LAMBDA_RUNTIME_API"); api != "" {
		bootstrap("http://" + api + "/2018-06-01/runtime")
		return
	}
	if dir := os.Getenv("FUNCTION_TEST_DAEMON"); dir != "" {
		daemon(dir)
		return
	}
	os.Exit(m.Run())
}

// order is an event of the test's function: what to do.
type order struct {
	Do   string `json:"do"`
	Text string `json:"text"`
}

// bootstrap is a runtime of few words, as people write them.
func bootstrap(api string) {
	fmt.Println("coming up")
	switch os.Getenv("_HANDLER") {
	case "exits":
		os.Exit(4)
	case "refuses":
		post(api+"/init/error", `{"errorType":"Init.Refused","errorMessage":"not today"}`)
		os.Exit(1)
	case "stays":
		signal.Ignore(syscall.SIGTERM)
	}
	var heard []string // of the API, by "twice"
	for {
		res, err := http.Get(api + "/invocation/next")
		if err != nil {
			os.Exit(1)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 {
			os.Exit(1)
		}
		id := res.Header.Get("Lambda-Runtime-Aws-Request-Id")
		var o order
		json.Unmarshal(text, &o) //nolint:errcheck // an event that is no order is echoed
		switch o.Do {
		case "fail":
			post(api+"/invocation/"+id+"/error", `{"errorType":"Oops","errorMessage":"`+o.Text+`"}`)
		case "panic": // as Go's library does
			post(api+"/invocation/"+id+"/error", `{"errorType":"string","errorMessage":"`+o.Text+`"}`)
			os.Exit(1)
		case "exit":
			os.Exit(3)
		case "leave":
			os.Exit(0)
		case "sleep":
			time.Sleep(time.Hour)
		case "child":
			child := exec.Command("sleep", "3600")
			if err := child.Start(); err != nil {
				panic(err)
			}
			post(api+"/invocation/"+id+"/response", fmt.Sprint(child.Process.Pid))
		case "flood": // a child that never stops to write
			child := exec.Command("yes", "a line")
			child.Stdout = os.Stdout
			if err := child.Start(); err != nil {
				panic(err)
			}
			post(api+"/invocation/"+id+"/response", `"flooding"`)
		case "say":
			fmt.Print(o.Text)
			fmt.Fprintln(os.Stderr, "and an error")
			post(api+"/invocation/"+id+"/response", `"said"`)
		case "big":
			post(api+"/invocation/"+id+"/response", `"`+strings.Repeat("x", function.MostAnswer)+`"`)
		case "wrong":
			fmt.Println(post(api+"/invocation/none/response", `1`))
			post(api+"/invocation/"+id+"/response", `"right"`)
		case "twice": // asks for the next event before it answers, names another attempt, and answers twice
			again, err := http.Get(api + "/invocation/next")
			if err != nil {
				os.Exit(1)
			}
			same, err := io.ReadAll(again.Body)
			again.Body.Close()
			if err != nil {
				os.Exit(1)
			}
			heard = []string{
				string(same), post(api+"/invocation/"+id+"/response", `1`, "Lambda-Runtime-Invocation-Id", "another"),
				post(api+"/invocation/"+id+"/response", `"done"`, "Lambda-Runtime-Invocation-Id", res.Header.Get("Lambda-Runtime-Invocation-Id")),
				post(api+"/invocation/"+id+"/response", `2`), post(api+"/invocation/"+id+"/error", `{}`),
			}
		case "heard":
			text, err := json.Marshal(heard)
			if err != nil {
				panic(err)
			}
			post(api+"/invocation/"+id+"/response", string(text))
		case "env":
			env, err := json.Marshal(os.Environ())
			if err != nil {
				panic(err)
			}
			post(api+"/invocation/"+id+"/response", string(env))
		case "headers":
			h, err := json.Marshal(res.Header)
			if err != nil {
				panic(err)
			}
			post(api+"/invocation/"+id+"/response", string(h))
		case "wait":
			for {
				if _, err := os.Stat(o.Text); err == nil {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			post(api+"/invocation/"+id+"/response", fmt.Sprint(os.Getpid()))
		case "pid":
			post(api+"/invocation/"+id+"/response", fmt.Sprint(os.Getpid()))
		default:
			post(api+"/invocation/"+id+"/response", string(text))
		}
	}
}

// post gives what the API answers; headers are names and values.
func post(url, body string, headers ...string) string {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		os.Exit(1)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		os.Exit(1)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		os.Exit(1)
	}
	return fmt.Sprint(res.StatusCode, " ", string(text))
}

// world is a runner of a test with the log that it writes.
type world struct {
	*function.Runner
	dir string

	mu    sync.Mutex // guards lines
	lines []string
	said  bytes.Buffer
}

// Write takes a line of the runner's own log.
func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.Write(b)
}

func (w *world) options(dir string) function.Options {
	return function.Options{
		Dir: dir, IDs: ids.Random(), Log: slog.New(slog.NewTextHandler(w, nil)), Host: os.Environ(),
		Endpoint:    func() string { return "http://127.0.0.1:1" },
		Credentials: func(function.Spec) (id, secret, token string) { return "AKID", "SECRET", "TOKEN" },
		Output: func(_ context.Context, _ function.Stream, lines []launch.Line) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, l := range lines {
				w.lines = append(w.lines, l.Text)
			}
			return nil
		},
	}
}

// open gives a runner that is closed with the test, which then leaves nothing running.
func open(t *testing.T, change func(*function.Options)) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	o := w.options(w.dir)
	if change != nil {
		change(&o)
	}
	w.Runner = function.New(o)
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		if n := w.Environments(); n != 0 {
			t.Errorf("%d environments live after the end", n)
		}
	})
	return w
}

// log gives all lines logged so far.
func (w *world) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "\n")
}

// custom is a function whose bootstrap is the test binary.
func custom(t *testing.T) function.Spec {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := spec(t, "provided.al2023", "any")
	if err := os.Symlink(exe, filepath.Join(s.Root, "bootstrap")); err != nil {
		t.Fatal(err)
	}
	return s
}

// spec is a function without code.
func spec(t *testing.T, runtime, handler string) function.Spec {
	t.Helper()
	return function.Spec{
		ID: "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST", Revision: "1", Scope: names.Scope{Account: "123456789012", Region: "us-east-1"},
		Name: "f", Version: "$LATEST", Runtime: runtime, Handler: handler, Root: t.TempDir(), Timeout: time.Minute, MemoryMiB: 128, LogGroup: "/aws/lambda/f",
	}
}

// invoke runs a function with an event and gives answer and failure.
func (w *world) invoke(t *testing.T, s function.Spec, event string) function.Result {
	t.Helper()
	res, err := w.Invoke(t.Context(), s, function.Call{RequestID: ids.Random().UUID(), ARN: s.ID, Payload: []byte(event)})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// want compares an answer.
func want(t *testing.T, got function.Result, payload, failure string) {
	t.Helper()
	if string(got.Payload) != payload || got.Error != failure {
		t.Errorf("got %s %q, want %s %q", got.Payload, got.Error, payload, failure)
	}
}

// told reads a failure.
func told(t *testing.T, res function.Result) (kind, message string) {
	t.Helper()
	var f struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(res.Payload, &f); err != nil || res.Error != "Unhandled" {
		t.Fatalf("got %s %q, %v; want a failure", res.Payload, res.Error, err)
	}
	return f.ErrorType, f.ErrorMessage
}

// patience is how long a test waits for what must come at last.
const patience = time.Minute

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// alive says that a process runs and is no zombie.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil && !fileExists("/proc/self")
	}
	after := text[bytes.LastIndexByte(text, ')')+1:]
	return len(after) > 1 && after[1] != 'Z'
}

func fileExists(path string) bool { _, err := os.Stat(path); return err == nil }
