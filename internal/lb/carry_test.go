package lb

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// deaf is a connection to a target that takes nothing any more, and ends a second later.
type deaf struct{}

func (deaf) Write([]byte) (int, error) { return 0, net.ErrClosed }
func (deaf) Close() error              { return nil }
func (deaf) Read([]byte) (int, error)  { time.Sleep(time.Second); return 0, io.EOF }

// The rest of a body is read by nobody once the target takes no more. Where that shows at the writing,
// nobody reads at that moment either, and yet the server would wait for the rest.
func TestNobodyWaitsForTheRestOfABodyThatTheTargetDoesNotTake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		time.AfterFunc(time.Hour, func() { _ = client.Close() })
		x := &exchange{conn: &conn{Conn: server}, door: &door{balancer: &balance.Balancer{}, listener: &balance.Listener{}}}
		l := &line{conn: deaf{}}
		l.in, l.out = bufio.NewReader(l), bufio.NewWriter(l)
		r := httptest.NewRequest("POST", "/", strings.NewReader("half"))
		r.ContentLength = 8
		if err := x.overBoth(l, httptest.NewRecorder(), r); err == nil {
			t.Error("it counts as answered")
		}
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("reading what the client sends next: got %v, want no wait", err)
		}
	})
}
