package docker_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestContainersReachTheHostOnTheirGateway(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	l, err := r.Listen(bounded(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.NotFoundHandler()}}
	server.Start()
	t.Cleanup(server.Close)
	if left, err := r.Find(bounded(t)); err != nil || len(left) != 0 {
		t.Errorf("listening left %v on the engine, %v", left, err)
	}

	_, h := start(t, r, task("asks", "fetch", server.URL), "web")

	if got := firstLine(t, r, h); got != "404 Not Found" {
		t.Errorf("the container saw %q", got)
	}
}

// gated is an engine whose network has this gateway, and on which a holder was left.
type gated struct {
	gateway string

	mu    sync.Mutex // guards what follows
	state string     // of the holder: "" where there is none
	calls []string   // that changed it
}

func (g *gated) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Content-Type", "application/json")
	_, call, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	turn := func(state string, answer int) {
		_, last, _ := strings.Cut(call, "/")
		if strings.HasSuffix(last, "/start") {
			last = "start"
		}
		g.state, g.calls = state, append(g.calls, r.Method+" "+last)
		w.WriteHeader(answer)
	}
	switch {
	case call == "networks":
		fmt.Fprintf(w, `[{"Name":"slipway","Id":"1","IPAM":{"Config":[{"Gateway":%q}]}}]`, g.gateway)
	case call == "version":
		fmt.Fprint(w, `{"Arch":"amd64"}`)
	case call == "containers/json" && g.state == "":
		fmt.Fprint(w, `[]`)
	case call == "containers/json":
		fmt.Fprint(w, `[{"Id":"holder","Labels":{}}]`)
	case call == "containers/create":
		turn("created", http.StatusCreated)
		fmt.Fprint(w, `{"Id":"holder"}`)
	case strings.HasSuffix(call, "/start"):
		turn("running", http.StatusNoContent)
	case r.Method == http.MethodDelete:
		turn("", http.StatusNoContent)
	case strings.HasPrefix(call, "containers/") && g.state == "":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message":"no such container"}`)
	case strings.HasPrefix(call, "containers/"):
		fmt.Fprintf(w, `{"Id":"holder","State":{"Status":%q,"Running":%t},"Config":{"Labels":{}}}`, g.state, g.state == "running")
	default: // _ping, the image and the volumes
		fmt.Fprint(w, `{}`)
	}
}

func TestAHolderThatWasLeftIsMadeAnewAndOnce(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: elsewhere the engine is in a machine of its own, and nothing is held")
	}
	g := &gated{gateway: "203.0.113.1", state: "exited"} // an address for documentation alone
	for _, port := range []int{0, 4000} {
		if l, err := on(t, g).Listen(bounded(t), port); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Fatalf("port %d: got %v, %v; want no such address", port, l, err)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	want := []string{
		"DELETE holder", "POST create", "POST start", "DELETE holder",
		"POST create", "POST start", "DELETE holder",
	}
	if diff := cmp.Diff(want, g.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestTheGatewayListensElsewhereWhereItsPortIsTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	l, err := on(t, &gated{gateway: "127.0.0.1"}).Listen(bounded(t), port)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := l.Addr().(*net.TCPAddr); !got.IP.IsLoopback() || got.Port == port {
		t.Errorf("it listens at %s, and %d is taken", got, port)
	}
}
