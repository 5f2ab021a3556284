package docker_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/docker"
)

// podman answers for a container "web" as Podman 4.3.1 did where it answers otherwise than Docker.
type podman struct {
	running  bool
	refusal  string // of start, or written in the place of a command's output
	exitCode int    // of the command
	code     int    // of the container
	service  string // why the service stopped to wait; "" while it waits on
}

func (p podman) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Content-Type", "application/json")
	improper := func(message string) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"cause":"container state improper","message":"%s: container state improper","response":500}`, message)
	}
	switch _, call, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); call {
	case "": // _ping
	case "networks":
		fmt.Fprint(w, `[{"Name":"slipway","Id":"1","IPAM":{"Config":[{"Subnet":"10.89.0.0/24","Gateway":"10.89.0.1"}]}}]`)
	case "containers/web/json", "containers/slipway/json":
		started := "2026-11-28T02:57:54.911418598Z"
		if p.refusal != "" && p.exitCode == 0 {
			started = "0001-01-01T00:00:00Z"
		}
		fmt.Fprintf(w, `{"Id":"web","State":{"Status":"exited","Running":%t,"ExitCode":%d,"StartedAt":%q,"FinishedAt":"2026-11-28T02:57:55.497671611Z"},"Config":{"Labels":{}}}`, p.running, p.code, started)
	case "containers/web/kill":
		if p.running {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		improper("can only kill running containers. web is in state exited")
	case "containers/web/wait":
		if p.service != "" {
			fmt.Fprintf(w, `{"StatusCode":-1,"Error":{"Message":%q}}`, p.service)
			return
		}
		fmt.Fprint(w, `{"StatusCode":0,"Error":null}`)
	case "containers/web/stats": // it says nothing of one that has ended
	case "containers/web/exec":
		if !p.running {
			improper("can only create exec sessions on running containers")
			return
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"Id":"session"}`)
	case "exec/session/start":
		if _, err := io.Copy(io.Discard, r.Body); err != nil { // what is unread at its close resets a connection
			panic(err)
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		fmt.Fprint(buffered, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		for _, text := range []string{"Error: " + p.refusal + "\n", "Error: read unixpacket @->/proc/self/fd/14/attach: read: connection reset by peer\n"} {
			head := make([]byte, 8)
			head[0] = 2
			binary.BigEndian.PutUint32(head[4:], uint32(len(text)))
			fmt.Fprintf(buffered, "%s%s", head, text)
		}
		_ = buffered.Flush() // a client that has gone reads nothing
		_ = conn.Close()
	case "exec/session/json":
		fmt.Fprintf(w, `{"ID":"session","Running":false,"ExitCode":%d}`, p.exitCode)
	default:
		switch {
		case strings.HasSuffix(call, "/json"):
			fmt.Fprintf(w, `{"Id":"web","State":{"Status":"created","Running":false,"ExitCode":0,"StartedAt":"0001-01-01T00:00:00Z"},"Config":{"Labels":{}}}`)
		case strings.HasSuffix(call, "/start"):
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, `{"message":%q}`, p.refusal)
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default: // the wait for the task's own container
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"cause":"no such container","message":"no such container","response":404}`)
		}
	}
}

// on gives a runtime whose engine answers so.
func on(t *testing.T, engine http.Handler) *docker.Runtime {
	t.Helper()
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	r, err := docker.New(t.Context(), docker.Options{Host: "tcp://" + strings.TrimPrefix(server.URL, "http://"), Owner: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var onIt = launch.Handle{Task: "t", Container: "web", ID: "web"}

func TestPodmansContainerThatHasEndedIsStoppedAndAsksNothing(t *testing.T) {
	t.Parallel()
	r := on(t, podman{})
	for _, grace := range []time.Duration{0, time.Minute} {
		if err := r.Stop(bounded(t), onIt, grace); err != nil {
			t.Errorf("stop within %s: %v", grace, err)
		}
	}
	if _, _, err := r.Exec(bounded(t), onIt, []string{"true"}); !errors.Is(err, launch.ErrEnded) {
		t.Errorf("a command: got %v, want ErrEnded", err)
	}
	if u, err := r.Usages(bounded(t), []launch.Handle{onIt}); err != nil || len(u) != 0 {
		t.Errorf("its usage: got %v, %v", u, err)
	}
}

func TestPodmansContainerGoesOnWhenItsServiceEnds(t *testing.T) {
	t.Parallel()
	r := on(t, podman{running: true, service: "cancelled by user"})
	if e, err := r.Watch(bounded(t), onIt); err == nil || !strings.Contains(err.Error(), "cancelled by user") {
		t.Errorf("got %+v, %v; want no end", e, err)
	}
	if err := r.Stop(bounded(t), onIt, 0); err == nil || !strings.Contains(err.Error(), "cancelled by user") {
		t.Errorf("stop: got %v, want no end", err)
	}
}

// Docker answers a wait with the last error of the container's own start, stop or removal.
func TestAnEndThatIsToldWithAnErrorIsAnEnd(t *testing.T) {
	t.Parallel()
	failing := func() *docker.Runtime {
		var ended atomic.Bool
		return on(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/containers/web/wait") {
				ended.Store(true)
			}
			podman{running: !ended.Load(), code: 3, service: "tried to kill container, but did not receive an exit event"}.ServeHTTP(w, r)
		}))
	}
	if e, err := failing().Watch(bounded(t), onIt); err != nil || e.Code != 3 {
		t.Errorf("got %+v, %v; want an exit with 3", e, err)
	}
	for _, grace := range []time.Duration{0, time.Minute} {
		if err := failing().Stop(bounded(t), onIt, grace); err != nil {
			t.Errorf("stop within %s: %v", grace, err)
		}
	}
}

func TestPodmansRefusalsHaveAShellsCodes(t *testing.T) {
	t.Parallel()
	for words, code := range map[string]int{
		`runc create failed: exec: "/none": stat /none: no such file or directory: OCI runtime attempted to invoke a command that was not found`: 127,
		`runc create failed: exec: "/data": permission denied: OCI permission denied`:                                                            126,
	} {
		got, out, err := on(t, podman{running: true, refusal: words, exitCode: code}).Exec(bounded(t), onIt, []string{"/none"})
		if got != code || err == nil || err.Error() != words {
			t.Errorf("a command: got %d, %q, %v; want %d and why", got, out, err, code)
		}
		_, err = on(t, podman{refusal: words}).Start(bounded(t), task("t"), "web", 0)
		failed, ok := errors.AsType[*launch.StartError](err)
		if !ok || failed.Code != code || failed.Msg != words {
			t.Errorf("a start: got %#v, want code %d", err, code)
		}
	}
	r := on(t, podman{running: true, refusal: "no such table", exitCode: 127})
	if code, out, err := r.Exec(bounded(t), onIt, []string{"/migrate"}); err != nil || code != 127 || !strings.Contains(string(out), "no such table") {
		t.Errorf("a command that ended so by itself: got %d, %q, %v", code, out, err)
	}
}
