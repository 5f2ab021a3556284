package function_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/function"
)

func TestAFunctionAnswersAndIsKeptForTheNextCall(t *testing.T) {
	t.Parallel()
	w, s := open(t, nil), custom(t)
	want(t, w.invoke(t, s, `{"a": 1}`), `{"a": 1}`, "")
	first := w.invoke(t, s, `{"do": "pid"}`)
	want(t, w.invoke(t, s, `{"do": "pid"}`), string(first.Payload), "")
	if n := w.Environments(); n != 1 {
		t.Errorf("%d environments for three calls one after another, want 1", n)
	}
}

func TestFailuresHaveLambdasShapes(t *testing.T) {
	t.Parallel()
	w, s := open(t, nil), custom(t)
	want(t, w.invoke(t, s, `{"do": "fail", "text": "no"}`), `{"errorType":"Oops","errorMessage":"no"}`, "Unhandled")
	want(t, w.invoke(t, s, `{"do": "panic", "text": "help"}`), `{"errorType":"string","errorMessage":"help"}`, "Unhandled")
	for _, c := range []struct{ do, kind, message string }{
		{"exit", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"},
		{"leave", "Runtime.ExitError", "Error: Runtime exited without providing a reason"},
		{"big", "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."},
	} {
		kind, message := told(t, w.invoke(t, s, `{"do": "`+c.do+`"}`))
		if kind != c.kind || !strings.HasSuffix(message, c.message) {
			t.Errorf("%s: got %s %q, want %s %q", c.do, kind, message, c.kind, c.message)
		}
	}
	want(t, w.invoke(t, s, `"still here"`), `"still here"`, "")
}

func TestAFunctionThatTakesTooLongIsKilled(t *testing.T) {
	t.Parallel()
	w, s := open(t, nil), custom(t)
	s.Timeout = time.Second
	res := w.invoke(t, s, `{"do": "sleep"}`)
	kind, message := told(t, res)
	if kind != "Sandbox.Timedout" || !strings.HasPrefix(message, "RequestId: ") || !strings.HasSuffix(message, " Error: Task timed out after 1.00 seconds") {
		t.Errorf("got %s %q", kind, message)
	}
	if tail := string(res.Tail); !strings.Contains(tail, "Duration: 1000.00 ms\tBilled Duration: 1000 ms\tMemory Size: 128 MB") || !strings.Contains(tail, "Status: timeout") {
		t.Errorf("log: %s", tail)
	}
	until(t, "the environment has ended", func() bool { return w.Environments() == 0 })
}

func TestWhatDoesNotComeUpTellsWhy(t *testing.T) {
	t.Parallel()
	w := open(t, nil)
	refuses := custom(t)
	refuses.Handler = "refuses"
	want(t, w.invoke(t, refuses, `{}`), `{"errorType":"Init.Refused","errorMessage":"not today"}`, "Unhandled")
	exits := custom(t)
	exits.Revision, exits.Handler = "2", "exits"
	if kind, message := told(t, w.invoke(t, exits, `{}`)); kind != "Runtime.ExitError" || !strings.HasSuffix(message, "exit status 4") {
		t.Errorf("exit during init: got %s %q", kind, message)
	}
	empty := spec(t, "provided.al2023", "any")
	empty.Revision = "3"
	if kind, message := told(t, w.invoke(t, empty, `{}`)); kind != "Runtime.InvalidEntrypoint" || !strings.Contains(message, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]") {
		t.Errorf("no bootstrap: got %s %q", kind, message)
	}
	plain := spec(t, "provided.al2023", "any")
	plain.Revision = "4"
	if err := os.WriteFile(filepath.Join(plain.Root, "bootstrap"), []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if kind, message := told(t, w.invoke(t, plain, `{}`)); kind != "Runtime.InvalidEntrypoint" || !strings.HasSuffix(message, "fork/exec /var/task/bootstrap: permission denied") {
		t.Errorf("a bootstrap that is no program: got %s %q", kind, message)
	}
	_, err := w.Invoke(t.Context(), spec(t, "java21", "any"), function.Call{RequestID: "r"})
	if none, ok := errors.AsType[*function.NoRuntime](err); !ok || none.Runtime != "java21" {
		t.Errorf("a runtime nobody has: got %v", err)
	}
}

func TestTheLogTellsOfEachCallFromStartToReport(t *testing.T) {
	t.Parallel()
	w, s := open(t, nil), custom(t)
	res := w.invoke(t, s, `{"do": "say", "text": "one\ntwo\nthree without end "}`)
	lines := strings.Split(strings.TrimSpace(string(res.Tail)), "\n")
	if len(lines) != 6 || !strings.HasPrefix(lines[0], "START RequestId: ") || !strings.HasSuffix(lines[0], " Version: $LATEST") ||
		!slices.Equal(lines[1:4], []string{"one", "two", "three without end and an error"}) || !strings.HasPrefix(lines[4], "END RequestId: ") ||
		!strings.HasPrefix(lines[5], "REPORT RequestId: ") || !strings.Contains(lines[5], "Init Duration: ") {
		t.Errorf("tail of the first call: %q", lines)
	}
	log := w.log()
	if !strings.HasPrefix(log, "INIT_START Runtime Version: provided:al2023.v1\tRuntime Version ARN: ") || !strings.Contains(log, "\ncoming up\nSTART ") {
		t.Errorf("log: %q", log)
	}
	if tail := string(w.invoke(t, s, `{"do": "say", "text": "again "}`).Tail); strings.Contains(tail, "one") || strings.Contains(tail, "Init Duration") {
		t.Errorf("tail of the second call tells of the first: %q", tail)
	}
	if tail := w.invoke(t, s, `{"do": "say", "text": "`+strings.Repeat(`many words\n`, 5000)+`"}`).Tail; len(tail) != 4096 {
		t.Errorf("tail of much output has %d bytes, want 4096", len(tail))
	}
	if n := strings.Count(w.log(), "many words"); n != 5000 {
		t.Errorf("%d lines came into the log, want 5000", n)
	}
}

func TestACallIsAnsweredThoughTheFunctionNeverStopsToWrite(t *testing.T) {
	t.Parallel()
	w := open(t, func(o *function.Options) {
		o.Output = func(context.Context, function.Stream, []launch.Line) error { return nil }
	})
	s := custom(t)
	want(t, w.invoke(t, s, `{"do": "flood"}`), `"flooding"`, "")
	want(t, w.invoke(t, s, `"still here"`), `"still here"`, "")
}

func TestCallsAtOnceRunSideBySide(t *testing.T) {
	t.Parallel()
	w, s := open(t, nil), custom(t)
	flag := filepath.Join(t.TempDir(), "flag")
	const many = 4
	var all sync.WaitGroup
	pids := make([]string, many)
	for i := range many {
		all.Go(func() {
			res, err := w.Invoke(t.Context(), s, function.Call{RequestID: fmt.Sprint("r", i), Payload: []byte(`{"do": "wait", "text": "` + flag + `"}`)})
			if err != nil {
				t.Error(err)
			}
			pids[i] = string(res.Payload)
		})
	}
	until(t, "each call has its environment", func() bool { return w.Environments() == many })
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	slices.Sort(pids)
	if len(slices.Compact(pids)) != many {
		t.Errorf("calls at once shared a process: %v", pids)
	}
}

func TestSettlingEndsWhatIsNotOfTheRevision(t *testing.T) {
	t.Parallel()
	w, old := open(t, nil), custom(t)
	pid, err := strconv.Atoi(string(w.invoke(t, old, `{"do": "pid"}`).Payload))
	if err != nil {
		t.Fatal(err)
	}
	flag := filepath.Join(t.TempDir(), "flag")
	busy := make(chan function.Result, 1)
	go func() {
		res, err := w.Invoke(t.Context(), old, function.Call{RequestID: "busy", Payload: []byte(`{"do": "wait", "text": "` + flag + `"}`)})
		if err != nil {
			t.Error(err)
		}
		busy <- res
	}()
	until(t, "the old one is at work", func() bool { return strings.Contains(w.log(), "START RequestId: busy") })
	w.invoke(t, old, `{"do": "pid"}`) // another waits

	w.Settle(old.ID, "2")
	if n := w.Environments(); n != 1 {
		t.Errorf("%d environments of the old revision live, want the one at work", n)
	}
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if res := <-busy; res.Error != "" {
		t.Errorf("the call at work: got %s", res.Payload)
	}
	until(t, "the last of the old has ended", func() bool { return w.Environments() == 0 && !alive(pid) })
	now := old
	now.Revision = "2"
	w.invoke(t, now, `{}`)
	if n := w.Environments(); n != 1 {
		t.Errorf("%d environments of the new revision wait, want 1", n)
	}
}

func TestAnEnvironmentThatWaitedLongEnoughEnds(t *testing.T) {
	t.Parallel()
	w, s := open(t, func(o *function.Options) { o.Idle = time.Millisecond }), custom(t)
	w.invoke(t, s, `{}`)
	until(t, "it has ended", func() bool { return w.Environments() == 0 })
}

func TestTheEndTakesWhatIgnoresSIGTERMAndWhatItStarted(t *testing.T) {
	t.Parallel()
	w, s := open(t, nil), custom(t)
	s.Handler = "stays"
	child, err := strconv.Atoi(string(w.invoke(t, s, `{"do": "child"}`).Payload))
	if err != nil {
		t.Fatal(err)
	}
	if !alive(child) {
		t.Fatal("the child does not live")
	}
	w.Close()
	until(t, "the child has ended", func() bool { return !alive(child) })
	if _, err := w.Invoke(t.Context(), s, function.Call{RequestID: "r"}); !errors.Is(err, function.ErrClosed) {
		t.Errorf("a call after the end: got %v", err)
	}
}

func TestAFunctionSeesItsOwnVariablesAndNoneOfTheHosts(t *testing.T) {
	t.Parallel()
	w := open(t, func(o *function.Options) {
		o.Host = append(o.Host, "AWS_PROFILE=mine", "AWS_ACCESS_KEY_ID=host", "SECRET_OF_HOST=x", "HOME=/home/me", "LANG=C.UTF-8")
	})
	s := custom(t)
	s.Env = map[string]string{"MINE": "yes", "LANG": "de_DE.UTF-8"}
	var env []string
	if err := json.Unmarshal(w.invoke(t, s, `{"do": "env"}`).Payload, &env); err != nil {
		t.Fatal(err)
	}
	for _, kv := range []string{
		"MINE=yes", "LANG=de_DE.UTF-8", "HOME=/home/me", "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=SECRET", "AWS_SESSION_TOKEN=TOKEN",
		"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"_HANDLER=any", "LAMBDA_TASK_ROOT=" + s.Root, "AWS_LAMBDA_FUNCTION_NAME=f", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/f", "AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "TZ=:UTC",
	} {
		if !slices.Contains(env, kv) {
			t.Errorf("want %s among %q", kv, env)
		}
	}
	for _, kv := range env {
		if strings.HasPrefix(kv, "AWS_PROFILE=") || strings.HasPrefix(kv, "SECRET_OF_HOST=") {
			t.Errorf("the function sees the host's %s", kv)
		}
	}
}

func TestTheRuntimeAPITellsOfTheCall(t *testing.T) {
	t.Parallel()
	w, s := open(t, nil), custom(t)
	before := time.Now()
	res, err := w.Invoke(t.Context(), s, function.Call{RequestID: "the-request", ARN: s.ID, Payload: []byte(`{"do": "headers"}`), Context: `{"custom":{}}`})
	if err != nil {
		t.Fatal(err)
	}
	var h http.Header
	if err := json.Unmarshal(res.Payload, &h); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{
		"Content-Type": "application/json", "Lambda-Runtime-Aws-Request-Id": "the-request", "Lambda-Runtime-Invoked-Function-Arn": s.ID, "Lambda-Runtime-Client-Context": `{"custom":{}}`,
	} {
		if h.Get(k) != v {
			t.Errorf("%s: got %q, want %q", k, h.Get(k), v)
		}
	}
	if !strings.HasPrefix(h.Get("Lambda-Runtime-Trace-Id"), "Root=1-") {
		t.Errorf("trace: got %q", h.Get("Lambda-Runtime-Trace-Id"))
	}
	ms, err := strconv.ParseInt(h.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
	if at := time.UnixMilli(ms); err != nil || at.Before(before.Add(s.Timeout-time.Second)) || at.After(time.Now().Add(s.Timeout)) {
		t.Errorf("deadline: got %s, %v", at, err)
	}
	res = w.invoke(t, s, `{"do": "wrong"}`)
	want(t, res, `"right"`, "")
	if !strings.Contains(string(res.Tail), `400 {"errorType":"InvalidRequestID"`) {
		t.Errorf("an answer to no call: %s", res.Tail)
	}
}

func TestTheRuntimeAPIRefusesWhatIsOutOfTurn(t *testing.T) {
	t.Parallel()
	w, s := open(t, nil), custom(t)
	want(t, w.invoke(t, s, `{"do": "twice"}`), `"done"`, "")
	res := w.invoke(t, s, `{"do": "heard"}`)
	var got []string
	if err := json.Unmarshal(res.Payload, &got); err != nil {
		t.Fatalf("%v: %s", err, res.Payload)
	}
	moved := func(to string) string {
		return `403 {"errorType":"InvalidStateTransition","errorMessage":"State transition from RuntimeResponseSentState to ` + to + ` failed for runtime. Error: State transition is not allowed"}`
	}
	if want := []string{
		`{"do": "twice"}`, `400 {"errorType":"InvalidInvocationId","errorMessage":"Invalid invocation ID"}`, `202 {"status":"OK"}`,
		moved("InvocationResponse"), moved("InvocationErrorResponse"),
	}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// daemon serves one call and waits to be killed.
func daemon(dir string) {
	w := &world{}
	r := function.New(w.options(filepath.Join(dir, "functions")))
	if err := r.Open(); err != nil {
		panic(err)
	}
	s := function.Spec{ID: "f", Revision: "1", Name: "f", Version: "$LATEST", Runtime: "provided", Handler: "stays", Root: dir, Timeout: time.Hour, LogGroup: "g"}
	res, err := r.Invoke(context.Background(), s, function.Call{RequestID: "r", Payload: []byte(`{"do": "child"}`)})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(res.Payload))
	r.Invoke(context.Background(), s, function.Call{RequestID: "r2", Payload: []byte(`{"do": "sleep"}`)}) //nolint:errcheck // it is killed meanwhile
}

func TestWhatAKilledDaemonLeavesIsEndedByTheNext(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(exe, filepath.Join(dir, "bootstrap")); err != nil {
		t.Fatal(err)
	}
	d := exec.CommandContext(t.Context(), exe)
	d.Env = append(os.Environ(), "FUNCTION_TEST_DAEMON="+dir)
	out, err := d.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	child, aerr := strconv.Atoi(strings.TrimSpace(said))
	if err := errors.Join(err, aerr, d.Process.Kill()); err != nil {
		t.Fatalf("%v: %q", err, said)
	}
	d.Wait() //nolint:errcheck // it was killed
	if !alive(child) {
		t.Fatal("the function's child does not live: there is nothing to see")
	}
	w := &world{}
	next := function.New(w.options(filepath.Join(dir, "functions")))
	if err := next.Open(); err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	until(t, "what it left has ended", func() bool { return !alive(child) })
	if left, err := filepath.Glob(filepath.Join(dir, "functions", "environments", "*")); err != nil || len(left) > 0 {
		t.Errorf("records are left: %v, %v", left, err)
	}
}
