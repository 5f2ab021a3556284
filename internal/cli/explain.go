package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
	"github.com/slipway-ecs/slipway/internal/ship/look"
	"github.com/slipway-ecs/slipway/internal/ui"
)

func newExplainCmd(app *App) *cobra.Command {
	t := &target{unasked: true}
	var deployment string
	c := t.verb(app, &cobra.Command{
		Use:   "explain [SERVICE | DEPLOYMENT]",
		Short: "Say why a deployment failed, or does not end, and what to do",
		Long: "Say why a deployment ended as it did, or why it does not end: a tree from what ended it down to what its tasks\n" +
			"died of, each with what to do. It is read from the deployment's status, the service's events, stopped tasks\n" +
			"with their last log lines, target health and alarms. What no rule knows is called unclassified and shown as\n" +
			"AWS said it. ECS forgets stopped tasks after about an hour.",
		Example: "  # the newest deployment of the service\n" +
			"  slipway explain api\n\n" +
			"  # one of those that `slipway history` lists; the file's only service needs no name\n" +
			"  slipway explain api --deployment EZe5RNVLH6PPzHXINuP28\n" +
			"  slipway explain EZe5RNVLH6PPzHXINuP28\n" +
			"  slipway explain arn:aws:ecs:eu-west-1:123456789012:service-deployment/main/api/EZe5RNVLH6PPzHXINuP28\n\n" +
			"  slipway explain api --output json | jq -r .cause.class",
		Args: atMost(1, "a service or a deployment"),
	}, func(ctx context.Context) error {
		if arn := t.service; t.takeDeployment(arn) {
			deployment = arn
		}
		l, p, err := t.looker(ctx, app)
		if err != nil {
			return err
		}
		e, err := l.Explain(ctx, p, deployment)
		if err != nil {
			return err
		}
		if t.json() {
			return printJSON(app.Stdout, e)
		}
		return showExplanation(app.Stdout, e)
	})
	t.takesIDs(c, &deployment)
	c.Flags().StringVar(&deployment, "deployment", "", "`ID` or ARN of the deployment; left out, the newest")
	return c
}

func showExplanation(out io.Writer, e *look.Explanation) error {
	var b strings.Builder
	head := e.Cluster + "/" + e.Service
	if d := e.Deployment; d != nil {
		head += fmt.Sprintf("  deployment %s of %s: ", lastPart(d.ARN), dash(d.Revision))
		if d.Verdict != "" {
			head += string(d.Verdict)
		} else {
			head += "still " + d.Status
		}
	}
	fmt.Fprintln(&b, head)
	if e.Verdict != ship.Succeeded || e.Cause.Class != explain.Nothing {
		fmt.Fprintln(&b)
		showCause(&b, e.Cause, "")
	}
	for _, u := range e.Unread {
		fmt.Fprintf(&b, "not read: %s\n", u)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// showCause draws a knot of the tree and what is below it.
func showCause(b *strings.Builder, c explain.Cause, indent string) {
	fmt.Fprintf(b, "%s%s", indent, ui.Brief(oneLine(c.Text)))
	if c.Seen > 1 {
		fmt.Fprintf(b, " (%d times)", c.Seen)
	}
	fmt.Fprintf(b, "  [%s]\n", c.Class)
	for _, r := range c.Raw {
		if r = oneLine(r); r != "" && r != oneLine(c.Text) {
			fmt.Fprintf(b, "%s    said: %s\n", indent, r)
		}
	}
	for _, l := range c.Log {
		fmt.Fprintf(b, "%s    | %s\n", indent, strings.TrimRight(l, "\r\n"))
	}
	if c.Do != "" {
		fmt.Fprintf(b, "%s    do: %s\n", indent, c.Do)
	}
	for _, u := range c.Because {
		showCause(b, u, indent+"  ")
	}
}
