package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch"
)

// unstartable begins what Docker writes where a command's output would be, when the command
// cannot be started; Podman's text begins so.
const (
	unstartable       = "OCI runtime exec failed"
	unstartableByName = "Error: "
)

// refusals are what Podman says of a program that cannot be started, with the code a shell gives.
var refusals = []struct {
	words string
	code  int
}{
	{"OCI runtime attempted to invoke a command that was not found", 127},
	{"OCI permission denied", 126},
}

// refused gives the code of a program of which Podman says that it cannot be started.
func refused(text string) (code int, ok bool) {
	for _, r := range refusals {
		if strings.Contains(text, r.words) {
			return r.code, true
		}
	}
	return 0, false
}

// notStarted gives why a command that ended with 126 or 127 was not started, from its output; ""
// where the command itself ended so.
func notStarted(output string) string {
	text := strings.TrimSpace(output)
	if strings.HasPrefix(text, unstartable) {
		return text
	}
	first, _, _ := strings.Cut(text, "\n")
	if why, ok := strings.CutPrefix(first, unstartableByName); ok {
		if _, ok := refused(why); ok {
			return why
		}
	}
	return ""
}

// Exec runs a command in the container. One that ctx cuts short is left to the container where
// the engine's machine is not this one; here it is killed.
func (r *Runtime) Exec(ctx context.Context, h launch.Handle, argv []string) (int, []byte, error) {
	if len(argv) == 0 {
		return 127, nil, errors.New("no command specified")
	}
	made, err := r.engine.ExecCreate(ctx, h.ID, client.ExecCreateOptions{Cmd: argv, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return 0, nil, r.unasked(ctx, h, err)
	}
	attached, err := r.engine.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return 0, nil, r.unasked(ctx, h, err)
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
	if code == 126 || code == 127 {
		if why := notStarted(string(out.bytes())); why != "" {
			return code, nil, errors.New(why)
		}
	}
	return code, out.bytes(), nil
}

// unasked gives why a container was not asked: it is gone, or has ended, or else what the engine said.
func (r *Runtime) unasked(ctx context.Context, h launch.Handle, err error) error {
	if isNotFound(err) {
		return gone(h.Task, h.Container, err)
	}
	if r.over(ctx, h.ID, err) {
		return fmt.Errorf("container %q of task %s: %w", h.Container, h.Task, launch.ErrEnded)
	}
	return err
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
