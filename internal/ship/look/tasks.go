package look

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// Task is a task of a service.
type Task struct {
	ID         string      `json:"id"`
	Revision   string      `json:"revision"` // family:revision
	Status     string      `json:"status"`   // lastStatus
	Desired    string      `json:"desired"`  // RUNNING or STOPPED
	Health     string      `json:"health,omitempty"`
	By         string      `json:"startedBy,omitempty"` // the deployment, ecs-svc/…
	Address    string      `json:"address,omitempty"`
	Zone       string      `json:"zone,omitempty"`
	Created    *time.Time  `json:"createdAt,omitempty"`
	Started    *time.Time  `json:"startedAt,omitempty"`
	Stopped    *time.Time  `json:"stoppedAt,omitempty"`
	StopCode   string      `json:"stopCode,omitempty"`
	Reason     string      `json:"reason,omitempty"` // of the stop
	Containers []Container `json:"containers"`

	raw types.Task
}

// Container is a container of a task.
type Container struct {
	Name   string `json:"name"`
	Image  string `json:"image,omitempty"`
	Status string `json:"status,omitempty"`
	Health string `json:"health,omitempty"`
	Exit   *int   `json:"exitCode,omitempty"` // absent: it has not ended, or never ran
	Reason string `json:"reason,omitempty"`
}

// describeTasks is how many tasks one call describes.
const describeTasks = 100

// Tasks gives a service's running tasks and the stopped ones ECS still knows of, about an hour
// back: running ones first, each kind newest first.
func (l *Looker) Tasks(ctx context.Context, p Place) ([]Task, error) {
	if _, err := l.service(ctx, p); err != nil {
		return nil, err
	}
	var running, stopped []Task
	err := sideBySide(
		func() (err error) { running, err = l.tasks(ctx, p, types.DesiredStatusRunning); return err },
		func() (err error) { stopped, err = l.tasks(ctx, p, types.DesiredStatusStopped); return err },
	)
	if err != nil {
		return nil, sdk.Explain(err, "list the tasks of service "+last(p.Service))
	}
	return append(running, stopped...), nil
}

// tasks gives a service's tasks of one desired status, newest first.
func (l *Looker) tasks(ctx context.Context, p Place, desired types.DesiredStatus) ([]Task, error) {
	name := last(p.Service)
	arns, err := pages(0, func(token *string) ([]string, *string, error) {
		out, err := l.ECS.ListTasks(ctx, &ecs.ListTasksInput{Cluster: cluster(p), ServiceName: &name, DesiredStatus: desired, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.TaskArns, out.NextToken, nil
	})
	if err != nil {
		return nil, err
	}
	var all []Task
	err = batches(arns, describeTasks, func(some []string) error {
		out, err := l.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: cluster(p), Tasks: some})
		if err != nil {
			return err
		}
		for _, t := range out.Tasks {
			all = append(all, task(t))
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b Task) int {
		return cmp.Or(aws.ToTime(b.Created).Compare(aws.ToTime(a.Created)), cmp.Compare(a.ID, b.ID))
	})
	return all, err
}

func task(t types.Task) Task {
	out := Task{ID: last(text(t.TaskArn)), Revision: last(text(t.TaskDefinitionArn)), Status: text(t.LastStatus), Desired: text(t.DesiredStatus), By: text(t.StartedBy),
		Zone: text(t.AvailabilityZone), Created: at(t.CreatedAt), Started: at(t.StartedAt), Stopped: at(t.StoppedAt),
		StopCode: string(t.StopCode), Reason: text(t.StoppedReason), Containers: []Container{}, raw: t}
	if t.HealthStatus != types.HealthStatusUnknown {
		out.Health = string(t.HealthStatus)
	}
	for _, c := range t.Containers {
		k := Container{Name: text(c.Name), Image: text(c.Image), Status: text(c.LastStatus), Reason: text(c.Reason)}
		if c.HealthStatus != types.HealthStatusUnknown {
			k.Health = string(c.HealthStatus)
		}
		if c.ExitCode != nil {
			k.Exit = new(int(*c.ExitCode))
		}
		out.Containers = append(out.Containers, k)
		for _, n := range c.NetworkInterfaces {
			if out.Address == "" {
				out.Address = text(n.PrivateIpv4Address)
			}
		}
	}
	return out
}

// Count is how many tasks of a revision are in a state.
type Count struct {
	Revision string `json:"revision"`
	Status   string `json:"status"`
	Health   string `json:"health,omitempty"`
	Tasks    int    `json:"tasks"`
}

// count gives tasks by revision, state and health, in that order.
func count(all []Task) []Count {
	out := []Count{}
	for _, t := range all {
		i := slices.IndexFunc(out, func(c Count) bool { return c.Revision == t.Revision && c.Status == t.Status && c.Health == t.Health })
		if i < 0 {
			out = append(out, Count{t.Revision, t.Status, t.Health, 0})
			i = len(out) - 1
		}
		out[i].Tasks++
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Health, b.Health))
	})
	return out
}
