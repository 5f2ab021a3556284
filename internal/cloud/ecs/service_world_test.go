package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/loop"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

var harbourScope = names.Scope{Account: "123456789012", Region: "eu-west-1"}

const harbourGroup = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"

// greenGroup is the second target group there is.
const greenGroup = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/green/fedcba9876543210"

// instanceGroup is a target group of instances.
const instanceGroup = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/deck/00112233445566aa"

// harbour is a room of ECS with everything around it in memory, inside a synctest bubble. Images
// named in scripts behave as those say; the version of an image is in its environment.
type harbour struct {
	t       *testing.T
	ctx     context.Context
	room    *Service
	store   *store.Store
	runtime *fake.Runtime
	behave  func(launch.Task, launch.Container) fake.Script // changed while no loop runs only
	piers   *piers
	bells   *bells
	watch   *lookout
	diary   *diary // notes the stages of deployments; may be nil
	logged  strings.Builder
	stop    func()
}

// inHarbour runs a story in a bubble, with cluster c1 there and the loop running.
func inHarbour(t *testing.T, scripts map[string]fake.Script, story func(h *harbour)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &harbour{t: t, piers: newPiers(), bells: newBells()}
		h.ctx = wire.WithCaller(t.Context(), wire.Caller{Account: harbourScope.Account, Region: harbourScope.Region})
		h.behave = func(_ launch.Task, c launch.Container) fake.Script { return scripts[c.Image] }
		h.runtime = fake.New(clock.Real{}, func(t launch.Task, c launch.Container) fake.Script { return h.behave(t, c) })
		log := slog.New(slog.NewTextHandler(&h.logged, &slog.HandlerOptions{Level: slog.LevelError}))
		h.room = New(Options{
			IDs: ids.Counting(), Runtime: h.runtime, Balancer: h.piers, Alarms: h.bells, Networks: shore{}, Logs: inkwell{}, Log: log,
			TaskEndpoint: func() string { return "http://127.0.0.1:4566" },
			Credentials:  func(names.Scope, string) (string, string) { return "key", "secret" },
			Shorten:      func(d time.Duration) time.Duration { return d },
			Wall:         func(t time.Time) time.Time { return t }, Internal: func(t time.Time) time.Time { return t },
		})
		h.watch = &lookout{room: h.room}
		var err error
		h.store, err = store.Open(store.Options{Clock: clock.Real{}, Verify: true}, h.tables()...)
		if err != nil {
			t.Fatal(err)
		}
		h.room.Attach(h.store)
		h.start()
		if _, err := h.room.CreateCluster(h.ctx, &sdk.CreateClusterInput{ClusterName: new("c1")}); err != nil {
			t.Fatal(err)
		}
		story(h)
		h.stop()
		if h.logged.Len() > 0 {
			t.Errorf("the loop complained:\n%s", h.logged.String())
		}
	})
}

func (h *harbour) tables() []store.Any {
	return append(h.room.Tables(), h.piers.table, h.piers.rules, h.bells.table)
}

// start runs a new loop over the store as it is.
func (h *harbour) start() {
	ctx, cancel := context.WithCancel(h.t.Context())
	keepers := append(h.room.Keepers(), h.piers, h.watch)
	if h.diary != nil {
		keepers = append(keepers, h.diary)
	}
	l := loop.New(loop.Options{Store: h.store, Tables: h.tables(), Keepers: keepers, Log: slog.New(slog.NewTextHandler(&h.logged, &slog.HandlerOptions{Level: slog.LevelError}))})
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			h.t.Errorf("the loop ended with %v", err)
		}
	}
}

// register makes a revision of family web whose container runs an image.
func (h *harbour) register(image string) (arn string) {
	h.t.Helper()
	out, err := h.room.RegisterTaskDefinition(h.ctx, &sdk.RegisterTaskDefinitionInput{
		Family: new("web"), NetworkMode: types.NetworkModeAwsvpc, Cpu: new("256"), Memory: new("512"),
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: new("web"), Image: new(image), PortMappings: []types.PortMapping{{ContainerPort: new(int32(8080))}},
		}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return *out.TaskDefinition.TaskDefinitionArn
}

// serviceAsk is a service web of desired tasks of a definition, on Fargate.
func serviceAsk(definition string, desired int) *sdk.CreateServiceInput {
	return &sdk.CreateServiceInput{
		Cluster: new("c1"), ServiceName: new("web"), TaskDefinition: new(definition), DesiredCount: new(int32(desired)),
		LaunchType: types.LaunchTypeFargate,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
			Subnets: []string{"subnet-a", "subnet-b", "subnet-c"}, SecurityGroups: []string{"sg-1"},
		}},
	}
}

func balanced(in *sdk.CreateServiceInput) *sdk.CreateServiceInput {
	in.LoadBalancers = []types.LoadBalancer{{TargetGroupArn: new(harbourGroup), ContainerName: new("web"), ContainerPort: new(int32(8080))}}
	return in
}

func (h *harbour) create(in *sdk.CreateServiceInput) *types.Service {
	h.t.Helper()
	out, err := h.room.CreateService(h.ctx, in)
	if err != nil {
		h.t.Fatal(err)
	}
	return out.Service
}

func (h *harbour) update(in *sdk.UpdateServiceInput) *types.Service {
	h.t.Helper()
	in.Cluster, in.Service = new("c1"), new("web")
	out, err := h.room.UpdateService(h.ctx, in)
	if err != nil {
		h.t.Fatal(err)
	}
	return out.Service
}

func (h *harbour) service() *types.Service {
	h.t.Helper()
	out, err := h.room.DescribeServices(h.ctx, &sdk.DescribeServicesInput{Cluster: new("c1"), Services: []string{"web"}})
	if err != nil || len(out.Services) != 1 {
		h.t.Fatalf("describing web gave %v, %v", out, err)
	}
	return &out.Services[0]
}

// deployments gives the service deployments in full, newest first.
func (h *harbour) deployments() []types.ServiceDeployment {
	h.t.Helper()
	list, err := h.room.ListServiceDeployments(h.ctx, &sdk.ListServiceDeploymentsInput{Cluster: new("c1"), Service: new("web")})
	if err != nil {
		h.t.Fatal(err)
	}
	var arns []string
	for _, b := range list.ServiceDeployments {
		arns = append(arns, *b.ServiceDeploymentArn)
	}
	out, err := h.room.DescribeServiceDeployments(h.ctx, &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: arns})
	if err != nil || len(out.Failures) > 0 {
		h.t.Fatalf("describing deployments gave %v, %v", out, err)
	}
	return out.ServiceDeployments
}

// tasks gives the rows of the service's tasks, in the order they were made.
func (h *harbour) tasks() (all []Task) {
	h.t.Helper()
	err := h.store.View(func(tx *store.Tx) error {
		all = slices.Collect(h.room.tasks.By(tx, "service", harbourScope.Service("c1", "web")))
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b Task) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return all
}

// events gives the messages of the service's events, oldest first, with ids made short.
func (h *harbour) events() (all []string) {
	for _, e := range slices.Backward(h.service().Events) {
		all = append(all, *e.Message)
	}
	return all
}

// said counts the events that contain a text.
func (h *harbour) said(text string) (n int) {
	for _, m := range h.events() {
		if strings.Contains(m, text) {
			n++
		}
	}
	return n
}

// within waits until something is so, and gives how long that took.
func (h *harbour) within(limit time.Duration, what string, so func() bool) time.Duration {
	h.t.Helper()
	began := time.Now()
	for synctest.Wait(); !so(); synctest.Wait() {
		if time.Since(began) > limit {
			h.t.Fatalf("%s took longer than %s; events:\n%s\n%s", what, limit, strings.Join(h.events(), "\n"), h.picture())
		}
		pause := time.Second
		if time.Since(began) > 10*time.Minute {
			pause = 10 * time.Second
		}
		time.Sleep(pause)
	}
	return time.Since(began)
}

// apart runs f while no keeper runs: what fakes and lookout share with the story is changed there.
func (h *harbour) apart(f func()) {
	h.t.Helper()
	if err := h.store.Update(func(*store.Tx) error { f(); return nil }); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harbour) picture() string {
	var b strings.Builder
	s := h.service()
	fmt.Fprintf(&b, "%s desired %d running %d pending %d\n", *s.Status, s.DesiredCount, s.RunningCount, s.PendingCount)
	for _, d := range s.Deployments {
		fmt.Fprintf(&b, "%s %s %s %d/%d failed %d: %s\n", *d.Id, *d.Status, d.RolloutState, d.RunningCount, d.DesiredCount, d.FailedTasks, *d.RolloutStateReason)
	}
	for _, d := range h.deployments() {
		fmt.Fprintf(&b, "%s %s to %s made %s\n", *d.ServiceDeploymentArn, d.Status, *d.TargetServiceRevision.Arn, d.CreatedAt.Format(time.StampNano))
	}
	for _, t := range h.tasks() {
		fmt.Fprintf(&b, "task %s of %s %s/%s %s %v\n", t.ID[28:], t.Deployment, t.Last, t.Desired, t.StopReason, t.Targets)
	}
	return b.String()
}

// stable reports what the waiter services-stable looks at. Source: ecs.md 9.3.
func (h *harbour) stable() bool {
	s := h.service()
	return len(s.Deployments) == 1 && s.RunningCount == s.DesiredCount
}

// steady waits until the service is stable and its deployment completed.
func (h *harbour) steady() {
	h.t.Helper()
	h.within(20*time.Minute, "steady state", func() bool {
		return h.stable() && h.service().Deployments[0].RolloutState == types.DeploymentRolloutStateCompleted
	})
}

// status gives the status of the newest service deployment.
func (h *harbour) status() types.ServiceDeploymentStatus {
	h.t.Helper()
	list, err := h.room.ListServiceDeployments(h.ctx, &sdk.ListServiceDeploymentsInput{Cluster: new("c1"), Service: new("web"), MaxResults: new(int32(1))})
	if err != nil {
		h.t.Fatal(err)
	}
	return list.ServiceDeployments[0].Status
}

// lookout notes, after each commit that touches a service's tasks, how many live and how many are
// healthy.
type lookout struct {
	room   *Service
	check  func(live, healthy int) string // says what is wrong; nil looks at nothing
	look   func(tx *store.Tx, service string, live int) string
	broken []string
}

func (l *lookout) Name() string { return "test.lookout" }

func (l *lookout) Watches() []cloud.Watch {
	return []cloud.Watch{cloud.On(l.room.tasks, func(t *Task) string { return t.Service })}
}

func (l *lookout) Keep(tx *store.Tx, service string) (cloud.Result, error) {
	live, healthy := 0, 0
	for t := range l.room.tasks.By(tx, "service", service) {
		o := t.observed()
		if o.Wanted {
			live++
		}
		if ok, _ := reconcile.Healthy(o, tx.Now()); ok {
			healthy++
		}
	}
	if l.check != nil {
		if wrong := l.check(live, healthy); wrong != "" {
			l.broken = append(l.broken, fmt.Sprintf("%s: %d live, %d healthy: %s", tx.Now().Format(time.TimeOnly), live, healthy, wrong))
		}
	}
	if l.look != nil {
		if wrong := l.look(tx, service, live); wrong != "" {
			l.broken = append(l.broken, fmt.Sprintf("%s: %s", tx.Now().Format(time.TimeOnly), wrong))
		}
	}
	return cloud.Result{}, nil
}

func errorAs[E error](err error) (e E, ok bool) {
	ok = errors.As(err, &e)
	return e, ok
}
