package docker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/moby/moby/client"
)

// killPatience is how long an engine may take to name the process of a command.
const killPatience = 2 * time.Second

// killExec kills a command's process, which the engine has no call for. The pid is the engine's
// machine's: only a process here whose control group is the container's is killed.
func (r *Runtime) killExec(ctx context.Context, exec, container string) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), killPatience) // the caller's has ended
	defer done()
	found, err := r.engine.ExecInspect(ctx, exec, client.ExecInspectOptions{})
	if err != nil || !found.Running || found.PID <= 1 {
		return
	}
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", found.PID))
	if err != nil || !bytes.Contains(groups, []byte(container)) {
		return
	}
	_ = syscall.Kill(found.PID, syscall.SIGKILL) // it may have ended by itself
}
