package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/ship"
)

// rollbackOptions are the flags of rollback.
type rollbackOptions struct {
	following
	lease leaseFlags
	to    string
}

func newRollbackCmd(app *App) *cobra.Command {
	o := &rollbackOptions{following: unasked()}
	cmd := &cobra.Command{
		Use:   "rollback [SERVICE]",
		Short: "Deploy the last revision that succeeded, and follow that",
		Long: "Deploy the revision of the last deployment that succeeded with another revision than the service has now: by\n" +
			"its service deployments, or by what slipway noted on the service. It is never just the number before. A revision\n" +
			"that was deregistered is registered anew. While a deployment is in progress, rollback is abort.\n\n" + exitCodes,
		Example: "  slipway rollback api -c main\n\n  # a revision by number\n  slipway rollback api -c main --to 41",
		Args:    atMost(1, "at most one service"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.read(cmd, args); err != nil {
				return err
			}
			return o.run(cmd.Context(), app)
		},
	}
	o.flags(cmd)
	o.lease.flags(cmd)
	cmd.Flags().StringVar(&o.to, "to", "last-good", "the `REVISION` to go back to: its number, family:number, or last-good")
	return cmd
}

func (o *rollbackOptions) run(ctx context.Context, app *App) error {
	lease, err := o.lease.lease(app, "rollback to "+o.to)
	if err != nil {
		return err
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
	s := o.show(ctx, app, "rollback "+p.Service+" in "+p.Cluster, false)
	r := ship.Request{Cluster: p.Cluster, Service: p.Service, Timeout: o.timeout, Lease: lease, Ask: s.ask()}
	out, byAbort, err := d.Rollback(ctx, r, o.to, s.say)
	s.stop()
	if byAbort {
		return aborted(out, err)
	}
	return ended(out, err)
}
