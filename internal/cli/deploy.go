package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/ship"
)

// deployOptions are the flags of deploy.
type deployOptions struct {
	following
	wishes
	lease  leaseFlags
	force  bool
	until  string
	detach bool
	plan   string
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
			if err := o.following.read(cmd, args); err != nil {
				return err
			}
			o.wishes.read(cmd)
			return o.run(cmd.Context(), app)
		},
	}
	o.following.flags(cmd)
	o.wishes.flags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.force, "force", false, "deploy even if nothing changed")
	f.StringVar(&o.until, "until", "", "stop at this `POINT`, for `slipway continue` or `slipway abort`")
	f.BoolVar(&o.detach, "detach", false, "do not follow: say the deployment's id and end")
	f.StringVar(&o.plan, "plan", "", "hold to the plan in this `FILE`; refused when the live service has moved on")
	o.lease.flags(cmd)
	return cmd
}

// run deploys and tells how it ended: nil for success, *Exit for other ends of a deployment.
func (o *deployOptions) run(ctx context.Context, app *App) error {
	d, request, err := o.prepare(ctx, app)
	if err != nil {
		_, report := o.report(ctx, app, ship.Request{Cluster: o.cluster, Service: o.service}, func(ship.Event) {})
		report(err)
		return err
	}
	outlive()
	s := o.show(ctx, app, "deploy "+request.Service+" to "+request.Cluster, false)
	request.Ask = s.ask()
	say, report := o.report(ctx, app, request, s.say)
	out, err := d.Deploy(ctx, request, say)
	s.stop()
	report(err)
	return ended(out, err)
}

// prepare reads files and flags, and changes nothing.
func (o *deployOptions) prepare(ctx context.Context, app *App) (*ship.Deployer, ship.Request, error) {
	until, err := points(o.until, ship.PointRegistered)
	if err != nil {
		return nil, ship.Request{}, err
	}
	p, err := o.find(ctx, app)
	if err != nil {
		return nil, ship.Request{}, err
	}
	request, err := o.request(ctx, p)
	if err != nil {
		return nil, ship.Request{}, err
	}
	p.pin(app, &request)
	request.Tags, request.Until, request.Detach = provenance(app), until, o.detach
	if err := planned(&request, o.plan); err != nil {
		return nil, ship.Request{}, err
	}
	if request.Lease, err = o.lease.lease(app, "deploy"); err != nil {
		return nil, ship.Request{}, err
	}
	d, err := p.deployer(ctx)
	return d, request, err
}

// request puts what the file says of the service and the flags together; flags win.
func (o *deployOptions) request(ctx context.Context, p *place) (ship.Request, error) {
	r, err := o.wishes.request(ctx, p)
	if o.timed {
		r.Timeout = o.timeout
	}
	r.Force = o.force
	return r, err
}
