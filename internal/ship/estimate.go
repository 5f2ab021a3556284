package ship

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// estimate is a plan being worked out.
type estimate struct {
	p        *Proposal
	f        Facts
	c        types.DeploymentConfiguration
	balanced bool
	desired  int
}

func (e *estimate) shifts() bool {
	return e.f.Driven != nil || e.c.Strategy != "" && e.c.Strategy != types.DeploymentStrategyRolling
}

// bounds gives how many tasks must stay healthy and may exist while rolling, as ECS counts.
//
// Source: the ECS model; house reference ecs.md 5.1.
func (e *estimate) bounds() (lower, upper int) {
	lo, hi := int(or(e.c.MinimumHealthyPercent, 100)), int(or(e.c.MaximumPercent, 200))
	return (e.desired*lo + 99) / 100, e.desired * hi / 100
}

func (e *estimate) deadlocked() bool {
	lower, upper := e.bounds()
	return !e.shifts() && !e.p.Creates && e.desired > 0 && upper <= e.desired && lower >= e.desired
}

// waves gives how many times tasks have to be started one after another.
func (e *estimate) waves() int {
	lower, upper := e.bounds()
	room := upper - lower
	if e.shifts() || e.p.Creates || room >= e.desired || e.desired == 0 {
		return 1
	}
	if room <= 0 {
		return e.desired
	}
	return (e.desired + room - 1) / room
}

// peak gives the most tasks alive at once, and says whether they find room.
func (e *estimate) peak() (int, string) {
	n := e.desired
	if !e.p.Creates {
		_, upper := e.bounds()
		if n = max(upper, e.desired); e.shifts() {
			n = 2 * e.desired
		} else {
			n = min(n, 2*e.desired)
		}
	}
	return n, e.room(n)
}

// healthy gives how long a started task takes until ECS counts on it.
func (e *estimate) healthy() Timed {
	t := Timed{Name: "healthy"}
	var sources []string
	for _, c := range containersOf(e.p.Definition) {
		h, ok := c["healthCheck"].(sdk.Tree)
		if !ok || c["essential"] == false {
			continue
		}
		interval, retries, grace := number(h["interval"], 30), number(h["retries"], 3), number(h["startPeriod"], 0)
		t.Least, t.Most = max(t.Least, interval), max(t.Most, grace+interval*retries)
		sources = append(sources, fmt.Sprintf("health check of container %s every %d s", text(c["name"]), interval))
	}
	for _, g := range e.f.Groups {
		// A new target needs one passed check, whatever the healthy threshold; the first comes soon.
		every := int(g.Interval / time.Second)
		t.Most = max(t.Most, 2*every+int(g.Timeout/time.Second))
		sources = append(sources, fmt.Sprintf("target group: one passed check, every %d s", every))
	}
	if len(sources) == 0 {
		t.Least, t.Most = int(plainHealth/time.Second), int(plainHealth/time.Second)
		sources = []string{"no health check: ECS waits 40 s"}
	}
	t.Source = strings.Join(sources, "; ")
	return t
}

// leaving gives how long old tasks take to go.
func (e *estimate) leaving() Timed {
	stop, delay := stopTimeout, time.Duration(0)
	for _, c := range containersOf(e.p.Definition) {
		if c["stopTimeout"] != nil {
			stop = time.Duration(number(c["stopTimeout"], 30)) * time.Second
		}
	}
	for _, g := range e.f.Groups {
		delay = max(delay, g.Delay)
	}
	source := fmt.Sprintf("stop timeout %d s", int(stop/time.Second))
	if e.balanced {
		source = fmt.Sprintf("deregistration delay %d s, ", int(delay/time.Second)) + source
	}
	return Timed{Name: "old tasks drain and stop", Least: 0, Most: int((delay + stop) / time.Second), Source: source}
}

func (e *estimate) steps() []Timed {
	waves := e.waves()
	h, gone := e.healthy(), e.leaving()
	start := Timed{Name: fmt.Sprintf("start %d tasks and wait until they are healthy", e.desired),
		Least: waves * (int(startLeast/time.Second) + h.Least), Most: waves * (int(startMost/time.Second) + h.Most),
		Source: fmt.Sprintf("%d wave%s of %d to %d s to start; %s", waves, plural(waves), int(startLeast/time.Second), int(startMost/time.Second), h.Source)}
	out := e.ours(PointBefore)
	if e.p.Registers {
		out = append(out, Timed{Name: "register the task definition", Least: 0, Most: 2, Source: "one call"})
	}
	out = append(append(out, e.ours(PointRegistered)...), start)
	for _, k := range e.c.LifecycleHooks {
		limit := 24 * 60
		if k.TimeoutConfiguration != nil {
			limit = int(or(k.TimeoutConfiguration.TimeoutInMinutes, int32(limit)))
		}
		what := "call " + last(aws.ToString(k.HookTargetArn))
		if k.TargetType == types.DeploymentLifecycleHookTargetTypePause {
			what = "wait for an answer"
		}
		var at []string
		for _, s := range k.LifecycleStages {
			at = append(at, string(s))
		}
		out = append(out, Timed{Name: what + " at " + strings.Join(at, ", "), Least: 0, Most: limit * 60, Source: "its timeout"})
	}
	out = append(out, e.ours(PointScaled, PointTestTraffic, PointBeforeShift)...)
	switch {
	case e.f.Driven != nil:
		out = append(out, e.f.Driven.Steps...)
	case e.shifts():
		out = append(out, e.shift())
	}
	out = append(out, e.ours(PointShifted)...)
	if bake := int(or(e.c.BakeTimeInMinutes, 0)); bake > 0 {
		out = append(out, Timed{Name: "bake", Least: bake * 60, Most: bake * 60, Source: "bakeTimeInMinutes"})
	}
	out = append(out, e.ours(PointBaked)...)
	if !e.p.Creates && e.p.Live.RunningCount > 0 {
		gone.Most *= waves
		out = append(out, gone)
	}
	return append(out, e.ours(PointSucceeded)...)
}

// ours gives the hooks that we run ourselves at some points, as steps.
func (e *estimate) ours(at ...Point) (out []Timed) {
	for _, p := range at {
		for _, h := range e.p.Hooks {
			if h.At != p {
				continue
			}
			limit := h.Timeout
			if limit == 0 {
				limit = DefaultHookTimeout
			}
			out = append(out, Timed{Name: fmt.Sprintf("hook at %s: %s", p, h.name()), Least: 0, Most: int(limit / time.Second), Source: "its timeout"})
		}
	}
	return out
}

func (e *estimate) shift() Timed {
	steps, bake, source := 1, 0, "all at once"
	switch e.c.Strategy {
	case types.DeploymentStrategyCanary:
		if c := e.c.CanaryConfiguration; c != nil && aws.ToFloat64(c.CanaryPercent) < 100 {
			steps, bake = 2, int(aws.ToInt32(c.CanaryBakeTimeInMinutes))*60
			source = fmt.Sprintf("%v %% for %d min, then all", aws.ToFloat64(c.CanaryPercent), aws.ToInt32(c.CanaryBakeTimeInMinutes))
		}
	case types.DeploymentStrategyLinear:
		if l := e.c.LinearConfiguration; l != nil && aws.ToFloat64(l.StepPercent) > 0 {
			steps = int(math.Ceil(100 / *l.StepPercent))
			bake = int(aws.ToInt32(l.StepBakeTimeInMinutes)) * 60 * (steps - 1)
			source = fmt.Sprintf("%d steps of %v %%, %d min between two", steps, *l.StepPercent, aws.ToInt32(l.StepBakeTimeInMinutes))
		}
	}
	if balancers, _ := e.p.settings(); slices.ContainsFunc(balancers, atNetwork) {
		bake += (steps + 1) * int(networkSettle/time.Second) // test traffic too
		source += "; ten minutes longer for each move, test traffic's too, as a network load balancer routes it"
	}
	return Timed{Name: "move production traffic", Least: bake, Most: bake + steps*int(shiftMost/time.Second), Source: source}
}

// networkSettle is how long ECS lets a network load balancer take for each move of traffic.
//
// Source: ECS developer guide, "Network Load Balancer resources for Amazon ECS blue/green, linear and
// canary deployments".
const networkSettle = 10 * time.Minute

// atNetwork reports whether traffic moves at a listener of a network load balancer.
func atNetwork(b types.LoadBalancer) bool {
	return b.AdvancedConfiguration != nil && names.OfNetworkLoadBalancer(aws.ToString(b.AdvancedConfiguration.ProductionListenerRule))
}

// total sums the steps; history is told beside, as it knows what settings do not.
func (e *estimate) total(steps []Timed) Timed {
	t := Timed{Name: "all", Source: "the steps together"}
	for _, s := range steps {
		t.Least, t.Most = t.Least+s.Least, t.Most+s.Most
	}
	if len(e.f.Took) > 0 {
		t.Source += "; " + past(e.f.Took)
	}
	return t
}

// past tells how long deployments took.
func past(took []time.Duration) string {
	least, most := slices.Min(took).Round(time.Second), slices.Max(took).Round(time.Second)
	switch {
	case len(took) == 1:
		return "the last one took " + brief(least)
	case least == most:
		return fmt.Sprintf("the last %d took %s each", len(took), brief(least))
	}
	return fmt.Sprintf("the last %d took %s to %s", len(took), brief(least), brief(most))
}

// rollback says how a failed deployment goes back.
func (e *estimate) rollback() Timed {
	h := e.healthy()
	switch {
	case e.p.Creates:
		return Timed{Name: "there is no revision to go back to: a failure leaves the service without healthy tasks", Source: "the service is new"}
	case e.shifts():
		return Timed{Name: "traffic goes back by weight until the old tasks are gone, after that by a new deployment", Least: 1, Most: int(shiftMost / time.Second), Source: "one change of weights"}
	}
	waves := e.waves()
	return Timed{Name: "the old revision is started again, as a deployment of its own", Least: 0,
		Most: waves * (int(startMost/time.Second) + h.Most), Source: "as many tasks as were replaced by then; " + h.Source}
}

func containersOf(definition sdk.Tree) []sdk.Tree {
	list, ok := definition["containerDefinitions"].([]any)
	if !ok {
		return nil
	}
	var out []sdk.Tree
	for _, v := range list {
		if c, ok := v.(sdk.Tree); ok {
			out = append(out, c)
		}
	}
	return out
}

// number reads a whole number of a tree.
func number(v any, otherwise int) int {
	var n int
	if _, err := fmt.Sscan(text(v), &n); err != nil {
		return otherwise
	}
	return n
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
