package codedeploy

import (
	"errors"
	"reflect"
	"slices"
	"time"

	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// startTick is how long a deployment is Created before it begins. CodeDeploy takes some seconds
// (unconfirmed).
const startTick = 500 * time.Millisecond

// keeper moves the deployment of a service on. Its keys are ARNs of services.
type keeper struct{ s *Service }

func (k *keeper) Name() string { return "codedeploy.deployment" }

func (k *keeper) Watches() []cloud.Watch {
	return append([]cloud.Watch{cloud.On(k.s.deployments, func(d *Deployment) string { return d.activeOn() })}, k.s.o.Fleet.Watches()...)
}

func (k *keeper) Keep(tx *store.Tx, service string) (res cloud.Result, err error) {
	for d := range k.s.deployments.By(tx, "active", service) {
		n := driving{s: k.s, tx: tx, now: tx.Now(), d: d}
		n.advance()
		res.Sooner(n.res.Wake)
		res.Jobs = append(res.Jobs, n.res.Jobs...)
	}
	return res, nil
}

// alarmKeeper tells deployments under way which of their alarms are in ALARM, in the drain in
// which an alarm changes. Its keys are ARNs of alarms. CodeDeploy polls; that we do not is the
// better emulation of its intent.
type alarmKeeper struct{ s *Service }

func (k *alarmKeeper) Name() string { return "codedeploy.alarm" }

func (k *alarmKeeper) Watches() []cloud.Watch { return []cloud.Watch{k.s.o.Alarms.Watch()} }

func (k *alarmKeeper) Keep(tx *store.Tx, arn string) (cloud.Result, error) {
	for d := range k.s.deployments.By(tx, "alarm", arn) {
		was := d
		if k.s.poll(tx, &d); !slices.Equal(d.Firing, was.Firing) || !slices.Equal(d.Unknown, was.Unknown) {
			k.s.deployments.Put(tx, d)
		}
	}
	return cloud.Result{}, nil
}

// poll looks at a deployment's alarms.
func (s *Service) poll(tx *store.Tx, d *Deployment) {
	d.Firing, d.Unknown = nil, nil
	if len(d.Alarms) > 0 {
		d.Firing, d.Unknown = s.o.Alarms.Firing(tx, d.Scope, d.Alarms), s.o.Alarms.Unknown(tx, d.Scope, d.Alarms)
	}
}

// driving is one look at an active deployment, on its way.
type driving struct {
	s   *Service
	tx  *store.Tx
	now time.Time
	d   Deployment
	res cloud.Result

	service     FleetService
	blue, green *FleetSet // nil where it is not there, or leaving
}

// advance moves the deployment as far as what is seen allows: look, Step, do.
func (n *driving) advance() {
	d := &n.d
	was := *d
	d.Events, d.Hooks, d.Sets = slices.Clone(d.Events), slices.Clone(d.Hooks), slices.Clone(d.Sets)
	if d.Status == created {
		if at := d.Created.Add(startTick); d.Undoes == "" && n.now.Before(at) && len(d.Orders) == 0 {
			n.res.Sooner(at)
			return
		}
		d.Status, d.Started = inProgress, n.now
	}
	n.look()
	n.judge()
	state, want := rollout.Step(&d.Plan, d.State, n.observe(), n.now)
	d.State = state
	n.res.Sooner(want.Wake)
	n.tell(want.Notes)
	for _, a := range want.Actions {
		if err := n.do(a); err != nil {
			n.fail(err)
			break
		}
	}
	if d.Trouble != nil && !d.State.Over() && (d.Undoes != "" || d.Plan.At(d.State) == strategy.Termination) {
		d.State.Status = rollout.Failed // the core watches for nothing any more here
	}
	switch {
	case d.State.Over():
		n.end()
	case d.Status == ready && d.Plan.At(d.State) != strategy.WaitForTraffic:
		d.Status = inProgress
	}
	n.call()
	if !reflect.DeepEqual(was, *d) {
		d.Updated = n.now
		n.s.deployments.Put(n.tx, *d)
	}
}

// fail notes why the deployment fails; the first reason counts.
func (n *driving) fail(err error) {
	if n.d.Trouble != nil {
		return
	}
	t, ok := errors.AsType[*Trouble](err)
	if !ok {
		t = &Trouble{Code: "INTERNAL_ERROR", Message: causeOf(err)}
	}
	n.d.Trouble = t
}

// Error makes a Trouble an error on its way to the row.
func (t *Trouble) Error() string { return t.Code + ": " + t.Message }

// look finds the service and both sides, and what is wrong with them.
func (n *driving) look() {
	d := &n.d
	var err error
	n.service, err = n.s.o.Fleet.Find(n.tx, d.Scope, d.Cluster, d.ServiceName)
	if err == nil && n.service.Status != "ACTIVE" {
		err = errors.New("the service is " + n.service.Status)
	}
	if err != nil {
		n.fail(&Trouble{Code: "INVALID_ECS_SERVICE", Message: "Could not load ECS service information for cluster: " + d.Cluster + ", service: " + d.ServiceName + ". Cause: " + causeOf(err)})
		return
	}
	if n.service.Controller != "CODE_DEPLOY" {
		n.fail(&Trouble{Code: "INVALID_ECS_SERVICE", Message: "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller."})
	}
	for i := range n.service.Sets {
		set := &n.service.Sets[i]
		if d.Blue == "" && set.Status == "PRIMARY" {
			d.Blue, d.From = set.ID, set.Group
		}
		switch {
		case set.Status == "DRAINING":
		case set.ID == d.Blue:
			n.blue = set
		case set.ID == d.Green:
			n.green = set
		}
	}
	n.snap()
	at := d.Plan.At(d.State)
	over := d.Undoes == "" && (at == strategy.WaitForTermination || at == strategy.Termination) // to end it is all that is left
	switch {
	case d.Blue == "":
		n.fail(&Trouble{Code: "INVALID_ECS_SERVICE", Message: "The ECS service has no PRIMARY task set."})
	case n.blue == nil && !over:
		n.fail(&Trouble{Code: "INVALID_ECS_SERVICE", Message: "The original task set " + d.Blue + " was deleted during the deployment."})
	case d.Green != "" && n.green == nil && d.Undoes == "":
		n.fail(&Trouble{Code: "ECS_UPDATE_ERROR", Message: "The replacement task set " + d.Green + " was deleted during the deployment."})
	}
}

// judge decides about what only time decides: waits and time-outs.
func (n *driving) judge() {
	d := &n.d
	n.judgeHooks()
	if d.Undoes != "" {
		return
	}
	if d.Status == ready && !d.Go {
		if n.now.Before(d.Until) {
			n.res.Sooner(d.Until)
		} else {
			n.fail(readyTimedOut(d.Wait))
		}
	}
	if d.Strict && len(d.Unknown) > 0 {
		n.fail(unreadable(d.Unknown))
	}
}

// observe says how the deployment stands. A task set counts as one whole thing: ECS keeps its
// tasks and says when it is steady. In a rollback the original counts as healthy, since CodeDeploy
// puts the weights back without looking at it.
func (n *driving) observe() rollout.Observation {
	d := &n.d
	o := rollout.Observation{Alarms: d.Firing, Commands: d.Orders, Gates: map[string]rollout.Verdict{}}
	if n.blue != nil {
		o.Count[rollout.Old] = rollout.Count{Want: 1, Running: 1, Healthy: 1}
	}
	if n.green != nil {
		o.Count[rollout.New] = rollout.Count{Want: 1, Running: 1}
		if n.green.Stable {
			o.Count[rollout.New].Healthy = 1
		}
	}
	o.Share[rollout.Production], o.Share[rollout.Test] = n.share(rollout.Production), n.share(rollout.Test)
	for _, run := range d.Hooks {
		o.Gates[run.Event] = run.Verdict
	}
	if d.Go {
		o.Gates[string(strategy.WaitForTraffic)] = rollout.Pass
	}
	if d.Trouble != nil {
		o.Gates[trouble] = rollout.Fail
	}
	return o
}

// do does what the core wants.
func (n *driving) do(a rollout.Action) error {
	d := &n.d
	switch {
	case a.Do == rollout.Move:
		return n.move(a.Route, a.Share)
	case a.Do == rollout.Ask && a.Gate == string(strategy.WaitForTraffic):
		if d.Until.IsZero() {
			d.Status, d.Until = ready, n.now.Add(d.Wait)
		}
		n.res.Sooner(d.Until)
	case a.Do == rollout.Ask:
		n.ask(a.Gate)
	case a.Do == rollout.Scale && a.Side == rollout.New && a.Want > 0:
		if d.Green == "" {
			return n.install()
		}
	case a.Do == rollout.Scale && a.Want == 0 && a.Side == rollout.New:
		return n.replace(d.Green, d.Blue)
	case a.Do == rollout.Scale && a.Want == 0:
		return n.replace(d.Blue, d.Green)
	}
	return nil
}

// replace ends a task set. The other is PRIMARY then, also where somebody else has moved the
// traffic, so that we never did.
func (n *driving) replace(old, by string) error {
	err := n.s.o.Fleet.Promote(n.tx, n.d.Service, by)
	if err == nil {
		err = n.s.o.Fleet.End(n.tx, n.d.Service, old)
	}
	if err != nil {
		return updateError(err)
	}
	return nil
}

// install makes the replacement task set, once the load balancer is seen to be as it must, and
// attaches its target group without traffic where traffic shifts gradually, or where it is attached
// already: what a deployment that was stopped has left there is nobody's any more.
//
// Source: codedeploy.md 8.3, 8.6, 18.
func (n *driving) install() error {
	d := &n.d
	if err := n.survey(); err != nil {
		return err
	}
	ask := FleetAsk{
		ExternalID: d.ID, StartedBy: "CODE_DEPLOY", Definition: d.Spec.Definition, Group: d.To,
		Container: d.Spec.Container, Port: d.Spec.Port, PlatformVersion: d.Spec.Platform,
		Network: cloud.Kept[*ecs.AwsVpcConfiguration](d.Spec.Network),
	}
	for _, p := range d.Spec.Providers {
		ask.Providers = append(ask.Providers, ecs.CapacityProviderStrategyItem{CapacityProvider: new(p.Name), Base: p.Base, Weight: p.Weight})
	}
	id, err := n.s.o.Fleet.Make(n.tx, d.Service, ask)
	if err != nil {
		return updateError(err)
	}
	d.Green = id
	if n.gradual() || n.attached() {
		return n.weigh(d.Production, 0)
	}
	return nil
}

// updateError is a refusal of ECS. The first half of its words is unconfirmed.
func updateError(err error) error {
	return &Trouble{Code: "ECS_UPDATE_ERROR", Message: "The ECS service cannot be updated due to the following error: " + causeOf(err)}
}

// tell keeps the life-cycle events by what happened to the stages.
func (n *driving) tell(notes []rollout.Note) {
	d := &n.d
	if d.Undoes != "" {
		return
	}
	for _, note := range notes {
		if note.Kind != rollout.Entered {
			continue
		}
		for i := range d.Events {
			e := &d.Events[i]
			switch {
			case e.Name == string(note.Stage) && e.Status == eventPending:
				e.Status, e.Start = eventInProgress, n.now
			case e.Name != string(note.Stage) && e.Status == eventInProgress:
				e.Status, e.End = eventSucceeded, n.now
			}
		}
	}
}
