package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/ship"
)

// answerOptions are the flags of approve, reject and continue.
type answerOptions struct {
	following
	hook    string
	all     bool
	reason  string
	service string // where the argument is a hook's id
	detach  bool
}

const whichPause = "Which pause is said by the deployment's ARN, by the service, or by the pause's own id together with --service.\n" +
	"Where several wait, --hook names one and --all means each."

func newApproveCmd(app *App) *cobra.Command {
	o := &answerOptions{following: unasked()}
	return o.command(app, true, &cobra.Command{
		Use:     "approve [ID]",
		Short:   "Let a deployment that waits for approval go on",
		Long:    "Let a deployment that waits go on, from any machine. It does not follow: `slipway wait` does.\n" + whichPause,
		Example: "  slipway approve api -c main --reason 'green looks well'\n\n  slipway approve arn:aws:ecs:eu-west-1:123456789012:service-deployment/main/api/d9ZySlk2LS7",
	})
}

func newRejectCmd(app *App) *cobra.Command {
	o := &answerOptions{following: unasked()}
	return o.command(app, false, &cobra.Command{
		Use:     "reject [ID]",
		Short:   "Have a deployment that waits for approval rolled back",
		Long:    "Have a deployment that waits rolled back, from any machine. It does not follow: `slipway wait` does. The reason is\nnoted on the service, for whoever follows.\n" + whichPause,
		Example: "  slipway reject api -c main --reason 'the cart is empty'",
	})
}

func (o *answerOptions) command(app *App, goOn bool, cmd *cobra.Command) *cobra.Command {
	cmd.Args = atMost(1, "at most one deployment, service or pause")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := o.pick(cmd, args); err != nil {
			return err
		}
		return o.answer(cmd.Context(), app, goOn)
	}
	o.target.flags(cmd)
	o.pauseFlags(cmd)
	cmd.Flags().BoolVar(&o.all, "all", false, "every pause that waits")
	return cmd
}

func (o *answerOptions) pauseFlags(cmd *cobra.Command) {
	o.takesIDs(cmd, &o.deployment)
	f := cmd.Flags()
	f.StringVar(&o.hook, "hook", "", "the `ID` of one pause")
	f.StringVar(&o.reason, "reason", "", "why, for those who follow")
	f.StringVar(&o.service, "service", "", "the service, where the argument is a pause's id")
	f.StringVar(&o.deployment, "deployment", "", "the `ID` of a deployment that is not the service's newest")
}

// pick reads the argument: a deployment, a service, or a pause by its id.
func (o *answerOptions) pick(cmd *cobra.Command, args []string) error {
	if len(args) == 1 && (strings.HasPrefix(args[0], "ecs-PAUSE-") || strings.HasPrefix(args[0], "ecs-pause-")) {
		o.hook, args = args[0], nil
	}
	if o.service != "" {
		args = append(args, o.service)[:1]
	}
	return o.read(cmd, args)
}

func (o *answerOptions) answer(ctx context.Context, app *App, goOn bool) error {
	p, err := o.find(ctx, app)
	if err != nil {
		return err
	}
	d, err := p.deployer(ctx)
	if err != nil {
		return err
	}
	s := o.show(ctx, app, "", true)
	quiet := s.tell
	s.tell = func(e ship.Event) {
		if e.Kind == ship.KindAnswer {
			o.plain(app)(e)
			return
		}
		quiet(e)
	}
	return d.Answer(ctx, ship.Answer{Cluster: p.Cluster, Service: p.Service, Deployment: o.deployment, Pause: o.hook, All: o.all,
		GoOn: goOn, Reason: o.reason, By: app.who()}, s.say)
}

func newContinueCmd(app *App) *cobra.Command {
	o := &answerOptions{}
	cmd := &cobra.Command{
		Use:   "continue [SERVICE | DEPLOYMENT]",
		Short: "Let a deployment go on from where it waits, and follow it to its end",
		Long: "Let a deployment go on that `deploy --until` or an approval left waiting, and follow it to its end, with those of\n" +
			"the file's hooks that are still to come. Every pause that waits is answered.\n\n" + exitCodes,
		Example: "  slipway deploy api --until test-traffic && ./test-green.sh && slipway continue api",
		Args:    atMost(1, "at most one service or deployment"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.pick(cmd, args); err != nil {
				return err
			}
			if o.detach {
				o.all = o.hook == ""
				return o.answer(cmd.Context(), app, true)
			}
			return o.goOn(cmd.Context(), app)
		},
	}
	o.flags(cmd)
	o.pauseFlags(cmd)
	cmd.Flags().BoolVar(&o.detach, "detach", false, "do not follow")
	return cmd
}

func (o *answerOptions) goOn(ctx context.Context, app *App) error {
	p, err := o.find(ctx, app)
	if err != nil {
		return err
	}
	d, err := p.deployer(ctx)
	if err != nil {
		return err
	}
	w := o.watch(p)
	w.GoOn, w.Reason, w.By, w.Hooks = true, o.reason, app.who(), hooksOf(p.Entry)
	outlive()
	s := o.show(ctx, app, "continue "+p.Service+" in "+p.Cluster, false)
	w.Ask = s.ask()
	out, err := d.Watch(ctx, w, s.say)
	s.stop()
	return ended(out, err)
}
