package demo

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestTheSampleEndsWhenWhatIsUnderWayIsAnswered(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	asked, closing, answer, status, ended := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan int, 1), make(chan error, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		w.WriteHeader(http.StatusTeapot)
	})}
	server.RegisterOnShutdown(func() { close(closing) })
	go func() { ended <- serveUntil(ctx, server, listener, 5*time.Minute) }()
	go func() {
		res, err := http.Get("http://" + listener.Addr().String() + "/")
		if err != nil {
			status <- 0
			return
		}
		res.Body.Close() //nolint:errcheck // nothing is read from it
		status <- res.StatusCode
	}()
	select {
	case <-asked:
	case got := <-status:
		t.Fatalf("the request was answered with %d before it was taken", got)
	}
	stop()
	<-closing

	select {
	case err := <-ended:
		t.Errorf("it ended with %v while a request was under way", err)
		ended <- err
	case <-time.After(50 * time.Millisecond): // it must not, however long one looks
	}

	close(answer)
	if got := <-status; got != http.StatusTeapot {
		t.Errorf("the request was answered with %d", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}
