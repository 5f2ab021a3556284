// Package code is the engine for services that CodeDeploy deploys: it finds the deployment group that
// names a service, writes the AppSpec, begins a deployment at most once, and watches one to its end,
// with the rollback deployment that may follow.
//
// It also tells look and plan of such deployments: past.go and forecast.go.
//
// It meets CodeDeploy and ECS at the wire alone and shows nothing itself. Following, hooks and verdicts'
// exit codes are ship's. Read Engine first, then the rollout's Look.
package code

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// API is what the engine needs of CodeDeploy; *sdk.CodeDeploy is it. What writes is sent at most
// once a call.
type API interface {
	ListApplications(context.Context, *codedeploy.ListApplicationsInput, ...func(*codedeploy.Options)) (*codedeploy.ListApplicationsOutput, error)
	ListDeploymentGroups(context.Context, *codedeploy.ListDeploymentGroupsInput, ...func(*codedeploy.Options)) (*codedeploy.ListDeploymentGroupsOutput, error)
	GetDeploymentGroup(context.Context, *codedeploy.GetDeploymentGroupInput, ...func(*codedeploy.Options)) (*codedeploy.GetDeploymentGroupOutput, error)
	BatchGetDeploymentGroups(context.Context, *codedeploy.BatchGetDeploymentGroupsInput, ...func(*codedeploy.Options)) (*codedeploy.BatchGetDeploymentGroupsOutput, error)
	GetDeploymentConfig(context.Context, *codedeploy.GetDeploymentConfigInput, ...func(*codedeploy.Options)) (*codedeploy.GetDeploymentConfigOutput, error)
	ListDeployments(context.Context, *codedeploy.ListDeploymentsInput, ...func(*codedeploy.Options)) (*codedeploy.ListDeploymentsOutput, error)
	BatchGetDeployments(context.Context, *codedeploy.BatchGetDeploymentsInput, ...func(*codedeploy.Options)) (*codedeploy.BatchGetDeploymentsOutput, error)
	GetDeployment(context.Context, *codedeploy.GetDeploymentInput, ...func(*codedeploy.Options)) (*codedeploy.GetDeploymentOutput, error)
	GetDeploymentTarget(context.Context, *codedeploy.GetDeploymentTargetInput, ...func(*codedeploy.Options)) (*codedeploy.GetDeploymentTargetOutput, error)
	GetApplicationRevision(context.Context, *codedeploy.GetApplicationRevisionInput, ...func(*codedeploy.Options)) (*codedeploy.GetApplicationRevisionOutput, error)
	Create(context.Context, *codedeploy.CreateDeploymentInput) (id string, err error)
	Stop(context.Context, *codedeploy.StopDeploymentInput) error
	Continue(context.Context, *codedeploy.ContinueDeploymentInput) error
}

// Services is what the engine needs of ECS; *sdk.ECS is it.
type Services interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	Update(context.Context, *ecs.UpdateServiceInput) (*ecstypes.Service, error)
}

// Engine deploys services whose deployment controller is CODE_DEPLOY.
type Engine struct {
	CodeDeploy API
	ECS        Services
	Logs       Logs // for what hooks' functions wrote; nil does without
}

var _ ship.Engine = (*Engine)(nil)

const (
	looks     = 3           // for what became of a write whose answer was lost
	tries     = 5           // of a write, after throttling or such looks
	lookEvery = time.Second // between both
	busyEvery = 5 * time.Second
)

// going are the statuses of a deployment that keeps others out.
//
// Source: house reference codedeploy.md 7.
var going = []types.DeploymentStatus{types.DeploymentStatusCreated, types.DeploymentStatusQueued, types.DeploymentStatusInProgress,
	types.DeploymentStatusReady, types.DeploymentStatusBaking}

// Begin starts a deployment, or finds the one that deploys this revision already. Where another is
// under way it waits, takes its place or refuses, as the request's lease says; without a word it
// waits, since CodeDeploy deploys one at a time.
func (e *Engine) Begin(ctx context.Context, s ship.Start) (ship.Rollout, error) {
	g, err := e.group(ctx, s.Service)
	if err != nil {
		return nil, err
	}
	s.Tell(ship.Event{At: s.Clock.Now(), Kind: ship.KindFound, Text: fmt.Sprintf("CodeDeploy deploys it by %s (%s)", nameOf(*g), aws.ToString(g.DeploymentConfigName))})
	if err := fits(s.Request, g); err != nil {
		return nil, err
	}
	spec, err := Spec(s.Request.AppSpec, s.Service, s.Revision, s.Request.Functions)
	if err != nil {
		return nil, err
	}
	if err := e.count(ctx, s); err != nil {
		return nil, err
	}
	for told := ""; ; {
		active, err := e.active(ctx, g)
		if err != nil {
			return nil, err
		}
		if active == nil {
			// One that was under way when the service was read may have ended since.
			if s.Service, err = e.service(ctx, s); err != nil {
				return nil, err
			}
			if err := holds(s); err != nil {
				return nil, err
			}
			if s.Revision == Current(s.Service) && !s.Request.Force {
				s.Tell(ship.Event{At: s.Clock.Now(), Kind: ship.KindUnchanged, Text: fmt.Sprintf("service %s runs %s already: nothing to deploy", aws.ToString(s.Service.ServiceName), last(s.Revision))})
				return done{ship.Sight{Verdict: ship.Succeeded, Revision: s.Revision}}, nil
			}
			id, err := e.create(ctx, s, g, string(spec))
			if sdk.Code(err) == "DeploymentLimitExceededException" {
				if err := wait(ctx, s, lookEvery); err != nil {
					return nil, err
				}
				continue // somebody was faster
			}
			if err != nil {
				return nil, err
			}
			s.Tell(ship.Event{At: s.Clock.Now(), Kind: ship.KindUpdated, Revision: last(s.Revision), Deployment: id, Text: fmt.Sprintf("deployment %s is to run %s", id, last(s.Revision))})
			return e.rollout(ctx, s, g, id), nil
		}
		id := aws.ToString(active.DeploymentId)
		if rolledBy(active) == "" && e.deploys(ctx, active) == s.Revision {
			s.Tell(ship.Event{At: s.Clock.Now(), Kind: ship.KindUnchanged, Deployment: id, Text: fmt.Sprintf("%s is being deployed already: following %s", last(s.Revision), id)})
			return e.rollout(ctx, s, g, id), nil
		}
		if err := e.busy(ctx, s, active, &told); err != nil {
			return nil, err
		}
	}
}

// holds refuses a service that has moved on since the request's plan was made, but for the count that we
// have set ourselves.
func holds(s ship.Start) error {
	if s.Request.Plan == nil {
		return nil
	}
	p := *s.Request.Plan
	if s.Request.Count != nil {
		p.Basis.Desired = *s.Request.Count
	}
	return ship.CheckPlan(&p, s.Service)
}

// fits refuses to stop at a point where the group stops nobody.
func fits(r ship.Request, g *types.DeploymentGroupInfo) error {
	w := waitsOf(g.BlueGreenDeploymentConfiguration, g.LoadBalancerInfo)
	switch {
	case r.Until == ship.PointTestTraffic && !w.test:
		return fail.New("usage.until", "use --until before-shift, or give the group a test listener", "deployment group %s has no test route", nameOf(*g))
	case (r.Until == ship.PointTestTraffic || r.Until == ship.PointBeforeShift) && !w.answer:
		return fail.New("usage.until", "set the group's deploymentReadyOption to STOP_DEPLOYMENT with a wait",
			"deployment group %s does not wait before production traffic moves, so it cannot stop at %s; nothing was deployed", nameOf(*g), r.Until)
	}
	return nil
}

// busy does what the request says about another deployment that is under way.
func (e *Engine) busy(ctx context.Context, s ship.Start, active *types.DeploymentInfo, told *string) error {
	id, how := aws.ToString(active.DeploymentId), ship.BusyWait
	if s.Request.Lease != nil && s.Request.Lease.Busy != "" {
		how = s.Request.Lease.Busy
	}
	who := fmt.Sprintf("deployment %s (%s) is under way, and CodeDeploy deploys one at a time", id, active.Status)
	if how == ship.BusyRefuse {
		return fail.New("lease.busy", "wait for it, or say --if-busy wait or replace", "service %q is busy: %s", aws.ToString(s.Service.ServiceName), who)
	}
	if *told != id {
		text := "waiting: " + who
		if how == ship.BusyReplace && rolledBy(active) == "" {
			text = "taking its place: " + who
			err := e.CodeDeploy.Stop(ctx, &codedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: aws.Bool(true)})
			if err != nil && sdk.Code(err) != "DeploymentAlreadyCompletedException" {
				return sdk.Explain(err, "stop "+id)
			}
		}
		s.Tell(ship.Event{At: s.Clock.Now(), Kind: ship.KindLease, Text: text})
		*told = id
	}
	limit := s.Request.Timeout
	if limit == 0 {
		limit = ship.DefaultTimeout
	}
	if s.Clock.Now().Sub(s.Began) > limit {
		return fail.New("lease.busy", "look with `slipway status`", "service %q was busy for %s: %s", aws.ToString(s.Service.ServiceName), limit, who)
	}
	return wait(ctx, s, busyEvery)
}

// count brings the service to the number of tasks that is wanted, which CodeDeploy leaves to ECS.
func (e *Engine) count(ctx context.Context, s ship.Start) error {
	n := s.Request.Count
	if n == nil || *n == s.Service.DesiredCount {
		return nil
	}
	if _, err := e.ECS.Update(ctx, &ecs.UpdateServiceInput{Cluster: s.Service.ClusterArn, Service: s.Service.ServiceArn, DesiredCount: n}); err != nil {
		return sdk.Explain(err, "set the count of service "+aws.ToString(s.Service.ServiceName))
	}
	s.Tell(ship.Event{At: s.Clock.Now(), Kind: ship.KindUpdated, Text: fmt.Sprintf("service %s wants %d tasks now", aws.ToString(s.Service.ServiceName), *n)})
	return nil
}

// create begins a deployment, once: where an answer is lost, the group's newest deployment is
// looked at before it is asked for again.
func (e *Engine) create(ctx context.Context, s ship.Start, g *types.DeploymentGroupInfo, spec string) (string, error) {
	known, err := e.list(ctx, g)
	if err != nil {
		return "", sdk.Explain(err, "list the deployments of "+nameOf(*g))
	}
	sum := sha256.Sum256([]byte(spec))
	digest := hex.EncodeToString(sum[:])
	in := &codedeploy.CreateDeploymentInput{ApplicationName: g.ApplicationName, DeploymentGroupName: g.DeploymentGroupName,
		Description: aws.String(fmt.Sprintf("slipway: %s%s%s", last(s.Revision), inPlace, last(Current(s.Service)))),
		Revision: &types.RevisionLocation{RevisionType: types.RevisionLocationTypeAppSpecContent,
			AppSpecContent: &types.AppSpecContent{Content: &spec, Sha256: &digest}}}
	act := "begin a deployment of " + nameOf(*g)
	for try := 1; ; try++ {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		sent, stop := context.WithTimeout(context.WithoutCancel(ctx), sending)
		id, err := e.CodeDeploy.Create(sent, in)
		stop()
		switch {
		case err == nil:
			return id, nil
		case sdk.Code(err) == "DeploymentLimitExceededException" && try == 1:
			return "", err // Begin looks who it is
		case try == tries || !sdk.Throttled(err) && !sdk.Lost(err) && sdk.Code(err) != "DeploymentLimitExceededException":
			return "", sdk.Explain(err, act)
		case sdk.Throttled(err):
			if err := wait(ctx, s, time.Duration(try)*lookEvery); err != nil {
				return "", err
			}
			continue
		}
		s.Tell(ship.Event{At: s.Clock.Now(), Kind: ship.KindWarning, Text: fmt.Sprintf("%s: no answer (%v); looking whether it was obeyed", act, err)})
		for range looks {
			if err := wait(ctx, s, lookEvery); err != nil {
				return "", err
			}
			now, err := e.list(ctx, g)
			if err != nil {
				continue
			}
			for _, id := range now {
				if d, err := e.read(ctx, id); !slices.Contains(known, id) && err == nil && digestOf(d) == digest {
					return id, nil
				}
			}
		}
	}
}

// sending is how long one write may take, an interrupt notwithstanding.
const sending = 20 * time.Second

// service reads the service anew.
func (e *Engine) service(ctx context.Context, s ship.Start) (*ecstypes.Service, error) {
	out, err := e.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: s.Service.ClusterArn, Services: []string{aws.ToString(s.Service.ServiceArn)}})
	if err != nil {
		return nil, sdk.Explain(err, "describe service "+aws.ToString(s.Service.ServiceName))
	}
	if len(out.Services) == 0 {
		return nil, fail.New("service.not_found", "", "service %q is gone", aws.ToString(s.Service.ServiceName))
	}
	return &out.Services[0], nil
}

func wait(ctx context.Context, s ship.Start, d time.Duration) error {
	t := s.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C():
		return nil
	}
}

// done is a rollout with nothing to do.
type done struct{ sight ship.Sight }

func (d done) Look(context.Context) (ship.Sight, error) { return d.sight, nil }
func (d done) Stop(context.Context) error {
	return fail.New("abort.over", "", "there is no deployment")
}

func (d done) Answer(context.Context, string, bool) error {
	return fail.New("pause.over", "", "there is no deployment")
}
