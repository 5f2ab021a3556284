package cli

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/fail"
)

func TestFollowingSaysThatTheCloudEndedOnlyWhereItDid(t *testing.T) {
	t.Parallel()
	raw := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if _, err := conn.Write([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + answer)); err != nil {
				t.Error(err)
			}
		}
	}
	for _, c := range []struct {
		what   string
		answer http.HandlerFunc
		ended  bool
	}{
		{"in order", raw("3\r\n{}\n\r\n0\r\n\r\n"), true},
		{"in a chunk", raw("30\r\n{}\n"), true},
		{"in a line", raw("2\r\n{\"\r\n0\r\n\r\n"), true},
		{"no JSON", raw("3\r\n{]\n\r\n0\r\n\r\n"), false},
		{"no chunks", raw("3\r\n{}\n\r\nzz\r\n"), false},
	} {
		server := httptest.NewServer(c.answer)
		t.Cleanup(server.Close)
		dir := t.TempDir()
		running, err := json.Marshal(host.Running{Endpoint: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "running.json"), running, 0o600); err != nil {
			t.Fatal(err)
		}
		state, err := os.Create(filepath.Join(dir, "state.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { state.Close() })
		if err := syscall.Flock(int(state.Fd()), syscall.LOCK_EX); err != nil { // as a cloud that runs holds it
			t.Fatal(err)
		}
		var out bytes.Buffer
		err = readLines(t.Context(), &App{Stdout: &out}, dir, host.Running.EventsURL, url.Values{}, true, "json", func(struct{}) string { return "" })
		if err == nil || fail.Is(err, "host.ended") != c.ended || strings.Contains(err.Error(), "has ended") != c.ended {
			t.Errorf("%s: got %v; that it ended: want %v", c.what, err, c.ended)
		}
	}
	if reset := (&net.OpError{Op: "read", Err: syscall.ECONNRESET}); !cutOff(reset) {
		t.Errorf("%v is not taken for the cloud's end", reset)
	}
}
