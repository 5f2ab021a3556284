package ship

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// born is the first rollout of a service that ECS makes and somebody else deploys from then on:
// there is no deployment to follow, only its first task set, which ECS makes by itself.
type born struct {
	w    *work
	line string // what was told last
}

// Look reads the service; its rollout has succeeded once the first task set is steady.
func (b *born) Look(ctx context.Context) (Sight, error) {
	s, err := describe(ctx, b.w.api, b.w.r.Cluster, b.w.r.Service)
	if err != nil {
		return Sight{}, err
	}
	out := Sight{Revision: b.w.arn}
	switch {
	case s == nil || aws.ToString(s.Status) == "INACTIVE":
		out.Verdict, out.Cause = Failed, "the service was deleted meanwhile"
		return out, nil
	case aws.ToString(s.Status) == "DRAINING":
		out.Verdict, out.Cause = Failed, "the service is being deleted"
		return out, nil
	}
	for _, t := range s.TaskSets {
		if aws.ToString(t.Status) != "PRIMARY" {
			continue
		}
		p := Progress{Desired: int(s.DesiredCount), Sides: []Side{{ID: aws.ToString(t.Id), Revision: last(aws.ToString(t.TaskDefinition)), Status: "PRIMARY", Ours: true,
			Desired: int(t.ComputedDesiredCount), Running: int(t.RunningCount), Pending: int(t.PendingCount)}}}
		if line := p.Line(); line != b.line {
			b.line, out.Moved = line, true
			b.w.say(Event{Kind: KindProgress, Text: line, Progress: &p})
		}
		// ECS counts what it has to start only after a moment.
		if t.StabilityStatus == types.StabilityStatusSteadyState && t.RunningCount == s.DesiredCount {
			out.Verdict = Succeeded
		}
	}
	return out, nil
}

// Stop is refused: there is nothing to go back to.
func (b *born) Stop(context.Context) error {
	return fail.New("abort.first", "`slipway delete` removes the service", "service %q has nothing to go back to", b.w.out.Service)
}

// Answer is refused: nothing pauses a first task set.
func (b *born) Answer(_ context.Context, pause string, _ bool) error {
	return fail.New("pause.over", "", "pause %s is none of a service that was just created", pause)
}

// follows says who deploys the service from now on.
func (w *work) follows(made *types.Service) {
	w.born = true
	w.say(Event{Kind: KindCreated, Revision: last(w.arn), Text: fmt.Sprintf("created service %s with %s; %s deploys it from now on", w.out.Service, last(w.arn), controllerOf(made))})
}
