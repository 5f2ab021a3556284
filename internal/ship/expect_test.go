package ship_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

// groups answers for target groups that are all alike.
type groups struct {
	ship.Balancers
	health elbtypes.TargetHealth
}

func (groups) DescribeTargetGroups(_ context.Context, in *elb.DescribeTargetGroupsInput, _ ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error) {
	out := &elb.DescribeTargetGroupsOutput{}
	for _, arn := range in.TargetGroupArns {
		out.TargetGroups = append(out.TargetGroups, elbtypes.TargetGroup{TargetGroupArn: &arn, HealthCheckIntervalSeconds: aws.Int32(10),
			HealthyThresholdCount: aws.Int32(3), HealthCheckTimeoutSeconds: aws.Int32(5)})
	}
	return out, nil
}

func (groups) DescribeTargetGroupAttributes(context.Context, *elb.DescribeTargetGroupAttributesInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupAttributesOutput, error) {
	return &elb.DescribeTargetGroupAttributesOutput{Attributes: []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("20")}}}, nil
}

func (g groups) DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error) {
	return &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: []elbtypes.TargetHealthDescription{{Target: &elbtypes.TargetDescription{Id: aws.String("10.0.0.7")}, TargetHealth: &g.health}}}, nil
}

// past has one deployment, which took half a minute.
type past struct{ ship.ECS }

func (past) ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error) {
	return &ecs.ListServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeploymentBrief{{
		StartedAt: aws.Time(time.Unix(100, 0)), FinishedAt: aws.Time(time.Unix(130, 0)), Status: types.ServiceDeploymentStatusSuccessful}}}, nil
}

func (past) GetTaskProtection(context.Context, *ecs.GetTaskProtectionInput, ...func(*ecs.Options)) (*ecs.GetTaskProtectionOutput, error) {
	return &ecs.GetTaskProtectionOutput{}, nil
}

func (past) ListContainerInstances(context.Context, *ecs.ListContainerInstancesInput, ...func(*ecs.Options)) (*ecs.ListContainerInstancesOutput, error) {
	return &ecs.ListContainerInstancesOutput{}, nil
}

func (past) DescribeContainerInstances(context.Context, *ecs.DescribeContainerInstancesInput, ...func(*ecs.Options)) (*ecs.DescribeContainerInstancesOutput, error) {
	return &ecs.DescribeContainerInstancesOutput{}, nil
}

const groupARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"

func balancedFake() *fakeECS {
	f := newFake()
	f.service["loadBalancers"] = []any{object{"targetGroupArn": groupARN, "containerName": "app", "containerPort": 80}}
	return f
}

func TestADeployTellsHowLongItShouldTakeOnceThereIsSomethingToFollow(t *testing.T) {
	t.Parallel()
	f := balancedFake()
	f.script = succeeds()
	d := deployer(t, f)
	d.Around = &ship.Around{ECS: past{d.ECS}, ELB: groups{}}
	var told []ship.Event
	out, err := d.Deploy(t.Context(), request(), func(e ship.Event) { told = append(told, e) })
	want(t, out, err, ship.Succeeded)
	at := slices.IndexFunc(told, func(e ship.Event) bool { return e.Kind == ship.KindExpected })
	if at < 1 || told[at-1].Kind != ship.KindUpdated {
		t.Fatalf("events %+v", told)
	}
	e := told[at].Expected
	// 5 s to start; at most 60 s, two checks 10 s apart and a time-out, then 20 s to drain and 30 s to stop
	if e == nil || e.Least != 5 || e.Most != 135 || out.Expected == nil || *out.Expected != *e {
		t.Errorf("expected %+v, the outcome's %+v", e, out.Expected)
	}
	if !strings.Contains(told[at].Text, "5s to 2m15s") || !strings.Contains(told[at].Text, "the last one took 30s") {
		t.Errorf("told %q", told[at].Text)
	}
	f.script = succeeds()
	told = nil
	if out, err = d.Deploy(t.Context(), request(), func(e ship.Event) { told = append(told, e) }); err != nil || out.Expected != nil {
		t.Errorf("nothing was deployed, and yet: %+v, %v", out, err)
	}
}

func TestAPauseOfOursCountsAsTheHookItWaitsFor(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = untilAnswered(1, pausesAt("POST_SCALE_UP", "ecs-PAUSE-1"), succeeds()...)
	r := leased("")
	r.Manner = blueGreen
	r.Hooks = []ship.Hook{{At: ship.PointScaled, Run: []string{"true"}, Timeout: time.Minute}}
	before, err := ship.Propose(t.Context(), live(t, f), r, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	d := &ship.Deployer{ECS: f.serve(t)} // the wall's time: hooks are real
	d.Around = &ship.Around{ECS: past{d.ECS}, ELB: groups{}}
	out, err := d.Deploy(t.Context(), r, func(ship.Event) {})
	want(t, out, err, ship.Succeeded)
	planned := ship.NewPlan(before, ship.Facts{}).Total.Most
	if out.Expected == nil || out.Expected.Most > 60*60 || planned > 60*60 {
		t.Errorf("expected %+v, planned %d s at most", out.Expected, planned)
	}
	// and the pause that stays on the service is none of the next plan's
	f.service["deploymentConfiguration"] = f.updates[0]["deploymentConfiguration"]
	if f.marks["slipway:pauses"] != "POST_SCALE_UP" {
		t.Fatalf("marks %v", f.marks)
	}
	r.Manner, r.Images["app"] = nil, "repo/app:3"
	after, err := ship.Propose(t.Context(), live(t, f), r, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range ship.NewPlan(after, ship.Facts{}).Steps {
		if strings.HasPrefix(s.Name, "wait for an answer") {
			t.Errorf("the plan has %+v", s)
		}
	}
}

func TestASavedPlanIsWhatTheTimeIsHeldAgainst(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = succeeds()
	d, r := deployer(t, f), request()
	p, err := ship.Propose(t.Context(), live(t, f), r, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	r.Plan = ship.NewPlan(p, ship.Facts{})
	out, err := d.Deploy(t.Context(), r, func(ship.Event) {})
	want(t, out, err, ship.Succeeded)
	if out.Expected == nil || out.Expected.Most != r.Plan.Total.Most || out.Expected.Most == 0 {
		t.Errorf("expected %+v, the plan says %+v", out.Expected, r.Plan.Total)
	}
}

func TestWhatWasWrongWithTargetsIsNamedThoughTheyAreGoneAtTheEnd(t *testing.T) {
	t.Parallel()
	for reason, class := range map[elbtypes.TargetHealthReasonEnum]explain.Class{
		elbtypes.TargetHealthReasonEnumTimeout:              explain.HealthTimeout,
		elbtypes.TargetHealthReasonEnumResponseCodeMismatch: explain.HealthStatus,
		elbtypes.TargetHealthReasonEnumFailedHealthChecks:   explain.PortClosed,
	} {
		f := balancedFake()
		for range 20 {
			f.script = append(f.script, nil)
		}
		for i := range f.script {
			f.script[i] = func(f *fakeECS) { f.event("(service web) has started 1 tasks: (task " + time.Now().String() + ").") }
		}
		f.script = append(f.script, func(f *fakeECS) {
			f.status("ROLLBACK_SUCCESSFUL", "Service deployment rolled back because the circuit breaker threshold was exceeded.")
		})
		d := deployer(t, f)
		d.ELB = groups{health: elbtypes.TargetHealth{State: elbtypes.TargetHealthStateEnumUnhealthy, Reason: reason, Description: aws.String("said so")}}
		out, err := d.Deploy(t.Context(), request(), func(ship.Event) {})
		want(t, out, err, ship.RolledBack)
		if out.Why == nil || out.Why.First().Class != class || !strings.Contains(out.Why.First().Text, "10.0.0.7") {
			t.Errorf("%s: the cause is %+v", reason, out.Why)
		}
	}
}
