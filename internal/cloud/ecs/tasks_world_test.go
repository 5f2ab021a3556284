package ecs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/loop"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

var home = names.Scope{Account: "123456789012", Region: "us-east-1"}

// taskWorld is the room with a fake runtime and fakes that keep state in place of other rooms.
// Run it in a synctest bubble: its clock is the bubble's.
type taskWorld struct {
	t       *testing.T
	ctx     context.Context
	s       *Service
	runtime *fake.Runtime
	targets *taskTargets
	logs    *taskLogs
	warned  []string
	stop    func()
}

// newTaskWorld makes a room with an ACTIVE cluster "default", and no loop yet.
func newTaskWorld(t *testing.T, script func(launch.Task, launch.Container) fake.Script, change ...func(*Options)) *taskWorld {
	return newTaskWorldIn(t, store.Options{Clock: clock.Real{}}, script, change...)
}

func newTaskWorldIn(t *testing.T, in store.Options, script func(launch.Task, launch.Container) fake.Script, change ...func(*Options)) *taskWorld {
	w := &taskWorld{t: t, targets: newTaskTargets(), logs: &taskLogs{groups: map[string]bool{"app": true}, marks: map[string]launch.Mark{}}}
	w.runtime = fake.New(clock.Real{}, script)
	o := Options{
		IDs: ids.Counting(), Runtime: w.runtime, Balancer: w.targets, Networks: taskNetworks{}, Alarms: taskAlarms{w.targets}, Logs: w.logs, Secrets: taskSecrets{},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), TaskEndpoint: func() string { return "http://127.0.0.1:4566" },
		Credentials: func(scope names.Scope, task string) (string, string) { return scope.Account, "secret" },
		Warn:        func(line string) { w.warned = append(w.warned, line) },
	}
	for _, f := range change {
		f(&o)
	}
	w.s = New(o)
	in.Verify = true
	st, err := store.Open(in, append(w.s.Tables(), w.targets.table)...)
	if err != nil {
		t.Fatal(err)
	}
	w.s.Attach(st)
	w.ctx = wire.WithCaller(t.Context(), wire.Caller{Account: home.Account, Region: home.Region})
	if _, err := w.s.CreateCluster(w.ctx, &sdk.CreateClusterInput{}); err != nil {
		t.Fatal(err)
	}
	return w
}

// start runs the loop; end stops it and waits for it.
func (w *taskWorld) start() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	l := loop.New(loop.Options{
		Store: w.s.o.Store, Tables: append(w.s.Tables(), w.targets.table), Keepers: []cloud.Keeper{&taskKeeper{w.s}, &definitionKeeper{w.s}}, Log: w.s.o.Log,
	})
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			w.t.Errorf("the loop ended with %v", err)
		}
	}
}

// register registers a task definition of Fargate's smallest size, changed by f.
func (w *taskWorld) register(f func(*sdk.RegisterTaskDefinitionInput)) *types.TaskDefinition {
	w.t.Helper()
	in := anyDefinition()
	if f != nil {
		f(in)
	}
	out, err := w.s.RegisterTaskDefinition(w.ctx, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return out.TaskDefinition
}

func anyDefinition() *sdk.RegisterTaskDefinitionInput {
	return &sdk.RegisterTaskDefinitionInput{
		Family: new("web"), Cpu: new("256"), Memory: new("512"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: new("app"), Image: new("web:1"), PortMappings: []types.PortMapping{{ContainerPort: new(int32(8080))}},
		}},
	}
}

func network() *types.NetworkConfiguration {
	return &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-a"}}}
}

// run runs one task of web's newest revision.
func (w *taskWorld) run(f func(*sdk.RunTaskInput)) types.Task {
	w.t.Helper()
	in := &sdk.RunTaskInput{TaskDefinition: new("web"), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network()}
	if f != nil {
		f(in)
	}
	out, err := w.s.RunTask(w.ctx, in)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(out.Tasks) != 1 {
		w.t.Fatalf("tasks: got %d, want 1; failures %v", len(out.Tasks), out.Failures)
	}
	return out.Tasks[0]
}

// serve makes a task of a service with a target group.
func (w *taskWorld) serve(d *types.TaskDefinition) Task {
	w.t.Helper()
	var t Task
	err := w.s.o.Store.Update(func(tx *store.Tx) error {
		service := ServiceRow{ARN: home.Service("default", "web"), Name: "web", Cluster: home.Cluster("default"), Status: "ACTIVE"}
		service.Settings.Grace = time.Minute
		w.s.services.Put(tx, service)
		work := Workload{
			TaskDefinition: text(d.TaskDefinitionArn), LaunchType: "FARGATE", Network: cloud.Keep(network()),
			LoadBalancers: cloud.Keep([]types.LoadBalancer{{TargetGroupArn: new("group"), ContainerName: new("app"), ContainerPort: new(int32(8080))}}),
		}
		deployment := Deployment{Key: service.ARN + "/1234567890123456789", Service: service.ARN, Digits: "1234567890123456789", Work: work}
		w.s.deployments.Put(tx, deployment)
		t = w.s.newTask(tx, newTask{Service: &service, Deployment: &deployment, Definition: d, Zone: "us-east-1b"})
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// task describes a task.
func (w *taskWorld) task(arn string) types.Task {
	w.t.Helper()
	out, err := w.s.DescribeTasks(w.ctx, &sdk.DescribeTasksInput{Tasks: []string{arn}})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(out.Tasks) != 1 {
		w.t.Fatalf("task %s: %v", arn, out.Failures)
	}
	return out.Tasks[0]
}

func (w *taskWorld) row(arn string) (t Task) {
	w.t.Helper()
	if err := w.s.o.Store.View(func(tx *store.Tx) error { t, _ = w.s.tasks.Get(tx, arn); return nil }); err != nil {
		w.t.Fatal(err)
	}
	return t
}

// handle gives the running container of a name.
func (w *taskWorld) handle(name string) launch.Handle {
	w.t.Helper()
	for _, h := range w.runtime.Running() {
		if h.Container == name {
			return h
		}
	}
	w.t.Fatalf("no container %q runs", name)
	return launch.Handle{}
}

// taskTargets is a load balancer: one table of targets that are healthy at once and drain for 20 s.
type taskTargets struct {
	table *store.Table[taskTarget]
}

type taskTarget struct {
	Key, Owner, State string
	Until             time.Time // of draining
	Dial              launch.Address
}

func newTaskTargets() *taskTargets {
	return &taskTargets{table: store.NewTable("targets", func(t *taskTarget) string { return t.Key })}
}

func targetKey(group, id string) string { return group + " " + id }

func (b *taskTargets) Register(tx *store.Tx, group string, t BalancerTarget) error {
	if group != "group" {
		return errors.New("no such group")
	}
	if _, ok := b.table.Get(tx, targetKey(group, t.ID)); !ok {
		b.table.Put(tx, taskTarget{Key: targetKey(group, t.ID), Owner: t.Owner, State: "healthy", Dial: t.Dial})
	}
	return nil
}

func (b *taskTargets) Deregister(tx *store.Tx, group, id string, _ int) error {
	if t, ok := b.table.Get(tx, targetKey(group, id)); ok && t.State != "draining" {
		t.State, t.Until = "draining", tx.Now().Add(20*time.Second)
		b.table.Put(tx, t)
	}
	return nil
}

func (b *taskTargets) Target(tx *store.Tx, group, id string, _ int) (state, reason, description string, ok bool) {
	t, ok := b.table.Get(tx, targetKey(group, id))
	return t.State, "", "", ok
}

func (b *taskTargets) Group(tx *store.Tx, arn string) (BalancerGroup, bool) {
	return BalancerGroup{ARN: arn}, arn == "group"
}

// No rules route to these targets.
func (b *taskTargets) SetWeights(*store.Tx, string, []Weight) error    { return errors.ErrUnsupported }
func (b *taskTargets) Weights(*store.Tx, string) (w []Weight, ok bool) { return nil, false }
func (b *taskTargets) Rule(*store.Tx, string) bool                     { return false }

func (b *taskTargets) Watch() cloud.Watch {
	return cloud.On(b.table, func(t *taskTarget) string { return t.Owner })
}

// drained forgets the targets that have drained; the real room's keeper does so.
func (w *taskWorld) drained() {
	err := w.s.o.Store.Update(func(tx *store.Tx) error {
		for t := range w.targets.table.All(tx) {
			if t.State == "draining" && !tx.Now().Before(t.Until) {
				w.targets.table.Delete(tx, t.Key)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Error(err)
	}
}

type taskNetworks struct{}

func (taskNetworks) Subnet(_ *store.Tx, _ names.Scope, id string) (vpc, zone string, ok bool) {
	zone, ok = map[string]string{"subnet-a": "us-east-1a", "subnet-b": "us-east-1b", "subnet-z": "us-east-1z"}[id]
	if vpc = "vpc-1"; id == "subnet-z" {
		vpc = "vpc-2"
	}
	return vpc, zone, ok
}

func (taskNetworks) SecurityGroup(_ *store.Tx, _ names.Scope, id string) (string, bool) {
	return "vpc-1", id == "sg-1"
}

type taskAlarms struct{ b *taskTargets }

func (taskAlarms) Firing(*store.Tx, names.Scope, []string) []string { return nil }
func (a taskAlarms) Watch() cloud.Watch                             { return a.b.Watch() }

// taskLogs is a log service in memory.
type taskLogs struct {
	mu     sync.Mutex // guards what follows
	groups map[string]bool
	marks  map[string]launch.Mark // by stream and start
	lines  []string               // "group stream text"
	opened int                    // how often Resume was called
}

// noGroup is what a log group that does not exist answers.
var noGroup = &smithy.GenericAPIError{Code: "ResourceNotFoundException", Message: "The specified log group does not exist."}

func (l *taskLogs) Resume(_ context.Context, _ names.Scope, group, stream, start string, create bool) (launch.Mark, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened++
	if !l.groups[group] && !create {
		return 0, noGroup
	}
	l.groups[group] = true
	return l.marks[stream+start], nil
}

func (l *taskLogs) Append(_ context.Context, _ names.Scope, group, stream, start string, lines []launch.Line) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.groups[group] {
		return noGroup
	}
	for _, x := range lines {
		l.lines = append(l.lines, group+" "+stream+" "+x.Text)
		l.marks[stream+start] = x.Mark
	}
	return nil
}

// drop deletes a group.
func (l *taskLogs) drop(group string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.groups, group)
}

// opens tells how often a stream was opened.
func (l *taskLogs) opens() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opened
}

func (l *taskLogs) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// course notes a task's statuses in the order of their commits.
func (w *taskWorld) course(arn string) (seen func() []string) {
	watch := w.s.o.Store.Watch(w.s.tasks)
	var mu sync.Mutex // guards all
	var all []string
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan struct{})
	take := func() {
		for _, c := range watch.Take() {
			if t, ok := c.New.(*Task); ok && c.Key == arn {
				mu.Lock()
				if len(all) == 0 || all[len(all)-1] != t.Last {
					all = append(all, t.Last)
				}
				mu.Unlock()
			}
		}
	}
	go func() {
		defer close(done)
		for {
			select {
			case <-watch.Ready():
				take()
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() []string {
		cancel()
		<-done
		take()
		return all
	}
}

func (w *taskWorld) stopErr(arn, code, reason string) error {
	return w.s.o.Store.Update(func(tx *store.Tx) error {
		t, ok := w.s.tasks.Get(tx, arn)
		if !ok {
			return errors.New("no such task")
		}
		w.s.stopTask(tx, t, code, reason)
		return nil
	})
}
