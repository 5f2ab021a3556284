package ship

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// Pursuit says which deployment to take up, and how far to follow it.
type Pursuit struct {
	Cluster    string // name or ARN; "" where Deployment is an ARN
	Service    string
	Deployment string        // service deployment ARN or another engine's id; "" is the newest of the service
	Until      Point         // "" goes to the end
	Timeout    time.Duration // 0 is an hour
	Abort      bool          // have it rolled back first
	GoOn       bool          // end each pause that waits, first
	Hooks      []Hook        // ours, of the points still to come
	Ask        Asker
	Reason     string // of GoOn, noted on the service
	By         string
}

// Watch takes up a deployment, whoever began it, and follows it to its end. One that has ended
// already gives its verdict at once. Errors say that there is none, or that it cannot be read.
func (d *Deployer) Watch(ctx context.Context, r Pursuit, tell func(Event)) (Outcome, error) {
	w, rollout, err := d.takeUp(ctx, r, tell)
	if err != nil {
		return w.out, err
	}
	if r.GoOn || r.Abort {
		if w.over != "" {
			return w.out, fail.New("deployment.over", "look with `slipway history`", "deployment %s has ended already: %s", w.out.Deployment, w.over)
		}
		s, err := w.sight(ctx, rollout)
		switch {
		case err != nil:
			return w.out, err
		case s.Verdict != "" && w.id == "": // another engine's, which sees at once that it is over
			return w.out, fail.New("deployment.over", "look with `slipway history`", "deployment %s has ended already: %s", w.out.Deployment, s.Verdict)
		case r.Abort:
			if err := w.abort(ctx, rollout); err != nil {
				return w.out, err
			}
		default:
			if err := w.answer(ctx, rollout, s, Answer{GoOn: true, All: true, Reason: r.Reason, By: r.By}); err != nil {
				return w.out, err
			}
		}
	}
	w.following = true
	w.follow(ctx, rollout, w.lookAt)
	return w.finish(ctx), nil
}

// takeUp finds a deployment.
func (d *Deployer) takeUp(ctx context.Context, r Pursuit, tell func(Event)) (*work, Rollout, error) {
	if a, ok := names.ParseARN(r.Deployment); ok && a.Kind() == "service-deployment" && len(a.Path()) == 3 {
		r.Cluster, r.Service = a.Path()[0], a.Path()[1]
	}
	w := d.work(Request{Cluster: r.Cluster, Service: r.Service, Until: r.Until, Timeout: r.Timeout, Hooks: r.Hooks, Ask: r.Ask}, tell)
	if r.Service == "" {
		return w, nil, fail.New("usage.service", "name a service, or a deployment by its ARN", "which deployment is not said")
	}
	if strings.HasPrefix(r.Deployment, "arn:") {
		err := w.byARN(ctx, r.Deployment)
		return w, w.native(), err
	}
	if err := w.look(ctx); err != nil {
		return w, nil, sdk.Explain(err, fmt.Sprintf("describe service %q in cluster %q", r.Service, r.Cluster))
	}
	w.out.Previous = ""
	if k := w.live.DeploymentController; k != nil && k.Type != "" && k.Type != types.DeploymentControllerTypeEcs {
		engine := d.Engines[k.Type]
		if engine == nil {
			return w, nil, fail.New("service.controller", "use its own tools", "service %q is deployed by %s", w.out.Service, k.Type)
		}
		w.engine = engine
		rollout, err := engine.Find(ctx, w.start(""), r.Deployment)
		return w, rollout, err
	}
	err := w.newest(ctx, r.Deployment)
	return w, w.native(), err
}

// newest finds the newest deployment of a service, or the one with an id.
func (w *work) newest(ctx context.Context, id string) error {
	first := primary(w.live)
	if first != nil {
		w.mark(first)
		w.arn = aws.ToString(first.TaskDefinition)
	}
	out, err := w.api.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: &w.r.Cluster, Service: &w.r.Service})
	switch {
	case sdk.Denied(err) || sdk.Unsupported(err):
		if first == nil {
			return fail.New("deployment.none", "", "service %q has no deployment", w.out.Service)
		}
		return nil // the service alone tells
	case err != nil:
		return sdk.Explain(err, "list the deployments of service "+w.out.Service)
	}
	list := slices.SortedStableFunc(slices.Values(out.ServiceDeployments), func(a, b types.ServiceDeploymentBrief) int {
		return aws.ToTime(b.CreatedAt).Compare(aws.ToTime(a.CreatedAt))
	})
	for _, d := range list {
		arn := aws.ToString(d.ServiceDeploymentArn)
		if id == "" || last(arn) == id || last(aws.ToString(d.TargetServiceRevisionArn)) == digits(id) {
			return w.byARN(ctx, arn)
		}
	}
	if id == "" && first != nil {
		return nil
	}
	return fail.New("deployment.none", "`slipway history` lists those there are", "service %q has no deployment %s", w.out.Service, id)
}

// byARN takes up a service deployment.
func (w *work) byARN(ctx context.Context, arn string) error {
	out, err := w.api.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{arn}})
	if err != nil {
		return sdk.Explain(err, "describe "+arn)
	}
	if len(out.ServiceDeployments) == 0 {
		return fail.New("deployment.none", "`slipway history` lists those there are", "there is no deployment %s", arn)
	}
	s := out.ServiceDeployments[0]
	w.followed, w.out.Deployment = arn, arn
	w.since = aws.ToTime(s.CreatedAt)
	w.over, _ = judge(s.Status)
	if s.TargetServiceRevision == nil {
		return nil
	}
	target := aws.ToString(s.TargetServiceRevision.Arn)
	w.id = "ecs-svc/" + last(target)
	found, err := w.api.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{target}})
	if err == nil && len(found.ServiceRevisions) == 1 {
		w.arn = aws.ToString(found.ServiceRevisions[0].TaskDefinition)
		w.out.Revision = w.arn
	}
	return nil // whose revision it was is for show
}

// sight reads a rollout until its pauses or its end are known.
func (w *work) sight(ctx context.Context, rollout Rollout) (Sight, error) {
	for turn := 0; ; turn++ {
		s, err := rollout.Look(ctx)
		if err != nil {
			return s, sdk.Explain(err, "look at "+w.out.Deployment)
		}
		if w.out.Deployment == "" {
			w.out.Deployment = s.Deployment
		}
		if s.Verdict != "" || s.Stage != "" || turn == looks {
			return s, nil
		}
	}
}

// abort asks for a rollback, at most a few times: asking again is harmless.
func (w *work) abort(ctx context.Context, rollout Rollout) error {
	for try := 1; ; try++ {
		sent, done := finish(ctx)
		err := rollout.Stop(sent)
		done()
		switch {
		case err == nil:
			w.say(Event{Kind: KindStopping, Deployment: w.out.Deployment, Text: "asked for a rollback of " + w.out.Deployment})
			return nil
		case fail.Is(err, "abort.over"):
			return nil // what it came to is said by following
		case try == tries || !sdk.Lost(err) && !sdk.Throttled(err):
			return err
		}
		if err := w.wait(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// Answer is what is said to a rollout that waits.
type Answer struct {
	Cluster, Service, Deployment string // as in Pursuit
	Pause                        string // id; "" is the only one that waits
	All                          bool   // every one that waits
	GoOn                         bool   // false has it rolled back
	Reason                       string // noted on the service, with who
	By                           string // who
}

// Answer ends a pause of a rollout, from any machine. It does not follow.
func (d *Deployer) Answer(ctx context.Context, a Answer, tell func(Event)) error {
	w, rollout, err := d.takeUp(ctx, Pursuit{Cluster: a.Cluster, Service: a.Service, Deployment: a.Deployment}, func(e Event) {
		if e.Kind == KindAnswer || e.Kind == KindWarning {
			tell(e)
		}
	})
	if err != nil {
		return err
	}
	s, err := w.sight(ctx, rollout)
	if err != nil {
		return err
	}
	return w.answer(ctx, rollout, s, a)
}

func (w *work) answer(ctx context.Context, rollout Rollout, s Sight, a Answer) error {
	chosen, err := choose(s.Pauses, a)
	if err != nil {
		return err
	}
	verb := "approve"
	if !a.GoOn {
		verb = "reject"
	}
	for _, p := range chosen {
		w.note(ctx, verb, p, a)
		if err := w.send(ctx, rollout, p, a.GoOn); err != nil {
			return err
		}
		text := map[bool]string{true: "approved", false: "rejected"}[a.GoOn] + ": " + p.Stage + " of " + w.out.Deployment
		w.say(Event{Kind: KindAnswer, Pause: &p, Deployment: w.out.Deployment, Text: text})
	}
	return nil
}

// send sends an answer, again where it is not known what became of it: one that got through is
// over then, and that is what was wanted.
func (w *work) send(ctx context.Context, rollout Rollout, p Pause, goOn bool) error {
	lost := false
	for try := 1; ; try++ {
		sent, done := finish(ctx)
		err := rollout.Answer(sent, p.ID, goOn)
		done()
		switch {
		case err == nil || lost && fail.Is(err, "pause.over"):
			return nil
		case try == tries || fail.Of(err) != nil && !fail.Is(err, "unknown.connection") && !sdk.Lost(err) && !sdk.Throttled(err):
			return err
		}
		lost = true
		if err := w.wait(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// choose picks the pauses that are answered.
func choose(all []Pause, a Answer) ([]Pause, error) {
	var ids []string
	for _, p := range all {
		if p.ID == a.Pause {
			return []Pause{p}, nil
		}
		ids = append(ids, p.ID)
	}
	switch {
	case len(all) == 0:
		return nil, fail.New("pause.none", "`slipway status` shows how it stands", "nothing waits for an answer")
	case a.Pause != "":
		return nil, fail.New("pause.over", "there are "+strings.Join(ids, ", "), "pause %s does not wait for an answer", a.Pause)
	case len(all) > 1 && !a.All:
		return nil, fail.New("pause.several", "name one with --hook: "+strings.Join(ids, ", "), "%d pauses wait for an answer", len(all))
	}
	return all, nil
}

// note leaves on the service who answered and why, for those who follow.
func (w *work) note(ctx context.Context, verb string, p Pause, a Answer) {
	if a.Reason == "" && a.GoOn {
		return
	}
	if w.live == nil {
		if err := w.look(ctx); err != nil {
			return
		}
	}
	value := verb + " " + p.ID + " by " + a.By
	if a.Reason != "" {
		value += ": " + a.Reason
	}
	if err := w.api.Tag(ctx, aws.ToString(w.live.ServiceArn), map[string]string{tagAnswer: tagValue(value)}); err != nil {
		w.say(Event{Kind: KindWarning, Text: fmt.Sprintf("the reason could not be noted on the service: %v", sdk.Words(err))})
	}
}
