package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/lambda"
	"github.com/slipway-ecs/slipway/internal/cloud/loop"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

const role = "arn:aws:iam::123456789012:role/service/r"

// TestMain makes the test binary also the bootstrap of the functions under test.
func TestMain(m *testing.M) {
	if api := os.Getenv("AWS_LAMBDA_RUNTIME_API"); api != "" {
		bootstrap("http://" + api + "/2018-06-01/runtime/")
		return
	}
	os.Exit(m.Run())
}

// bootstrap does what an event says: {"do": "fail"} and the like; else it answers with its version
// of the code, its function's version and the event.
func bootstrap(api string) {
	for {
		res, err := http.Get(api + "invocation/next")
		if err != nil {
			os.Exit(1)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 {
			os.Exit(1)
		}
		at := api + "invocation/" + res.Header.Get("Lambda-Runtime-Aws-Request-Id")
		var o struct{ Do, Text string }
		json.Unmarshal(text, &o) //nolint:errcheck // an event that is no order is echoed
		code, err := os.ReadFile("code.txt")
		if err != nil {
			os.Exit(1)
		}
		body := fmt.Sprintf(`{"code":%q,"version":%q,"arn":%q,"greeting":%q,"client":%q,"event":%s}`,
			code, os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"), res.Header.Get("Lambda-Runtime-Invoked-Function-Arn"), os.Getenv("GREETING"), res.Header.Get("Lambda-Runtime-Client-Context"), text)
		path := at + "/response"
		switch o.Do {
		case "fail":
			path, body = at+"/error", `{"errorType":"Oops","errorMessage":"no"}`
		case "wait":
			for _, err := os.Stat(o.Text); err != nil; _, err = os.Stat(o.Text) {
				time.Sleep(5 * time.Millisecond)
			}
		case "count": // each call without a client's context leaves a mark; the first two fail
			if res.Header.Get("Lambda-Runtime-Client-Context") != "" {
				path = at + "/error"
				break
			}
			f, err := os.OpenFile(o.Text, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				os.Exit(1)
			}
			io.WriteString(f, "x") //nolint:errcheck // the test sees
			info, err := f.Stat()
			f.Close()
			if err == nil && info.Size() < 3 {
				path, body = at+"/error", `{"errorType":"Oops","errorMessage":"not yet"}`
			}
		}
		post, err := http.Post(path, "application/json", strings.NewReader(body))
		if err != nil {
			os.Exit(1)
		}
		post.Body.Close()
	}
}

// logs keeps what functions write, by group and stream.
type logs struct {
	mu    sync.Mutex // guards lines
	lines map[string][]string
}

func (l *logs) Resume(_ context.Context, _ names.Scope, group, stream, _ string, _ bool) (launch.Mark, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines[group+" "+stream] == nil {
		l.lines[group+" "+stream] = []string{}
	}
	return 0, nil
}

func (l *logs) Append(_ context.Context, _ names.Scope, group, stream, _ string, lines []launch.Line) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := group + " " + stream
	if l.lines[key] == nil {
		return errors.New("no such stream")
	}
	for _, line := range lines {
		l.lines[key] = append(l.lines[key], line.Text)
	}
	return nil
}

// all gives all lines.
func (l *logs) all() (text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lines := range l.lines {
		text += strings.Join(lines, "\n") + "\n"
	}
	return text
}

// objects are files of S3, by "bucket/key".
type objects map[string][]byte

func (o objects) Object(_ names.Scope, bucket, key, _ string) ([]byte, string, error) {
	if b, ok := o[bucket+"/"+key]; ok {
		return b, "etag", nil
	}
	return nil, "", &smithy.GenericAPIError{Code: "NoSuchKey", Message: "The specified key does not exist."}
}

// world is a room under test.
type world struct {
	*client.Client
	room *lambda.Service
	logs *logs
	url  string
	stop func()
}

// options are those of a room in a directory.
func options(dir string, l *logs) lambda.Options {
	return lambda.Options{
		IDs: ids.Random(), Dir: filepath.Join(dir, "functions"), Host: os.Environ(), Logs: l, Log: slog.New(slog.DiscardHandler),
		Sign:        func(parts ...string) []byte { return []byte(strings.Join(parts, "+") + " signed") },
		Credentials: func(names.Scope, string) (id, secret, token string) { return "AKID", "SECRET", "TOKEN" },
	}
}

// open gives a room in a directory, fast enough that retries need no patience, and so slow that an event's
// six hours are a minute and a half.
func open(t *testing.T, dir string, change func(*lambda.Options)) *world {
	t.Helper()
	w := &world{logs: &logs{lines: map[string][]string{}}}
	o := options(dir, w.logs)
	o.Endpoint = func() string { return w.url }
	if change != nil {
		change(&o)
	}
	w.room = lambda.New(o)
	st, err := store.Open(store.Options{Path: filepath.Join(dir, "state"), Verify: true, Speed: 240}, w.room.Tables()...)
	if err != nil {
		t.Fatal(err)
	}
	w.room.Attach(st)
	var keepers []cloud.Keeper
	keepers = append(keepers, w.room.Keepers()...)
	l := loop.New(loop.Options{Store: st, Tables: w.room.Tables(), Keepers: keepers, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	looped := make(chan error, 1)
	go func() { looped <- l.Run(ctx) }()
	gateway := wire.NewGateway(wire.GatewayOptions{Account: func(string) string { return "123456789012" }, Other: http.StripPrefix(lambda.CodePath, w.room.CodeHandler())}, w.room.Wire())
	server := httptest.NewServer(gateway)
	w.url = server.URL
	w.stop = sync.OnceFunc(func() {
		stop()
		<-looped
		server.Close()
		if err := errors.Join(w.room.Close(), st.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.stop)
	w.Client = client.New(client.Options{
		BaseEndpoint: &server.URL, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("k", "s", ""), Retryer: aws.NopRetryer{},
	})
	return w
}

// entry is a file of a zip.
type entry struct {
	name, text string
	mode       fs.FileMode
}

func zipOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(f, e.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// code is a zip file whose bootstrap is the test binary.
func code(t *testing.T, version string) []byte {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return zipOf(t, entry{"bootstrap", "#!/bin/sh\nexec '" + exe + "'\n", 0o755}, entry{"code.txt", version, 0o644})
}

// create makes a function of code "one".
func (w *world) create(t *testing.T, name string, change func(*client.CreateFunctionInput)) *client.CreateFunctionOutput {
	t.Helper()
	in := &client.CreateFunctionInput{
		FunctionName: &name, Role: aws.String(role), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("h"), Code: &types.FunctionCode{ZipFile: code(t, "one")}, Timeout: aws.Int32(60),
	}
	if change != nil {
		change(in)
	}
	out, err := w.CreateFunction(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// answer is what the test's function answers.
type answer struct {
	Code, Version, ARN, Greeting string
	Event                        json.RawMessage
}

// call invokes a function that shall not fail.
func (w *world) call(t *testing.T, name, qualifier, event string) answer {
	t.Helper()
	in := &client.InvokeInput{FunctionName: &name, Payload: []byte(event)}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := w.Client.Invoke(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(out.Payload, &a); err != nil || out.FunctionError != nil {
		t.Fatalf("got %s, %v", out.Payload, aws.ToString(out.FunctionError))
	}
	if *out.ExecutedVersion != a.Version {
		t.Errorf("executed version: got %s, the function says %s", *out.ExecutedVersion, a.Version)
	}
	return a
}

// refused checks code and message of an error.
func refused(t *testing.T, err error, code, message string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), message) {
		t.Errorf("got %v, want %s: %s", err, code, message)
	}
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
