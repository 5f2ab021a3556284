package ship

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// expecting is how long looking for the expected time may hold up a deployment.
const expecting = 5 * time.Second

// expect says how long what is about to be sent should take, as a plan would: by the saved plan, or
// by what is read of the target groups and of this service's past deployments. It is for people to
// hold the time against, so that what cannot be read is passed over. sent is the input of
// UpdateService or CreateService.
func (w *work) expect(ctx context.Context, sent any) {
	if w.r.Plan != nil {
		if w.r.Plan.Total.Most > 0 {
			w.out.Expected = &w.r.Plan.Total
		}
		return
	}
	if w.d.Around == nil {
		return
	}
	update, err := treeOf(sent)
	if err != nil {
		return // it is refused where it is sent
	}
	if c, ok := update["deploymentConfiguration"].(sdk.Tree); ok {
		if hooks, ok := c["lifecycleHooks"].([]any); ok { // ours wait for hooks of the file, whose own time counts
			c["lifecycleHooks"] = hooks[:max(0, len(hooks)-w.pauses)]
		}
	}
	p := &Proposal{Cluster: w.r.Cluster, Service: w.out.Service, Creates: w.live == nil, Live: w.live, Definition: w.definition, Update: update,
		Hooks: slices.DeleteFunc(slices.Clone(w.r.Hooks), func(h Hook) bool { return h.At == PointBefore || h.At == PointRegistered })}
	looking, stop := context.WithTimeout(ctx, expecting)
	defer stop()
	w.out.Expected = Expect(p, w.d.Around.Times(looking, p))
}

// tellExpected tells what to hold the time against, once there is something to follow.
func (w *work) tellExpected() {
	if t := w.out.Expected; t != nil {
		w.say(Event{Kind: KindExpected, Expected: t, Text: "expected to take " + t.Span() + ": " + t.Source})
	}
}

// Expect gives the time that a deploy of a proposal should take from its update on.
func Expect(p *Proposal, f Facts) *Timed {
	balancers, c := p.settings()
	e := estimate{p: p, f: f, c: c, balanced: len(balancers) > 0, desired: p.desired()}
	t := e.total(e.steps())
	return &t
}

// Times gathers what the time of a deployment depends on: its target groups and the service's past.
func (a Around) Times(ctx context.Context, p *Proposal) Facts {
	var f Facts
	balancers, _ := p.settings()
	if err := a.groups(ctx, balancers, &f); err != nil {
		f.Missed = append(f.Missed, fmt.Sprintf("target groups: %v", sdk.Explain(err, "look")))
	}
	if p.Live != nil {
		if err := a.history(ctx, p, &f); err != nil {
			f.Missed = append(f.Missed, fmt.Sprintf("history: %v", sdk.Explain(err, "look")))
		}
	}
	return f
}

// mostGroups is how many target groups are looked at for their times.
const mostGroups = 4

// groupsOf gives the target groups of load balancers, each once.
func groupsOf(balancers []types.LoadBalancer) []string {
	var out []string
	for _, b := range balancers {
		if b.TargetGroupArn != nil && !slices.Contains(out, *b.TargetGroupArn) && len(out) < mostGroups {
			out = append(out, *b.TargetGroupArn)
		}
	}
	return out
}

// Span gives the time as a range for people: "45s to 7m37s".
func (t Timed) Span() string {
	least, most := time.Duration(t.Least)*time.Second, time.Duration(t.Most)*time.Second
	if least == most {
		return brief(least)
	}
	return brief(least) + " to " + brief(most)
}

// brief writes a duration without units that are nought: 5m, not 5m0s.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
