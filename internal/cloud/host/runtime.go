package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/docker"
	"github.com/slipway-ecs/slipway/internal/launch/process"
	"github.com/slipway-ecs/slipway/internal/proc"
)

// The runtimes there are. Auto is docker where an engine answers, else process.
const (
	RuntimeProcess = "process"
	RuntimeDocker  = "docker"
	RuntimeAuto    = "auto"
)

// runtimeFile keeps which runtime the tasks of a directory run on.
const runtimeFile = "runtime.json"

// ranOn is which runtime that is, and for containers where their engine listens and at which
// port of its gateway they find this cloud.
type ranOn struct {
	Name   string
	Engine string `json:",omitempty"`
	Port   int    `json:",omitempty"`
}

func lastRuntime(dir string) (ranOn, error) {
	last := ranOn{Name: RuntimeProcess}
	b, err := os.ReadFile(filepath.Join(dir, runtimeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return last, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &last)
	}
	if err != nil {
		return last, fmt.Errorf("which runtime was used: %w", err)
	}
	return last, nil
}

// chooseRuntime opens the runtime that is asked for. Where another one ran the tasks of this
// directory, what still runs on it ends: nobody would look after it any more.
//
// Errors: usage.runtime where docker is asked for and no engine answers.
func (c *Cloud) chooseRuntime(ctx context.Context) error {
	if c.o.Tasks != nil {
		c.runtime = c.o.Tasks
		_, err := c.listenWithin(ctx, 0)
		return err
	}
	chosen := ranOn{Name: RuntimeProcess}
	if c.o.Runtime == RuntimeDocker || c.o.Runtime == RuntimeAuto {
		engine, err := docker.Find(ctx, c.o.getenv)
		switch {
		case err == nil:
			chosen = ranOn{Name: RuntimeDocker, Engine: engine}
			c.o.Log.Info("tasks run as containers", "engine", engine)
		case c.o.Runtime == RuntimeDocker:
			return fail.Wrap(err, "usage.runtime", "start Docker or Podman, set DOCKER_HOST, or use --runtime process", "tasks cannot run as containers")
		default:
			c.o.Log.Info("tasks run as processes", "engine", "none answers")
		}
	}
	last, err := lastRuntime(c.o.Dir)
	if err != nil {
		return err
	}
	if last.Name != chosen.Name || last.Engine != chosen.Engine {
		if err := endTasks(ctx, c.o, last); err != nil {
			return fmt.Errorf("end the tasks that run as %s: %w", last.Name, err)
		}
		last.Port = 0
	}
	if c.runtime, err = openRuntime(ctx, c.o, chosen); err != nil {
		return err
	}
	if chosen.Port, err = c.listenWithin(ctx, last.Port); err != nil {
		return err
	}
	b, err := json.Marshal(chosen)
	if err != nil {
		return err
	}
	return proc.WriteFile(filepath.Join(c.o.Dir, runtimeFile), b)
}

// getenv reads the daemon's own environment.
func (o Options) getenv(key string) string { return os.Getenv(key) }

func openRuntime(ctx context.Context, o Options, r ranOn) (launch.Runtime, error) {
	if r.Name == RuntimeDocker {
		return docker.New(ctx, docker.Options{Host: r.Engine, Owner: o.Dir})
	}
	return process.New(process.Options{
		Dir: filepath.Join(o.Dir, "tasks"), Shim: proc.Shim{Path: o.Exe, Args: []string{"shim"}},
		Images: o.Images, Host: os.Environ(),
	})
}

// endTasks ends every task that a runtime still has of a directory.
func endTasks(ctx context.Context, o Options, r ranOn) error {
	runtime, err := openRuntime(ctx, o, r)
	if err != nil {
		return err
	}
	places, err := runtime.Find(ctx)
	if err != nil {
		return err
	}
	for _, p := range places {
		if err := runtime.Remove(ctx, p.Task.ID); err != nil {
			return fmt.Errorf("end task %s: %w", p.Task.ID, err)
		}
	}
	return nil
}

// rest ends what a runtime keeps up for tasks in which nothing runs any more.
func (c *Cloud) rest(ctx context.Context) error {
	if r, ok := c.runtime.(interface{ Rest(context.Context) error }); ok {
		return r.Rest(ctx)
	}
	return nil
}

// engineHost is how containers call the machine that their engine's machine runs on.
const engineHost = "host.docker.internal"

// listenWithin makes the endpoint that tasks of a runtime find which have a network of their
// own: on the gateway of that network, at the port an earlier cloud had there, since its tasks
// know no other. Where the gateway is another machine's, as with Docker Desktop, tasks find the
// endpoint itself under the name that machine has for this one.
func (c *Cloud) listenWithin(ctx context.Context, port int) (int, error) {
	c.within = c.Endpoint
	own, ok := c.runtime.(interface {
		Listen(ctx context.Context, port int) (net.Listener, error)
	})
	if !ok {
		return 0, nil
	}
	var err error
	if c.gateway, err = own.Listen(ctx, port); err != nil {
		c.gateway = nil
		c.byName = true
		at := fmt.Sprintf("http://%s:%d", engineHost, c.listener.Addr().(*net.TCPAddr).Port)
		c.o.Log.Info("containers find this cloud by the engine's name for the host", "endpoint", at, "since", err)
		c.within = func() string { return at }
		return 0, nil
	}
	at := "http://" + c.gateway.Addr().String()
	c.within = func() string { return at }
	return c.gateway.Addr().(*net.TCPAddr).Port, nil
}

// withinHandler answers tasks that come by the gateway, or by the engine's name for this machine: their metadata, which only who knows its path can
// ask for, and calls that are signed with a key this cloud has issued, or that is one of its key file.
// Whoever else is on that network gets nothing.
func (c *Cloud) withinHandler() http.Handler {
	o := c.gatewayOptions()
	o.Keys = func(id string) (secret string, ok bool) {
		if _, ok := c.keys.made(id); !ok {
			return "", false
		}
		return c.keys.secret(id), true
	}
	if c.keys.strict {
		o.Keys = c.keys.secretOf
	}
	o.Token = c.tokenState
	mux := http.NewServeMux()
	mux.Handle(metadataPath+"/", http.StripPrefix(metadataPath, c.rooms.ecs.MetadataHandler()))
	o.Other = mux
	return c.gatewayOf(o)
}
