package ui

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/slipway-ecs/slipway/internal/ship"
)

// LiveDeploy shows a deployment's events on a terminal: what happened as lines that stay, how
// things stand below them. Call stop when the deployment has ended.
func LiveDeploy(ctx context.Context, w io.Writer, env []string, title string, colour bool) (tell func(ship.Event), stop func()) {
	var mu sync.Mutex // guards latest and pace
	var latest *ship.Progress
	var pace pace
	v := Live(ctx, LiveOptions{Out: w, Env: env, Colour: colour, Frame: func() Frame {
		mu.Lock()
		defer mu.Unlock()
		f := progressFrame(title, latest)
		f.Status += pace.line(time.Now())
		return f
	}})
	var end string
	tell = func(e ship.Event) {
		mu.Lock()
		pace.note(e)
		mu.Unlock()
		switch {
		case e.Outcome != nil:
			end = Verdict(*e.Outcome, colour)
		case e.Progress != nil:
			mu.Lock()
			latest = e.Progress
			mu.Unlock()
		default:
			v.Print(Line(e))
		}
	}
	return tell, func() {
		v.Stop()
		if end != "" {
			io.WriteString(w, "\n"+end)
		}
	}
}

// pace is how much time has gone, against what was expected.
type pace struct {
	began    time.Time
	expected *ship.Timed // nil: nobody knows
}

// note takes the first event as the beginning, until the expected time is told, which counts from
// the update on.
func (p *pace) note(e ship.Event) {
	if p.began.IsZero() || e.Expected != nil {
		p.began = e.At
	}
	if e.Expected != nil {
		p.expected = e.Expected
	}
}

// line tells it, to go on with what stands before.
func (p *pace) line(now time.Time) string {
	if p.began.IsZero() {
		return ""
	}
	gone := max(0, now.Sub(p.began)).Truncate(time.Second)
	line := " · " + gone.String()
	switch {
	case p.expected == nil:
	case gone > time.Duration(p.expected.Most)*time.Second:
		line += ", longer than the " + p.expected.Span() + " expected"
	default:
		line += " of " + p.expected.Span()
	}
	return line
}

// progressFrame lays progress out: the revisions with their tasks, where traffic goes, and how
// targets are.
func progressFrame(title string, p *ship.Progress) Frame {
	f := Frame{Title: title, Status: "looking"}
	if p == nil {
		return f
	}
	if p.Status != "" {
		f.Status = p.Status
	}
	if p.Stage != "" {
		f.Status += " " + p.Stage
	}
	tasks, traffic, targets := Panel{Title: "tasks"}, Panel{Title: "traffic"}, Panel{Title: "targets"}
	for _, s := range p.Sides {
		tone := Old
		if s.Ours {
			tone = New
		}
		whole := float64(max(p.Desired, s.Desired, s.Running, 1))
		text := fmt.Sprintf("%d running, %d pending", s.Running, s.Pending)
		if s.Failed > 0 {
			text += fmt.Sprintf(", %d failed", s.Failed)
		}
		tasks.Rows = append(tasks.Rows, Row{
			Cells: []string{s.Revision, s.Status},
			Tone:  tone,
			Bar:   &Bar{Parts: []Part{{float64(s.Running) / whole, tone}, {float64(s.Pending) / whole, Soft}}, Text: text},
		})
		if s.Production != nil {
			text := fmt.Sprintf("%g %%", *s.Production)
			if s.Test != nil && *s.Test > 0 {
				text += fmt.Sprintf(", %g %% of the test route", *s.Test)
			}
			traffic.Rows = append(traffic.Rows, Row{Cells: []string{s.Revision}, Tone: tone,
				Bar: &Bar{Parts: []Part{{*s.Production / 100, tone}}, Text: text}})
		}
	}
	for _, g := range p.Groups {
		text := fmt.Sprintf("%d of %d healthy", g.Healthy, g.Targets)
		if g.Why != "" {
			text += ": " + g.Why
		}
		targets.Rows = append(targets.Rows, Row{Cells: []string{g.Name},
			Bar: &Bar{Parts: []Part{{float64(g.Healthy) / float64(max(g.Targets, 1)), Good}}, Text: text}})
	}
	f.Panels = []Panel{tasks}
	for _, more := range []Panel{traffic, targets} {
		if len(more.Rows) > 0 {
			f.Panels = append(f.Panels, more)
		}
	}
	return f
}
