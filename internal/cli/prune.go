package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship/look"
	"github.com/slipway-ecs/slipway/internal/ship/tidy"
)

func newPruneCmd(app *App) *cobra.Command {
	t := &target{unasked: true}
	var keep int
	var yes, remove, dry bool
	c := t.verb(app, &cobra.Command{
		Use:   "prune [SERVICE] --keep N",
		Short: "Deregister old revisions that nothing needs",
		Long: "Deregister the revisions of a service's task definition but the newest N. Whatever their age, those stay that a\n" +
			"task or a service of any cluster is of, the last good one, and the one a rollback would go back to.\n" +
			"--delete deletes what goes for good, and those that were deregistered before. Elsewhere than on a terminal it\n" +
			"needs --yes.",
		Example: "  # what would go\n" +
			"  slipway prune api --keep 10 --dry-run\n\n" +
			"  slipway prune api --keep 10 --yes\n" +
			"  slipway prune api -c main --keep 5 --delete --yes --output json",
	}, nil)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		t.take(args)
		if !cmd.Flags().Changed("keep") || keep < 0 {
			return fail.New("usage.flag", "write --keep 10", "it is not said how many revisions to keep")
		}
		return prune(cmd.Context(), app, t, pruneOptions{keep, yes, remove, dry})
	}
	f := c.Flags()
	f.IntVar(&keep, "keep", 0, "how many of the newest active revisions stay")
	f.BoolVar(&remove, "delete", false, "delete for good what goes, and what was deregistered before")
	f.BoolVar(&dry, "dry-run", false, "only say what would go")
	f.BoolVar(&yes, "yes", false, "do not ask")
	return c
}

type pruneOptions struct {
	keep             int
	yes, remove, dry bool
}

func prune(ctx context.Context, app *App, t *target, o pruneOptions) error {
	p, err := t.find(ctx, app)
	if err != nil {
		return err
	}
	cfg, err := p.config(ctx)
	if err != nil {
		return err
	}
	d := &tidy.Tidier{ECS: sdk.NewECS(cfg), Drivers: driversOf(cfg)}
	plan, err := d.Plan(ctx, p.place(), o.keep, o.remove)
	if err != nil {
		return err
	}
	if o.dry {
		if t.json() {
			return printJSON(app.Stdout, plan)
		}
		return showPlan(app.Stdout, plan)
	}
	if len(plan.Deregister)+len(plan.Delete) == 0 {
		if !t.json() {
			fmt.Fprintf(app.Stdout, "nothing to prune: all %s stay\n", plural(len(plan.Keep), "revision"))
		}
		return nil
	}
	if !o.yes {
		if err := showPlan(app.Stderr, plan); err != nil {
			return err
		}
	}
	if err := app.confirm(o.yes, "Prune these?"); err != nil {
		return err
	}
	if !o.yes { // somebody may have deployed one of them while we waited for the answer
		again, err := d.Plan(ctx, p.place(), o.keep, o.remove)
		if err != nil {
			return err
		}
		plan.Deregister, plan.Delete = inBoth(plan.Deregister, again.Deregister), inBoth(plan.Delete, again.Delete)
	}
	return d.Prune(ctx, plan, func(done tidy.Done) {
		if t.json() {
			printJSON(app.Stdout, done) //nolint:errcheck // a reader that has gone away must not end it half-way
			return
		}
		fmt.Fprintf(app.Stdout, "%s %s\n", done.Act, done.Revision)
	})
}

// inBoth gives the revisions of a that b has too.
func inBoth(a, b []look.Revision) []look.Revision {
	return slices.DeleteFunc(a, func(r look.Revision) bool {
		return !slices.ContainsFunc(b, func(o look.Revision) bool { return o.Name == r.Name })
	})
}

// showPlan says what would go, and what stays although it is old.
func showPlan(out io.Writer, p *tidy.Plan) error {
	w := table(out)
	for _, r := range p.Deregister {
		fmt.Fprintf(w, "deregister\t%s\t%s\n", r.Name, images(r.Images))
	}
	for _, r := range p.Delete {
		fmt.Fprintf(w, "delete\t%s\t%s\n", r.Name, images(r.Images))
	}
	for _, r := range p.Keep {
		fmt.Fprintf(w, "keep\t%s\t%s\t%s\n", r.Name, dash(standing(r)), strings.Join(r.Runs, ", "))
	}
	return w.Flush()
}

func newDeleteCmd(app *App) *cobra.Command {
	t := &target{unasked: true}
	var yes, detach bool
	c := t.verb(app, &cobra.Command{
		Use:   "delete [SERVICE]",
		Short: "Delete a service with its tasks",
		Long: "Delete a service: its tasks are stopped, and it is followed until it is gone. Load balancers, task definitions\n" +
			"and logs stay. Elsewhere than on a terminal it needs --yes.",
		Example: "  slipway delete api --yes\n" +
			"  slipway delete api --cluster main --yes --detach",
	}, func(ctx context.Context) error {
		p, err := t.find(ctx, app)
		if err != nil {
			return err
		}
		cfg, err := p.config(ctx)
		if err != nil {
			return err
		}
		s, err := newLooker(cfg).Status(ctx, p.place())
		if err != nil {
			return err
		}
		if s.State == "INACTIVE" {
			return fail.New("service.not_found", "", "service %q of cluster %q is gone already", s.Service, s.Cluster)
		}
		if err := app.confirm(yes, fmt.Sprintf("Delete service %s of cluster %s, with %s?", s.Service, s.Cluster, plural(s.Running, "running task"))); err != nil {
			return err
		}
		return (&tidy.Tidier{ECS: sdk.NewECS(cfg)}).Delete(ctx, p.place(), detach, func(text string) {
			if t.json() {
				printJSON(app.Stdout, map[string]string{"text": text}) //nolint:errcheck // a reader that has gone away must not end it half-way
				return
			}
			fmt.Fprintln(app.Stdout, text)
		})
	})
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&detach, "detach", false, "do not wait until it is gone")
	return c
}
