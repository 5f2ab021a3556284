package code_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	cd "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	smithy "github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/code"
)

// fake keeps the little of CodeDeploy and ECS that the engine meets: groups, their deployments, one
// service. What a deployment comes to is the test's script, one step a reading.
type fake struct {
	unread      string // the code of GetDeploymentTarget's error; empty: it answers
	groups      []types.DeploymentGroupInfo
	deployments []*types.DeploymentInfo // newest first
	script      []func(f *fake, d *types.DeploymentInfo)
	service     *ecstypes.Service
	events      []types.LifecycleEvent
	drop        int // answers of Create to lose after obeying
	deaf        int // requests of Create to lose
	created     int
	logs        code.Logs
	stops       int
}

func newFake(script ...func(*fake, *types.DeploymentInfo)) *fake {
	return &fake{service: live(), script: script, groups: []types.DeploymentGroupInfo{group("shop", "web")}}
}

func group(app, name string) types.DeploymentGroupInfo {
	return types.DeploymentGroupInfo{ApplicationName: &app, DeploymentGroupName: &name,
		EcsServices: []types.ECSService{{ClusterName: aws.String("main"), ServiceName: aws.String("web")}}}
}

func refuse(code, message string) error { return &smithy.GenericAPIError{Code: code, Message: message} }

func (f *fake) ListApplications(_ context.Context, in *cd.ListApplicationsInput, _ ...func(*cd.Options)) (*cd.ListApplicationsOutput, error) {
	var all []string
	for _, g := range f.groups {
		all = append(all, *g.ApplicationName)
	}
	all = slices.Compact(all)
	if in.NextToken == nil && len(all) > 1 {
		return &cd.ListApplicationsOutput{Applications: all[:1], NextToken: aws.String("more")}, nil
	}
	return &cd.ListApplicationsOutput{Applications: all[min(1, len(all)-1):]}, nil
}

func (f *fake) ListDeploymentGroups(_ context.Context, in *cd.ListDeploymentGroupsInput, _ ...func(*cd.Options)) (*cd.ListDeploymentGroupsOutput, error) {
	out := &cd.ListDeploymentGroupsOutput{}
	for _, g := range f.groups {
		if *g.ApplicationName == *in.ApplicationName {
			out.DeploymentGroups = append(out.DeploymentGroups, *g.DeploymentGroupName)
		}
	}
	return out, nil
}

func (f *fake) GetDeploymentGroup(_ context.Context, in *cd.GetDeploymentGroupInput, _ ...func(*cd.Options)) (*cd.GetDeploymentGroupOutput, error) {
	for _, g := range f.groups {
		if *g.ApplicationName == *in.ApplicationName && *g.DeploymentGroupName == *in.DeploymentGroupName {
			return &cd.GetDeploymentGroupOutput{DeploymentGroupInfo: &g}, nil
		}
	}
	return nil, refuse("ApplicationDoesNotExistException", "No application found for name: "+*in.ApplicationName)
}

func (f *fake) BatchGetDeploymentGroups(_ context.Context, in *cd.BatchGetDeploymentGroupsInput, _ ...func(*cd.Options)) (*cd.BatchGetDeploymentGroupsOutput, error) {
	out := &cd.BatchGetDeploymentGroupsOutput{}
	for _, g := range f.groups {
		if *g.ApplicationName == *in.ApplicationName && slices.Contains(in.DeploymentGroupNames, *g.DeploymentGroupName) {
			out.DeploymentGroupsInfo = append(out.DeploymentGroupsInfo, g)
		}
	}
	return out, nil
}

func (f *fake) GetDeploymentConfig(context.Context, *cd.GetDeploymentConfigInput, ...func(*cd.Options)) (*cd.GetDeploymentConfigOutput, error) {
	return &cd.GetDeploymentConfigOutput{DeploymentConfigInfo: &types.DeploymentConfigInfo{TrafficRoutingConfig: &types.TrafficRoutingConfig{
		TimeBasedLinear: &types.TimeBasedLinear{LinearPercentage: 10, LinearInterval: 30}}}}, nil
}

func (f *fake) ListDeployments(_ context.Context, in *cd.ListDeploymentsInput, _ ...func(*cd.Options)) (*cd.ListDeploymentsOutput, error) {
	out := &cd.ListDeploymentsOutput{}
	for _, d := range f.deployments {
		if len(in.IncludeOnlyStatuses) == 0 || slices.Contains(in.IncludeOnlyStatuses, d.Status) {
			out.Deployments = append(out.Deployments, *d.DeploymentId)
		}
	}
	return out, nil
}

func (f *fake) BatchGetDeployments(_ context.Context, in *cd.BatchGetDeploymentsInput, _ ...func(*cd.Options)) (*cd.BatchGetDeploymentsOutput, error) {
	out := &cd.BatchGetDeploymentsOutput{}
	for _, id := range in.DeploymentIds {
		if d := f.find(id); d != nil {
			out.DeploymentsInfo = append(out.DeploymentsInfo, *d)
		}
	}
	return out, nil
}

func (f *fake) find(id string) *types.DeploymentInfo {
	for _, d := range f.deployments {
		if *d.DeploymentId == id {
			return d
		}
	}
	return nil
}

func (f *fake) GetDeployment(_ context.Context, in *cd.GetDeploymentInput, _ ...func(*cd.Options)) (*cd.GetDeploymentOutput, error) {
	d := f.find(*in.DeploymentId)
	if d == nil {
		return nil, refuse("DeploymentDoesNotExistException", "The deployment could not be found")
	}
	if len(f.script) > 0 {
		f.script[0](f, d)
		f.script = f.script[1:]
	}
	now := *d
	return &cd.GetDeploymentOutput{DeploymentInfo: &now}, nil
}

func (f *fake) GetDeploymentTarget(_ context.Context, in *cd.GetDeploymentTargetInput, _ ...func(*cd.Options)) (*cd.GetDeploymentTargetOutput, error) {
	if f.unread != "" {
		return nil, refuse(f.unread, "no")
	}
	if *in.TargetId != "main:web" {
		return nil, refuse("DeploymentTargetDoesNotExistException", "The deployment target "+*in.TargetId+" does not exist")
	}
	return &cd.GetDeploymentTargetOutput{DeploymentTarget: &types.DeploymentTarget{EcsTarget: &types.ECSTarget{LifecycleEvents: f.events}}}, nil
}

func (f *fake) GetApplicationRevision(_ context.Context, in *cd.GetApplicationRevisionInput, _ ...func(*cd.Options)) (*cd.GetApplicationRevisionOutput, error) {
	return &cd.GetApplicationRevisionOutput{Revision: in.Revision}, nil
}

func (f *fake) Create(_ context.Context, in *cd.CreateDeploymentInput) (string, error) {
	if f.deaf > 0 {
		f.deaf--
		return "", errors.New("connection reset")
	}
	for _, d := range f.deployments {
		if d.Status == types.DeploymentStatusInProgress {
			return "", refuse("DeploymentLimitExceededException", fmt.Sprintf("The Deployment Group 'web' already has an active Deployment '%s'", *d.DeploymentId))
		}
	}
	f.created++
	id := fmt.Sprintf("d-%09d", len(f.deployments)+1)
	f.deployments = append([]*types.DeploymentInfo{{DeploymentId: &id, ApplicationName: in.ApplicationName, DeploymentGroupName: in.DeploymentGroupName, Status: types.DeploymentStatusInProgress,
		Revision: in.Revision, Description: in.Description}}, f.deployments...)
	if f.drop > 0 {
		f.drop--
		return "", errors.New("connection reset")
	}
	return id, nil
}

func (f *fake) Stop(_ context.Context, in *cd.StopDeploymentInput) error {
	f.stops++
	f.find(*in.DeploymentId).Status = types.DeploymentStatusStopped
	return nil
}

func (f *fake) Continue(_ context.Context, in *cd.ContinueDeploymentInput) error {
	d := f.find(*in.DeploymentId)
	if d.Status != types.DeploymentStatusReady {
		return refuse("DeploymentIsNotInReadyStateException", "The deployment is not in a ready state")
	}
	d.Status = types.DeploymentStatusInProgress
	return nil
}

func (f *fake) DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error) {
	return &ecs.DescribeServicesOutput{Services: []ecstypes.Service{*f.service}}, nil
}

func (f *fake) Update(context.Context, *ecs.UpdateServiceInput) (*ecstypes.Service, error) {
	return f.service, nil
}

func (f *fake) engine() *code.Engine { return &code.Engine{CodeDeploy: f, ECS: f, Logs: f.logs} }

func (f *fake) start(t *testing.T, r ship.Request) ship.Start {
	return ship.Start{Request: r, Service: f.service, Revision: web2, Began: time.Now(), Clock: clock.Real{}, Tell: func(e ship.Event) { t.Log(e.Kind, e.Text) }}
}

// deploy begins and looks until there is a verdict.
func (f *fake) deploy(t *testing.T, r ship.Request) ship.Sight {
	t.Helper()
	rollout, err := f.engine().Begin(t.Context(), f.start(t, r))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		s, err := rollout.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Verdict != "" {
			return s
		}
		time.Sleep(time.Second) // of the bubble
	}
	t.Fatal("there is no verdict after 100 looks")
	return ship.Sight{}
}

func succeed(_ *fake, d *types.DeploymentInfo) { d.Status = types.DeploymentStatusSucceeded }

func wreck(_ *fake, d *types.DeploymentInfo) {
	d.Status = types.DeploymentStatusFailed
	d.ErrorInformation = &types.ErrorInformation{Code: types.ErrorCodeHookExecutionFailure, Message: aws.String("The function failed.")}
}

// undo gives a broken deployment a rollback deployment that ends with a status.
func undo(status types.DeploymentStatus) func(*fake, *types.DeploymentInfo) {
	return func(f *fake, d *types.DeploymentInfo) {
		wreck(f, d)
		d.RollbackInfo = &types.RollbackInfo{RollbackDeploymentId: aws.String("d-BACK")}
		f.deployments = append([]*types.DeploymentInfo{{DeploymentId: aws.String("d-BACK"), Status: status,
			RollbackInfo: &types.RollbackInfo{RollbackTriggeringDeploymentId: d.DeploymentId}}}, f.deployments...)
	}
}

func TestAVerdictSaysWhatServesInTheEnd(t *testing.T) {
	t.Parallel()
	green := func(f *fake, d *types.DeploymentInfo) { // it is PRIMARY, whatever its rollback says
		undo(types.DeploymentStatusSucceeded)(f, d)
		f.service.TaskSets[0].ExternalId = d.DeploymentId
	}
	late := func(f *fake, d *types.DeploymentInfo) { // its rollback is named a reading later
		wreck(f, d)
		d.AutoRollbackConfiguration = &types.AutoRollbackConfiguration{Enabled: true, Events: []types.AutoRollbackEvent{types.AutoRollbackEventDeploymentFailure}}
		f.script = append(f.script, undo(types.DeploymentStatusSucceeded))
	}
	for _, c := range []struct {
		name string
		end  func(*fake, *types.DeploymentInfo)
		want ship.Verdict
	}{
		{"success", succeed, ship.Succeeded},
		{"failed, no rollback", wreck, ship.Stopped},
		{"rolled back", undo(types.DeploymentStatusSucceeded), ship.RolledBack},
		{"rollback named late", late, ship.RolledBack},
		{"rollback failed", undo(types.DeploymentStatusFailed), ship.Failed},
		{"rollback succeeded, green serves", green, ship.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFake(func(*fake, *types.DeploymentInfo) {}, c.end)
				f.events = []types.LifecycleEvent{{LifecycleEventName: aws.String("AfterInstall"), Status: types.LifecycleEventStatusFailed,
					Diagnostics: &types.Diagnostics{ScriptName: aws.String("check"), Message: aws.String("no answer"), LogTail: aws.String("one\ntwo\n")}}}
				s := f.deploy(t, ship.Request{})
				if s.Verdict != c.want {
					t.Fatalf("got %s (%s), want %s", s.Verdict, s.Cause, c.want)
				}
				if c.want == ship.Succeeded {
					return
				}
				if !strings.Contains(s.Cause, "failed at AfterInstall: HOOK_EXECUTION_FAILURE: The function failed") {
					t.Errorf("the cause is %q", s.Cause)
				}
				if want := []string{"AfterInstall: check: no answer", "log: one", "log: two"}; !slices.Equal(s.Details, want) {
					t.Errorf("got details %q, want %q", s.Details, want)
				}
			})
		})
	}
}

// logs gives the same lines for the log group of one function.
type logs struct{ group string }

func (l logs) FilterLogEvents(_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	if *in.LogGroupName != l.group || *in.StartTime != 7000 || *in.EndTime <= 9000 {
		return nil, refuse("ResourceNotFoundException", "The specified log group does not exist.")
	}
	out := &cloudwatchlogs.FilterLogEventsOutput{}
	for i, m := range []string{"REPORT RequestId: 1\tDuration: 2 ms", "the test page says no\n", "START RequestId: 1 Version: $LATEST"} {
		out.Events = append(out.Events, logtypes.FilteredLogEvent{Message: &m, Timestamp: aws.Int64(int64(9000 - i))})
	}
	return out, nil
}

func TestWhatTheFunctionOfAFailedEventWroteIsAmongTheDetails(t *testing.T) {
	t.Parallel()
	for name, diagnostics := range map[string]*types.Diagnostics{"named by diagnostics": {ScriptName: aws.String("arn:aws:lambda:us-east-1:123456789012:function:check:live")}, "named by the AppSpec": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFake(func(*fake, *types.DeploymentInfo) {}, wreck)
				f.events = []types.LifecycleEvent{{LifecycleEventName: aws.String("AfterAllowTestTraffic"), Status: types.LifecycleEventStatusFailed,
					StartTime: aws.Time(time.Unix(7, 0)), EndTime: aws.Time(time.Unix(9, 0)), Diagnostics: diagnostics}}
				f.logs = logs{"/aws/lambda/check"}
				s := f.deploy(t, ship.Request{Functions: map[ship.Point]string{ship.PointTestTraffic: "check:live"}})
				if !slices.Contains(s.Details, "log: the test page says no") || strings.Contains(fmt.Sprint(s.Details), "RequestId") {
					t.Errorf("got details %q, want the line that the function wrote alone", s.Details)
				}
			})
		})
	}
}

func TestADeploymentOfAnotherServiceIsNotTakenUp(t *testing.T) {
	t.Parallel()
	f := newFake()
	if _, err := f.engine().Begin(t.Context(), f.start(t, ship.Request{})); err != nil {
		t.Fatal(err)
	}
	api := live()
	api.ServiceName = aws.String("api")
	f.groups = append(f.groups, group("shop", "api"))
	f.groups[1].EcsServices[0].ServiceName = api.ServiceName
	s := f.start(t, ship.Request{})
	s.Service = api
	find := func(s ship.Start) error {
		_, err := f.engine().Find(t.Context(), s, "d-000000001")
		return err
	}
	if err := find(s); !fail.Is(err, "deployment.none") {
		t.Errorf("got %v, want an error deployment.none", err)
	}
	f.unread = "DeploymentNotStartedException" // then its group tells
	if err := find(s); !fail.Is(err, "deployment.none") {
		t.Errorf("before it began: got %v, want an error deployment.none", err)
	}
	if err := find(f.start(t, ship.Request{})); err != nil {
		t.Errorf("our own, before it began: %v", err)
	}
	f.unread = "ThrottlingException"
	if err := find(s); err == nil || fail.Is(err, "deployment.none") {
		t.Errorf("where the target cannot be read: got %v, want its error", err)
	}
}

func TestADeploymentIsBegunOnceWhateverIsLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ drop, deaf int }{{0, 0}, {1, 0}, {0, 1}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.drop, f.deaf = c.drop, c.deaf
			if _, err := f.engine().Begin(t.Context(), f.start(t, ship.Request{})); err != nil {
				t.Fatal(err)
			}
			again, err := f.engine().Begin(t.Context(), f.start(t, ship.Request{})) // follows the same
			if err != nil || f.created != 1 {
				t.Fatalf("lost %+v: got %d deployments (%v), want 1", c, f.created, err)
			}
			if s, err := again.Look(t.Context()); err != nil || s.Deployment != "d-000000001" || s.Limit < 10*time.Hour {
				t.Errorf("got %+v (%v), want the first, and a limit that linear steps of 30 minutes and an hour for each hook fit in", s, err)
			}
		})
	}
}

func TestADeploymentThatEndsBetweenTwoReadingsIsNotBegunAgain(t *testing.T) {
	t.Parallel()
	f := newFake()
	start := f.start(t, ship.Request{}) // with the service as it was
	f.service = live()
	f.service.TaskSets[0].Id, f.service.TaskSets[0].TaskDefinition = aws.String("ecs-svc/2"), aws.String(web2)
	rollout, err := f.engine().Begin(t.Context(), start)
	if err != nil || f.created != 0 {
		t.Fatalf("%d deployments were begun (%v), want none", f.created, err)
	}
	if s, err := rollout.Look(t.Context()); err != nil || s.Verdict != ship.Succeeded {
		t.Errorf("got %+v (%v), want a success", s, err)
	}
	start.Request.Plan = &ship.Plan{Basis: ship.BasisOf(start.Service, nil)}
	if _, err := f.engine().Begin(t.Context(), start); !fail.Is(err, "plan.stale") {
		t.Errorf("with a plan for the service as it was: got %v, want plan.stale", err)
	}
}

func TestAnotherDeploymentIsRefusedWaitedForOrReplaced(t *testing.T) {
	t.Parallel()
	other := func() *fake {
		f := newFake()
		f.deployments = []*types.DeploymentInfo{{DeploymentId: aws.String("d-OTHER"), Status: types.DeploymentStatusInProgress}}
		return f
	}
	synctest.Test(t, func(t *testing.T) {
		f := other()
		if _, err := f.engine().Begin(t.Context(), f.start(t, ship.Request{Lease: &ship.Lease{Busy: ship.BusyRefuse}})); !fail.Is(err, "lease.busy") || !strings.Contains(err.Error(), "d-OTHER") {
			t.Errorf("refuse: got %v, want lease.busy that names d-OTHER", err)
		}
		if _, err := f.engine().Begin(t.Context(), f.start(t, ship.Request{Lease: &ship.Lease{Busy: ship.BusyReplace}})); err != nil || f.stops != 1 || f.created != 1 {
			t.Errorf("replace: %d stops and %d deployments (%v), want one of each", f.stops, f.created, err)
		}
		f = other()
		began := time.Now()
		f.script = slices.Repeat([]func(*fake, *types.DeploymentInfo){func(_ *fake, d *types.DeploymentInfo) {
			if time.Since(began) >= time.Minute {
				d.Status = types.DeploymentStatusSucceeded
			}
		}}, 500)
		if _, err := f.engine().Begin(t.Context(), f.start(t, ship.Request{})); err != nil || f.stops != 0 || time.Since(began) < time.Minute {
			t.Errorf("wait: begun after %s with %d stops (%v), want after a minute with none", time.Since(began), f.stops, err)
		}
	})
}

func TestTheGroupIsFoundByTheServiceItNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		groups []types.DeploymentGroupInfo
		code   string
		says   string
	}{
		{[]types.DeploymentGroupInfo{group("AppECS-main-web", "DgpECS-main-web"), group("shop", "web")}, "", ""},
		{[]types.DeploymentGroupInfo{group("a", "x"), group("shop", "web")}, "codedeploy.several", "a/x, shop/web"},
		{[]types.DeploymentGroupInfo{{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("cart"), EcsServices: []types.ECSService{{ClusterName: aws.String("main"), ServiceName: aws.String("cart")}}}}, "codedeploy.none", "web"},
	} {
		f := newFake()
		f.groups = c.groups
		_, err := f.engine().Begin(t.Context(), f.start(t, ship.Request{}))
		switch {
		case c.code == "" && err != nil:
			t.Errorf("got %v, want the console's group", err)
		case c.code != "" && (!fail.Is(err, c.code) || !strings.Contains(err.Error(), c.says)):
			t.Errorf("got %v, want %s with %q", err, c.code, c.says)
		}
	}
}

func TestEarlierGivesWhatServedBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(func(*fake, *types.DeploymentInfo) {}, succeed)
		f.deploy(t, ship.Request{})
		f.service.TaskSets[0].TaskDefinition = aws.String(web2)
		if _, good, err := f.engine().Earlier(t.Context(), f.start(t, ship.Request{})); err != nil || good != web1 {
			t.Errorf("got %q (%v), want %s, which ECS itself had begun with", good, err, web1)
		}
	})
}

func TestTheRoutesOfAServiceAreItsGroups(t *testing.T) {
	t.Parallel()
	f := newFake()
	route := func(arn string) *types.TrafficRoute { return &types.TrafficRoute{ListenerArns: []string{arn}} }
	f.groups[0].LoadBalancerInfo = &types.LoadBalancerInfo{TargetGroupPairInfoList: []types.TargetGroupPairInfo{{ProdTrafficRoute: route("production")}}}
	for _, c := range []struct {
		test bool
		add  *types.TrafficRoute
		want string
	}{{want: "production"}, {test: true, want: ""}, {test: true, add: route("testing"), want: "testing"}} {
		f.groups[0].LoadBalancerInfo.TargetGroupPairInfoList[0].TestTrafficRoute = c.add
		if got, err := f.engine().Route(t.Context(), f.start(t, ship.Request{}), c.test); err != nil || got != c.want {
			t.Errorf("test %t: %q, %v; want %q", c.test, got, err, c.want)
		}
	}
}
