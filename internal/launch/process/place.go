package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/proc"
)

const (
	// Tasks have addresses from 127.64.0.1 to 127.127.255.254. The rest of 127/8 is others'.
	firstOctet, octets = 64, 64
	// Ports for tasks that share 127.0.0.1: outside the ephemeral range of the systems we know.
	firstPort, lastPort = 20000, 31999
	// addressTries is how many addresses are looked at for one whose ports are free. More would
	// not help: then somebody listens on all addresses.
	addressTries = 8
)

// Prepare makes the task's directory and chooses its address.
func (r *Runtime) Prepare(_ context.Context, t launch.Task) (launch.Network, error) {
	if err := checkNames(t); err != nil {
		return launch.Network{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.places[t.ID]; ok {
		return p.Network, nil
	}
	network, err := r.choose(t)
	if err != nil {
		return launch.Network{}, err
	}
	p := launch.Place{Task: t, Network: network}
	b, err := json.Marshal(p)
	if err != nil {
		return launch.Network{}, err
	}
	dir := r.taskDir(t.ID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return launch.Network{}, err
	}
	if err := proc.WriteFile(filepath.Join(dir, placeFile), b); err != nil {
		return launch.Network{}, err
	}
	r.places[t.ID] = p
	return network, nil
}

// choose gives the task its network; r.mu is held.
func (r *Runtime) choose(t launch.Task) (launch.Network, error) {
	if r.shared {
		return r.choosePorts(t)
	}
	taken := map[string]bool{}
	for _, p := range r.places {
		taken[p.Network.Address] = true
	}
	var last string
	for try, looked := 0, 0; looked < addressTries; try++ {
		a := address(t.ID, try)
		if taken[a] {
			continue
		}
		looked++
		last = a
		if slices.IndexFunc(tcpPorts(t), func(port int) bool { return !free(a, port) }) < 0 {
			break
		}
	}
	return launch.Network{Address: last}, nil
}

// address gives a task's address at the n-th try.
func address(task string, n int) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%d", task, n) //nolint:errcheck // a hash takes everything
	v := h.Sum64()
	return fmt.Sprintf("127.%d.%d.%d", firstOctet+v%octets, v>>8&0xff, 1+v>>16%254)
}

func (r *Runtime) choosePorts(t launch.Task) (launch.Network, error) {
	const local = "127.0.0.1"
	taken := map[int]bool{}
	for _, p := range r.places {
		for _, at := range p.Network.Ports {
			taken[at.Port] = true
		}
	}
	network := launch.Network{Address: local}
	h := fnv.New64a()
	fmt.Fprint(h, t.ID) //nolint:errcheck // a hash takes everything
	const span = lastPort - firstPort + 1
	next := int(h.Sum64() % span)
	for _, port := range tcpPorts(t) {
		found := 0
		for range span {
			p := firstPort + next
			next = (next + 1) % span
			if !taken[p] && free(local, p) {
				found = p
				break
			}
		}
		if found == 0 {
			return network, fmt.Errorf("no free port from %d to %d for task %s", firstPort, lastPort, t.ID)
		}
		taken[found] = true
		network.Ports = append(network.Ports, launch.PortAt{Container: port, Host: local, Port: found})
	}
	return network, nil
}

// tcpPorts gives the task's container ports, each once.
func tcpPorts(t launch.Task) []int {
	var ports []int
	for _, c := range t.Containers {
		for _, p := range c.Ports {
			if (p.Protocol == "" || p.Protocol == "tcp") && p.Container > 0 && !slices.Contains(ports, p.Container) {
				ports = append(ports, p.Container)
			}
		}
	}
	return ports
}

// free reports whether nobody listens there. A port we may not listen on counts as free: the
// program may have more rights than we.
func free(address string, port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	if err != nil {
		return !errors.Is(err, syscall.EADDRINUSE)
	}
	return l.Close() == nil
}

// Reach gives the task's address and the port, or the port chosen instead.
func (r *Runtime) Reach(_ launch.Task, n launch.Network, port int) launch.Address {
	host := n.Address
	for _, at := range n.Ports {
		if at.Container == port {
			host, port = at.Host, at.Port
			break
		}
	}
	return launch.Address{Network: "tcp", Address: net.JoinHostPort(host, strconv.Itoa(port))}
}

// Find gives all places, with every start there was in them.
func (r *Runtime) Find(ctx context.Context) ([]launch.Place, error) {
	r.mu.Lock()
	places := make([]launch.Place, 0, len(r.places))
	for _, p := range r.places {
		places = append(places, p)
	}
	r.mu.Unlock()
	slices.SortFunc(places, func(a, b launch.Place) int { return strings.Compare(a.Task.ID, b.Task.ID) })
	for i := range places {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if places[i].Started, err = r.started(places[i].Task.ID); err != nil {
			return nil, err
		}
	}
	return places, nil
}

// started gives the handles of a task's containers that came to run, by container and attempt.
func (r *Runtime) started(task string) ([]launch.Handle, error) {
	asked, err := r.attempts(task)
	if err != nil {
		return nil, err
	}
	var found []launch.Handle
	for _, h := range asked {
		dir, err := r.shimDir(h)
		if err != nil {
			return nil, err
		}
		state, err := proc.ReadState(dir)
		if errors.Is(err, proc.ErrUnknown) {
			continue // it never came to run, or not yet
		}
		if err != nil {
			return nil, err
		}
		found = append(found, handle(task, h.Container, h.Attempt, state))
	}
	return found, nil
}

// attempts gives what a task was ever asked to start, by container and attempt.
func (r *Runtime) attempts(task string) ([]launch.Handle, error) {
	entries, err := os.ReadDir(r.taskDir(task))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // removed since
	}
	if err != nil {
		return nil, err
	}
	var found []launch.Handle
	for _, e := range entries {
		name, digits, ok := strings.Cut(e.Name(), ".")
		attempt, err := strconv.Atoi(digits)
		if !ok || err != nil || !simple.MatchString(name) {
			continue
		}
		found = append(found, launch.Handle{Task: task, Container: name, Attempt: attempt})
	}
	slices.SortFunc(found, func(a, b launch.Handle) int {
		if c := strings.Compare(a.Container, b.Container); c != 0 {
			return c
		}
		return a.Attempt - b.Attempt
	})
	return found, nil
}

// Remove kills what still runs of a task and removes its directory.
func (r *Runtime) Remove(ctx context.Context, task string) error {
	if !simple.MatchString(task) {
		return nil // Prepare refused it
	}
	asked, err := r.attempts(task) // one whose shim is still coming up is stopped too
	if err != nil {
		return err
	}
	for _, h := range asked {
		if err := r.Stop(ctx, h, 0); err != nil {
			return err
		}
	}
	dir := r.taskDir(task)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// The place's file goes last, so that a removal cut short is found and made again.
	for _, e := range entries {
		if e.Name() == placeFile {
			continue
		}
		if err := removeAll(ctx, filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err := removeAll(ctx, dir); err != nil {
		return err
	}
	r.mu.Lock()
	delete(r.places, task)
	r.mu.Unlock()
	return nil
}

const (
	// removeTries is how often a directory is removed into which a shim that is ending still
	// writes; removePause is what it gets to end meanwhile.
	removeTries = 50
	removePause = 10 * time.Millisecond
)

// removeAll removes a directory, also one that a shim on its way out writes a last file into.
func removeAll(ctx context.Context, dir string) error {
	for try := 1; ; try++ {
		err := os.RemoveAll(dir)
		if !errors.Is(err, syscall.ENOTEMPTY) || try == removeTries {
			return err
		}
		pause := time.NewTimer(removePause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return errors.Join(err, ctx.Err())
		case <-pause.C:
		}
	}
}
