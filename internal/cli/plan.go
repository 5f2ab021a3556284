package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

func newPlanCmd(app *App) *cobra.Command {
	o, out := &proposing{}, ""
	cmd := &cobra.Command{
		Use:   "plan [SERVICE]",
		Short: "Say beforehand what a deploy will do, how long it takes and what is wrong",
		Long: "Say what a deploy will change, who drives it, its steps with their expected time as a range and where that comes\n" +
			"from, the most tasks alive at once, the IAM actions it calls, how it would roll back, and what is wrong\n" +
			"beforehand. Nothing is changed. With --out the plan is saved; `slipway deploy --plan FILE` refuses it when the\n" +
			"live service has moved on since.\n\n" +
			"Exit codes: 0, or with --exit-code 5 where something will change; 1 failed, 2 usage, 4 no access.",
		Example: "  slipway plan api --env production\n\n" +
			"  # plan, let somebody read it, deploy just that\n" +
			"  slipway plan api --out plan.json\n" +
			"  slipway deploy api --plan plan.json",
		Args: atMost(1, "at most one service"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.take(cmd, args)
			return o.plan(cmd.Context(), app, out)
		},
	}
	o.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "save the plan to this `FILE`")
	cmd.Flags().BoolVar(&o.exitCode, "exit-code", false, "end with 5 where something will change")
	cmd.Flags().BoolVar(&o.values, "values", false, "show values of environment variables")
	return cmd
}

func (o *proposing) plan(ctx context.Context, app *App, file string) error {
	proposal, place, request, err := o.propose(ctx, app)
	if err != nil {
		return err
	}
	cfg, err := place.config(ctx)
	if err != nil {
		return err
	}
	from := around(cfg)
	from.Request = request
	plan := ship.NewPlan(proposal, from.Look(ctx, proposal))
	if file != "" {
		text, err := json.MarshalIndent(plan, "", "  ")
		if err != nil {
			return fmt.Errorf("write the plan: %w", err)
		}
		if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
			return fail.Wrap(err, "file.unwritable", "", "write %q", file)
		}
	}
	if o.output == outputJSON {
		err = writeJSON(app, plan)
	} else {
		err = writePlan(app.Stdout, plan)
	}
	if err == nil && o.exitCode && !proposal.Empty() {
		return &Exit{Code: ExitDifferent}
	}
	return err
}

// around gives what is read beside a service.
func around(cfg aws.Config) *ship.Around {
	return &ship.Around{ECS: ecs.NewFromConfig(cfg), ELB: sdk.NewELB(cfg), Alarms: sdk.NewAlarms(cfg), Engines: enginesOf(cfg)}
}

// writePlan prints a plan for people.
func writePlan(w io.Writer, p *ship.Plan) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s: %s by %s (%s)\n", p.Service, p.Cluster, p.Strategy, p.Engine, p.Why)
	switch {
	case p.Creates:
		b.WriteString("\nthe service will be created\n")
	case len(p.Changes) == 0:
		b.WriteString("\nnothing will change\n")
	default:
		b.WriteString("\nwhat changes\n")
		for _, c := range p.Changes {
			fmt.Fprintf(&b, "  %s %s\n", c.Of, c.Line())
		}
	}
	if len(p.Steps) > 0 {
		b.WriteString("\nsteps\n")
		for _, s := range append(p.Steps, p.Total) {
			fmt.Fprintf(&b, "  %-16s %s  (%s)\n", s.Span(), s.Name, s.Source)
		}
	}
	fmt.Fprintf(&b, "\nat most %d tasks at once: %s\n", p.Peak, p.Room)
	fmt.Fprintf(&b, "rollback: %s, %s  (%s)\n", p.Rollback.Name, p.Rollback.Span(), p.Rollback.Source)
	fmt.Fprintf(&b, "\nIAM actions\n  %s\n", strings.Join(p.Actions, "\n  "))
	if len(p.Wrong) > 0 {
		b.WriteString("\nwrong beforehand\n")
		for _, x := range p.Wrong {
			fmt.Fprintf(&b, "  ! %s\n    hint: %s\n", x.Text, x.Hint)
		}
	}
	for _, m := range p.Missed {
		fmt.Fprintf(&b, "\nnot looked at: %s\n", m)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// planned makes a request hold to a saved plan.
func planned(r *ship.Request, file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fail.Wrap(err, "file.unreadable", "make it by `slipway plan --out FILE`", "read %q", file)
	}
	p, err := ship.ReadPlan(text)
	if err != nil {
		return err
	}
	if p.Service != lastPart(r.Service) || p.Cluster != lastPart(r.Cluster) {
		return fail.New("plan.other", "name the service of the plan", "the plan is for service %q in cluster %q", p.Service, p.Cluster)
	}
	r.Plan = p
	return nil
}
