package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch"
)

// networkName names the bridge that tasks of all clouds on an engine share.
const networkName = "slipway"

func isNotFound(err error) bool { return cerrdefs.IsNotFound(err) }

// bridge makes our bridge network if it is missing, and gives its id and gateway.
//
// Engines up to 28 take the same name twice when two ask at once, and start nothing in either
// then: clouds of this machine take turns. The oldest counts where another machine made one too.
func (r *Runtime) bridge(ctx context.Context) (id, gateway string, err error) {
	defer takeTurn()()
	oldest, err := r.bridges(ctx)
	if err == nil && oldest == nil {
		_, created := r.engine.NetworkCreate(ctx, networkName, client.NetworkCreateOptions{Driver: "bridge"})
		if oldest, err = r.bridges(ctx); err == nil && oldest == nil {
			err = errors.Join(created, errors.New("it is not there after it was made"))
		}
	}
	if err != nil {
		return "", "", fmt.Errorf("the engine's network %q: %w", networkName, err)
	}
	for _, c := range oldest.IPAM.Config {
		if c.Gateway.IsValid() && c.Gateway.Is4() {
			return oldest.ID, c.Gateway.String(), nil
		}
	}
	return oldest.ID, "", nil
}

// bridges gives the oldest network of our name; nil where there is none.
func (r *Runtime) bridges(ctx context.Context) (*network.Summary, error) {
	list, err := r.engine.NetworkList(ctx, client.NetworkListOptions{Filters: client.Filters{}.Add("name", networkName)})
	if err != nil {
		return nil, err
	}
	var oldest *network.Summary
	for i := range list.Items {
		n := &list.Items[i] // the filter matches parts of names too
		if n.Name == networkName && (oldest == nil || n.Created.Before(oldest.Created) || n.Created.Equal(oldest.Created) && n.ID < oldest.ID) {
			oldest = n
		}
	}
	return oldest, nil
}

// Prepare starts the task's own container, which owns its network, and tells where its ports
// are published.
func (r *Runtime) Prepare(ctx context.Context, t launch.Task) (launch.Network, error) {
	name := r.taskName(t.ID)
	found, err := r.engine.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if isNotFound(err) {
		if err := r.makePlace(ctx, t, name); err != nil {
			return launch.Network{}, err
		}
		found, err = r.engine.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	}
	if err != nil {
		return launch.Network{}, err
	}
	if found.Container.State.Status == container.StateCreated {
		if _, err := r.engine.ContainerStart(ctx, name, client.ContainerStartOptions{}); err != nil {
			_, removed := r.engine.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true})
			return launch.Network{}, errors.Join(fmt.Errorf("the task's network: %w", err), removed)
		}
		if found, err = r.engine.ContainerInspect(ctx, name, client.ContainerInspectOptions{}); err != nil {
			return launch.Network{}, err
		}
	}
	return placeOf(t, found.Container), nil
}

func (r *Runtime) makePlace(ctx context.Context, t launch.Task, name string) error {
	image, err := r.pauseImage(ctx)
	if err != nil {
		return err
	}
	spec, err := json.Marshal(t)
	if err != nil {
		return err
	}
	config := &container.Config{
		Image:    image,
		Hostname: hostname(t.ID),
		Labels:   map[string]string{labelOwner: r.owner, labelTask: t.ID, labelSpec: string(spec)},
	}
	host := &container.HostConfig{
		LogConfig:   container.LogConfig{Type: "none"},
		NetworkMode: container.NetworkMode(r.net),
		ExtraHosts:  []string{"host.docker.internal:host-gateway"},
	}
	switch t.NetworkMode {
	case "host", "none":
		host.NetworkMode, host.ExtraHosts, config.Hostname = container.NetworkMode(t.NetworkMode), nil, ""
	default:
		config.ExposedPorts, host.PortBindings = ports(t)
	}
	_, err = r.engine.ContainerCreate(ctx, client.ContainerCreateOptions{Config: config, HostConfig: host, Name: name})
	if cerrdefs.IsConflict(err) {
		return nil // made meanwhile
	}
	return err
}

// hostname is what the task's containers are called: an engine takes 63 characters.
func hostname(task string) string { return task[:min(len(task), 12)] }

// ports publishes each container port on a port of 127.0.0.1 that the engine chooses; with the
// bridge mode, the one the definition asks for.
func ports(t launch.Task) (network.PortSet, network.PortMap) {
	exposed, published := network.PortSet{}, network.PortMap{}
	for _, c := range t.Containers {
		for _, p := range c.Ports {
			protocol := network.IPProtocol(p.Protocol)
			if protocol == "" {
				protocol = "tcp"
			}
			port, ok := network.PortFrom(uint16(p.Container), protocol)
			if !ok || p.Container <= 0 {
				continue
			}
			b := network.PortBinding{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}
			if t.NetworkMode == "bridge" && p.Host > 0 {
				b.HostPort = strconv.Itoa(p.Host)
			}
			exposed[port], published[port] = struct{}{}, []network.PortBinding{b}
		}
	}
	return exposed, published
}

// placeOf reads where a task is from its own container.
func placeOf(t launch.Task, c container.InspectResponse) launch.Network {
	n := launch.Network{Address: "127.0.0.1"}
	if t.NetworkMode == "host" || c.NetworkSettings == nil {
		return n
	}
	for _, e := range c.NetworkSettings.Networks {
		if e != nil && e.IPAddress.IsValid() {
			n.Address = e.IPAddress.String()
		}
	}
	for port, bound := range c.NetworkSettings.Ports {
		for _, b := range bound {
			if at, err := strconv.Atoi(b.HostPort); err == nil && port.Proto() == "tcp" && b.HostIP.Is4() {
				n.Ports = append(n.Ports, launch.PortAt{Container: int(port.Num()), Host: b.HostIP.String(), Port: at})
				break
			}
		}
	}
	slices.SortFunc(n.Ports, func(a, b launch.PortAt) int { return a.Container - b.Container })
	return n
}

// Reach gives the published port: bridge addresses are the engine's machine's own.
func (r *Runtime) Reach(_ launch.Task, n launch.Network, port int) launch.Address {
	for _, at := range n.Ports {
		if at.Container == port {
			return launch.Address{Network: "tcp", Address: net.JoinHostPort(at.Host, strconv.Itoa(at.Port))}
		}
	}
	return launch.Address{Network: "tcp", Address: net.JoinHostPort(n.Address, strconv.Itoa(port))}
}

// Find gives the tasks of this cloud on the engine, with every start there was.
func (r *Runtime) Find(ctx context.Context) ([]launch.Place, error) {
	list, err := r.engine.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: client.Filters{}.Add("label", labelOwner+"="+r.owner),
	})
	if err != nil {
		return nil, err
	}
	places := map[string]*launch.Place{}
	var orphans []launch.Handle
	for _, c := range list.Items {
		task := c.Labels[labelTask]
		if c.Labels[labelContainer] == "" {
			p, err := r.readPlace(ctx, c.ID)
			if isNotFound(err) {
				continue // removed since
			}
			if err != nil {
				return nil, err
			}
			places[task] = p
			continue
		}
		h, err := r.inspectHandle(ctx, c.ID)
		if isNotFound(err) || errors.Is(err, errNeverRan) {
			continue
		}
		if err != nil {
			return nil, err
		}
		orphans = append(orphans, h)
	}
	for _, h := range orphans {
		if places[h.Task] == nil { // its task's own container was removed by somebody else
			places[h.Task] = &launch.Place{Task: launch.Task{ID: h.Task}}
		}
		places[h.Task].Started = append(places[h.Task].Started, h)
	}
	all := make([]launch.Place, 0, len(places))
	for _, p := range places {
		slices.SortFunc(p.Started, func(a, b launch.Handle) int {
			if c := strings.Compare(a.Container, b.Container); c != 0 {
				return c
			}
			return a.Attempt - b.Attempt
		})
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b launch.Place) int { return strings.Compare(a.Task.ID, b.Task.ID) })
	return all, nil
}

func (r *Runtime) readPlace(ctx context.Context, id string) (*launch.Place, error) {
	found, err := r.engine.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return nil, err
	}
	p := &launch.Place{Task: launch.Task{ID: found.Container.Config.Labels[labelTask]}}
	if err := json.Unmarshal([]byte(found.Container.Config.Labels[labelSpec]), &p.Task); err != nil {
		return nil, fmt.Errorf("the label %s of container %s: %w", labelSpec, found.Container.Name, err)
	}
	p.Network = placeOf(p.Task, found.Container)
	return p, nil
}

// Rest ends the tasks' own containers, in which nothing runs any more. The tasks stay, and how
// their containers ended.
func (r *Runtime) Rest(ctx context.Context) error {
	list, err := r.engine.ContainerList(ctx, client.ContainerListOptions{Filters: client.Filters{}.Add("label", labelOwner+"="+r.owner, labelSpec)})
	if err != nil {
		return err
	}
	for _, c := range list.Items {
		if _, err := r.engine.ContainerKill(ctx, c.ID, client.ContainerKillOptions{}); err != nil && !r.over(ctx, c.ID, err) {
			return err
		}
	}
	return nil
}

// Remove removes a task's containers, its own last, so that a removal cut short is found again.
func (r *Runtime) Remove(ctx context.Context, task string) error {
	list, err := r.engine.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: client.Filters{}.Add("label", labelOwner+"="+r.owner, labelTask+"="+task),
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(list.Items, func(a, b container.Summary) int {
		return strings.Compare(b.Labels[labelContainer], a.Labels[labelContainer]) // "" is the task's own
	})
	for _, c := range list.Items {
		_, err := r.engine.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !isNotFound(err) && !cerrdefs.IsConflict(err) { // a conflict: it is being removed
			return err
		}
	}
	return r.removeVolumes(ctx, task)
}

// removeVolumes removes the volumes that containers of the task shared.
func (r *Runtime) removeVolumes(ctx context.Context, task string) error {
	list, err := r.engine.VolumeList(ctx, client.VolumeListOptions{
		Filters: client.Filters{}.Add("label", labelOwner+"="+r.owner, labelTask+"="+task),
	})
	if err != nil {
		return err
	}
	for _, v := range list.Items {
		if _, err := r.engine.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true}); err != nil && !isNotFound(err) {
			return err
		}
	}
	return nil
}
