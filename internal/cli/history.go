package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship/look"
)

func newHistoryCmd(app *App) *cobra.Command {
	t := &target{unasked: true}
	limit := 20
	c := t.verb(app, &cobra.Command{
		Use:   "history [SERVICE]",
		Short: "List a service's deployments and how they ended",
		Long: "List a service's deployments, newest first: how each ended and why, how long it took, what it brought and who\n" +
			"registered that. ECS keeps them for 90 days.",
		Example: "  slipway history api\n" +
			"  slipway history api -c main --limit 100 --output json | jq 'select(.verdict != \"succeeded\")'",
	}, func(ctx context.Context) error {
		if limit < 1 {
			return fail.New("usage.flag", "write --limit 20", "--limit %d is no number of deployments", limit)
		}
		l, p, err := t.looker(ctx, app)
		if err != nil {
			return err
		}
		all, err := l.History(ctx, p, limit)
		if err != nil {
			return err
		}
		if t.json() {
			for _, d := range all {
				if err := printJSON(app.Stdout, d); err != nil {
					return err
				}
			}
			return nil
		}
		return showHistory(app.Stdout, all, time.Now())
	})
	c.Flags().IntVar(&limit, "limit", limit, "how many at most")
	return c
}

func showHistory(out io.Writer, all []look.Deployment, now time.Time) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "no deployments")
		return err
	}
	w := table(out)
	fmt.Fprintln(w, "DEPLOYMENT\tBEGAN\tTOOK\tVERDICT\tREVISION\tIMAGES\tWHO\tCAUSE")
	for _, d := range all {
		verdict, took := string(d.Verdict), "-"
		if verdict == "" {
			verdict = d.Status
		}
		if d.Finished != nil {
			took = short(time.Duration(d.Millis) * time.Millisecond)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", lastPart(d.ARN), ago(now, d.Created), took, verdict, dash(d.Revision), images(d.Images), dash(d.Who), dash(oneLine(d.Cause)))
	}
	return w.Flush()
}
