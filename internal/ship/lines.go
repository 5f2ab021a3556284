package ship

import (
	"fmt"
	"strings"
	"time"
)

// Line tells of a pause.
func (p Pause) Line() string {
	line := "waiting for approval at " + p.Stage
	if p.Point != "" {
		line = fmt.Sprintf("waiting for approval at %s (%s)", p.Point, p.Stage)
	}
	if !p.Expires.IsZero() {
		then := "rolls back"
		if p.Then == "CONTINUE" {
			then = "goes on"
		}
		line += fmt.Sprintf(" until %s, then it %s", p.Expires.UTC().Format(time.RFC3339), then)
	}
	return line
}

// Line gives the progress in one line.
func (p Progress) Line() string {
	var parts []string
	for _, s := range p.Sides {
		line := fmt.Sprintf("%s %d of %d running", s.Revision, s.Running, s.Desired)
		if s.Pending > 0 {
			line += fmt.Sprintf(", %d pending", s.Pending)
		}
		if s.Failed > 0 {
			line += fmt.Sprintf(", %d failed", s.Failed)
		}
		if s.Production != nil {
			line += fmt.Sprintf(", %s of traffic", percent(*s.Production))
		}
		if s.Test != nil && *s.Test > 0 {
			line += fmt.Sprintf(", %s of test traffic", percent(*s.Test))
		}
		parts = append(parts, line)
	}
	for _, g := range p.Groups {
		line := fmt.Sprintf("%s %d of %d healthy", g.Name, g.Healthy, g.Targets)
		if g.Why != "" {
			line += " (" + g.Why + ")"
		}
		parts = append(parts, line)
	}
	line := strings.Join(parts, " · ")
	if p.Stage != "" {
		line = strings.ToLower(strings.ReplaceAll(p.Stage, "_", " ")) + ": " + line
	}
	if p.Status != "" {
		line = strings.ToLower(strings.ReplaceAll(p.Status, "_", " ")) + ": " + line
	}
	return line
}

func percent(p float64) string { return fmt.Sprintf("%g %%", p) }

// Line gives the verdict with its cause in one line.
func (o Outcome) Line() string {
	line := string(o.Verdict)
	if o.Cause != "" {
		return line + ": " + o.Cause
	}
	switch o.Verdict {
	case Succeeded:
		if o.past {
			return fmt.Sprintf("%s: deployment %s of %s; the service has been deployed again since", line, last(o.Deployment), last(o.Revision))
		}
	case Reached:
		return fmt.Sprintf("%s %s: deployment %s of %s", line, o.Point, o.Deployment, last(o.Revision))
	case Detached:
		return fmt.Sprintf("%s: deployment %s of %s goes on", line, o.Deployment, last(o.Revision))
	}
	return fmt.Sprintf("%s: service %s runs %s", line, o.Service, last(o.Revision))
}
