package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship/look"
)

func newRevisionsCmd(app *App) *cobra.Command {
	t := &target{unasked: true}
	limit := 20
	c := t.verb(app, &cobra.Command{
		Use:   "revisions [SERVICE]",
		Short: "List the revisions of a service's task definition",
		Long: "List the revisions of the family that a service runs, newest first: which run, how their deployment here ended,\n" +
			"which one was the last good one and to which one `slipway rollback` would go back. INACTIVE ones were deregistered.",
		Example: "  slipway revisions api\n" +
			"  slipway revisions api -c main --limit 100 --output json",
	}, func(ctx context.Context) error {
		if limit < 1 {
			return fail.New("usage.flag", "write --limit 20", "--limit %d is no number of revisions", limit)
		}
		l, p, err := t.looker(ctx, app)
		if err != nil {
			return err
		}
		all, err := l.Revisions(ctx, p, limit)
		if err != nil {
			return err
		}
		if t.json() {
			for _, r := range all {
				if err := printJSON(app.Stdout, r); err != nil {
					return err
				}
			}
			return nil
		}
		return showRevisions(app.Stdout, all, time.Now())
	})
	c.Flags().IntVar(&limit, "limit", limit, "how many at most")
	return c
}

func showRevisions(out io.Writer, all []look.Revision, now time.Time) error {
	w := table(out)
	fmt.Fprintln(w, "REVISION\tSTATE\tREGISTERED\tDEPLOYED\tVERDICT\tIMAGES\tIS")
	for _, r := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.State, ago(now, r.Registered), ago(now, r.Deployed), dash(r.Verdict), images(r.Images), dash(standing(r)))
	}
	return w.Flush()
}

// standing says what a revision is to the service.
func standing(r look.Revision) string {
	var parts []string
	if len(r.Runs) > 0 {
		parts = append(parts, "in use")
	}
	if r.LastGood {
		parts = append(parts, "last good")
	}
	if r.Rollback {
		parts = append(parts, "rollback's target")
	}
	return strings.Join(parts, ", ")
}
