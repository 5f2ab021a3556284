package docker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch"
)

// What is kept of a container's output by the engine.
const (
	logSize  = "16m"
	logFiles = "2"
)

// Start creates and starts a container in the task's network.
func (r *Runtime) Start(ctx context.Context, t launch.Task, name string, attempt int) (launch.Handle, error) {
	c, ok := t.Container(name)
	if !ok {
		return launch.Handle{}, fmt.Errorf("task %s has no container %q", t.ID, name)
	}
	ctx, done := launch.Through(ctx)
	defer done()
	id := r.name(t.ID, name, attempt)
	h, err := r.inspectHandle(ctx, id)
	switch {
	case isNotFound(err):
		if err := r.create(ctx, t, c, id, attempt); err != nil {
			return launch.Handle{}, err
		}
	case errors.Is(err, errNeverRan): // killed between making and starting it
	default:
		return h, err
	}
	if _, err := r.engine.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		if ctx.Err() != nil {
			return launch.Handle{}, ctx.Err()
		}
		return launch.Handle{}, r.unstarted(ctx, id, err)
	}
	return r.inspectHandle(ctx, id)
}

// unstarted removes a container that could not be started, and says why it could not.
func (r *Runtime) unstarted(ctx context.Context, id string, err error) error {
	code := 128
	if found, looked := r.engine.ContainerInspect(ctx, id, client.ContainerInspectOptions{}); looked == nil && found.Container.State.ExitCode != 0 {
		code = found.Container.State.ExitCode
	} else if told, ok := refused(err.Error()); ok {
		code = told
	}
	_, removed := r.engine.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true})
	if removed != nil && !isNotFound(removed) {
		return errors.Join(err, removed)
	}
	return &launch.StartError{Code: code, Msg: strings.TrimPrefix(err.Error(), "Error response from daemon: ")}
}

func (r *Runtime) create(ctx context.Context, t launch.Task, c launch.Container, id string, attempt int) error {
	image, err := r.image(ctx, c)
	if err != nil {
		return fmt.Errorf("the image %s: %w", c.Image, err)
	}
	labels := map[string]string{}
	for _, l := range c.Labels {
		labels[l.Key] = l.Value
	}
	labels[labelOwner], labels[labelTask] = r.owner, t.ID
	labels[labelContainer], labels[labelAttempt] = c.Name, strconv.Itoa(attempt)
	config := &container.Config{
		Image: image.ID, Entrypoint: c.EntryPoint, Cmd: c.Command, WorkingDir: c.WorkingDir,
		User: c.User, StopSignal: c.StopSignal, Labels: labels,
	}
	for _, kv := range c.Env {
		config.Env = append(config.Env, kv.Key+"="+kv.Value)
	}
	host := &container.HostConfig{
		NetworkMode:    container.NetworkMode("container:" + r.taskName(t.ID)),
		LogConfig:      container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": logSize, "max-file": logFiles}},
		ReadonlyRootfs: c.ReadOnly,
		Resources:      resources(t, c),
	}
	if c.Init {
		host.Init = new(true)
	}
	if host.Mounts, err = r.mounts(ctx, t, c); err != nil {
		return err
	}
	_, err = r.engine.ContainerCreate(ctx, client.ContainerCreateOptions{Config: config, HostConfig: host, Name: id})
	if cerrdefs.IsConflict(err) {
		return nil // made meanwhile, by the same attempt
	}
	return err
}

// resources gives a container's limits: its own memory or else the task's, its share of CPU, and
// no more CPU than the task has.
func resources(t launch.Task, c launch.Container) container.Resources {
	memory := c.MemoryMiB
	if memory == 0 || t.MemoryMiB > 0 && t.MemoryMiB < memory {
		memory = t.MemoryMiB
	}
	return container.Resources{
		Memory: int64(memory) << 20, MemorySwap: int64(memory) << 20, // no swap beside it
		CPUShares: int64(c.CPU), NanoCPUs: int64(t.CPU) * 1e9 / 1024,
	}
}

// mounts gives a container's volumes, and makes those of the task that are missing.
func (r *Runtime) mounts(ctx context.Context, t launch.Task, c launch.Container) ([]mount.Mount, error) {
	var all []mount.Mount
	for _, m := range c.Mounts {
		x := mount.Mount{Type: mount.TypeBind, Source: m.Host, Target: m.Path, ReadOnly: m.ReadOnly}
		if m.Host == "" {
			x.Type, x.Source = mount.TypeVolume, r.taskName(t.ID)+"-"+m.Volume
			_, err := r.engine.VolumeCreate(ctx, client.VolumeCreateOptions{
				Name: x.Source, Labels: map[string]string{labelOwner: r.owner, labelTask: t.ID},
			})
			if err != nil {
				return nil, fmt.Errorf("the volume %q: %w", m.Volume, err)
			}
		}
		all = append(all, x)
	}
	return all, nil
}

// errNeverRan is a container that was made and not started.
var errNeverRan = errors.New("the container never ran")

// inspectHandle gives the handle of a container that runs or ran, by the engine's name or id.
func (r *Runtime) inspectHandle(ctx context.Context, id string) (launch.Handle, error) {
	found, err := r.engine.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return launch.Handle{}, err
	}
	c := found.Container
	started, _ := time.Parse(time.RFC3339Nano, c.State.StartedAt) // zero where it never ran
	if c.State.Status == container.StateCreated || started.Year() <= 1 {
		return launch.Handle{}, fmt.Errorf("container %s: %w", id, errNeverRan)
	}
	attempt, _ := strconv.Atoi(c.Config.Labels[labelAttempt]) // we wrote it
	return launch.Handle{
		Task: c.Config.Labels[labelTask], Container: c.Config.Labels[labelContainer], Attempt: attempt,
		ID: c.ID, Pid: c.State.Pid, Started: started.UTC(),
	}, nil
}

// Watch waits for the container's end. A task whose own container has ended has lost its ports:
// its containers are killed.
func (r *Runtime) Watch(ctx context.Context, h launch.Handle) (launch.Exit, error) {
	ctx, done := context.WithCancel(ctx)
	defer done()
	found, err := r.engine.ContainerInspect(ctx, h.ID, client.ContainerInspectOptions{})
	if err != nil {
		return launch.Exit{}, gone(h.Task, h.Container, err)
	}
	if !found.Container.State.Running {
		return r.exit(ctx, h, "") // whatever has become of the task since
	}
	own := r.engine.ContainerWait(ctx, h.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	place := r.engine.ContainerWait(ctx, r.taskName(h.Task), client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	lost := ""
	for {
		select {
		case w := <-own.Result:
			if err := r.waited(ctx, h.ID, w); err != nil {
				return launch.Exit{}, err
			}
			return r.exit(ctx, h, lost)
		case err := <-own.Error:
			if ctx.Err() != nil {
				return launch.Exit{}, ctx.Err()
			}
			return launch.Exit{}, gone(h.Task, h.Container, err)
		case w := <-place.Result:
			place = client.ContainerWaitResult{}
			if r.waited(ctx, r.taskName(h.Task), w) != nil {
				continue // nor does the container's own wait go on
			}
			lost = "the network of the task has ended"
			if _, err := r.engine.ContainerKill(ctx, h.ID, client.ContainerKillOptions{}); err != nil && !r.over(ctx, h.ID, err) {
				return launch.Exit{}, err
			}
		case <-place.Error: // whose end the container's own wait tells of
			place = client.ContainerWaitResult{}
		}
	}
}

// waited gives why an engine waits no longer for a container that goes on: Podman answers with an
// error when its service ends. Docker answers with the container's own last error, if it had one
// at its start, stop or removal: such a container has ended.
func (r *Runtime) waited(ctx context.Context, id string, w container.WaitResponse) error {
	if w.Error == nil {
		return nil
	}
	err := fmt.Errorf("the engine waits no longer: %s", w.Error.Message)
	if r.over(ctx, id, err) {
		return nil
	}
	return err
}

// over reports whether a call failed because the container has ended, or is gone. Docker answers
// with a conflict, Podman as if it were at fault itself: so the container is looked at.
func (r *Runtime) over(ctx context.Context, id string, err error) bool {
	if isNotFound(err) || cerrdefs.IsConflict(err) {
		return true
	}
	found, looked := r.engine.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	return isNotFound(looked) || looked == nil && !found.Container.State.Running
}

func (r *Runtime) exit(ctx context.Context, h launch.Handle, reason string) (launch.Exit, error) {
	found, err := r.engine.ContainerInspect(ctx, h.ID, client.ContainerInspectOptions{})
	if err != nil {
		return launch.Exit{}, gone(h.Task, h.Container, err)
	}
	s := found.Container.State
	e := launch.Exit{Code: s.ExitCode & 0xff, OOM: s.OOMKilled, Reason: reason}
	if e.Code == 137 {
		e.Signal = "SIGKILL"
	}
	if e.At, err = time.Parse(time.RFC3339Nano, s.FinishedAt); err != nil {
		return launch.Exit{}, fmt.Errorf("when container %s ended: %w", h.ID, err)
	}
	e.At = e.At.UTC()
	return e, nil
}

// Stop sends the stop signal, and kills after grace.
func (r *Runtime) Stop(ctx context.Context, h launch.Handle, grace time.Duration) error {
	if grace > 0 {
		signal, err := r.stopSignal(ctx, h)
		if err != nil {
			return err
		}
		if _, err := r.engine.ContainerKill(ctx, h.ID, client.ContainerKillOptions{Signal: signal}); err != nil {
			if r.over(ctx, h.ID, err) {
				return nil
			}
			return err
		}
		over, err := r.await(ctx, h, grace)
		if over || err != nil {
			return err
		}
	}
	if _, err := r.engine.ContainerKill(ctx, h.ID, client.ContainerKillOptions{Signal: "SIGKILL"}); err != nil && !r.over(ctx, h.ID, err) {
		return err
	}
	_, err := r.await(ctx, h, 0)
	return err
}

// stopSignal gives the signal of the container or its image; SIGTERM where neither says.
func (r *Runtime) stopSignal(ctx context.Context, h launch.Handle) (string, error) {
	found, err := r.engine.ContainerInspect(ctx, h.ID, client.ContainerInspectOptions{})
	if err != nil && !isNotFound(err) {
		return "", err
	}
	if err == nil && found.Container.Config.StopSignal != "" {
		return found.Container.Config.StopSignal, nil
	}
	return "SIGTERM", nil
}

// await waits until the container has ended, for at most patience; 0 waits for as long as ctx.
func (r *Runtime) await(ctx context.Context, h launch.Handle, patience time.Duration) (over bool, err error) {
	limited, done := ctx, context.CancelFunc(func() {})
	if patience > 0 {
		limited, done = context.WithTimeout(ctx, patience)
	}
	defer done()
	w := r.engine.ContainerWait(limited, h.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case result := <-w.Result:
		err := r.waited(ctx, h.ID, result)
		return err == nil, err
	case err := <-w.Error:
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case limited.Err() != nil:
			return false, nil
		case isNotFound(err):
			return true, nil
		}
		return false, err
	}
}
