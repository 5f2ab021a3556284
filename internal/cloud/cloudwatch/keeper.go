package cloudwatch

import (
	"time"

	"github.com/slipway-ecs/slipway/internal/alarm"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	// settle is how long after the end of a minute (or of ten seconds) alarms are evaluated, so
	// that points of that minute have come in. AWS lets ALB points come one to three minutes
	// late, and evaluates once a minute at a moment of its own.
	settle = 5 * time.Second
	// settleFine is the same for periods below a minute.
	settleFine = time.Second
	// unchecked is how long a new or changed alarm at least waits for its first evaluation.
	unchecked = 10 * time.Second
)

// keeper evaluates alarms.
type keeper struct{ s *Service }

// Name is for logs.
func (keeper) Name() string { return "cloudwatch.alarm" }

// Watches gives an alarm's own row.
func (k keeper) Watches() []cloud.Watch { return []cloud.Watch{k.s.Watch()} }

// Keep evaluates an alarm and wakes for its next evaluation. Evaluating twice at the same time
// gives the same state, so it does no harm to be called early; but before the row's Hold the
// alarm is left alone.
func (k keeper) Keep(tx *store.Tx, arn string) (cloud.Result, error) {
	a, ok := k.s.alarms.Get(tx, arn)
	if !ok {
		return cloud.Result{}, nil
	}
	if a.isComposite() {
		if a.Composite.Fresh {
			k.s.evaluate(tx, a, nil, nil)
		}
		return cloud.Result{}, nil
	}
	now := tx.Now()
	rule := a.rule()
	if now.Before(a.Hold) {
		return cloud.Result{Wake: a.Hold}, nil
	}
	v := alarm.Eval(rule, k.s.points(names.ScopeOf(arn), &a, now), a.State, now)
	if v.State != a.State && !k.s.unseen(rule, v) {
		reason := alarm.Reason(rule, v, a.State, k.s.wall)
		k.s.become(tx, a, v.State, reason, alarm.Data(rule, v, now, k.s.wall))
	}
	return cloud.Result{Wake: next(rule, now)}, nil
}

// unseen reports whether a verdict is ALARM only because of points missing from a time when this
// process did not run yet. Points were not taken then, though there may have been some: a daemon
// that comes back must not roll back a deployment for its own absence.
func (s *Service) unseen(r alarm.Rule, v alarm.Verdict) bool {
	return v.State == alarm.Alarm && v.Filled > 0 && r.Missing == alarm.AsBreaching && v.Start.Before(s.started)
}

// next gives the first time after t at which a rule is evaluated.
func next(r alarm.Rule, t time.Time) time.Time {
	step, after := alarm.Step(r), settle
	if r.Period < time.Minute {
		after = settleFine
	}
	return t.Add(-after).Truncate(step).Add(step + after)
}

// points gives the points of an alarm's metric in the window of its evaluation. Where the alarm
// names no unit, samples of all units count together.
func (s *Service) points(scope names.Scope, a *alarmRow, now time.Time) alarm.Series {
	rule := a.rule()
	from, to := alarm.Window(rule, now)
	if a.Math != nil {
		return s.mathPoints(scope, a, from, to)
	}
	var points alarm.Series
	for _, slot := range together(s.metrics.read(scope, a.Metric, a.Unit, from, to, rule.Period)) {
		if v, ok := rule.Statistic.Of(slot.dist); ok {
			points = append(points, alarm.Point{At: slot.at, Value: v, Samples: slot.dist.Count})
		}
	}
	return points
}

// become writes an alarm's state, and where the state is another one its history; then it runs the actions
// of the state, and composite alarms over it are evaluated at once.
func (s *Service) become(tx *store.Tx, a alarmRow, state alarm.State, reason, data string) {
	s.move(tx, a, state, reason, data, nil)
}

// move is become for a change that others led to.
func (s *Service) move(tx *store.Tx, a alarmRow, state alarm.State, reason, data string, path []string) {
	was := a
	a.State, a.Reason, a.ReasonData, a.Updated = state, reason, data, tx.Now()
	if was.State != state {
		a.Transitioned = tx.Now()
	}
	s.alarms.Put(tx, a)
	if was.State != state {
		s.noteState(tx, &was, &a)
		s.act(tx, &was, &a)
		s.parents(tx, &a, path)
	}
}
