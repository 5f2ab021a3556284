package look

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// Status is a service at one look.
type Status struct {
	Cluster    string       `json:"cluster"`
	Service    string       `json:"service"`
	ARN        string       `json:"arn"`
	State      string       `json:"status"` // ACTIVE, DRAINING, INACTIVE
	Controller string       `json:"controller"`
	Strategy   string       `json:"strategy,omitempty"`
	Desired    int          `json:"desired"`
	Running    int          `json:"running"`
	Pending    int          `json:"pending"`
	Sides      []Side       `json:"deployments"`          // as the service lists them, the primary first
	Deployment *Deployment  `json:"deployment,omitempty"` // the newest service deployment
	Waits      []Pause      `json:"waits"`                // for somebody's word
	Tasks      []Count      `json:"tasks"`
	Groups     []Group      `json:"targetGroups"`
	Traffic    []Share      `json:"traffic"`
	Alarms     []Alarm      `json:"alarms"`
	Lease      *ship.Holder `json:"lease,omitempty"` // who deploys it at present
	LastEvent  *Event       `json:"lastEvent,omitempty"`
	Unread     []string     `json:"unread,omitempty"` // what the caller may not read
}

// Side is a deployment as the service itself lists it.
type Side struct {
	ID       string     `json:"id"`     // ecs-svc/…
	Status   string     `json:"status"` // PRIMARY, ACTIVE, …
	Rollout  string     `json:"rolloutState,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Revision string     `json:"revision"`
	Images   []Image    `json:"images,omitempty"`
	Desired  int        `json:"desired"`
	Running  int        `json:"running"`
	Pending  int        `json:"pending"`
	Failed   int        `json:"failed"`
	Created  *time.Time `json:"createdAt,omitempty"`
}

// Pause is a deployment that waits for a person.
type Pause struct {
	Hook    string     `json:"hook"`
	Stage   string     `json:"stage"`
	Until   *time.Time `json:"until,omitempty"`
	Then    string     `json:"then,omitempty"` // what happens by itself: CONTINUE or ROLLBACK
	Choices []string   `json:"choices"`        // commands
}

// Alarm is an alarm the service's deployments watch.
type Alarm struct {
	Name   string     `json:"name"`
	State  string     `json:"state"`
	Reason string     `json:"reason,omitempty"`
	Since  *time.Time `json:"since,omitempty"`
}

// Status looks once. Three rounds of calls are made, each side by side.
func (l *Looker) Status(ctx context.Context, p Place) (*Status, error) {
	var s *types.Service
	var running, stopped []Task
	var newest []Deployment
	var u unread
	err := sideBySide(
		func() (err error) { s, err = l.service(ctx, p); return err },
		func() (err error) {
			running, err = l.tasks(ctx, p, types.DesiredStatusRunning)
			return u.pass(err, "list running tasks")
		},
		func() (err error) {
			stopped, err = l.tasks(ctx, p, types.DesiredStatusStopped)
			return u.pass(err, "list stopped tasks")
		},
		func() (err error) {
			if newest, err = l.deployments(ctx, p, 1); err == nil {
				err = l.revised(ctx, newest)
			}
			return u.pass(err, "describe service deployments")
		},
	)
	if err != nil {
		return nil, err
	}
	out := l.first(s)
	leaving := slices.DeleteFunc(stopped, func(t Task) bool { return t.Status == "STOPPED" })
	out.Tasks = count(append(running, leaving...))
	if k := l.driver(s); k != nil {
		newest, err = k.Past(ctx, s, 1)
		if err == nil && len(newest) > 0 {
			_, err = k.Facts(ctx, s, &newest[0])
		}
		if fail.Is(err, NoGroup) {
			u.add(err.Error())
		} else if err := u.pass(err, "describe CodeDeploy's deployments"); err != nil {
			return nil, err
		}
	}
	if len(newest) > 0 {
		out.Deployment = &newest[0]
		out.Waits = pauses(newest[0])
	}
	arns := groupARNs(s)
	err = sideBySide(
		func() error { return u.pass(l.images(ctx, out.Sides, s), "describe task definitions") },
		func() (err error) {
			out.Groups, err = l.groups(ctx, arns)
			return u.pass(err, "describe target health")
		},
		func() (err error) { out.Traffic, err = l.traffic(ctx, arns); return u.pass(err, "describe listeners") },
		func() (err error) {
			names, err := l.watched(ctx, s)
			if fail.Is(err, NoGroup) {
				return nil // said above
			}
			if err == nil {
				out.Alarms, err = l.alarms(ctx, names)
			}
			return u.pass(err, "describe alarms")
		},
	)
	out.Unread = u.words
	return out, err
}

// first is what the service alone tells.
func (l *Looker) first(s *types.Service) *Status {
	out := &Status{Cluster: last(text(s.ClusterArn)), Service: text(s.ServiceName), ARN: text(s.ServiceArn), State: text(s.Status), Controller: "ECS",
		Desired: int(s.DesiredCount), Running: int(s.RunningCount), Pending: int(s.PendingCount), Sides: []Side{}, Waits: []Pause{}}
	if h, ok := ship.LeaseOf(s); ok && h.Until.After(l.clock().Now()) {
		out.Lease = &h
	}
	if k := s.DeploymentController; k != nil && k.Type != "" {
		out.Controller = string(k.Type)
	}
	if c := s.DeploymentConfiguration; c != nil {
		out.Strategy = string(c.Strategy)
	}
	for _, d := range s.Deployments {
		out.Sides = append(out.Sides, Side{ID: text(d.Id), Status: text(d.Status), Rollout: string(d.RolloutState), Reason: text(d.RolloutStateReason),
			Revision: last(text(d.TaskDefinition)), Desired: int(d.DesiredCount), Running: int(d.RunningCount), Pending: int(d.PendingCount), Failed: int(d.FailedTasks), Created: at(d.CreatedAt)})
	}
	for _, d := range s.TaskSets { // there are none where there are deployments
		out.Sides = append(out.Sides, Side{ID: text(d.Id), Status: text(d.Status), Rollout: string(d.StabilityStatus), Revision: last(text(d.TaskDefinition)),
			Desired: int(d.ComputedDesiredCount), Running: int(d.RunningCount), Pending: int(d.PendingCount), Created: at(d.CreatedAt)})
	}
	if len(s.Events) > 0 {
		out.LastEvent = new(event(s.Events[0]))
	}
	return out
}

// images fills in what the sides run.
func (l *Looker) images(ctx context.Context, sides []Side, s *types.Service) error {
	calls := make([]func() error, len(sides))
	var refs []*string
	for _, d := range s.Deployments {
		refs = append(refs, d.TaskDefinition)
	}
	for _, d := range s.TaskSets {
		refs = append(refs, d.TaskDefinition)
	}
	for i := range sides {
		calls[i] = func() error {
			out, err := l.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: refs[i]})
			if err != nil {
				return err
			}
			sides[i].Images = imagesOf(out.TaskDefinition)
			return nil
		}
	}
	return sideBySide(calls...)
}

func imagesOf(d *types.TaskDefinition) []Image {
	var out []Image
	if d != nil {
		for _, c := range d.ContainerDefinitions {
			out = append(out, Image{Container: text(c.Name), Ref: text(c.Image)})
		}
	}
	return out
}

// pauses gives the hooks of a running deployment that wait for a person, with what can be said.
func pauses(d Deployment) []Pause {
	out := []Pause{}
	for _, h := range d.Hooks {
		if h.Status == "AWAITING_ACTION" && d.Verdict == "" {
			out = append(out, Pause{Hook: h.ID, Stage: d.Stage, Until: h.Expires, Then: h.Action, Choices: []string{"slipway approve", "slipway reject"}})
		}
	}
	return out
}

// alarmNames gives the alarms a service's deployments watch.
func alarmNames(s *types.Service) []string {
	if c := s.DeploymentConfiguration; c != nil && c.Alarms != nil {
		return c.Alarms.AlarmNames
	}
	return nil
}

func (l *Looker) alarms(ctx context.Context, names []string) ([]Alarm, error) {
	all := []Alarm{}
	err := batches(names, 100, func(some []string) error {
		out, err := l.Alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: some})
		if err != nil {
			return err
		}
		for _, a := range out.MetricAlarms {
			all = append(all, Alarm{text(a.AlarmName), string(a.StateValue), text(a.StateReason), at(a.StateTransitionedTimestamp)})
		}
		for _, a := range out.CompositeAlarms {
			all = append(all, Alarm{text(a.AlarmName), string(a.StateValue), text(a.StateReason), at(a.StateTransitionedTimestamp)})
		}
		for _, n := range some {
			if !slices.ContainsFunc(all, func(a Alarm) bool { return a.Name == n }) {
				all = append(all, Alarm{Name: n, State: "MISSING", Reason: "there is no such alarm"})
			}
		}
		return nil
	})
	return all, err
}
