package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/launch/function"
	"github.com/slipway-ecs/slipway/internal/proc"
)

// Hooks stand for functions that nobody made: local commands and URLs, by patterns of the
// functions' names. The first whose pattern matches counts; a function that exists comes first.
type Hooks []Hook

// Hook is what is run for a function's name.
type Hook struct {
	// Function is compared with the name, the ARN, and either with its qualifier: * stands for any
	// characters, ? for one.
	Function string
	Command  []string      // run with the event on standard input; what it writes is the answer
	Dir      string        // the command's directory, absolute
	URL      string        // gets the event by POST; the body of its answer is the answer
	Timeout  time.Duration // 0 is hookTimeout
}

// hookTimeout is the longest a function may take, and a hook that does not say otherwise.
const hookTimeout = 15 * time.Minute

// find gives the hook for a function's name.
func (h Hooks) find(r ref) (Hook, bool) {
	for _, e := range h {
		for _, name := range []string{r.name, r.arn(), r.name + strings.TrimPrefix(r.qualified(), r.arn()), r.qualified()} {
			if balance.Wildcard(e.Function, name) {
				return e, true
			}
		}
	}
	return Hook{}, false
}

// run gives a hook an event and takes its answer. One that fails answers as a function that failed.
func (h Hook) run(ctx context.Context, host []string, payload []byte) (answer []byte, functionError string, err error) {
	limit := h.Timeout
	if limit == 0 {
		limit = hookTimeout
	}
	within, stop := context.WithTimeout(ctx, limit)
	defer stop()
	if h.URL != "" {
		answer, err = h.post(within, payload)
	} else {
		answer, err = h.exec(within, host, payload)
	}
	switch {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case within.Err() != nil:
		return refusal("Sandbox.Timedout", fmt.Sprintf("Task timed out after %.2f seconds", limit.Seconds()))
	case err != nil:
		return refusal("Runtime.ExitError", err.Error())
	case len(answer) > function.MostAnswer:
		return refusal("Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", function.MostAnswer))
	case len(answer) == 0:
		return []byte("null"), "", nil
	case !json.Valid(answer):
		return refusal("Runtime.InvalidResponse", "the hook's answer is not JSON")
	}
	return answer, "", nil
}

func refusal(kind, message string) (answer []byte, functionError string, err error) {
	answer, err = json.Marshal(map[string]string{"errorType": kind, "errorMessage": message})
	return answer, "Unhandled", err
}

// outputPatience is how long a command's output is still read after it has ended.
const outputPatience = time.Second

// exec runs the command with the few variables of the host that functions see.
func (h Hook) exec(ctx context.Context, host []string, payload []byte) ([]byte, error) {
	var env []string
	for _, kv := range host {
		if k, _, _ := strings.Cut(kv, "="); slices.Contains([]string{"PATH", "HOME", "TMPDIR", "LANG"}, k) {
			env = append(env, kv)
		}
	}
	path, err := proc.LookPath(proc.Spec{Argv: h.Command, Env: env, Dir: h.Dir})
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, path, h.Command[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stderr = env, h.Dir, bytes.NewReader(payload), &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = outputPatience
	out, err := cmd.Output()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		text := strings.TrimSpace(said.String())
		return nil, fmt.Errorf("the hook's command %q: %w: %s", h.Command[0], err, text[max(0, len(text)-500):])
	}
	return bytes.TrimSpace(out), nil
}

func (h Hook) post(ctx context.Context, payload []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(res.Body, function.MostAnswer+1))
	if err == nil && res.StatusCode/100 != 2 {
		return nil, fmt.Errorf("the hook %s answered %s: %.200s", h.URL, res.Status, body)
	}
	return bytes.TrimSpace(body), err
}

// invokeHook answers Invoke for a name that a hook stands for.
func (s *Service) invokeHook(ctx context.Context, hook Hook, r ref, in *lambda.InvokeInput, payload []byte) (*lambda.InvokeOutput, error) {
	switch in.InvocationType {
	case types.InvocationTypeDryRun:
		return &lambda.InvokeOutput{StatusCode: 204}, nil
	case types.InvocationTypeEvent:
		return nil, invalid("Hooks are invoked synchronously alone; " + r.name + " is no function of this cloud.")
	}
	answer, failed, err := hook.run(context.WithoutCancel(ctx), s.o.Host, payload)
	if err != nil {
		return nil, err
	}
	out := &lambda.InvokeOutput{StatusCode: 200, Payload: answer, ExecutedVersion: aws.String(latest)}
	if failed != "" {
		out.FunctionError = &failed
	}
	if in.LogType == types.LogTypeTail {
		out.LogResult = aws.String(base64.StdEncoding.EncodeToString(nil))
	}
	return out, nil
}
