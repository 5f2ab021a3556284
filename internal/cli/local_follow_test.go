package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/fail"
)

// told is a line of a cloud's answer.
type told struct {
	Of   string
	At   int64
	Text string
}

// tells is a cloud whose answers are given: each is one to a request, and its connection ends behind it.
// What comes after the last is that there is no such service.
func tells(t *testing.T, answers ...string) (data string) {
	t.Helper()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := int(asked.Add(1))
		if n > len(answers) {
			http.Error(w, "no such service", http.StatusNotFound)
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + answers[n-1])); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	data = t.TempDir()
	running, err := json.Marshal(host.Running{Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "running.json"), running, 0o600); err != nil {
		t.Fatal(err)
	}
	state, err := os.Create(filepath.Join(data, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { state.Close() })
	if err := syscall.Flock(int(state.Fd()), syscall.LOCK_EX); err != nil { // as a cloud that runs holds it
		t.Fatal(err)
	}
	return data
}

// chunk is a part of an answer, in HTTP's framing.
func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

// end is the end of an answer.
const end = "0\r\n\r\n"

func follows(data string, out, talk *bytes.Buffer, patience time.Duration) *lines[told] {
	return &lines[told]{
		app: &App{Stdout: out, Stderr: talk}, data: data, where: host.Running.EventsURL, query: url.Values{}, follow: true, output: "text", patience: patience,
		text:  func(l told) string { return l.Text },
		place: func(l told) (string, int64) { return l.Of, l.At },
	}
}

func TestFollowingGoesOnWhereTheCloudIsStartedAgain(t *testing.T) {
	t.Parallel()
	line := func(of string, at int64, text string) string {
		return fmt.Sprintf("{\"Of\":%q,\"At\":%d,\"Text\":%q}\n", of, at, text)
	}
	const half = `{"Of":"a","At":4,"Te`
	a1, a2, a2again, a3, a4 := line("a", 1, "a1"), line("a", 2, "a2"), line("a", 2, "a2 too"), line("a", 3, "a3"), line("a", 4, "a4")
	b1, b2 := line("b", 1, "b1"), line("b", 2, "b2")
	data := tells(t,
		chunk(a1+b1+a2),                 // cut off within an instant
		chunk(a1+a2+a2again+a2+b1+a3),   // twice the same is two, and one of them was shown
		chunk(a1)+end,                   // of one that is just there: it knows less than it will
		chunk(a1+a2+a2again+a2+a3+half), // cut off within a line
		chunk(b1+b2+a1+a2+a2again+a2+a3+a4)+end,
	)
	var out, talk bytes.Buffer
	err := follows(data, &out, &talk, time.Hour).read(t.Context())
	if !fail.Is(err, "service.not_found") {
		t.Errorf("ended with %v, want the last answer", err)
	}
	if want := "a1\nb1\na2\na2 too\na2\na3\nb2\na4\n"; out.String() != want {
		t.Errorf("showed %q, want %q", out.String(), want)
	}
	said := "the local cloud in " + data + " has ended; following goes on when it is started again\n"
	if want := strings.Repeat(said, 3); talk.String() != want { // after the first, the second and the last; the two between showed nothing
		t.Errorf("said %q, want %q", talk.String(), want)
	}
}

func TestFollowingEndsWhereTheCloudDoesNotComeBack(t *testing.T) {
	t.Parallel()
	data := tells(t, chunk("{}\n")+end)
	if err := os.Remove(filepath.Join(data, "running.json")); err != nil {
		t.Fatal(err)
	}
	var out, talk bytes.Buffer
	if err := follows(data, &out, &talk, time.Hour).read(t.Context()); !fail.Is(err, "host.absent") || talk.Len() > 0 {
		t.Errorf("where there is none: %v, said %q", err, talk.String())
	}
	data = tells(t, chunk("{}\n")+end)
	l := follows(data, &out, &talk, 0)
	l.text = func(told) string {
		if err := os.Remove(filepath.Join(data, "running.json")); err != nil { // as it ends in order
			t.Error(err)
		}
		return "shown"
	}
	if err := l.read(t.Context()); !fail.Is(err, "host.ended") || out.String() != "shown\n" || strings.Count(talk.String(), "has ended") != 1 {
		t.Errorf("got %v, showed %q, said %q", err, out.String(), talk.String())
	}
	ctx, stop := context.WithCancel(t.Context())
	l = follows(tells(t, chunk("{}\n")+end), &out, &talk, time.Hour)
	l.text = func(told) string { stop(); return "" }
	if err := l.read(ctx); err != nil {
		t.Errorf("interrupted: %v", err)
	}
}

func TestOnlyAConnectionsEndIsTakenForTheCloudsEnd(t *testing.T) {
	t.Parallel()
	for what, answer := range map[string]string{"no JSON": chunk("{]\n") + end, "no chunks": "3\r\n{}\n\r\nzz\r\n"} {
		var out, talk bytes.Buffer
		if err := follows(tells(t, answer), &out, &talk, 0).read(t.Context()); err == nil || fail.Is(err, "host.ended") || talk.Len() > 0 {
			t.Errorf("%s: got %v, said %q", what, err, talk.String())
		}
	}
	if reset := (&net.OpError{Op: "read", Err: syscall.ECONNRESET}); !cutOff(reset) {
		t.Errorf("%v is not taken for the cloud's end", reset)
	}
}
