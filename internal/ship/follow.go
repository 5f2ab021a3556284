package ship

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

const (
	brisk    = time.Second      // between readings while things move
	calm     = 5 * time.Second  // between readings otherwise
	movement = 30 * time.Second // how long after a change things count as moving
	appear   = time.Minute      // how long a service deployment may take to be listed
	patience = time.Minute      // how long no reading may come back before the connection counts as lost
	reads    = 30 * time.Second // how long one reading may take, its retries included
)

// watched is what following remembers between readings.
type watched struct {
	native   bool   // service deployments can be asked for
	followed string // ARN of our service deployment; "" until it is found
	status   string
	stage    string
	seen     bool // the service has listed our deployment
	failed   bool // and as FAILED
	ending   bool // the service looks as if our deployment had ended: ask next
	told     Progress
	moved    time.Time
	heard    map[string]bool // ids of service events
	stopped  map[string]bool // ids of stopped tasks
	tasks    []Task          // of our revision, stopped by themselves; first things first
	voices   []string        // service events that speak of trouble; first things first
	ours     types.ServiceDeployment
	service  *types.Service
}

// follow reads until our deployment has ended, and sets the outcome. Each turn is one call: our
// service deployment and the service in turn, the former at once when the latter shows an end.
func (w *work) follow(ctx context.Context) {
	w.native = !w.scaling
	w.moved = w.clock.Now()
	w.heard, w.stopped = map[string]bool{}, map[string]bool{}
	limit := w.r.Timeout
	if limit == 0 {
		limit = DefaultTimeout
	}
	began := w.clock.Now()
	var silent time.Time // since when no reading has come back
	for turn := 0; ; turn++ {
		reading, stop := context.WithTimeout(ctx, reads)
		done, err := w.read(reading, turn)
		stop()
		now := w.clock.Now()
		switch {
		case done:
			return
		case ctx.Err() != nil:
			w.leave(Interrupted, "watching was interrupted; the deployment goes on in ECS")
			return
		case err == nil:
			silent = time.Time{}
		case sdk.Denied(err):
			w.leave(Unknown, sdk.Explain(err, "watch service "+w.out.Service).Error())
			return
		case silent.IsZero():
			silent = now
			w.say(Event{Kind: KindWarning, Text: fmt.Sprintf("no answer while watching (%v); trying again for %s", err, patience)})
		case now.Sub(silent) > patience:
			w.leave(Unknown, fmt.Sprintf("the connection was lost %s ago: %v", patience, err))
			return
		}
		if now.Sub(began) > limit {
			w.leave(Unknown, fmt.Sprintf("it was watched for %s and has not ended; it goes on in ECS", limit))
			return
		}
		pause := brisk
		if now.Sub(w.moved) > movement {
			pause = calm
		}
		if w.wait(ctx, pause) != nil {
			w.leave(Interrupted, "watching was interrupted; the deployment goes on in ECS")
			return
		}
	}
}

// leave ends the watching before the deployment has ended.
func (w *work) leave(v Verdict, cause string) {
	w.out.Verdict, w.out.Cause, w.out.Next = v, cause, w.lookAt()
}

// lookAt gives a command that shows how our deployment goes on.
func (w *work) lookAt() string {
	if w.followed != "" {
		return "aws ecs describe-service-deployments --service-deployment-arns " + w.followed
	}
	return fmt.Sprintf("aws ecs describe-services --cluster %s --services %s", w.out.Cluster, w.out.Service)
}

// read makes one reading; done says that the outcome is set.
func (w *work) read(ctx context.Context, turn int) (done bool, err error) {
	switch {
	case w.native && w.followed == "":
		found, err := w.locate(ctx)
		if err != nil || found {
			return false, err
		}
	case w.native && (w.ending || turn%2 == 1):
		w.ending = false
		return w.readDeployment(ctx)
	}
	return w.readService(ctx)
}

// locate finds our service deployment by the digits that its revision shares with our
// deployment's id. ECS lists it a moment after the update.
func (w *work) locate(ctx context.Context) (found bool, err error) {
	after := w.since.Add(-time.Second)
	out, err := w.api.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{
		Cluster: &w.r.Cluster, Service: &w.r.Service, CreatedAt: &types.CreatedAt{After: &after},
	})
	if sdk.Denied(err) || sdk.Unsupported(err) {
		w.native = false
		w.say(Event{Kind: KindWarning, Text: fmt.Sprintf("service deployments cannot be listed (%s): judging by the service alone", sdk.Code(err))})
		return false, nil
	}
	if err != nil {
		return false, err
	}
	digits := strings.TrimPrefix(w.id, "ecs-svc/")
	for _, d := range out.ServiceDeployments {
		if last(aws.ToString(d.TargetServiceRevisionArn)) == digits {
			w.followed = aws.ToString(d.ServiceDeploymentArn)
			w.out.Deployment = w.followed
			w.say(Event{Kind: KindFollowing, Deployment: w.followed, Text: "following " + w.followed})
			return true, nil
		}
	}
	if w.clock.Now().Sub(w.began) > appear {
		w.native = false
		w.say(Event{Kind: KindWarning, Text: "ECS lists no service deployment of ours: judging by the service alone"})
	}
	return false, nil
}

// readDeployment asks for our service deployment.
func (w *work) readDeployment(ctx context.Context) (done bool, err error) {
	out, err := w.api.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{w.followed}})
	if sdk.Denied(err) || sdk.Unsupported(err) {
		w.native = false
		w.say(Event{Kind: KindWarning, Text: fmt.Sprintf("service deployments cannot be described (%s): judging by the service alone", sdk.Code(err))})
		return false, nil
	}
	if err != nil || len(out.ServiceDeployments) == 0 {
		return false, err
	}
	w.ours = out.ServiceDeployments[0]
	w.status, w.stage = string(w.ours.Status), string(w.ours.LifecycleStage)
	v, ended := judge(w.ours.Status)
	if !ended {
		w.progress()
		return false, nil
	}
	if done, err := w.readService(ctx); done || err != nil { // what was said and counted to the end
		return done, err
	}
	if v == Stopped && superseded(w.service, w.id, w.ours) {
		first := primary(w.service)
		w.end(ctx, Superseded, fmt.Sprintf("deployment %s of %s took its place", aws.ToString(first.Id), last(aws.ToString(first.TaskDefinition))))
		return true, nil
	}
	w.end(ctx, v, reason(w.ours))
	return true, nil
}

// readService asks for the service: counts, its events, and, where there is no better source,
// the verdict.
func (w *work) readService(ctx context.Context) (done bool, err error) {
	s, err := w.describe(ctx)
	if err != nil {
		return false, err
	}
	if s == nil {
		w.end(ctx, Stopped, "the service is gone")
		return true, nil
	}
	w.service = s
	v, cause, ended := byService(reading{
		id: w.id, arn: w.arn, previous: w.out.Previous, seen: w.seen, failed: w.watched.failed, scaling: w.scaling,
	}, s)
	if d := find(s, w.id); d != nil {
		w.seen = true
		w.watched.failed = w.watched.failed || d.RolloutState == types.DeploymentRolloutStateFailed
		if !w.native {
			w.status = string(d.RolloutState)
		}
	}
	w.listen(s)
	w.progress()
	if w.failures() {
		if err := w.inspect(ctx); err != nil && !sdk.Denied(err) {
			return false, err
		}
	}
	if ended && !w.native {
		w.end(ctx, v, cause)
		return true, nil
	}
	w.ending = ended
	return false, nil
}

// progress tells counts and states, if they differ from what was told last.
func (w *work) progress() {
	if w.service == nil {
		return
	}
	p := Progress{Status: w.status, Stage: w.stage, Desired: int(w.service.DesiredCount), Sides: sides(w.service, w.id)}
	if reflect.DeepEqual(p, w.told) {
		return
	}
	w.told, w.moved = p, w.clock.Now()
	w.say(Event{Kind: KindProgress, Text: p.Line(), Progress: &p})
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
		parts = append(parts, line)
	}
	line := strings.Join(parts, " · ")
	if p.Status != "" {
		line = strings.ToLower(strings.ReplaceAll(p.Status, "_", " ")) + ": " + line
	}
	return line
}
