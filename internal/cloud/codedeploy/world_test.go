package codedeploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/loop"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

var scope = names.Scope{Account: "123456789012", Region: "eu-west-1"}

var (
	webARN      = scope.Service("prod", "web")
	blueGroup   = scope.ARN("elasticloadbalancing", "targetgroup/blue/0000000000000001")
	greenGroup  = scope.ARN("elasticloadbalancing", "targetgroup/green/0000000000000002")
	otherGroup  = scope.ARN("elasticloadbalancing", "targetgroup/other/0000000000000003")
	production  = scope.ARN("elasticloadbalancing", "listener/app/web/1/80")
	testing8080 = scope.ARN("elasticloadbalancing", "listener/app/web/1/8080")
)

// yard is the room with ECS, load balancing, alarms and functions around it in memory, inside a
// synctest bubble.
type yard struct {
	t      *testing.T
	ctx    context.Context
	room   *Service
	store  *store.Store
	fleet  *ships
	routes *routes
	bells  *bells
	calls  *calls
	logged strings.Builder
	stop   func()
}

// inYard runs a story with the service web of 2 tasks, PRIMARY on blue, and the loop running.
func inYard(t *testing.T, story func(y *yard)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &yard{t: t, fleet: newShips(), routes: newRoutes(), bells: newBells()}
		y.calls = &calls{y: y}
		y.ctx = wire.WithCaller(t.Context(), wire.Caller{Account: scope.Account, Region: scope.Region})
		y.room = New(Options{IDs: ids.Counting(), Fleet: y.fleet, Traffic: y.routes, Alarms: y.bells, Functions: y.calls, Objects: bucket{}})
		var err error
		y.store, err = store.Open(store.Options{Clock: clock.Real{}, Verify: true}, y.tables()...)
		if err != nil {
			t.Fatal(err)
		}
		y.room.Attach(y.store)
		y.change(func(tx *store.Tx) {
			y.fleet.table.Put(tx, ship{ARN: webARN, Controller: "CODE_DEPLOY", Status: "ACTIVE", Sets: []FleetSet{{
				ID: "ecs-svc/1", Status: "PRIMARY", Group: blueGroup, Definition: "web:1", Want: 2, Running: 2, Healthy: 2, Stable: true, Created: tx.Now(),
			}}})
			y.routes.put(tx, production+"/default", 1, blueGroup)
			y.routes.put(tx, testing8080+"/default", 1, blueGroup)
		})
		y.start()
		story(y)
		y.stop()
		if y.logged.Len() > 0 {
			t.Errorf("the loop complained:\n%s", y.logged.String())
		}
	})
}

func (y *yard) tables() []store.Any {
	return append(y.room.Tables(), y.fleet.table, y.routes.table, y.bells.table)
}

// start runs a new loop over the store as it is.
func (y *yard) start() {
	ctx, cancel := context.WithCancel(y.t.Context())
	l := loop.New(loop.Options{
		Store: y.store, Tables: y.tables(), Keepers: append(y.room.Keepers(), y.fleet),
		Log: slog.New(slog.NewTextHandler(&y.logged, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	y.stop = func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			y.t.Errorf("the loop ended with %v", err)
		}
	}
}

func (y *yard) change(f func(tx *store.Tx)) {
	y.t.Helper()
	if err := y.store.Update(func(tx *store.Tx) error { f(tx); return nil }); err != nil {
		y.t.Fatal(err)
	}
}

// groupAsk is the usual group: linear 10 % every minute, with a test listener, 5 minutes before
// the original ends, and rollbacks for everything.
func groupAsk() *sdk.CreateDeploymentGroupInput {
	return &sdk.CreateDeploymentGroupInput{
		ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("web"), ServiceRoleArn: aws.String("arn:aws:iam::123456789012:role/codedeploy"),
		DeploymentConfigName: aws.String("CodeDeployDefault.ECSLinear10PercentEvery1Minutes"),
		DeploymentStyle:      &types.DeploymentStyle{DeploymentType: types.DeploymentTypeBlueGreen, DeploymentOption: types.DeploymentOptionWithTrafficControl},
		EcsServices:          []types.ECSService{{ClusterName: aws.String("prod"), ServiceName: aws.String("web")}},
		LoadBalancerInfo: &types.LoadBalancerInfo{TargetGroupPairInfoList: []types.TargetGroupPairInfo{{
			TargetGroups:     []types.TargetGroupInfo{{Name: aws.String("blue")}, {Name: aws.String("green")}},
			ProdTrafficRoute: &types.TrafficRoute{ListenerArns: []string{production}}, TestTrafficRoute: &types.TrafficRoute{ListenerArns: []string{testing8080}},
		}}},
		BlueGreenDeploymentConfiguration: &types.BlueGreenDeploymentConfiguration{
			TerminateBlueInstancesOnDeploymentSuccess: &types.BlueInstanceTerminationOption{Action: types.InstanceActionTerminate, TerminationWaitTimeInMinutes: 5},
		},
		AutoRollbackConfiguration: &types.AutoRollbackConfiguration{Enabled: true, Events: []types.AutoRollbackEvent{
			types.AutoRollbackEventDeploymentFailure, types.AutoRollbackEventDeploymentStopOnAlarm,
		}},
		AlarmConfiguration: &types.AlarmConfiguration{Enabled: true, Alarms: []types.Alarm{{Name: aws.String("web-5xx")}}},
	}
}

// group makes the application shop and the group web of it.
func (y *yard) group(change ...func(in *sdk.CreateDeploymentGroupInput)) {
	y.t.Helper()
	y.ring("web-5xx", false)
	if _, err := y.room.CreateApplication(y.ctx, &sdk.CreateApplicationInput{ApplicationName: aws.String("shop"), ComputePlatform: types.ComputePlatformEcs}); err != nil {
		y.t.Fatal(err)
	}
	in := groupAsk()
	for _, f := range change {
		f(in)
	}
	if _, err := y.room.CreateDeploymentGroup(y.ctx, in); err != nil {
		y.t.Fatal(err)
	}
}

func noTest(in *sdk.CreateDeploymentGroupInput) {
	in.LoadBalancerInfo.TargetGroupPairInfoList[0].TestTrafficRoute = nil
}

func atOnce(in *sdk.CreateDeploymentGroupInput) { in.DeploymentConfigName = aws.String(allAtOnce) }

// appspec writes an AppSpec file of a definition with hooks, "Event function" each.
func appspec(definition string, hooks ...string) string {
	b := fmt.Sprintf("version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n        TaskDefinition: %q\n"+
		"        LoadBalancerInfo: {ContainerName: web, ContainerPort: 8080}\n", definition)
	for i, h := range hooks {
		if i == 0 {
			b += "Hooks:\n"
		}
		event, function, _ := strings.Cut(h, " ")
		b += fmt.Sprintf("  - %s: %s\n", event, function)
	}
	return b
}

func content(spec string) *types.RevisionLocation {
	return &types.RevisionLocation{RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{Content: aws.String(spec)}}
}

// deploy begins a deployment of the usual group.
func (y *yard) deploy(spec string) string {
	y.t.Helper()
	out, err := y.room.CreateDeployment(y.ctx, &sdk.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("web"), Revision: content(spec)})
	if err != nil {
		y.t.Fatal(err)
	}
	return *out.DeploymentId
}

func (y *yard) get(id string) types.DeploymentInfo {
	y.t.Helper()
	out, err := y.room.GetDeployment(y.ctx, &sdk.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		y.t.Fatal(err)
	}
	return *out.DeploymentInfo
}

// within waits until something is so, and gives how long that took.
func (y *yard) within(limit time.Duration, what string, so func() bool) time.Duration {
	y.t.Helper()
	began := time.Now()
	for synctest.Wait(); !so(); synctest.Wait() {
		if time.Since(began) > limit {
			y.t.Fatalf("%s took longer than %s", what, limit)
		}
		pause := 100 * time.Millisecond
		if time.Since(began) > 12*time.Minute {
			pause = 5 * time.Second
		}
		time.Sleep(pause)
	}
	return time.Since(began)
}

// ends waits for a deployment's end and gives it.
func (y *yard) ends(id string) types.DeploymentInfo {
	y.t.Helper()
	y.within(3*time.Hour, "the end of "+id, func() bool { return y.get(id).CompleteTime != nil })
	return y.get(id)
}

func (y *yard) target(id string) *types.ECSTarget {
	y.t.Helper()
	out, err := y.room.GetDeploymentTarget(y.ctx, &sdk.GetDeploymentTargetInput{DeploymentId: &id, TargetId: aws.String("prod:web")})
	if err != nil {
		y.t.Fatal(err)
	}
	return out.DeploymentTarget.EcsTarget
}

// events writes the life-cycle events of a deployment: "BeforeInstall Succeeded, Install Failed".
func (y *yard) events(id string) string {
	y.t.Helper()
	var all []string
	for _, e := range y.target(id).LifecycleEvents {
		all = append(all, *e.LifecycleEventName+" "+string(e.Status))
	}
	return strings.Join(all, ", ")
}

// at waits until an event is in progress.
func (y *yard) at(id, event string) {
	y.t.Helper()
	y.within(time.Hour, event, func() bool {
		return y.get(id).Status != types.DeploymentStatusCreated && strings.Contains(", "+y.events(id), ", "+event+" InProgress")
	})
}

// weights writes where a listener's default rule sends: "100/0" is all to blue.
func (y *yard) weights(listener string) (text string) {
	y.change(func(tx *store.Tx) {
		var b, g int
		w, _ := y.routes.Weights(tx, listener+"/default")
		for _, x := range w {
			switch x.Group {
			case blueGroup:
				b = x.Weight
			case greenGroup:
				g = x.Weight
			}
		}
		text = fmt.Sprintf("%d/%d", b, g)
	})
	return text
}

// sets writes the task sets: "1 PRIMARY blue, 2 ACTIVE green".
func (y *yard) sets() string {
	var all []string
	y.change(func(tx *store.Tx) {
		row, _ := y.fleet.table.Get(tx, webARN)
		for _, s := range row.Sets {
			all = append(all, strings.TrimPrefix(s.ID, "ecs-svc/")+" "+s.Status+" "+groupName(s.Group))
		}
	})
	return strings.Join(all, ", ")
}

// ship is a service of ECS.
type ship struct {
	ARN, Controller, Status string
	Next                    int
	Sets                    []FleetSet
}

// ships is ECS with state: a task set is steady warm after it was made, unless its definition is
// "sick"; one that ends vanishes at once.
type ships struct {
	table *store.Table[ship]
	warm  time.Duration
}

func newShips() *ships {
	return &ships{table: store.NewTable("test.ships", func(s *ship) string { return s.ARN }), warm: 30 * time.Second}
}

func (f *ships) Find(tx *store.Tx, scope names.Scope, cluster, service string) (FleetService, error) {
	row, ok := f.table.Get(tx, scope.Service(names.Last(cluster), names.Last(service)))
	if !ok {
		return FleetService{}, errors.New("Service not found.")
	}
	path := serviceParts(row.ARN)
	return FleetService{ARN: row.ARN, Cluster: path[0], Name: path[1], Controller: row.Controller, Status: row.Status, Desired: 2, Sets: slices.Clone(row.Sets)}, nil
}

func (f *ships) edit(tx *store.Tx, service string, edit func(row *ship)) {
	row, _ := f.table.Get(tx, service)
	row.Sets = slices.Clone(row.Sets)
	edit(&row)
	f.table.Put(tx, row)
}

func (f *ships) Make(tx *store.Tx, service string, ask FleetAsk) (id string, err error) {
	if ask.Definition == "none" {
		return "", errors.New("TaskDefinition not found.")
	}
	f.edit(tx, service, func(row *ship) {
		row.Next++
		id = fmt.Sprintf("ecs-svc/%d", row.Next+1)
		row.Sets = append(row.Sets, FleetSet{ID: id, ExternalID: ask.ExternalID, Status: "ACTIVE", Group: ask.Group, Definition: ask.Definition, Want: 2, Pending: 2, Created: tx.Now()})
	})
	return id, nil
}

func (f *ships) Promote(tx *store.Tx, service, id string) error {
	f.edit(tx, service, func(row *ship) {
		for i := range row.Sets {
			row.Sets[i].Status = map[bool]string{true: "PRIMARY", false: "ACTIVE"}[row.Sets[i].ID == id]
		}
	})
	return nil
}

func (f *ships) End(tx *store.Tx, service, id string) error {
	f.edit(tx, service, func(row *ship) { row.Sets = slices.DeleteFunc(row.Sets, func(s FleetSet) bool { return s.ID == id }) })
	return nil
}

func (f *ships) Watches() []cloud.Watch {
	return []cloud.Watch{cloud.On(f.table, func(s *ship) string { return s.ARN })}
}

func (f *ships) Name() string { return "test.ships" }

func (f *ships) Keep(tx *store.Tx, arn string) (res cloud.Result, err error) {
	row, _ := f.table.Get(tx, arn)
	for i, s := range row.Sets {
		at := s.Created.Add(f.warm)
		if s.Stable || s.Definition == "sick" {
			continue
		}
		if tx.Now().Before(at) {
			res.Sooner(at)
			continue
		}
		f.edit(tx, arn, func(row *ship) {
			row.Sets[i].Stable, row.Sets[i].Running, row.Sets[i].Healthy, row.Sets[i].Pending = true, 2, 2, 0
		})
	}
	return res, nil
}

// rule is a rule of a listener; its ARN is the listener's and a name.
type rule struct {
	ARN     string
	Weights []balance.Weighted
}

type routes struct{ table *store.Table[rule] }

func newRoutes() *routes {
	return &routes{store.NewTable("test.rules", func(r *rule) string { return r.ARN })}
}

func (r *routes) put(tx *store.Tx, arn string, weight int, group string) {
	r.table.Put(tx, rule{ARN: arn, Weights: []balance.Weighted{{Group: group, Weight: weight}}})
}

func (r *routes) GroupNamed(_ *store.Tx, _ names.Scope, name string) (string, bool) {
	arn := map[string]string{"blue": blueGroup, "green": greenGroup}[name]
	return arn, arn != ""
}

func (r *routes) Routes(tx *store.Tx, arn string) (rules []string, ok bool) {
	for row := range r.table.Prefix(tx, arn) {
		if row.ARN == arn || strings.HasPrefix(row.ARN, arn+"/") {
			rules = append(rules, row.ARN)
		}
	}
	return rules, len(rules) > 0
}

func (r *routes) Weights(tx *store.Tx, arn string) ([]balance.Weighted, bool) {
	row, ok := r.table.Get(tx, arn)
	return row.Weights, ok && len(row.Weights) > 0
}

func (r *routes) SetWeights(tx *store.Tx, arn string, weights []balance.Weighted) error {
	r.table.Put(tx, rule{ARN: arn, Weights: weights})
	return nil
}

type bell struct {
	ARN     string
	Ringing bool
}

type bells struct{ table *store.Table[bell] }

func newBells() *bells {
	return &bells{store.NewTable("test.bells", func(b *bell) string { return b.ARN })}
}

func (b *bells) Firing(tx *store.Tx, scope names.Scope, alarms []string) (firing []string) {
	for _, name := range alarms {
		if row, _ := b.table.Get(tx, scope.ARN("cloudwatch", "alarm:"+name)); row.Ringing {
			firing = append(firing, name)
		}
	}
	return firing
}

func (b *bells) Unknown(tx *store.Tx, scope names.Scope, alarms []string) (unknown []string) {
	for _, name := range alarms {
		if _, ok := b.table.Get(tx, scope.ARN("cloudwatch", "alarm:"+name)); !ok {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

func (b *bells) Watch() cloud.Watch { return cloud.On(b.table, func(b *bell) string { return b.ARN }) }

func (y *yard) ring(name string, on bool) {
	y.t.Helper()
	y.change(func(tx *store.Tx) {
		y.bells.table.Put(tx, bell{ARN: scope.ARN("cloudwatch", "alarm:"+name), Ringing: on})
	})
	synctest.Wait()
}

// calls is Lambda: functions named well call back with Succeeded after a second, ill with Failed,
// mute never, late an hour and a bit later; thrower raises; nobody is not there.
type calls struct {
	y    *yard
	made []string // "function deployment"
	late error    // what the late callback was answered
}

func (c *calls) Invoke(ctx context.Context, _ names.Scope, function string, payload []byte) (answer []byte, functionError string, err error) {
	var in struct{ DeploymentId, LifecycleEventHookExecutionId string }
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, "", err
	}
	wait, status := time.Second, types.LifecycleEventStatusSucceeded
	switch function {
	case "nobody":
		return nil, "", errors.New("Function not found: nobody")
	case "thrower":
		return []byte(`{"errorMessage":"no such table"}`), "Unhandled", nil
	case "mute":
		return []byte("null"), "", nil
	case "ill":
		status = types.LifecycleEventStatusFailed
	case "late":
		wait = hookLimit + time.Minute
	}
	select {
	case <-ctx.Done():
		return nil, "", ctx.Err()
	case <-time.After(wait):
	}
	_, err = c.y.room.PutLifecycleEventHookExecutionStatus(c.y.ctx, &sdk.PutLifecycleEventHookExecutionStatusInput{
		DeploymentId: &in.DeploymentId, LifecycleEventHookExecutionId: &in.LifecycleEventHookExecutionId, Status: status,
	})
	c.y.change(func(*store.Tx) {
		c.made = append(c.made, function)
		if function == "late" {
			c.late = err
		}
	})
	return []byte("null"), "", nil
}

// told gives the functions that have called back, and what the late one was answered.
func (y *yard) told() (made []string, late error) {
	y.change(func(*store.Tx) { made, late = slices.Clone(y.calls.made), y.calls.late })
	return made, late
}

// bucket is S3 with an AppSpec and an empty object.
type bucket struct{}

func (bucket) Object(_ names.Scope, bucket, key, _ string) ([]byte, string, error) {
	switch bucket + "/" + key {
	case "specs/appspec.yaml":
	case "specs/empty.yaml":
		return nil, `"0000"`, nil
	default:
		return nil, "", errors.New("The specified key does not exist.")
	}
	return []byte(appspec("web:2")), `"0123"`, nil
}
