package ship

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// ECS is what a deployment needs of Amazon ECS; *sdk.ECS is it. What writes is sent
// at most once a call.
type ECS interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error)
	DescribeServiceDeployments(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error)
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	Definition(ctx context.Context, ref string) (definition sdk.Tree, tags []any, err error)
	DescribeServiceRevisions(context.Context, *ecs.DescribeServiceRevisionsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error)
	Register(ctx context.Context, definition sdk.Tree) (arn string, err error)
	Update(context.Context, *ecs.UpdateServiceInput) (*types.Service, error)
	Create(context.Context, *ecs.CreateServiceInput) (*types.Service, error)
	Stop(context.Context, *ecs.StopServiceDeploymentInput) (*ecs.StopServiceDeploymentOutput, error)
	Continue(context.Context, *ecs.ContinueServiceDeploymentInput) (*ecs.ContinueServiceDeploymentOutput, error)
	Tag(ctx context.Context, arn string, tags map[string]string) error
	Untag(ctx context.Context, arn string, keys []string) error
}

// Request says what to deploy where.
type Request struct {
	Cluster string // name or ARN
	Service string // name or ARN
	Task    []byte // a task definition in AWS's shape, JSON; nil: the live one is edited
	Create  []byte // what the service is to be: CreateService's input, JSON; nil: settings stay, and a missing service is an error
	Images  map[string]string
	Tag     string // put on the image of the one container there is, or of the one essential container; on the one in Images where there is one
	Env     map[string]map[string]string
	Secrets map[string]map[string]string // by container and name; where from
	Tags    map[string]string            // put on a definition that is registered, beside those it has
	Count   *int32                       // nil: not sent
	Force   bool                         // deploy though nothing changed
	Timeout time.Duration                // how long to follow; 0 is an hour

	// Manner says how the new revision takes over, for the service that runs (nil where there is
	// none yet), and refuses what cannot be, before anything is changed. Nil leaves the service's
	// own settings; so do nil results.
	Manner     func(live *types.Service) (*types.DeploymentConfiguration, []types.LoadBalancer, error)
	Deployment *types.DeploymentConfiguration // what Manner said
	Balancers  []types.LoadBalancer           // same
	Hooks      []Hook
	AppSpec    []byte           // CodeDeploy's, JSON; nil: it is made from the service
	Functions  map[Point]string // that CodeDeploy calls, by name or ARN
	Until      Point            // stop there, whatever holds the rollout; "" goes to its end
	Detach     bool             // do not follow at all
	Lease      *Lease           // nil takes none
	Ask        Asker            // what an interrupt means once the service is updated; nil leaves
	Revision   string           // ARN of a definition to run just as it is, in place of what is edited
	// Pin gives the digest that an image's tag has now; nil leaves tags to ECS.
	Pin   func(ctx context.Context, image string) (digest string, err error)
	Plan  *Plan                      // a saved one to hold to; nil: none
	Reads []string                   // IAM actions that reading the request's file took; for a plan
	Check func(*types.Service) error // refuses what runs, before anything is changed; may be nil
}

// DefaultTimeout is how long a deployment is followed where a Request does not say.
const DefaultTimeout = time.Hour

// Engine begins rollouts of services whose deployment controller is not ECS, and takes up those
// under way.
type Engine interface {
	// Begin starts a rollout, at most once, or finds the one that runs this revision already.
	Begin(ctx context.Context, s Start) (Rollout, error)
	// Find gives the rollout with an id, or where id is "" the newest of the service.
	Find(ctx context.Context, s Start, id string) (Rollout, error)
	// Earlier gives the id of the rollout under way; else the ARN of the definition of the last that
	// succeeded with another definition than serves now. Both are "" where there is none.
	Earlier(ctx context.Context, s Start) (active, good string, err error)
	// Route gives the ARN of the listener, or of its rule, behind which the service's test or production
	// route lies; "" where it has no such route.
	Route(ctx context.Context, s Start, test bool) (arn string, err error)
	// Forecast says beforehand what a deployment would be like; it changes nothing.
	Forecast(ctx context.Context, s Start) (*Driven, error)
}

// Start is what an engine is told.
type Start struct {
	Request  Request
	Service  *types.Service // as it is now
	Revision string         // ARN of the definition that is to run
	Began    time.Time
	Tell     func(Event)
	Clock    clock.Clock
}

// Deployer deploys services, follows their deployments and answers for them.
type Deployer struct {
	ECS     ECS
	ELB     Balancers   // for target health and probes; nil does without
	Around  *Around     // for the time that a deployment should take; nil does without
	Clock   clock.Clock // of real time; nil is the wall's
	Region  string      // told to hooks
	Engines map[types.DeploymentControllerType]Engine
	// RunTask runs a hook's task. revision is the ARN of the definition that is being deployed, "" before
	// it is registered: then the service's own is meant. Nil: there are none.
	RunTask func(ctx context.Context, name, revision string, say func(string)) error
}

// Deploy brings a service to what r says and reports each thing that happens. It registers a
// definition only if something changed, updates the service once, and follows the deployment
// that update made, by its own id, to its end: that a service is stable again says nothing about
// whose revision it runs. tell is called from one goroutine at a time, in order; the last event is
// the verdict's.
//
// The error says why nothing was deployed; once the service is updated every end is an Outcome.
// When ctx ends after that, the verdict is Interrupted and the deployment goes on in ECS. Called
// again with the same request it finds what is under way and follows it.
func (d *Deployer) Deploy(ctx context.Context, r Request, tell func(Event)) (Outcome, error) {
	w := d.work(r, tell)
	defer w.release(ctx)
	rollout, err := w.begin(ctx)
	if err != nil {
		return w.out, err
	}
	if w.out.Verdict == "" {
		w.follow(ctx, rollout, w.lookAt)
	}
	return w.finish(ctx), nil
}

// work gives a use case its common parts.
func (d *Deployer) work(r Request, tell func(Event)) *work {
	c := d.Clock
	if c == nil {
		c = clock.Real{}
	}
	var one sync.Mutex // hooks tell beside the following
	w := &work{d: d, api: d.ECS, clock: c, r: r, began: c.Now(), tell: func(e Event) {
		one.Lock()
		defer one.Unlock()
		tell(e)
	}}
	w.out = Outcome{Cluster: last(r.Cluster), Service: last(r.Service)}
	w.hooks = newHooks(w)
	return w
}

// begin does all that comes before following.
func (w *work) begin(ctx context.Context) (Rollout, error) {
	for _, step := range []func(context.Context) error{
		w.resolve, w.manner, w.take, w.draft,
		func(ctx context.Context) error { return w.ours(ctx, PointBefore) },
		w.want,
		func(ctx context.Context) error { return w.ours(ctx, PointRegistered) },
		w.keeps,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if w.r.Until == PointRegistered {
		w.out.Verdict, w.out.Point = Reached, PointRegistered
		return nil, nil
	}
	if w.engine != nil {
		return w.engine.Begin(ctx, w.start(w.arn))
	}
	if err := w.apply(ctx); err != nil {
		return nil, err
	}
	if w.born {
		return &born{w: w}, nil
	}
	return w.native(), nil
}

// start gives what an engine is told.
func (w *work) start(revision string) Start {
	return Start{Request: w.r, Service: w.live, Revision: revision, Began: w.began, Tell: w.tell, Clock: w.clock}
}

// manner settles how the new revision takes over.
func (w *work) manner(context.Context) error {
	m := Manner{Configuration: w.r.Deployment, Balancers: w.r.Balancers}
	if w.r.Manner != nil {
		var err error
		if m.Configuration, m.Balancers, err = w.r.Manner(w.live); err != nil {
			return err
		}
	}
	if err := w.wish(m); err != nil {
		return err
	}
	return w.stops()
}

// want finds or makes the revision that is to run.
func (w *work) want(ctx context.Context) error {
	if w.r.Revision != "" {
		return w.restore(ctx)
	}
	return w.define(ctx)
}

// ours runs our hooks of a point at which nothing is deployed yet, and keeps the lease meanwhile.
func (w *work) ours(ctx context.Context, p Point) error {
	if w.following || len(w.hooks.at(p)) == 0 {
		return nil
	}
	var err error
	facts := w.hooks.facts()
	w.meanwhile(ctx, func(ctx context.Context) { err = w.hooks.run(ctx, p, facts) })
	if err != nil {
		return fail.Wrap(err, "hook.failed", "nothing was deployed", "hook at %s", p)
	}
	return nil
}

// native gives the rollout that ECS carries out for us.
func (w *work) native() *native {
	return &native{api: w.api, elb: w.d.ELB, clock: w.clock, tell: w.tell, cluster: w.r.Cluster, name: w.out.Service,
		id: w.id, since: w.since, arn: w.arn, previous: w.out.Previous, scaling: w.scaling, followed: w.followed}
}

// follow follows a rollout to where the request says.
func (w *work) follow(ctx context.Context, rollout Rollout, command func(verb, pause string) string) {
	f := &follower{rollout: rollout, clock: w.clock, tell: w.tell, limit: w.r.Timeout, until: w.r.Until, ask: w.r.Ask,
		detach: w.r.Detach, beat: w.keep, hooks: w.hooks, command: command, reason: w.refusal, out: &w.out}
	if w.hooks != nil {
		w.hooks.adopted = w.following
	}
	f.follow(ctx)
}

// finish runs our hooks of the end, notes a success, and tells the verdict.
func (w *work) finish(ctx context.Context) Outcome {
	w.settle(ctx)
	if p, ends := endings[w.out.Verdict]; ends && len(w.hooks.at(p)) > 0 && ctx.Err() == nil {
		var err error
		facts := w.hooks.facts()
		w.meanwhile(ctx, func(ctx context.Context) { err = w.hooks.run(ctx, p, facts) })
		if err != nil {
			w.say(Event{Kind: KindWarning, Text: fmt.Sprintf("hook at %s: %v; that changes nothing about how the deployment ended", p, err)})
			w.out.Details = append(w.out.Details, fmt.Sprintf("hook at %s: %v", p, err))
		}
	}
	w.out.Millis = w.clock.Now().Sub(w.began).Milliseconds()
	out := w.out
	w.say(Event{Kind: KindVerdict, Text: out.Line(), Outcome: &out, Deployment: out.Deployment, Revision: last(out.Revision)})
	return out
}

// endings are the points of the verdicts that have hooks.
var endings = map[Verdict]Point{Succeeded: PointSucceeded, RolledBack: PointRolledBack, Failed: PointFailed, Stopped: PointFailed}

// work is one deployment under way.
type work struct {
	d     *Deployer
	api   ECS
	clock clock.Clock
	r     Request
	tell  func(Event)
	began time.Time
	out   Outcome
	hooks *hooks // nil where there are none

	live       *types.Service // before we changed anything; nil where there was none
	tags       map[string]string
	digests    map[string]string
	engine     Engine    // of a controller other than ECS
	wanted     sdk.Tree  // what the service is to be, as CreateService takes it
	definition sdk.Tree  // what is to run, as Register takes it
	current    sdk.Tree  // what runs, as it was described; nil where nothing does
	arn        string    // of the revision that is to run
	id         string    // of our deployment, ecs-svc/…
	followed   string    // ARN of our service deployment, where it is known before it is followed
	since      time.Time // by the server's clock, when our deployment was made
	scaling    bool      // only the count changed, so there is no deployment of ours
	over       Verdict   // of one that had ended when it was taken up
	following  bool      // somebody else began it
	born       bool      // the service was made just now, and ECS does not deploy it
	held       held      // our lease
	pauses     int       // how many PAUSE hooks of ours end the list that is sent
}

func (w *work) say(e Event) {
	e.At = w.clock.Now()
	w.tell(e)
}

// lookAt gives the command of ours that goes on with this deployment.
func (w *work) lookAt(verb, pause string) string {
	if w.engine != nil && verb == "explain" {
		return fmt.Sprintf("slipway explain %s --cluster %s --deployment %s", w.out.Service, w.out.Cluster, w.out.Deployment)
	}
	if !strings.HasPrefix(w.out.Deployment, "arn:") {
		return fmt.Sprintf("slipway %s %s --cluster %s", verb, w.out.Service, w.out.Cluster)
	}
	line := "slipway " + verb + " " + w.out.Deployment
	if pause != "" {
		line += " --hook " + pause
	}
	return line
}
