package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/ship/look"
	"github.com/slipway-ecs/slipway/internal/ui"
)

func newStatusCmd(app *App) *cobra.Command {
	t := &target{unasked: true}
	return t.verb(app, &cobra.Command{
		Use:   "status [SERVICE]",
		Short: "Show a service at one look",
		Long: "Show a service at one look: its deployments with revisions and images, tasks by state, target health and\n" +
			"traffic, what is being deployed and what it waits for, alarms, and who is at work.\n" +
			"What the credentials may not read is named at the end.",
		Example: "  slipway status api\n\n" +
			"  # without a file\n" +
			"  slipway status api --cluster main\n\n" +
			"  slipway status api --output json | jq .deployment.status",
	}, func(ctx context.Context) error {
		l, p, err := t.looker(ctx, app)
		if err != nil {
			return err
		}
		s, err := l.Status(ctx, p)
		if err != nil {
			return err
		}
		if t.json() {
			return printJSON(app.Stdout, s)
		}
		return showStatus(app.Stdout, s, time.Now())
	})
}

// showStatus draws a status, one block for each kind of thing there is.
func showStatus(out io.Writer, s *look.Status, now time.Time) error {
	w := table(out)
	fmt.Fprintf(w, "%s/%s  %s, %d of %d running", s.Cluster, s.Service, s.State, s.Running, s.Desired)
	if s.Pending > 0 {
		fmt.Fprintf(w, ", %d pending", s.Pending)
	}
	if s.Controller != "ECS" {
		fmt.Fprintf(w, ", deployed by %s", s.Controller)
	}
	if s.Strategy != "" && s.Strategy != "ROLLING" {
		fmt.Fprintf(w, ", %s", strings.ToLower(strings.ReplaceAll(s.Strategy, "_", "-")))
	}
	fmt.Fprintln(w)
	if len(s.Sides) > 0 {
		fmt.Fprintf(w, "\nREVISION\tSTATE\tTASKS\tFAILED\tSINCE\tIMAGES\n")
	}
	for _, d := range s.Sides {
		fmt.Fprintf(w, "%s\t%s %s\t%d of %d running\t%d\t%s\t%s\n", d.Revision, d.Status, d.Rollout, d.Running, d.Desired, d.Failed, ago(now, d.Created), images(d.Images))
	}
	showDeployment(w, s, now)
	if len(s.Tasks) > 0 {
		fmt.Fprintf(w, "\nTASKS OF\tSTATE\tHEALTH\tCOUNT\n")
	}
	for _, c := range s.Tasks {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", c.Revision, c.Status, dash(c.Health), c.Tasks)
	}
	if len(s.Groups) > 0 {
		fmt.Fprintf(w, "\nTARGET GROUP\tTARGETS\n")
	}
	for _, g := range s.Groups {
		fmt.Fprintf(w, "%s\t%s\n", g.Name, health(g.Targets))
	}
	if len(s.Traffic) > 0 {
		fmt.Fprintf(w, "\nLISTENER\tRULE\tTARGET GROUP\tWEIGHT\tSHARE\n")
	}
	for _, t := range s.Traffic {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", t.Listener, t.Rule, t.Group, t.Weight, t.Percent)
	}
	for i, a := range s.Alarms {
		if i == 0 {
			fmt.Fprintf(w, "\nALARM\tSTATE\tSINCE\n")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", a.Name, a.State, ago(now, a.Since))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if l := s.Lease; l != nil {
		fmt.Fprintf(out, "\nlease: %s", l.Owner)
		if l.Reason != "" {
			fmt.Fprintf(out, ", %s", l.Reason)
		}
		fmt.Fprintf(out, "; it ends %s if it is not renewed\n", ago(now, &l.Until))
	}
	if e := s.LastEvent; e != nil {
		fmt.Fprintf(out, "\nlast event, %s: %s\n", ago(now, &e.At), ui.Brief(oneLine(e.Text)))
	}
	for _, u := range s.Unread {
		fmt.Fprintf(out, "not read: %s\n", u)
	}
	return nil
}

// showDeployment says how the newest service deployment stands, and what it waits for.
func showDeployment(w io.Writer, s *look.Status, now time.Time) {
	d := s.Deployment
	if d == nil {
		return
	}
	state := string(d.Verdict)
	if state == "" {
		state = d.Status
		if d.Stage != "" {
			state += " at " + d.Stage
		}
	}
	fmt.Fprintf(w, "\ndeployment %s of %s: %s, began %s", lastPart(d.ARN), dash(d.Revision), state, ago(now, d.Created))
	if d.Finished != nil {
		fmt.Fprintf(w, ", took %s", short(time.Duration(d.Millis)*time.Millisecond))
	}
	fmt.Fprintln(w)
	if d.Cause != "" {
		fmt.Fprintf(w, "  %s\n", oneLine(d.Cause))
	}
	var passed []string
	for _, e := range d.Events {
		if e.Status == "Succeeded" {
			passed = append(passed, e.Name)
		}
	}
	if d.Verdict == "" && len(passed) > 0 {
		fmt.Fprintf(w, "  passed: %s\n", strings.Join(passed, ", "))
	}
	if b := d.Breaker; b != nil && d.Verdict == "" {
		fmt.Fprintf(w, "  circuit breaker: %d of %d failures\n", b.Failures, b.Threshold)
	}
	for _, p := range s.Waits {
		fmt.Fprintf(w, "  waits at %s for a word: %s", p.Stage, strings.Join(p.Choices, " or "))
		if p.Until != nil {
			fmt.Fprintf(w, "; %s it goes by itself: %s", ago(now, p.Until), p.Then)
		}
		fmt.Fprintln(w)
	}
}

// images gives what containers run, short where there is only one.
func images(all []look.Image) string {
	var parts []string
	for _, i := range all {
		if len(all) == 1 {
			return i.Ref
		}
		parts = append(parts, i.Container+"="+i.Ref)
	}
	return dash(strings.Join(parts, " "))
}

// health counts targets by state, and says why those that are not healthy are not.
func health(all []look.Target) string {
	if len(all) == 0 {
		return "no targets"
	}
	counts := map[string]int{}
	for _, t := range all {
		words := t.State
		if t.State != "healthy" && t.Text != "" {
			words += " (" + t.Text + ")"
		}
		counts[words]++
	}
	states := make([]string, 0, len(counts))
	for s := range counts {
		states = append(states, s)
	}
	slices.Sort(states)
	for i, s := range states {
		states[i] = fmt.Sprintf("%d %s", counts[s], s)
	}
	return strings.Join(states, ", ")
}
