package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// deployOptions are the flags of deploy.
type deployOptions struct {
	following
	lease   leaseFlags
	images  []string // CONTAINER=REF
	task    string
	tag     string
	vars    []string // CONTAINER:KEY=VALUE
	count   int32
	counted bool // count was given
	force   bool
	until   string
	detach  bool
}

func newDeployCmd(app *App) *cobra.Command {
	o := &deployOptions{}
	cmd := &cobra.Command{
		Use:   "deploy [SERVICE]",
		Short: "Bring a service to a new revision and follow it to the end",
		Long: "Register a task definition if something changed, update the service, and follow the deployment that made\n" +
			"to its end. What to deploy stands in slipway.yaml, or in flags, which win.\n\n" +
			"With --until it stops at a point and ends with 0: registered (nothing is deployed yet), scaled, test-traffic,\n" +
			"before-shift, shifted or baked. ECS waits there for `slipway continue` or `slipway abort`, whether or not we are\n" +
			"there (at baked and registered it has nothing to wait for). An interrupt asks, on a terminal, whether to leave the\n" +
			"deployment running or to abort it; elsewhere it leaves it running.\n\n" + exitCodes,
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
			if err := o.read(cmd, args); err != nil {
				return err
			}
			o.counted = cmd.Flags().Changed("count")
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
	f.StringVar(&o.until, "until", "", "stop at this `POINT`, for `slipway continue` or `slipway abort`")
	f.BoolVar(&o.detach, "detach", false, "do not follow: say the deployment's id and end")
	o.lease.flags(cmd)
	return cmd
}

// run deploys and tells how it ended: nil for success, *Exit for other ends of a deployment.
func (o *deployOptions) run(ctx context.Context, app *App) error {
	if o.counted && o.count < 0 {
		return fail.New("usage.flag", "write --count 0 to stop all tasks", "--count %d is less than 0", o.count)
	}
	until, err := points(o.until, ship.PointRegistered)
	if err != nil {
		return err
	}
	p, err := o.find(ctx, app)
	if err != nil {
		return err
	}
	request, err := o.request(p)
	if err != nil {
		return err
	}
	if request.Lease, err = o.lease.lease(app, "deploy"); err != nil {
		return err
	}
	d, err := p.deployer(ctx)
	if err != nil {
		return err
	}
	s := o.show(ctx, app, "deploy "+p.Service+" to "+p.Cluster, false)
	request.Until, request.Detach, request.Ask = until, o.detach, s.ask()
	out, err := d.Deploy(ctx, request, s.say)
	s.stop()
	return ended(out, err)
}

// request puts what the file says of the service and the flags together; flags win.
func (o *deployOptions) request(p *place) (ship.Request, error) {
	r := ship.Request{Cluster: p.Cluster, Service: p.Service}
	if s := p.Entry; s != nil {
		r.Task, r.Create, r.Images, r.Env, r.Count, r.Timeout = s.Task, s.Service, s.Images, s.Env, s.Count, s.Timeout
		r.Hooks = hooksOf(s)
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
