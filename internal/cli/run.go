package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship/task"
)

// runOptions are the flags of run.
type runOptions struct {
	target
	request task.Request
	vars    []string
}

func newRunCmd(app *App) *cobra.Command {
	o := &runOptions{}
	c := o.verb(app, &cobra.Command{
		Use:   "run [TASK | SERVICE] [-- COMMAND…]",
		Short: "Run one task with a service's settings, and end with its exit code",
		Long: "Run one task by itself: one of the file's 'tasks', or the definition, the network and the capacity of a service\n" +
			"with another command. Its lines are shown as they come, and slipway ends with the container's exit code, or with 1 where it never ran.\n" +
			"An interrupt stops the task, and ends with 130.",
		Example: "  # a task of slipway.yaml\n" +
			"  slipway run migrate\n\n" +
			"  # from flags alone\n" +
			"  slipway run api --cluster main -- bin/migrate --all\n\n" +
			"  # of another revision, with a variable, at most ten minutes\n" +
			"  slipway run api -c main --definition api:41 --env-var DRY=1 --timeout 10m -- bin/migrate\n\n" +
			"  # start it and leave\n" +
			"  slipway run api --detach -- bin/reindex",
	}, nil)
	c.Args = nil
	c.RunE = func(cmd *cobra.Command, args []string) error {
		names := args
		if n := cmd.ArgsLenAtDash(); n >= 0 {
			names, o.request.Command = args[:n], args[n:]
		}
		if len(names) > 1 {
			return fail.New("usage.arguments", "a command stands after `--`", "slipway run takes at most one service: %q is one too many", names[1])
		}
		o.take(names)
		return o.run(cmd.Context(), app)
	}
	f := c.Flags()
	f.StringVar(&o.request.Definition, "definition", "", "`DEFINITION` to run: family, family:revision or ARN; left out, what the service runs")
	f.StringVar(&o.request.Container, "container", "", "`CONTAINER` whose command is replaced and whose exit code counts (default: the only essential one)")
	f.StringArrayVar(&o.vars, "env-var", nil, "`KEY=VALUE`, an environment variable of that container; may be repeated")
	f.DurationVar(&o.request.Timeout, "timeout", 0, "stop the task after so long, as 90s or 30m (default: never)")
	f.BoolVar(&o.request.Detach, "detach", false, "do not follow")
	return c
}

func (o *runOptions) run(ctx context.Context, app *App) error {
	if o.request.Timeout < 0 {
		return fail.New("usage.flag", "write --timeout 10m", "--timeout %s is no time", o.request.Timeout)
	}
	env, err := pairs(o.vars, nil, "--env-var", "KEY=VALUE")
	if err != nil {
		return err
	}
	q := o.request
	if err := o.named(ctx, app, &q, env); err != nil {
		return err
	}
	p, err := o.find(ctx, app)
	if err != nil {
		return err
	}
	cfg, err := p.config(ctx)
	if err != nil {
		return err
	}
	q.Cluster, q.Service, q.Env = p.Cluster, p.Service, env
	result, err := (&task.Runner{ECS: sdk.NewECS(cfg), Logs: sdk.NewLogs(cfg)}).Run(ctx, q, o.tell(app))
	if err != nil {
		return err
	}
	switch {
	case ctx.Err() != nil:
		return &Exit{Code: ExitInterrupted}
	case result.Left:
		return nil
	case result.Exit == nil || result.Stopped && *result.Exit == 0:
		return &Exit{Code: ExitFailed}
	case *result.Exit != 0:
		return &Exit{Code: *result.Exit}
	}
	return nil
}

// runTask gives what runs the file's tasks for hooks; nil where there is no file.
func (p *place) runTask(cfg aws.Config) func(ctx context.Context, name, revision string, say func(string)) error {
	if p.Project == nil {
		return nil
	}
	return func(ctx context.Context, name, revision string, say func(string)) error {
		t, err := p.Project.Task(name)
		if err != nil {
			return err
		}
		s, err := p.Project.Pick(t.Service)
		if err != nil {
			return err
		}
		q := task.Request{Cluster: p.Cluster, Service: s.Name, Container: t.Container, Command: t.Command, Env: t.Env, Timeout: t.Timeout}
		if s.Name == p.Service {
			q.Definition = revision
		}
		result, err := (&task.Runner{ECS: sdk.NewECS(cfg), Logs: sdk.NewLogs(cfg)}).Run(ctx, q, func(e task.Event) { say(e.Text) })
		if err != nil {
			return err
		}
		if result.Exit == nil || *result.Exit != 0 || result.Stopped {
			return fail.New("task.failed", "`slipway run "+name+"` runs it alone", "%s%s", result.Line(), lastWords(result))
		}
		return nil
	}
}

// lastWords gives the last lines that a task's containers wrote, for the end of a sentence.
func lastWords(r task.Result) string {
	if r.Cause == nil {
		return ""
	}
	lines := r.Cause.First().Log
	if len(lines) == 0 {
		return ""
	}
	return "; it said last: " + strings.Join(lines[max(0, len(lines)-lastLines):], " / ")
}

// lastLines is how many lines of a failed task stand in the error about it.
const lastLines = 3

// named takes up a task of the file, if the argument is the name of one; flags win.
func (o *runOptions) named(ctx context.Context, app *App, q *task.Request, env map[string]string) error {
	if _, _, _, arn := serviceARN(o.service); arn || o.service == "" {
		return nil
	}
	f, err := o.load(ctx, app, o.cluster)
	if err != nil || f == nil {
		return err
	}
	t, err := f.Task(o.service)
	if err != nil { // then it is a service's
		return nil //nolint:nilerr // find says what is wrong with the name
	}
	o.service = t.Service
	if q.Container == "" {
		q.Container = t.Container
	}
	if q.Command == nil {
		q.Command = t.Command
	}
	if q.Timeout == 0 {
		q.Timeout = t.Timeout
	}
	for k, v := range t.Env {
		if _, said := env[k]; !said {
			env[k] = v
		}
	}
	return nil
}

// tell shows a task's events: what its containers write is data, the rest is talk.
func (o *runOptions) tell(app *App) func(task.Event) {
	if o.json() {
		return func(e task.Event) {
			printJSON(app.Stdout, e) //nolint:errcheck // a reader that has gone away must not leave the task alone
		}
	}
	return func(e task.Event) {
		if e.Kind == task.Line {
			io.WriteString(app.Stdout, e.Text+"\n") //nolint:errcheck // same
			return
		}
		fmt.Fprintf(app.Stderr, "%s  %s\n", e.At.Local().Format(time.TimeOnly), e.Text)
		if e.Result != nil && e.Result.Cause != nil {
			var b strings.Builder
			showCause(&b, *e.Result.Cause, "  ")
			io.WriteString(app.Stderr, b.String()) //nolint:errcheck // same
		}
	}
}
