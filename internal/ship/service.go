package ship

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// tagsOf gives the tags that a service was described with.
func tagsOf(s *types.Service) map[string]string {
	out := map[string]string{}
	for _, t := range s.Tags {
		out[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return out
}

// describeAt is describe that also gives the server's time, so that leases do not depend on two
// clocks agreeing; zero where the answer does not tell.
func describeAt(ctx context.Context, api ECS, cluster, name string) (*types.Service, time.Time, error) {
	out, err := api.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: &cluster, Services: []string{name}, Include: []types.ServiceField{types.ServiceFieldTags},
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	at, _ := awsmiddleware.GetServerTime(out.ResultMetadata)
	if len(out.Services) == 0 {
		return nil, at, nil
	}
	return &out.Services[0], at, nil
}

// describe gives the service with its tags, or nil where there is none.
func describe(ctx context.Context, api ECS, cluster, name string) (*types.Service, error) {
	s, _, err := describeAt(ctx, api, cluster, name)
	return s, err
}

// look reads the service and its tags again.
func (w *work) look(ctx context.Context) error {
	s, at, err := describeAt(ctx, w.api, w.r.Cluster, w.r.Service)
	if err != nil {
		return err
	}
	if s == nil {
		return fail.New("service.not_found", "", "service %q is gone", w.out.Service)
	}
	w.live, w.tags = s, tagsOf(s)
	w.out.Previous = aws.ToString(s.TaskDefinition)
	if !at.IsZero() {
		w.held.skew = at.Sub(w.clock.Now())
	}
	return nil
}

// resolve looks at what runs.
func (w *work) resolve(ctx context.Context) error {
	s, at, err := describeAt(ctx, w.api, w.r.Cluster, w.r.Service)
	if err != nil {
		return sdk.Explain(err, fmt.Sprintf("describe service %q in cluster %q", w.r.Service, w.r.Cluster))
	}
	w.live, w.out.Previous = nil, ""
	if !at.IsZero() {
		w.held.skew = at.Sub(w.clock.Now())
	}
	if s == nil || aws.ToString(s.Status) == "INACTIVE" {
		if w.r.Create == nil {
			return fail.New("service.not_found", "check the names and the region; a 'service:' file creates a missing service",
				"service %q is not in cluster %q", w.out.Service, w.out.Cluster)
		}
		w.say(Event{Kind: KindFound, Text: fmt.Sprintf("service %s does not exist in cluster %s yet", w.out.Service, w.out.Cluster)})
		return w.fits(nil)
	}
	if status := aws.ToString(s.Status); status != "ACTIVE" {
		return fail.New("service.not_active", "wait until it is gone, then deploy again", "service %q is %s", w.out.Service, status)
	}
	if k := s.DeploymentController; k != nil && k.Type != "" && k.Type != types.DeploymentControllerTypeEcs {
		w.engine = w.d.Engines[k.Type]
		if w.engine == nil {
			return fail.New("service.controller", "services whose deployment controller is ECS or CODE_DEPLOY can be deployed",
				"service %q is deployed by %s", w.out.Service, k.Type)
		}
	}
	if err := w.fits(s); err != nil {
		return err
	}
	w.live, w.tags = s, tagsOf(s)
	w.out.Previous = runs(s)
	w.say(Event{Kind: KindFound, Revision: last(w.out.Previous),
		Text: fmt.Sprintf("service %s runs %s, %d of %d tasks running", w.out.Service, last(w.out.Previous), s.RunningCount, s.DesiredCount)})
	return nil
}

// fits refuses a service that is not what the request, or its plan, was made for; nil where there is none.
func (w *work) fits(s *types.Service) error {
	if w.r.Check != nil && s != nil {
		if err := w.r.Check(s); err != nil {
			return err
		}
	}
	if w.r.Plan != nil {
		return CheckPlan(w.r.Plan, s)
	}
	return nil
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

// runs gives the ARN of the definition that a service runs: of its PRIMARY task set, where it has
// task sets.
func runs(s *types.Service) string {
	for _, t := range s.TaskSets {
		if aws.ToString(t.Status) == "PRIMARY" && t.TaskDefinition != nil {
			return *t.TaskDefinition
		}
	}
	return aws.ToString(s.TaskDefinition)
}

// last gives what follows the last slash of an ARN: a name, an id, family:revision.
func last(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
