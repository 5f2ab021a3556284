// Package docker runs containers on a Docker Engine, or on what speaks its API: Podman.
//
// A task is a small container that owns the task's network and its published ports, and its
// containers, which live in that network; so they find each other on localhost, and one that is
// restarted keeps its ports. Ports are published on 127.0.0.1 alone. All that is remembered is
// in the engine: labels tell whose a container is, so a daemon that was killed finds its tasks
// again. It must not know ECS; the order of containers, health and stop time-outs are decided
// above. Read Find for which engine, New, then launch.Runtime.
package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch"
)

// The labels by which containers of ours are known.
const (
	labelOwner     = "slipway.owner" // which cloud's: a hash of its directory
	labelTask      = "slipway.task"
	labelContainer = "slipway.container"
	labelAttempt   = "slipway.attempt"
	labelSpec      = "slipway.spec" // of a task's own container: the launch.Task as JSON
)

// Options say whose tasks run where.
type Options struct {
	Host string // of the engine, as DOCKER_HOST has it: "unix:///var/run/docker.sock"
	// Owner is the directory of the cloud, which tells its tasks from those of others on the
	// same engine.
	Owner string
}

// Runtime runs containers on an engine. It is a launch.Runtime.
type Runtime struct {
	engine  *client.Client
	owner   string
	net     string // id of our bridge network
	gateway string // of it, where containers find the host; "" where it has none

	mu    sync.Mutex // guards pause: two tasks must not make it at once
	pause string     // image of tasks' own containers, once it is there
}

var _ launch.Runtime = (*Runtime)(nil)

// enginePatience is how long an engine may take for its first answer.
const enginePatience = 10 * time.Second

// New gives a runtime on an engine that answers, and makes its network there if it is missing.
func New(ctx context.Context, o Options) (*Runtime, error) {
	engine, err := client.New(client.WithHost(o.Host))
	if err != nil {
		return nil, fmt.Errorf("the engine at %s: %w", o.Host, err)
	}
	dir, err := filepath.Abs(o.Owner)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(dir))
	r := &Runtime{engine: engine, owner: hex.EncodeToString(sum[:6])}
	ctx, done := context.WithTimeout(ctx, enginePatience)
	defer done()
	if _, err := engine.Ping(ctx, client.PingOptions{}); err != nil {
		return nil, errors.Join(fmt.Errorf("the engine at %s does not answer: %w", o.Host, err), engine.Close())
	}
	if r.net, r.gateway, err = r.bridge(ctx); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return r, nil
}

// Name gives "docker".
func (r *Runtime) Name() string { return "docker" }

// taskName names a task's own container, and begins the names of its others.
func (r *Runtime) taskName(task string) string { return "slipway-" + r.owner + "-" + task }

func (r *Runtime) name(task, container string, attempt int) string {
	return fmt.Sprintf("%s-%s-%d", r.taskName(task), container, attempt)
}

// gone turns "no such container" into the contract's error.
func gone(task, container string, err error) error {
	if isNotFound(err) {
		return fmt.Errorf("container %q of task %s: %w", container, task, launch.ErrGone)
	}
	return err
}
