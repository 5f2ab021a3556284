package docker

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
)

// holder is the task that is in our network while nobody else has to be.
const holder = "gateway"

// holderPatience is how long an engine may take to bring our network up and down.
const holderPatience = time.Minute

// Listen listens where containers find this machine: on the gateway of our network, at a port, or
// at any where that one is taken or 0. Where the engine lives in a machine of its own, that is an
// error: nobody here can listen there.
//
// Docker's bridge is there as long as its network; Podman's while a container is in it, so one is
// for a moment. What listens is reached again whenever the bridge is there again.
func (r *Runtime) Listen(ctx context.Context, port int) (net.Listener, error) {
	if r.gateway == "" {
		return nil, errors.New("the engine's network has no gateway")
	}
	l, err := r.listen(port)
	if err == nil || runtime.GOOS != "linux" || !errors.Is(err, syscall.EADDRNOTAVAIL) {
		return l, err
	}
	ctx, done := context.WithTimeout(ctx, holderPatience)
	defer done()
	if err := r.Remove(ctx, holder); err != nil { // one that was left and has ended brings no bridge
		return nil, err
	}
	if _, err := r.Prepare(ctx, launch.Task{ID: holder, Name: holder}); err != nil {
		return nil, err
	}
	l, err = r.listen(port)
	if removed := r.Remove(ctx, holder); removed != nil && err == nil {
		return nil, errors.Join(removed, l.Close())
	}
	return l, err
}

func (r *Runtime) listen(port int) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(r.gateway, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return net.Listen("tcp", net.JoinHostPort(r.gateway, "0"))
	}
	return l, err
}
