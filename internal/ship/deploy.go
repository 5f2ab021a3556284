package ship

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// ECS is what a deployment needs of Amazon ECS; *sdk.ECS is it. The writes Register, Update and
// Create are sent at most once a call.
type ECS interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error)
	DescribeServiceDeployments(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error)
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	Definition(ctx context.Context, ref string) (definition sdk.Tree, tags []any, err error)
	Register(ctx context.Context, definition sdk.Tree) (arn string, err error)
	Update(context.Context, *ecs.UpdateServiceInput) (*types.Service, error)
	Create(context.Context, *ecs.CreateServiceInput) (*types.Service, error)
}

// Request says what to deploy where.
type Request struct {
	Cluster string // name or ARN
	Service string // name or ARN
	Task    []byte // a task definition in AWS's shape, JSON; nil: the live one is edited
	Create  []byte // CreateService's input, JSON, for a service that is missing; nil: that is an error
	Images  map[string]string
	Tag     string // put on the image of the one container there is, or of the one essential container
	Env     map[string]map[string]string
	Count   *int32        // nil: not sent
	Force   bool          // deploy though nothing changed
	Timeout time.Duration // how long to follow; 0 is an hour
}

// DefaultTimeout is how long a deployment is followed where a Request does not say.
const DefaultTimeout = time.Hour

// Deployer deploys services whose controller is ECS.
type Deployer struct {
	ECS   ECS
	Clock clock.Clock // of real time; nil is the wall's
}

// Deploy brings a service to what r says and reports each thing that happens. It registers a
// definition only if something changed, updates the service once, and follows the deployment
// that update made, by its own id, to its end: that a service is stable again says nothing about
// whose revision it runs. tell is called from one goroutine, in order; the last event is the
// verdict's.
//
// The error says why nothing was deployed; once the service is updated every end is an Outcome.
// When ctx ends after that, the verdict is Interrupted and the deployment goes on in ECS. Called
// again with the same request it finds what is under way and follows it.
func (d *Deployer) Deploy(ctx context.Context, r Request, tell func(Event)) (Outcome, error) {
	c := d.Clock
	if c == nil {
		c = clock.Real{}
	}
	w := &work{api: d.ECS, clock: c, r: r, tell: tell, began: c.Now()}
	w.out = Outcome{Cluster: last(r.Cluster), Service: last(r.Service)}
	err := w.resolve(ctx)
	if err == nil {
		err = w.define(ctx)
	}
	if err == nil {
		err = w.apply(ctx)
	}
	if err != nil {
		return w.out, err
	}
	if w.out.Verdict == "" {
		w.follow(ctx)
	}
	w.out.Millis = c.Now().Sub(w.began).Milliseconds()
	out := w.out
	w.say(Event{Kind: KindVerdict, Text: out.Line(), Outcome: &out, Deployment: out.Deployment, Revision: last(out.Revision)})
	return out, nil
}

// work is one deployment under way.
type work struct {
	api   ECS
	clock clock.Clock
	r     Request
	tell  func(Event)
	began time.Time
	out   Outcome

	live       *types.Service // before we changed anything; nil where there was none
	definition sdk.Tree       // what is to run, as Register takes it
	arn        string         // of the revision that is to run
	id         string         // of our deployment, ecs-svc/…
	since      time.Time      // by the server's clock, when our deployment was made
	scaling    bool           // only the count changed, so there is no deployment of ours
	watched
}

func (w *work) say(e Event) {
	e.At = w.clock.Now()
	w.tell(e)
}

// resolve looks at what runs.
func (w *work) resolve(ctx context.Context) error {
	s, err := w.describe(ctx)
	if err != nil {
		return sdk.Explain(err, fmt.Sprintf("describe service %q in cluster %q", w.r.Service, w.r.Cluster))
	}
	if s == nil || aws.ToString(s.Status) == "INACTIVE" {
		if w.r.Create == nil {
			return fail.New("service.not_found", "check the names and the region; a 'service:' file creates a missing service",
				"service %q is not in cluster %q", w.out.Service, w.out.Cluster)
		}
		w.say(Event{Kind: KindFound, Text: fmt.Sprintf("service %s does not exist in cluster %s yet", w.out.Service, w.out.Cluster)})
		return nil
	}
	if status := aws.ToString(s.Status); status != "ACTIVE" {
		return fail.New("service.not_active", "wait until it is gone, then deploy again", "service %q is %s", w.out.Service, status)
	}
	if k := s.DeploymentController; k != nil && k.Type != "" && k.Type != types.DeploymentControllerTypeEcs {
		return fail.New("service.controller", "only services whose deployment controller is ECS can be deployed for now",
			"service %q is deployed by %s", w.out.Service, k.Type)
	}
	if w.r.Create != nil {
		w.say(Event{Kind: KindWarning, Text: fmt.Sprintf("service %s exists: its 'service' settings only create a missing service and change nothing now", w.out.Service)})
	}
	w.live = s
	w.out.Previous = aws.ToString(s.TaskDefinition)
	w.say(Event{Kind: KindFound, Revision: last(w.out.Previous),
		Text: fmt.Sprintf("service %s runs %s, %d of %d tasks running", w.out.Service, last(w.out.Previous), s.RunningCount, s.DesiredCount)})
	return nil
}

// describe gives the service, or nil where there is none.
func (w *work) describe(ctx context.Context) (*types.Service, error) {
	out, err := w.api.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &w.r.Cluster, Services: []string{w.r.Service}})
	if err != nil || len(out.Services) == 0 {
		return nil, err
	}
	return &out.Services[0], nil
}

// primary gives the newest deployment of a service, or nil.
func primary(s *types.Service) *types.Deployment {
	if s == nil {
		return nil
	}
	for i := range s.Deployments {
		if aws.ToString(s.Deployments[i].Status) == "PRIMARY" {
			return &s.Deployments[i]
		}
	}
	return nil
}

// last gives what follows the last slash of an ARN: a name, an id, family:revision.
func last(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// Line gives the verdict with its cause in one line.
func (o Outcome) Line() string {
	line := string(o.Verdict)
	if o.Cause != "" {
		return line + ": " + o.Cause
	}
	return fmt.Sprintf("%s: service %s runs %s", line, o.Service, last(o.Revision))
}
