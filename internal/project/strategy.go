package project

import (
	"math"
	"strconv"
	"time"

	"github.com/slipway-ecs/slipway/internal/source"
)

// StrategyType is how a new revision takes over.
type StrategyType string

// The strategies.
const (
	Rolling   StrategyType = "rolling"
	BlueGreen StrategyType = "blue-green"
	Canary    StrategyType = "canary"
	Linear    StrategyType = "linear"
	Recreate  StrategyType = "recreate" // rolling with 0/100: stop all, then start all
)

// Shifts reports whether a strategy moves traffic between two full sets of tasks.
func (t StrategyType) Shifts() bool { return t == BlueGreen || t == Canary || t == Linear }

// OnFail is what alarms and the breaker do.
type OnFail string

// What alarms and the breaker may do.
const (
	FailRollback OnFail = "rollback"
	FailStop     OnFail = "stop"
)

// Strategy is the full form of 'strategy:'; a word is one with a type alone. What is nil or empty
// was left out: the service's own settings stay.
type Strategy struct {
	Type       StrategyType
	Bake       *time.Duration // whole minutes, at most 24 h
	Canary     *Step          // percent and bake of the first part
	Linear     *Step          // percent and bake of each step
	TestRoute  string         // ARN of a listener rule, or of a listener
	Alarms     []string       // names; empty and not nil: none
	Breaker    *Breaker
	OnFail     OnFail
	MinHealthy *int32 // percent, 0 to 100
	Max        *int32 // percent, from 100
}

// Step is a part of the production traffic, and how long it is watched.
type Step struct {
	Percent *float64       // in tenths
	Bake    *time.Duration // whole minutes, at most 24 h
}

// Breaker is the circuit breaker's setting. Count and Percent exclude each other; with neither, ECS
// counts as it does by default.
type Breaker struct {
	Off     bool
	Count   *int32
	Percent *int32
	Reset   *bool
}

// longestBake is how long ECS lets a bake last.
const longestBake = 24 * time.Hour

// strategy decodes what the schema has checked.
func (d *decoder) strategy(n *source.Node) *Strategy {
	if n == nil {
		return nil
	}
	if n.Kind == source.String {
		return &Strategy{Type: StrategyType(n.Text)}
	}
	s := &Strategy{Type: StrategyType(n.Get("type").Text), Bake: d.minutes(n.Get("bake"), 0, longestBake)}
	if c := n.Get("canary"); c != nil {
		s.Canary = &Step{Percent: d.tenths(c.Get("percent")), Bake: d.minutes(c.Get("bake"), 0, longestBake)}
		if s.Type != Canary {
			d.add(c, "write 'type: canary', or take 'canary' away", "\"canary\" has no meaning where the type is %s", s.Type)
		}
	}
	if l := n.Get("linear"); l != nil {
		s.Linear = &Step{Percent: d.tenths(l.Get("step")), Bake: d.minutes(l.Get("bake"), 0, longestBake)}
		if s.Type != Linear {
			d.add(l, "write 'type: linear', or take 'linear' away", "\"linear\" has no meaning where the type is %s", s.Type)
		}
	}
	if t := n.Get("test-route"); t != nil {
		s.TestRoute = t.Text
		if !s.Type.Shifts() {
			d.add(t, "blue-green, canary and linear have one", "a %s deployment has no test route", s.Type)
		}
	}
	if a := n.Get("alarms"); a != nil {
		s.Alarms = []string{}
		for _, i := range a.Items {
			s.Alarms = append(s.Alarms, i.Text)
		}
	}
	s.Breaker = d.breaker(n.Get("breaker"))
	if f := n.Get("on-fail"); f != nil {
		s.OnFail = OnFail(f.Text)
		if s.Alarms != nil && len(s.Alarms) == 0 && s.Breaker != nil && s.Breaker.Off {
			d.add(f, "switch the breaker on, or name alarms", "nothing can fail the deployment, so \"on-fail\" has no meaning")
		}
	}
	s.MinHealthy, s.Max = d.whole(n.Get("min-healthy-percent")), d.whole(n.Get("max-percent"))
	d.percents(n, s)
	return s
}

func (d *decoder) percents(n *source.Node, s *Strategy) {
	at := n.Get("max-percent")
	if at == nil {
		at = n.Get("min-healthy-percent")
	}
	switch {
	case at == nil:
	case s.Type == Recreate:
		d.add(at, "leave them out, or use 'type: rolling'", "recreate stops all tasks before it starts any: its percents are 0 and 100")
	case s.MinHealthy != nil && s.Max != nil && *s.MinHealthy == 100 && *s.Max == 100:
		d.add(at, "raise max-percent above 100, or lower min-healthy-percent", "with 100 %% and 100 %% no task could ever be replaced")
	}
}

func (d *decoder) breaker(n *source.Node) *Breaker {
	switch {
	case n == nil:
		return nil
	case n.Kind != source.Map:
		return &Breaker{Off: n.Text == "off" || n.Text == "false"}
	}
	b := &Breaker{Count: d.whole(n.Get("count")), Percent: d.whole(n.Get("percent"))}
	if r := n.Get("reset"); r != nil {
		b.Reset = new(r.Text == "true")
	}
	if b.Count != nil && b.Percent != nil {
		d.add(n.Get("percent"), "keep one of the two", "\"count\" and \"percent\" are two ways to say one thing")
	}
	return b
}

// tenths reads a percentage that ECS takes in tenths.
func (d *decoder) tenths(n *source.Node) *float64 {
	if n == nil {
		return nil
	}
	v, err := strconv.ParseFloat(n.Text, 64)
	if err != nil {
		panic("project: the schema let through a percentage that is no number: " + n.Text)
	}
	if math.Abs(math.Round(v*10)-v*10) > 1e-6 {
		d.add(n, "ECS takes tenths: 10.5", "%s %% is finer than a tenth of a percent", n.Text)
	}
	return &v
}
