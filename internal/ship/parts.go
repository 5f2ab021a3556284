package ship

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// The parts of a deployment, for other use cases that stand on them.

// Registrable gives a described definition as Register takes it, with these tags: nothing that
// only answers have, and everything else, members newer than our SDK too.
func Registrable(definition sdk.Tree, tags []any) sdk.Tree { return clean(definition, tags) }

// WriterECS is what a Writer needs of Amazon ECS; *sdk.ECS is it.
type WriterECS interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	Definition(ctx context.Context, ref string) (definition sdk.Tree, tags []any, err error)
	Register(ctx context.Context, definition sdk.Tree) (arn string, err error)
	Update(context.Context, *ecs.UpdateServiceInput) (*types.Service, error)
}

// Writer sends each write once. After throttling it sends again; after a lost answer it looks
// whether it was obeyed before it does.
type Writer struct {
	ECS   WriterECS
	Clock clock.Clock
	Warn  func(text string) // told when an answer was lost
}

func (w Writer) work() *work {
	return &work{clock: w.Clock, tell: func(e Event) { w.Warn(e.Text) }}
}

// Register makes a revision and gives its ARN. A revision that says the same already is no
// reason not to.
func (w Writer) Register(ctx context.Context, definition sdk.Tree) (arn string, err error) {
	family := text(definition["family"])
	newest := func() (sdk.Tree, error) {
		d, _, err := w.ECS.Definition(ctx, family)
		return d, err
	}
	var known string
	if before, err := newest(); err == nil { // a family nobody has registered is described with an error
		known = text(before["taskDefinitionArn"])
	}
	err = w.work().write(ctx, "register task definition "+family, func() (err error) {
		sent, done := finish(ctx)
		defer done()
		arn, err = w.ECS.Register(sent, definition)
		return err
	}, func() (bool, error) {
		d, err := newest()
		if err != nil || text(d["taskDefinitionArn"]) == known || !same(d, definition) {
			return false, err
		}
		arn = text(d["taskDefinitionArn"])
		return true, nil
	})
	return arn, err
}

// Update updates a service. before is what the service was; the answer is what it is.
func (w Writer) Update(ctx context.Context, in *ecs.UpdateServiceInput, before *types.Service) (after *types.Service, err error) {
	name := aws.ToString(in.Service)
	err = w.work().write(ctx, fmt.Sprintf("update service %q", last(name)), func() (err error) {
		sent, done := finish(ctx)
		defer done()
		after, err = w.ECS.Update(sent, in)
		return err
	}, func() (bool, error) {
		out, err := w.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: in.Cluster, Services: []string{name}})
		if err != nil || len(out.Services) == 0 {
			return false, err
		}
		was, now := primary(before), primary(&out.Services[0])
		if in.ForceNewDeployment && (was == nil || now == nil || aws.ToString(was.Id) == aws.ToString(now.Id)) {
			return false, nil
		}
		if !obeyed(in, was, &out.Services[0]) {
			return false, nil
		}
		after = &out.Services[0]
		return true, nil
	})
	return after, err
}

// Primary gives the newest deployment of a service, or nil.
func Primary(s *types.Service) *types.Deployment { return primary(s) }

// Watch judges one deployment by readings of its service alone, for callers that may not ask
// for service deployments.
type Watch struct {
	Deployment string // ecs-svc/…
	Revision   string // task definition ARN that it brings
	Previous   string // the one before; "" if there was none

	seen, failed bool
}

// Judge gives the verdict of a reading; done is false while the deployment goes on. Readings are
// to be given in the order in which they were made.
func (w *Watch) Judge(s *types.Service) (v Verdict, cause string, done bool) {
	v, cause, done = byService(reading{id: w.Deployment, arn: w.Revision, previous: w.Previous, seen: w.seen, failed: w.failed}, s)
	if d := find(s, w.Deployment); d != nil {
		w.seen = true
		w.failed = w.failed || d.RolloutState == types.DeploymentRolloutStateFailed
	}
	return v, cause, done
}

// ProgressOf gives how far a deployment is, as its service shows it.
func ProgressOf(s *types.Service, deployment string) Progress {
	p := Progress{Desired: int(s.DesiredCount), Sides: sides(s, deployment)}
	if d := find(s, deployment); d != nil {
		p.Status = string(d.RolloutState)
	}
	return p
}

// TaskOf gives what there is to tell of a stopped task.
func TaskOf(t types.Task) Task { return task(t) }

// Wait waits, or gives ctx's error.
func Wait(ctx context.Context, c clock.Clock, d time.Duration) error {
	return (&work{clock: c}).wait(ctx, d)
}
