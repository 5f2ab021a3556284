package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/ship/look"
	"github.com/slipway-ecs/slipway/internal/ui"
)

func newEventsCmd(app *App) *cobra.Command {
	t := &target{unasked: true}
	var follow bool
	var since string
	c := t.verb(app, &cobra.Command{
		Use:   "events [SERVICE]",
		Short: "Show a service's events, oldest first",
		Long:  "Show the events of a service, oldest first. ECS keeps the last hundred.",
		Example: "  slipway events api\n" +
			"  slipway events api --since 1h --follow\n" +
			"  slipway events api -c main --output json",
	}, func(ctx context.Context) error {
		from, err := sinceFlag(since, time.Now())
		if err != nil {
			return err
		}
		l, p, err := t.looker(ctx, app)
		if err != nil {
			return err
		}
		err = l.Events(ctx, p, from, follow, func(e look.Event) {
			if t.json() {
				printJSON(app.Stdout, e) //nolint:errcheck // a reader that has gone away ends us by its signal
				return
			}
			fmt.Fprintf(app.Stdout, "%s  %s\n", e.At.Local().Format(time.DateTime), ui.Brief(oneLine(e.Text)))
		})
		return left(ctx, err)
	})
	c.Flags().BoolVar(&follow, "follow", false, "go on showing events as they come, until interrupted")
	c.Flags().StringVar(&since, "since", "", "`AGE` or time from which on, as 10m or 2026-01-31T12:00:00Z")
	return c
}

// left gives the end of something that was followed until interrupted.
func left(ctx context.Context, err error) error {
	if err == nil && ctx.Err() != nil {
		return &Exit{Code: ExitInterrupted}
	}
	return err
}
