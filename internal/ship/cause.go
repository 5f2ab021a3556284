package ship

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

const (
	maxTasks  = 3   // stopped tasks in an outcome's details
	maxVoices = 5   // service events in an outcome's details
	taskBatch = 100 // tasks that DescribeTasks takes
)

// scaledDown is how ECS begins the reason of a task that a deployment or a smaller count stopped:
// an effect, not a cause.
const scaledDown = "Scaling activity initiated by"

// routine are parts of service events that tell of nothing wrong.
var routine = []string{"has started ", "has stopped ", "registered ", "has begun draining", "has reached a steady state", "deployment completed"}

// reason gives what a service deployment itself says of its end, the names of its alarms with it.
func reason(d types.ServiceDeployment) string {
	why := aws.ToString(d.StatusReason)
	if d.Rollback != nil && why == "" {
		why = aws.ToString(d.Rollback.Reason)
	}
	if d.Alarms == nil {
		return why
	}
	var missing []string
	for _, name := range d.Alarms.TriggeredAlarmNames {
		if !strings.Contains(why, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		why = strings.TrimSpace(why + " (alarm " + strings.Join(missing, ", ") + ")")
	}
	return why
}

// end gives the end of a deployment with its cause and what was seen of trouble.
func (n *native) end(ctx context.Context, v Verdict, cause string) (Sight, error) {
	n.moved = true
	if v == Succeeded {
		now := primary(n.service)
		return Sight{Verdict: v, Past: now != nil && aws.ToString(now.Id) != n.id && !n.scaling}, nil
	}
	if err := n.inspect(ctx); err != nil {
		n.say(Event{Kind: KindWarning, Text: fmt.Sprintf("stopped tasks could not be looked at: %v", err)})
	}
	if cause == "" {
		cause = "ECS gives no reason"
	}
	first := ""
	if v != Superseded && len(n.tasks) > 0 {
		first = n.tasks[0].Line()
	}
	return Sight{Verdict: v, Serves: n.serves(v), Cause: cause, First: first, Details: n.details(), Why: n.why(v, cause)}, nil
}

// serves gives the revision that a rollback ended with; "" where that is not seen.
func (n *native) serves(v Verdict) string {
	if v != RolledBack || n.service == nil {
		return ""
	}
	if now := primary(n.service); now != nil && aws.ToString(now.TaskDefinition) != n.arn {
		return aws.ToString(now.TaskDefinition)
	}
	return ""
}

// why names the cause of an end from what was seen on the way to it; nil where no rule knows it.
func (n *native) why(v Verdict, cause string) *explain.Cause {
	f := explain.Facts{Service: n.name, Events: n.events, Targets: n.sick, Deployment: &explain.Deployment{Reason: cause}}
	if !n.plain && n.ours.Status != "" {
		f.Deployment = explain.FromDeployment(n.ours)
	}
	if v == Superseded && n.service != nil {
		if by := primary(n.service); by != nil {
			f.Superseded = last(aws.ToString(by.TaskDefinition))
		}
	}
	for _, t := range n.tasks {
		one := explain.Task{ID: t.ID, StopCode: t.StopCode, Reason: t.Reason}
		for _, c := range t.Containers {
			one.Containers = append(one.Containers, explain.Container{Name: c.Name, Exit: c.ExitCode, Reason: c.Reason})
		}
		f.Tasks = append(f.Tasks, one)
	}
	why := explain.Of(f)
	if first := why.First(); first.Class == explain.Nothing || first.Class == explain.Unclassified {
		return nil
	}
	return &why
}

// details gives what was seen of trouble.
func (n *native) details() []string {
	var out []string
	for _, t := range n.tasks[:min(maxTasks, len(n.tasks))] {
		out = append(out, t.Line())
	}
	return append(out, n.voices[:min(maxVoices, len(n.voices))]...)
}

// listen tells the service's events since our deployment was made, oldest first, each once.
func (n *native) listen(s *types.Service) {
	for _, e := range slices.Backward(s.Events) {
		id := aws.ToString(e.Id)
		if n.heard[id] || e.CreatedAt == nil || e.CreatedAt.Before(n.since) || n.later(*e.CreatedAt) {
			continue
		}
		n.heard[id], n.moved = true, true
		msg := aws.ToString(e.Message)
		n.say(Event{Kind: KindService, Text: msg})
		n.events = append(n.events, explain.FromEvent(e))
		if !slices.ContainsFunc(routine, func(part string) bool { return strings.Contains(msg, part) }) {
			n.voices = append(n.voices, msg)
		}
	}
}

// lastWord is how long after the end of a deployment an event may still tell of it.
const lastWord = 5 * time.Second

// later reports whether a time is after the end of our deployment: what was then is of others.
func (n *native) later(at time.Time) bool {
	return n.ours.FinishedAt != nil && at.After(n.ours.FinishedAt.Add(lastWord))
}

// failures reports whether our side has failed launches that no stopped task has been told for.
func (n *native) failures() bool {
	if n.service == nil {
		return false
	}
	d := find(n.service, n.id)
	return d != nil && int(d.FailedTasks) > len(n.tasks) && int(d.FailedTasks) > n.asked
}

// inspect tells the tasks of our revision that stopped by themselves, each once.
func (n *native) inspect(ctx context.Context) error {
	if err := n.listTasks(ctx); err != nil || len(n.fresh) == 0 {
		return err
	}
	return n.describeTasks(ctx)
}

// listTasks learns which tasks have stopped that nobody described yet.
func (n *native) listTasks(ctx context.Context) error {
	if n.service != nil {
		if d := find(n.service, n.id); d != nil {
			n.asked = int(d.FailedTasks)
		}
	}
	listed, err := n.api.ListTasks(ctx, &ecs.ListTasksInput{
		Cluster: &n.cluster, ServiceName: &n.name, DesiredStatus: types.DesiredStatusStopped,
	})
	if err != nil {
		return err
	}
	n.fresh = nil
	for _, arn := range listed.TaskArns {
		if !n.stopped[arn] {
			n.fresh = append(n.fresh, arn)
		}
	}
	return nil
}

// describeTasks tells those that were listed.
func (n *native) describeTasks(ctx context.Context) error {
	fresh := n.fresh[:min(len(n.fresh), taskBatch)]
	n.fresh = nil
	out, err := n.api.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &n.cluster, Tasks: fresh})
	if err != nil {
		return err
	}
	slices.SortStableFunc(out.Tasks, func(a, b types.Task) int { return aws.ToTime(a.StoppedAt).Compare(aws.ToTime(b.StoppedAt)) })
	for _, t := range out.Tasks {
		if aws.ToString(t.LastStatus) != "STOPPED" {
			continue
		}
		n.stopped[aws.ToString(t.TaskArn)] = true
		if aws.ToString(t.StartedBy) != n.id || strings.HasPrefix(aws.ToString(t.StoppedReason), scaledDown) {
			continue
		}
		told := task(t)
		n.tasks, n.moved = append(n.tasks, told), true
		n.say(Event{Kind: KindTask, Revision: last(aws.ToString(t.TaskDefinitionArn)), Task: &told, Text: told.Line()})
	}
	return nil
}

func task(t types.Task) Task {
	out := Task{ID: last(aws.ToString(t.TaskArn)), StopCode: string(t.StopCode), Reason: aws.ToString(t.StoppedReason)}
	for _, c := range t.Containers {
		e := Container{Name: aws.ToString(c.Name), Reason: aws.ToString(c.Reason)}
		if c.ExitCode != nil {
			e.ExitCode = new(int(*c.ExitCode))
		}
		if e.ExitCode != nil || e.Reason != "" {
			out.Containers = append(out.Containers, e)
		}
	}
	return out
}

// Line gives a stopped task in one line.
func (t Task) Line() string {
	line := fmt.Sprintf("task %s stopped: %s", t.ID[:min(8, len(t.ID))], t.Reason)
	for _, c := range t.Containers {
		if c.ExitCode != nil {
			line += fmt.Sprintf(" (container %s: exit code %d)", c.Name, *c.ExitCode)
		}
		if c.Reason != "" && !strings.Contains(t.Reason, c.Reason) {
			line += fmt.Sprintf(" (container %s: %s)", c.Name, c.Reason)
		}
	}
	return line
}
