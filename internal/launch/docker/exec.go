package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch"
)

// unstartable begins what an engine writes where a command's output would be, when the command
// cannot be started.
const unstartable = "OCI runtime exec failed"

// Exec runs a command in the container. One that ctx cuts short is left to the container where
// the engine's machine is not this one; here it is killed.
func (r *Runtime) Exec(ctx context.Context, h launch.Handle, argv []string) (int, []byte, error) {
	if len(argv) == 0 {
		return 127, nil, errors.New("no command specified")
	}
	made, err := r.engine.ExecCreate(ctx, h.ID, client.ExecCreateOptions{Cmd: argv, AttachStdout: true, AttachStderr: true})
	switch {
	case cerrdefs.IsConflict(err):
		return 0, nil, fmt.Errorf("container %q of task %s: %w", h.Container, h.Task, launch.ErrEnded)
	case err != nil:
		return 0, nil, gone(h.Task, h.Container, err)
	}
	attached, err := r.engine.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if cerrdefs.IsConflict(err) {
		return 0, nil, fmt.Errorf("container %q of task %s: %w", h.Container, h.Task, launch.ErrEnded)
	}
	if err != nil {
		return 0, nil, err
	}
	defer attached.Close()
	var out tail
	copied := make(chan error, 1)
	go func() {
		_, err := stdcopy.StdCopy(&out, &out, attached.Reader)
		copied <- err
	}()
	select {
	case <-ctx.Done():
		r.killExec(ctx, made.ID, h.ID)
		attached.Close() // ends the copy, which is waited for: out is its until then
		<-copied
		return 0, out.bytes(), ctx.Err()
	case err := <-copied:
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, out.bytes(), err
		}
	}
	found, err := r.engine.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
	if err != nil {
		return 0, out.bytes(), gone(h.Task, h.Container, err)
	}
	code := found.ExitCode
	if text := string(out.bytes()); (code == 126 || code == 127) && strings.HasPrefix(strings.TrimSpace(text), unstartable) {
		return code, nil, errors.New(strings.TrimSpace(text))
	}
	return code, out.bytes(), nil
}

// tail keeps the last launch.OutputLimit bytes written to it.
type tail struct{ b []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	if len(t.b) > 2*launch.OutputLimit {
		t.b = append(t.b[:0], t.b[len(t.b)-launch.OutputLimit:]...)
	}
	return len(b), nil
}

func (t *tail) bytes() []byte { return t.b[max(0, len(t.b)-launch.OutputLimit):] }
