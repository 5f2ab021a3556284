package docker_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
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
