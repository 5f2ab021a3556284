package ship

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/wire"
)

const (
	// sending is how long one write may take, an interrupt notwithstanding: one that is under way
	// is waited for, so that we know what became of it.
	sending = 20 * time.Second
	// looks and lookEvery say how we look for what became of a write whose answer was lost. ECS
	// may show it a second or two late.
	looks     = 3
	lookEvery = time.Second
	// tries is how often a write is sent: again after throttling, or when looks found nothing.
	tries = 5
)

// write sends a write. After throttling it waits and sends again; after a lost answer it looks
// first, and sends again only if what it wanted is not there.
func (w *work) write(ctx context.Context, act string, send func() error, landed func() (bool, error)) error {
	for try := 1; ; try++ {
		err := send()
		if err == nil {
			return nil
		}
		switch {
		case try == tries || ctx.Err() != nil:
			return sdk.Explain(err, act)
		case sdk.Throttled(err):
			if err := w.wait(ctx, time.Duration(try)*lookEvery); err != nil {
				return err
			}
			continue
		case !sdk.Lost(err):
			return sdk.Explain(err, act)
		}
		w.say(Event{Kind: KindWarning, Text: fmt.Sprintf("%s: no answer (%v); looking whether it was obeyed", act, err)})
		for look := 0; look < looks; look++ {
			if err := w.wait(ctx, lookEvery); err != nil {
				return err
			}
			if there, err := landed(); err == nil && there {
				return nil
			}
		}
	}
}

// wait waits, or gives ctx's error.
func (w *work) wait(ctx context.Context, d time.Duration) error {
	t := w.clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C():
		return nil
	}
}

// finish gives a context for a write: it outlives an interrupt, not its time limit.
func finish(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), sending)
}

// apply brings the service to the revision and learns which deployment that is. A verdict is set
// where there is nothing to follow.
func (w *work) apply(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err // nothing was deployed yet, so an interrupt ends it here
	}
	if w.live == nil {
		return w.create(ctx)
	}
	before := primary(w.live)
	in, err := w.update()
	if err != nil {
		return err
	}
	if in == nil {
		return w.adopt(before)
	}
	w.expect(ctx, in)
	var after *types.Service
	err = w.write(ctx, "update service "+w.out.Service, func() (err error) {
		sent, done := finish(ctx)
		defer done()
		after, err = w.api.Update(sent, in)
		return err
	}, func() (bool, error) {
		s, err := describe(ctx, w.api, w.r.Cluster, w.r.Service)
		if err != nil || s == nil {
			return false, err
		}
		after = s
		_, left, err := w.differs(s)
		return obeyed(in, before, s) && len(left) == 0, err
	})
	if err != nil {
		return err
	}
	now := primary(after)
	if now == nil {
		return fail.New("service.no_deployment", "", "service %q has no primary deployment", w.out.Service)
	}
	w.mark(now)
	if before != nil && aws.ToString(before.Id) == w.id {
		w.scaling, w.out.Expected = true, nil
		w.since = w.clock.Now().Add(w.held.skew) // what its deployment said is long said
		what := fmt.Sprintf("wants %d tasks now", after.DesiredCount)
		if in.DesiredCount == nil {
			what = "has its new settings"
		}
		w.say(Event{Kind: KindUpdated, Text: fmt.Sprintf("service %s %s; that takes no deployment", w.out.Service, what)})
		return nil
	}
	w.say(Event{Kind: KindUpdated, Revision: last(w.arn), Deployment: w.id, Text: fmt.Sprintf("service %s is to run %s", w.out.Service, last(w.arn))})
	w.tellExpected()
	return nil
}

// update gives what to ask for, or nil where the service is as wanted.
func (w *work) update() (*ecs.UpdateServiceInput, error) {
	changes, settings, err := w.differs(w.live)
	if err != nil {
		return nil, err
	}
	w.tellSettings(changes)
	in := &ecs.UpdateServiceInput{}
	if err := decode(settings, in); err != nil {
		return nil, err
	}
	in.Cluster, in.Service = &w.r.Cluster, &w.r.Service
	moved := w.arn != w.out.Previous
	if moved || w.r.Force {
		in.TaskDefinition = &w.arn
	}
	in.ForceNewDeployment = w.r.Force
	counted := w.r.Count != nil && *w.r.Count != w.live.DesiredCount
	if counted {
		in.DesiredCount = w.r.Count
	}
	if !moved && !counted && !w.r.Force && len(settings) == 0 {
		return nil, nil
	}
	if moved || w.r.Force || settings["deploymentConfiguration"] != nil {
		in.DeploymentConfiguration = w.configuration()
	}
	if (moved || w.r.Force) && w.r.Balancers != nil {
		in.LoadBalancers = w.r.Balancers
	}
	return in, nil
}

// obeyed reports whether a service shows that an update reached it.
func obeyed(in *ecs.UpdateServiceInput, before *types.Deployment, s *types.Service) bool {
	now := primary(s)
	if in.DesiredCount != nil && s.DesiredCount != *in.DesiredCount || now == nil {
		return false
	}
	if in.TaskDefinition == nil {
		return true
	}
	fresh := before == nil || aws.ToString(now.Id) != aws.ToString(before.Id)
	return fresh && aws.ToString(now.TaskDefinition) == *in.TaskDefinition
}

// adopt takes up a deployment of the same revision that is under way, or says that there is
// nothing to do.
func (w *work) adopt(now *types.Deployment) error {
	if now == nil {
		return fail.New("service.no_deployment", "", "service %q has no primary deployment", w.out.Service)
	}
	w.mark(now)
	w.following = true
	switch now.RolloutState {
	case types.DeploymentRolloutStateInProgress:
		w.say(Event{Kind: KindUnchanged, Deployment: w.id, Text: fmt.Sprintf("%s is being deployed already: following that", last(w.arn))})
	case types.DeploymentRolloutStateFailed:
		w.out.Verdict, w.out.Cause = Stopped, "nothing changed, and the last deployment of this revision failed: "+aws.ToString(now.RolloutStateReason)
		w.out.Next = "deploy something else, or the same again with --force"
	default:
		w.say(Event{Kind: KindUnchanged, Text: fmt.Sprintf("service %s runs %s already: nothing to deploy", w.out.Service, last(w.arn))})
		w.out.Verdict = Succeeded
	}
	return nil
}

// mark remembers which deployment is ours.
func (w *work) mark(d *types.Deployment) {
	w.id, w.since = aws.ToString(d.Id), aws.ToTime(d.CreatedAt)
	w.out.Deployment = w.id
}

// create makes a missing service.
func (w *work) create(ctx context.Context) error {
	in := &ecs.CreateServiceInput{}
	if err := wire.UnmarshalStrict(w.r.Create, in); err != nil {
		return fail.Wrap(err, "file.service", "its members are those of CreateService", "read the service of %q", w.out.Service)
	}
	in.Cluster, in.ServiceName, in.TaskDefinition = &w.r.Cluster, &w.out.Service, &w.arn
	if c := w.configuration(); c != nil {
		in.DeploymentConfiguration = c
	}
	if w.r.Balancers != nil {
		in.LoadBalancers = w.r.Balancers
	}
	if w.r.Count != nil {
		in.DesiredCount = w.r.Count
	}
	w.expect(ctx, in)
	var made *types.Service
	err := w.write(ctx, "create service "+w.out.Service, func() (err error) {
		sent, done := finish(ctx)
		defer done()
		made, err = w.api.Create(sent, in)
		return err
	}, func() (bool, error) {
		s, err := describe(ctx, w.api, w.r.Cluster, w.r.Service)
		if err != nil || s == nil || aws.ToString(s.Status) != "ACTIVE" {
			return false, err
		}
		made = s
		return true, nil
	})
	if err != nil {
		return err
	}
	if controllerOf(made) != types.DeploymentControllerTypeEcs {
		w.lease(ctx, made)
		w.follows(made)
		return nil
	}
	now := primary(made)
	if now == nil {
		return fail.New("service.no_deployment", "look at it with `aws ecs describe-services`", "service %q was created without a deployment", w.out.Service)
	}
	w.mark(now)
	w.lease(ctx, made)
	w.say(Event{Kind: KindCreated, Revision: last(w.arn), Deployment: w.id, Text: fmt.Sprintf("created service %s with %s", w.out.Service, last(w.arn))})
	w.tellExpected()
	return nil
}
