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

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// readDeployment asks for our service deployment.
func (n *native) readDeployment(ctx context.Context) (Sight, error) {
	out, err := n.api.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{n.followed}})
	if sdk.Denied(err) || sdk.Unsupported(err) {
		n.alone(fmt.Sprintf("service deployments cannot be described (%s)", sdk.Code(err)))
		return Sight{}, nil
	}
	if err != nil || len(out.ServiceDeployments) == 0 {
		return Sight{}, err
	}
	n.ours = out.ServiceDeployments[0]
	n.status = string(n.ours.Status)
	v, ended := judge(n.ours.Status)
	if !ended {
		n.progress()
		return Sight{}, nil
	}
	if s, err := n.readService(ctx); s.Verdict != "" || err != nil { // what was said and counted to the end
		return s, err
	}
	if v == Stopped && superseded(n.service, n.id, n.ours) {
		return n.end(ctx, Superseded, tookItsPlace(primary(n.service)))
	}
	return n.end(ctx, v, reason(n.ours))
}

func tookItsPlace(d *types.Deployment) string {
	return fmt.Sprintf("deployment %s of %s took its place", aws.ToString(d.Id), last(aws.ToString(d.TaskDefinition)))
}

// readService asks for the service: counts, its events, and, where there is no better source,
// the verdict.
func (n *native) readService(ctx context.Context) (Sight, error) {
	s, err := describe(ctx, n.api, n.cluster, n.name)
	if err != nil {
		return Sight{}, err
	}
	if s == nil {
		return n.end(ctx, Stopped, "the service is gone")
	}
	n.service = s
	v, cause, ended := byService(reading{
		id: n.id, arn: n.arn, previous: n.previous, seen: n.seen, failed: n.failed, scaling: n.scaling,
	}, s)
	if d := find(s, n.id); d != nil {
		n.seen = true
		n.failed = n.failed || d.RolloutState == types.DeploymentRolloutStateFailed
		if n.arn == "" {
			n.arn = aws.ToString(d.TaskDefinition)
		}
		if n.plain {
			n.status = string(d.RolloutState)
		}
	}
	n.listen(s)
	n.progress()
	if ended && n.plain {
		return n.end(ctx, v, cause)
	}
	n.ending = ended
	return Sight{}, nil
}

func pointAt(stage string) Point {
	for _, s := range order {
		if s.name == stage {
			return s.point
		}
	}
	return ""
}

// order has ECS's stages, with the point each stands for once it is reached.
//
// Source: ecs.md 6.4.
var order = []struct {
	name  string
	point Point
}{
	{"RECONCILE_SERVICE", PointRegistered}, {"PRE_SCALE_UP", PointRegistered}, {"SCALE_UP", PointRegistered},
	{"POST_SCALE_UP", PointScaled}, {"TEST_TRAFFIC_SHIFT", PointScaled}, {"POST_TEST_TRAFFIC_SHIFT", PointTestTraffic},
	{"PRE_PRODUCTION_TRAFFIC_SHIFT", PointBeforeShift}, {"PRODUCTION_TRAFFIC_SHIFT", PointBeforeShift},
	{"POST_PRODUCTION_TRAFFIC_SHIFT", PointShifted}, {"BAKE_TIME", PointShifted}, {"CLEAN_UP", PointBaked},
}

// holds are the stages at which a PAUSE hook holds ECS for a point. There is none for a bake.
var holds = map[Point]types.DeploymentLifecycleHookStage{
	PointScaled:      types.DeploymentLifecycleHookStagePostScaleUp,
	PointTestTraffic: types.DeploymentLifecycleHookStagePostTestTrafficShift,
	PointBeforeShift: types.DeploymentLifecycleHookStagePreProductionTrafficShift,
	PointShifted:     types.DeploymentLifecycleHookStagePostProductionTrafficShift,
}

// pauses gives the pauses of a service deployment that wait for an answer.
func pauses(d types.ServiceDeployment) []Pause {
	var out []Pause
	for _, h := range d.LifecycleHookDetails {
		if h.TargetType == types.DeploymentLifecycleHookTargetTypePause && h.Status == types.DeploymentLifecycleHookStatusAwaitingAction {
			out = append(out, Pause{ID: aws.ToString(h.HookId), Stage: string(d.LifecycleStage), Point: pointAt(string(d.LifecycleStage)),
				Expires: aws.ToTime(h.ExpiresAt), Then: string(h.TimeoutAction)})
		}
	}
	slices.SortFunc(out, func(a, b Pause) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// due gives when a service deployment does something by itself: a bake ends, or a pause expires.
func due(d types.ServiceDeployment) time.Time {
	var at time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	c := d.DeploymentConfiguration
	if d.UpdatedAt != nil && c != nil {
		switch string(d.LifecycleStage) {
		case "BAKE_TIME":
			sooner(d.UpdatedAt.Add(time.Duration(aws.ToInt32(c.BakeTimeInMinutes)) * time.Minute))
		case "PRODUCTION_TRAFFIC_SHIFT":
			if c.CanaryConfiguration != nil {
				sooner(d.UpdatedAt.Add(time.Duration(aws.ToInt32(c.CanaryConfiguration.CanaryBakeTimeInMinutes)) * time.Minute))
			}
			if c.LinearConfiguration != nil {
				sooner(d.UpdatedAt.Add(time.Duration(aws.ToInt32(c.LinearConfiguration.StepBakeTimeInMinutes)) * time.Minute))
			}
		}
	}
	for _, p := range pauses(d) {
		sooner(p.Expires)
	}
	return at
}

// weigh puts the shares of traffic that a service deployment asks for beside the sides.
func weigh(sides []Side, d types.ServiceDeployment) {
	all := slices.Clone(d.SourceServiceRevisions)
	if d.TargetServiceRevision != nil {
		all = append(all, *d.TargetServiceRevision)
	}
	for _, r := range all {
		for i := range sides {
			if digits(sides[i].ID) == last(aws.ToString(r.Arn)) {
				sides[i].Production, sides[i].Test = r.RequestedProductionTrafficWeight, r.RequestedTestTrafficWeight
			}
		}
	}
}
