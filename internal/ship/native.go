package ship

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

const (
	appear     = time.Minute // how long a service deployment may take to be listed
	serviceOff = 6           // while nothing moves, the service is asked for every so many readings
)

// native is a rollout that ECS carries out: it is watched through its service deployment and
// the service in turn, one call a reading.
type native struct {
	api   ECS
	elb   Balancers // nil: target health is not asked for
	clock clock.Clock
	tell  func(Event)

	cluster, name string
	id            string    // of our deployment, ecs-svc/…
	since         time.Time // by the server's clock, when our deployment was made
	arn           string    // of the revision that is to run; "" until it is known
	previous      string    // that ran before; "" where there was none, or nobody knows
	scaling       bool      // only the count changed, so there is no deployment of ours
	followed      string    // ARN of our service deployment; "" until it is found

	plain   bool // service deployments cannot be asked for: the service alone tells
	began   time.Time
	turn    int
	idle    int // readings since something changed
	ending  bool
	seen    bool // the service has listed our deployment
	failed  bool // and as FAILED
	status  string
	told    Progress
	moved   bool
	heard   map[string]bool // ids of service events
	stopped map[string]bool // ids of stopped tasks
	fresh   []string        // ids of stopped tasks to be described
	asked   int             // failed launches when stopped tasks were last asked for
	tasks   []Task          // of our revision, stopped by themselves; first things first
	voices  []string        // service events that speak of trouble; first things first
	events  []explain.Event // of the service since our deployment was made
	health  []Group
	sick    []explain.Target // targets that were seen unhealthy, one of each reason; first things first
	ours    types.ServiceDeployment
	service *types.Service
}

func (n *native) start() {
	n.began = n.clock.Now()
	n.heard, n.stopped = map[string]bool{}, map[string]bool{}
	n.plain = n.scaling
}

func (n *native) say(e Event) {
	e.At = n.clock.Now()
	n.tell(e)
}

// Look makes one reading: our service deployment or the service, and between them stopped tasks
// and target health where there is something to see. Our service deployment is asked for at
// least every second time, and at once when the service looks as if it had ended.
func (n *native) Look(ctx context.Context) (Sight, error) {
	if n.heard == nil {
		n.start()
	}
	n.moved = false
	n.turn++
	n.idle++
	s, err := n.read(ctx)
	if n.moved {
		n.idle = 0
	}
	s.Moved, s.Deployment, s.Revision = n.moved, n.followed, n.arn
	if n.plain {
		s.Deployment = n.id
	}
	if s.Verdict == "" && err == nil {
		s.Stage = string(n.ours.LifecycleStage)
		s.Again = n.ending && !n.plain
		if n.ours.Status == types.ServiceDeploymentStatusInProgress {
			s.Point, s.Pauses = pointAt(s.Stage), pauses(n.ours)
		}
		s.Due = due(n.ours)
	}
	return s, err
}

func (n *native) read(ctx context.Context) (Sight, error) {
	quiet := n.idle > serviceOff
	switch {
	case !n.plain && n.followed == "":
		found, err := n.locate(ctx)
		if err != nil || found {
			return Sight{}, err
		}
	case !n.plain && (n.ending || n.turn%2 == 1 || quiet && n.turn%serviceOff != 0):
		n.ending = false
		return n.readDeployment(ctx)
	case len(n.fresh) > 0:
		return Sight{}, tolerate(n.describeTasks(ctx))
	case n.failures():
		return Sight{}, tolerate(n.listTasks(ctx))
	case n.turn%serviceOff == 0 && !quiet:
		if asked, err := n.readHealth(ctx); asked {
			return Sight{}, err
		}
	}
	return n.readService(ctx)
}

// tolerate passes over what we may not look at.
func tolerate(err error) error {
	if sdk.Denied(err) {
		return nil
	}
	return err
}

// locate finds our service deployment by the digits that its revision shares with our
// deployment's id. ECS lists it a moment after the update.
func (n *native) locate(ctx context.Context) (found bool, err error) {
	after := n.since.Add(-time.Second)
	out, err := n.api.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{
		Cluster: &n.cluster, Service: &n.name, CreatedAt: &types.CreatedAt{After: &after},
	})
	if sdk.Denied(err) || sdk.Unsupported(err) {
		n.alone(fmt.Sprintf("service deployments cannot be listed (%s)", sdk.Code(err)))
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, d := range out.ServiceDeployments {
		if last(aws.ToString(d.TargetServiceRevisionArn)) == digits(n.id) {
			n.followed = aws.ToString(d.ServiceDeploymentArn)
			n.moved = true
			n.say(Event{Kind: KindFollowing, Deployment: n.followed, Text: "following " + n.followed})
			return true, nil
		}
	}
	if n.clock.Now().Sub(n.began) > appear {
		n.alone("ECS lists no service deployment of ours")
	}
	return false, nil
}

// alone goes on with the service as the only witness.
func (n *native) alone(why string) {
	n.plain = true
	n.say(Event{Kind: KindWarning, Text: why + ": judging by the service alone"})
}

// digits gives what a deployment's id and its service revision share.
func digits(id string) string { return strings.TrimPrefix(id, "ecs-svc/") }

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

// progress tells counts and states, if they differ from what was told last.
func (n *native) progress() {
	if n.service == nil {
		return
	}
	p := Progress{Status: n.status, Stage: string(n.ours.LifecycleStage), Desired: int(n.service.DesiredCount),
		Sides: sides(n.service, n.id), Groups: n.health}
	weigh(p.Sides, n.ours)
	if reflect.DeepEqual(p, n.told) {
		return
	}
	n.told, n.moved = p, true
	n.say(Event{Kind: KindProgress, Text: p.Line(), Progress: &p})
}

// Stop asks ECS to roll our deployment back.
func (n *native) Stop(ctx context.Context) error {
	if n.followed == "" {
		return fail.New("abort.unknown", "look with `slipway status`", "the service deployment to stop is not known")
	}
	_, err := n.api.Stop(ctx, &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: &n.followed, StopType: types.StopServiceDeploymentStopTypeRollback})
	if e := sdk.Code(err); e == "ConflictException" {
		return fail.New("abort.over", "", "the deployment has ended already")
	}
	return sdk.Explain(err, "stop "+n.followed)
}

// Answer continues a paused hook, or has the deployment rolled back for it.
func (n *native) Answer(ctx context.Context, pause string, goOn bool) error {
	action := types.DeploymentLifecycleHookActionContinue
	if !goOn {
		action = types.DeploymentLifecycleHookActionRollback
	}
	_, err := n.api.Continue(ctx, &ecs.ContinueServiceDeploymentInput{ServiceDeploymentArn: &n.followed, HookId: &pause, Action: action})
	switch code := sdk.Code(err); {
	case err == nil:
		return nil
	case code == "InvalidParameterException" || code == "ClientException":
		return fail.New("pause.over", "`slipway status` shows what waits now", "pause %s: %s", pause, sdk.Words(err))
	}
	return sdk.Explain(err, "answer pause "+pause)
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

func pointAt(stage string) Point {
	for _, s := range order {
		if s.name == stage {
			return s.point
		}
	}
	return ""
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
