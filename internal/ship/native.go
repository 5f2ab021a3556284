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
		if n.lacks() {
			s.Why = n.why("", "")
		}
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

// lacks reports whether our side has not all of its tasks, or some target is not healthy; what
// was seen of trouble before has passed otherwise.
func (n *native) lacks() bool {
	short := func(s Side) bool { return s.Ours && (s.Running < s.Desired || s.Failed > 0) }
	sick := func(g Group) bool { return g.Healthy < g.Targets }
	return slices.ContainsFunc(n.told.Sides, short) || slices.ContainsFunc(n.told.Groups, sick)
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
