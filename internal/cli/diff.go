package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// proposing are the options of the verbs that work out what a deploy would do.
type proposing struct {
	target
	wishes
	values   bool // show those of environment variables
	exitCode bool
	unpinned bool // tags are not asked for, though the file says so
}

func (o *proposing) add(cmd *cobra.Command) {
	o.target.flags(cmd)
	o.wishes.flags(cmd)
}

// take notes what was given.
func (o *proposing) take(cmd *cobra.Command, args []string) {
	o.target.take(args)
	o.read(cmd)
}

// propose works out what a deploy would send.
func (o *proposing) propose(ctx context.Context, app *App) (*ship.Proposal, *place, ship.Request, error) {
	p, err := o.find(ctx, app)
	if err != nil {
		return nil, nil, ship.Request{}, err
	}
	r, err := o.request(ctx, p)
	if err != nil {
		return nil, nil, r, err
	}
	cfg, err := p.config(ctx)
	if err != nil {
		return nil, nil, r, err
	}
	if !o.unpinned {
		p.pin(app, &r)
	}
	out, err := ship.Propose(ctx, sdk.NewECS(cfg), r, p.Entry, o.values)
	return out, p, r, err
}

func newDiffCmd(app *App) *cobra.Command {
	o := &proposing{}
	cmd := &cobra.Command{
		Use:   "diff [SERVICE]",
		Short: "Show how what runs differs from what is wanted",
		Long: "Show how the live task definition and service differ in meaning from what slipway.yaml and flags say. What ECS\n" +
			"fills in by itself is no difference, nor is the order of containers, variables and ports. Values of environment\n" +
			"variables are kept back without --values. Nothing is changed.\n\n" +
			"Exit codes: 0, or with --exit-code 5 where there are differences; 1 failed, 2 usage, 4 no access.",
		Example: "  slipway diff api\n\n" +
			"  # in CI: fail where the service has drifted\n" +
			"  slipway diff api --env production --exit-code\n\n" +
			"  # without a file\n" +
			"  slipway diff api -c main --image app=registry.example/api:1.4",
		Args: atMost(1, "at most one service"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.take(cmd, args)
			return o.diff(cmd.Context(), app)
		},
	}
	o.add(cmd)
	cmd.Flags().BoolVar(&o.exitCode, "exit-code", false, "end with 5 where there are differences")
	cmd.Flags().BoolVar(&o.values, "values", false, "show values of environment variables")
	return cmd
}

func (o *proposing) diff(ctx context.Context, app *App) error {
	out, _, _, err := o.propose(ctx, app)
	if err != nil {
		return err
	}
	if o.output == outputJSON {
		changes := out.Changes
		if changes == nil {
			changes = []ship.Change{}
		}
		err = writeJSON(app, map[string]any{"cluster": out.Cluster, "service": out.Service, "creates": out.Creates, "registers": out.Registers, "changes": changes})
	} else {
		err = o.told(app, out)
	}
	if err == nil && o.exitCode && (out.Creates || len(out.Changes) > 0) {
		return &Exit{Code: ExitDifferent}
	}
	return err
}

func (o *proposing) told(app *App, p *ship.Proposal) error {
	if p.Creates {
		if _, err := fmt.Fprintf(app.Stdout, "service %s does not exist in cluster %s: it would be created\n", p.Service, p.Cluster); err != nil {
			return err
		}
	}
	if !p.Creates && len(p.Changes) == 0 {
		_, err := fmt.Fprintf(app.Stdout, "service %s is as wanted\n", p.Service)
		return err
	}
	of := ""
	for _, c := range p.Changes {
		if c.Of != of {
			of = c.Of
			if _, err := fmt.Fprintf(app.Stdout, "%s\n", of); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(app.Stdout, "  %s\n", c.Line()); err != nil {
			return err
		}
	}
	return nil
}
