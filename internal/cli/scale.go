package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// change is a change of a service that is followed as a deployment is.
type change struct {
	following
	lease *leaseFlags // nil takes none
}

// make makes the change that set puts into a request which changes nothing else.
func (o *change) make(ctx context.Context, app *App, act string, set func(*ship.Request)) error {
	var lease *ship.Lease
	if o.lease != nil {
		var err error
		if lease, err = o.lease.lease(app, act); err != nil {
			return err
		}
	}
	p, err := o.find(ctx, app)
	if err != nil {
		return err
	}
	d, err := p.deployer(ctx)
	if err != nil {
		return err
	}
	outlive()
	s := o.show(ctx, app, act+" "+p.Service+" in "+p.Cluster, false)
	r := ship.Request{Cluster: p.Cluster, Service: p.Service, Timeout: o.timeout, Lease: lease, Ask: s.ask()}
	set(&r)
	out, err := d.Deploy(ctx, r, s.say)
	s.stop()
	return ended(out, err)
}

// verb makes a command of the change.
func (o *change) verb(app *App, c *cobra.Command) *cobra.Command {
	o.flags(c)
	if o.lease != nil {
		o.lease.flags(c)
	}
	c.ValidArgsFunction = o.completeService(app)
	return c
}

func newScaleCmd(app *App) *cobra.Command {
	o := &change{following: unasked()}
	return o.verb(app, &cobra.Command{
		Use:   "scale [SERVICE] COUNT",
		Short: "Change how many tasks a service wants, and follow until they run",
		Long: "Change a service's desired count, and follow until that many tasks run. That takes no deployment and no\n" +
			"lease. Where Application Auto Scaling looks after the service, it may change the count again.",
		Example: "  slipway scale api 6\n" +
			"  slipway scale api 0 --cluster main",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return fail.New("usage.arguments", "run 'slipway scale --help'", "slipway scale takes a service and a count")
			}
			if _, err := strconv.Atoi(args[0]); len(args) == 1 && err != nil {
				return fail.New("usage.count", "write `slipway scale "+args[0]+" 4`", "%q is no number of tasks, and none is said", args[0])
			}
			n, err := strconv.ParseInt(args[len(args)-1], 10, 32)
			if err != nil || n < 0 {
				return fail.New("usage.count", "write `slipway scale SERVICE 4`", "%q is no number of tasks", args[len(args)-1])
			}
			if err := o.read(cmd, args[:len(args)-1]); err != nil {
				return err
			}
			return o.make(cmd.Context(), app, "scale", func(r *ship.Request) { r.Count = new(int32(n)) })
		},
	})
}

func newRefreshCmd(app *App) *cobra.Command {
	o := &change{following: unasked(), lease: &leaseFlags{}}
	return o.verb(app, &cobra.Command{
		Use:   "refresh [SERVICE]",
		Short: "Replace all tasks by new ones of the same revision, and follow that",
		Long: "Force a new deployment of what the service runs: each task is replaced, tags of images are resolved again, and\n" +
			"secrets are read again. It is followed to its end, with a verdict.\n\n" + exitCodes,
		Example: "  slipway refresh api\n" +
			"  slipway refresh api --cluster main --timeout 15m",
		Args: atMost(1, "at most one service"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.read(cmd, args); err != nil {
				return err
			}
			return o.make(cmd.Context(), app, "refresh", func(r *ship.Request) { r.Force = true })
		},
	})
}
