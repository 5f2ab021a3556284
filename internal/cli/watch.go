package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/ship"
)

// watchOptions are the flags of watch, wait and resume.
type watchOptions struct {
	following
	until string
	quiet bool // the end alone
	hooks bool // do what the file's hooks say
}

const whichDeployment = "Which deployment is said by its ARN, or by the service, whose newest it is then; --deployment names an older one."

func newWatchCmd(app *App) *cobra.Command {
	return takeUp(app, &watchOptions{following: unasked()}, &cobra.Command{
		Use:   "watch [SERVICE | DEPLOYMENT]",
		Short: "Follow a deployment that somebody began, to its end",
		Long:  "Follow a deployment, whoever began it, and tell how it ended. " + whichDeployment + "\nOne that has ended gives its verdict at once.\n\n" + exitCodes,
		Example: "  # the newest deployment of a service\n  slipway watch api -c main\n\n" +
			"  # the one that deploy --detach began\n  slipway watch arn:aws:ecs:eu-west-1:123456789012:service-deployment/main/api/d9ZySlk2LS7",
	})
}

func newWaitCmd(app *App) *cobra.Command {
	return takeUp(app, &watchOptions{following: unasked(), quiet: true}, &cobra.Command{
		Use:   "wait [SERVICE | DEPLOYMENT]",
		Short: "Wait for the end of a deployment, or a point of it",
		Long: "Wait until a deployment has ended, and say nothing but how. " + whichDeployment + "\n" +
			"With --until it ends with 0 once the deployment has passed that point: scaled, test-traffic, before-shift, shifted,\n" +
			"baked, or, with 8, approval: somebody is waited for.\n\n" + exitCodes,
		Example: "  slipway wait api -c main --timeout 20m\n\n  # until green takes test traffic\n  slipway wait api -c main --until test-traffic",
	})
}

func newResumeCmd(app *App) *cobra.Command {
	return takeUp(app, &watchOptions{hooks: true}, &cobra.Command{
		Use:   "resume [SERVICE | DEPLOYMENT]",
		Short: "Take up a deployment whose client is gone, hooks and all",
		Long: "Follow a deployment and run those of the file's hooks that are still to come: where a client died while the\n" +
			"deployment waited for its hooks, this goes on. " + whichDeployment + "\n\n" + exitCodes,
		Example: "  slipway resume api",
	})
}

// takeUp gives a command that follows what is under way.
func takeUp(app *App, o *watchOptions, cmd *cobra.Command) *cobra.Command {
	cmd.Args = atMost(1, "at most one service or deployment")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := o.read(cmd, args); err != nil {
			return err
		}
		return o.run(cmd.Context(), app, cmd.Name())
	}
	o.flags(cmd)
	o.takesIDs(cmd, &o.deployment)
	cmd.Flags().StringVar(&o.until, "until", "", "end once this `POINT` is passed")
	cmd.Flags().StringVar(&o.deployment, "deployment", "", "the `ID` of an older deployment of the service")
	return cmd
}

func (o *watchOptions) run(ctx context.Context, app *App, verb string) error {
	until, err := points(o.until, ship.PointApproval)
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
	w := o.watch(p)
	w.Until = until
	s := o.show(ctx, app, verb+" "+p.Service+" in "+p.Cluster, o.quiet)
	w.Ask = s.ask()
	if o.hooks {
		w.Hooks = hooksOf(p.Entry)
	}
	out, err := d.Watch(ctx, w, s.say)
	s.stop()
	return ended(out, err)
}
