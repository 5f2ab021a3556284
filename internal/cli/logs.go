package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/ship/look"
)

func newLogsCmd(app *App) *cobra.Command {
	t := &target{unasked: true}
	o := look.Tail{}
	since := "10m"
	c := t.verb(app, &cobra.Command{
		Use:   "logs [SERVICE]",
		Short: "Show what a service's tasks wrote",
		Long: "Show the lines that the tasks of a service wrote to CloudWatch Logs, running tasks and those that stopped\n" +
			"within about the last hour. Where they went stands in the task definition (logDriver awslogs).",
		Example: "  slipway logs api\n\n" +
			"  # of one revision, and what comes\n" +
			"  slipway logs api --revision 42 --since 5m --follow\n\n" +
			"  slipway logs api --container app --task 0a1b2c3d --output json",
	}, func(ctx context.Context) (err error) {
		if o.Since, err = sinceFlag(since, time.Now()); err != nil {
			return err
		}
		l, p, err := t.looker(ctx, app)
		if err != nil {
			return err
		}
		none := true
		err = l.Tail(ctx, p, o, func(line look.Line) {
			none = false
			if t.json() {
				printJSON(app.Stdout, line) //nolint:errcheck // a reader that has gone away ends us by its signal
				return
			}
			fmt.Fprintln(app.Stdout, line)
		})
		if none && err == nil && !o.Follow {
			fmt.Fprintf(app.Stderr, "nothing was written since %s; --since looks further back\n", since)
		}
		return left(ctx, err)
	})
	f := c.Flags()
	f.StringVar(&o.Revision, "revision", "", "`REVISION` of the tasks, as 42 or api:42")
	f.StringVar(&o.Container, "container", "", "`CONTAINER` that wrote")
	f.StringVar(&o.Task, "task", "", "`ID` of the task, or its beginning")
	f.StringVar(&since, "since", since, "`AGE` or time from which on, as 10m or 2026-01-31T12:00:00Z")
	f.BoolVar(&o.Follow, "follow", false, "go on showing lines as they come, until interrupted")
	return c
}
