package docker

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strconv"
	"syscall"

	"github.com/slipway-ecs/slipway/internal/launch"
)

// holder is the task that is in our network while nobody else has to be.
const holder = "gateway"

// Listen listens where containers find this machine: on the gateway of our network, at a port or
// at any for 0. Where the engine lives in a machine of its own, that is an error: nobody here can
// listen there.
//
// Docker's bridge is there as long as its network; Podman's while a container is in it, so one is
// for a moment. What listens is reached again whenever the bridge is there again.
func (r *Runtime) Listen(ctx context.Context, port int) (net.Listener, error) {
	if r.gateway == "" {
		return nil, errors.New("the engine's network has no gateway")
	}
	at := net.JoinHostPort(r.gateway, strconv.Itoa(port))
	l, err := net.Listen("tcp", at)
	if err == nil || runtime.GOOS != "linux" || !errors.Is(err, syscall.EADDRNOTAVAIL) {
		return l, err
	}
	if _, err := r.Prepare(ctx, launch.Task{ID: holder, Name: holder}); err != nil {
		return nil, err
	}
	l, err = net.Listen("tcp", at)
	if removed := r.Remove(ctx, holder); removed != nil && err == nil {
		return nil, errors.Join(removed, l.Close())
	}
	return l, err
}
