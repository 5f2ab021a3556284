package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ui"
)

// deployOptions are the flags of deploy.
type deployOptions struct {
	target
	images  []string // CONTAINER=REF
	task    string
	tag     string
	vars    []string // CONTAINER:KEY=VALUE
	count   int32
	counted bool // count was given
	force   bool
	timeout time.Duration
	timed   bool // timeout was given
	noLive  bool
}

func newDeployCmd(app *App) *cobra.Command {
	o := &deployOptions{}
	cmd := &cobra.Command{
		Use:   "deploy [SERVICE]",
		Short: "Bring a service to a new revision and follow it to the end",
		Long: "Register a task definition if something changed, update the service, and follow the deployment that made\n" +
			"to its end. What to deploy stands in slipway.yaml, or in flags, which win.\n\n" +
			"Exit codes: 0 succeeded, 1 failed, 2 usage, 3 rolled back, 4 no credentials or access, 6 superseded by a\n" +
			"newer deployment, 7 unknown (connection lost, or watched for long enough), 9 stopped without rollback,\n" +
			"130 interrupted; after 7 and 130 the deployment goes on in ECS.",
		Example: "  # what slipway.yaml says\n" +
			"  slipway deploy api\n\n" +
			"  # without a file: another image for one container\n" +
			"  slipway deploy api -c main --image app=registry.example/api:1.4\n\n" +
			"  # the same repository, another tag, events as JSON lines\n" +
			"  slipway deploy api -c main --tag 1.4 --output json\n\n" +
			"  # a task definition from a file\n" +
			"  slipway deploy api -c main --task ecs/api.taskdef.json",
		Args: atMost(1, "at most one service"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.take(args)
			o.counted, o.timed = cmd.Flags().Changed("count"), cmd.Flags().Changed("timeout")
			return o.run(cmd.Context(), app)
		},
	}
	o.flags(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&o.images, "image", nil, "`CONTAINER=IMAGE`; may be repeated")
	f.StringVar(&o.task, "task", "", "task definition `FILE` in AWS's own shape, JSON or YAML; left out, the live one is edited")
	f.StringVar(&o.tag, "tag", "", "another `TAG` for the image of the only (essential) container")
	f.StringArrayVar(&o.vars, "env-var", nil, "`CONTAINER:KEY=VALUE`, an environment variable; may be repeated")
	f.Int32Var(&o.count, "count", 0, "how many tasks are wanted; left out, it stays as it is")
	f.BoolVar(&o.force, "force", false, "deploy even if nothing changed")
	f.DurationVar(&o.timeout, "timeout", 0, "how long to follow, as 90s or 30m (default 1h)")
	f.BoolVar(&o.noLive, "no-live", false, "plain lines on a terminal too")
	return cmd
}

// run deploys and tells how it ended: nil for success, *Exit for other ends of a deployment.
func (o *deployOptions) run(ctx context.Context, app *App) error {
	if o.counted && o.count < 0 {
		return fail.New("usage.flag", "write --count 0 to stop all tasks", "--count %d is less than 0", o.count)
	}
	if o.timed && o.timeout <= 0 {
		return fail.New("usage.flag", "write --timeout 30m, or leave it out for 1h", "--timeout %s is no time to follow for", o.timeout)
	}
	p, err := o.find(ctx, app)
	if err != nil {
		return err
	}
	request, err := o.request(p)
	if err != nil {
		return err
	}
	cfg, err := p.config(ctx)
	if err != nil {
		return err
	}
	tell, stop := o.show(ctx, app, request)
	deployer := &ship.Deployer{ECS: sdk.NewECS(cfg)}
	outcome, err := deployer.Deploy(ctx, request, tell)
	stop()
	if err != nil {
		return err
	}
	if code := codes[outcome.Verdict]; code != ExitDone {
		return &Exit{Code: code}
	}
	return nil
}

// codes are the exit codes of verdicts.
var codes = map[ship.Verdict]int{
	ship.Succeeded:   ExitDone,
	ship.Failed:      ExitFailed,
	ship.RolledBack:  ExitRolledBack,
	ship.Superseded:  ExitSuperseded,
	ship.Unknown:     ExitUnknown,
	ship.Stopped:     ExitStopped,
	ship.Interrupted: ExitInterrupted,
}

// show picks how events are shown.
func (o *deployOptions) show(ctx context.Context, app *App, r ship.Request) (tell func(ship.Event), stop func()) {
	colour := ui.ColourOf(app.Stdout, app.Getenv)
	switch {
	case o.output == outputJSON:
		return ui.JSONLines(app.Stdout), func() {}
	case ui.IsTerminal(app.Stdout) && !o.noLive && app.Getenv("TERM") != "dumb" && app.Getenv("CI") == "":
		return ui.LiveDeploy(ctx, app.Stdout, app.Env, "deploy "+r.Service+" to "+r.Cluster, colour)
	}
	return ui.Lines(app.Stdout, colour), func() {}
}

// request puts what the file says of the service and the flags together; flags win.
func (o *deployOptions) request(p *place) (ship.Request, error) {
	r := ship.Request{Cluster: p.Cluster, Service: p.Service}
	if s := p.Entry; s != nil {
		r.Task, r.Create, r.Images, r.Env, r.Count, r.Timeout = s.Task, s.Service, s.Images, s.Env, s.Count, s.Timeout
	}
	if o.task != "" {
		task, err := project.Definition(o.task)
		if err != nil {
			return r, err
		}
		r.Task = task
	}
	images, err := pairs(o.images, r.Images, "--image", "CONTAINER=IMAGE")
	if err != nil {
		return r, err
	}
	r.Images = images
	if r.Env, err = environment(o.vars, r.Env); err != nil {
		return r, err
	}
	if o.counted {
		r.Count = &o.count
	}
	if o.timed {
		r.Timeout = o.timeout
	}
	r.Tag, r.Force = o.tag, o.force
	return r, nil
}

// pairs puts NAME=VALUE arguments into a copy of a map.
func pairs(args []string, into map[string]string, flag, form string) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range into {
		out[k] = v
	}
	for _, a := range args {
		k, v, ok := strings.Cut(a, "=")
		if !ok || k == "" || v == "" {
			return nil, fail.New("usage.flag", "write it as "+flag+" "+form, "%s %q is not %s", flag, a, form)
		}
		out[k] = v
	}
	return out, nil
}

// environment puts CONTAINER:KEY=VALUE arguments into a copy of what the file has.
func environment(args []string, into map[string]map[string]string) (map[string]map[string]string, error) {
	const form = "CONTAINER:KEY=VALUE"
	out := map[string]map[string]string{}
	for c, vars := range into {
		out[c] = map[string]string{}
		for k, v := range vars {
			out[c][k] = v
		}
	}
	for _, a := range args {
		name, value, ok := strings.Cut(a, "=")
		container, key, named := strings.Cut(name, ":")
		if !ok || !named || container == "" || key == "" {
			return nil, fail.New("usage.flag", "write it as --env-var "+form, "--env-var %q is not %s", a, form)
		}
		if out[container] == nil {
			out[container] = map[string]string{}
		}
		out[container][key] = value
	}
	return out, nil
}
