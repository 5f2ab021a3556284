package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/ship"
)

func newAbortCmd(app *App) *cobra.Command {
	o := new(unasked())
	cmd := &cobra.Command{
		Use:   "abort [SERVICE | DEPLOYMENT]",
		Short: "Have a deployment in progress rolled back, and follow that",
		Long: "Ask ECS to roll back a deployment in progress, and follow it to its end. " + whichDeployment + "\n" +
			"Where production traffic was shifted already, ECS moves it back at once as long as the old tasks are there.\n\n" +
			"Exit codes: 0 rolled back, as was asked for; 1 it succeeded before it could be stopped, its rollback failed, or\n" +
			"nothing is in progress; else as of deploy.",
		Example: "  slipway abort api -c main",
		Args:    atMost(1, "at most one service or deployment"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.read(cmd, args); err != nil {
				return err
			}
			return o.abort(cmd.Context(), app)
		},
	}
	o.flags(cmd)
	o.takesIDs(cmd, &o.deployment)
	cmd.Flags().StringVar(&o.deployment, "deployment", "", "the `ID` of the deployment")
	return cmd
}

func (o *following) abort(ctx context.Context, app *App) error {
	p, err := o.find(ctx, app)
	if err != nil {
		return err
	}
	d, err := p.deployer(ctx)
	if err != nil {
		return err
	}
	w := o.watch(p)
	w.Abort = true
	outlive()
	s := o.show(ctx, app, "abort "+p.Service+" in "+p.Cluster, false)
	w.Ask = s.ask()
	out, err := d.Watch(ctx, w, s.say)
	s.stop()
	return aborted(out, err)
}

// aborted is ended where a rollback is what was asked for.
func aborted(out ship.Outcome, err error) error {
	switch {
	case err != nil:
		return err
	case out.Verdict == ship.RolledBack:
		return nil
	case out.Verdict == ship.Succeeded:
		return &Exit{Code: ExitFailed}
	}
	return ended(out, nil)
}
