package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/ship/look"
)

func newTasksCmd(app *App) *cobra.Command {
	t := &target{unasked: true}
	return t.verb(app, &cobra.Command{
		Use:   "tasks [SERVICE]",
		Short: "List a service's tasks, those that stopped too, with reasons",
		Long: "List the tasks of a service: those that run, with their health, and those that stopped within about the last\n" +
			"hour, with why and with their containers' exit codes.",
		Example: "  slipway tasks api\n" +
			"  slipway tasks api -c main --output json | jq 'select(.stopCode)'",
	}, func(ctx context.Context) error {
		l, p, err := t.looker(ctx, app)
		if err != nil {
			return err
		}
		all, err := l.Tasks(ctx, p)
		if err != nil {
			return err
		}
		if t.json() {
			for _, k := range all {
				if err := printJSON(app.Stdout, k); err != nil {
					return err
				}
			}
			return nil
		}
		return showTasks(app.Stdout, all, time.Now())
	})
}

func showTasks(out io.Writer, all []look.Task, now time.Time) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "no tasks")
		return err
	}
	w := table(out)
	fmt.Fprintln(w, "TASK\tREVISION\tSTATE\tHEALTH\tADDRESS\tBEGAN\tENDED\tWHY")
	for _, t := range all {
		began := t.Started
		if began == nil {
			began = t.Created
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", id8(t.ID), t.Revision, t.Status, dash(t.Health), dash(t.Address), ago(now, began), ago(now, t.Stopped), dash(why(t)))
	}
	return w.Flush()
}

// why gives the reason of a stop with what its containers ended with.
func why(t look.Task) string {
	if t.StopCode == "" && t.Reason == "" {
		return ""
	}
	parts := []string{oneLine(t.Reason)}
	for _, c := range t.Containers {
		if c.Exit != nil {
			parts = append(parts, fmt.Sprintf("%s: exit code %d", c.Name, *c.Exit))
		}
		if c.Reason != "" && !strings.Contains(t.Reason, c.Reason) {
			parts = append(parts, c.Name+": "+oneLine(c.Reason))
		}
	}
	return strings.Join(parts, "; ")
}
