package ship

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	maxTasks  = 3 // stopped tasks in an outcome's details
	maxVoices = 5 // service events in an outcome's details
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

// end sets the outcome of a deployment that has ended.
func (w *work) end(ctx context.Context, v Verdict, cause string) {
	w.out.Verdict = v
	if v == Succeeded {
		return
	}
	if err := w.inspect(ctx); err != nil {
		w.say(Event{Kind: KindWarning, Text: fmt.Sprintf("stopped tasks could not be looked at: %v", err)})
	}
	if cause == "" {
		cause = "ECS gives no reason"
	}
	if v != Superseded && len(w.tasks) > 0 {
		cause = strings.TrimSuffix(cause, ".") + "; first: " + w.tasks[0].Line()
	}
	w.out.Cause, w.out.Next = cause, w.lookAt()
	w.detail()
}

// detail puts what was seen of trouble into the outcome.
func (w *work) detail() {
	for _, t := range w.tasks[:min(maxTasks, len(w.tasks))] {
		w.out.Details = append(w.out.Details, t.Line())
	}
	w.out.Details = append(w.out.Details, w.voices[:min(maxVoices, len(w.voices))]...)
}

// listen tells the service's events since our deployment was made, oldest first, each once.
func (w *work) listen(s *types.Service) {
	for _, e := range slices.Backward(s.Events) {
		id := aws.ToString(e.Id)
		if w.heard[id] || e.CreatedAt == nil || e.CreatedAt.Before(w.since) {
			continue
		}
		w.heard[id] = true
		w.moved = w.clock.Now()
		msg := aws.ToString(e.Message)
		w.say(Event{Kind: KindService, Text: msg})
		if !slices.ContainsFunc(routine, func(part string) bool { return strings.Contains(msg, part) }) {
			w.voices = append(w.voices, msg)
		}
	}
}

// failures reports whether our side has failed launches that no stopped task has been told for.
func (w *work) failures() bool {
	d := find(w.service, w.id)
	return d != nil && int(d.FailedTasks) > len(w.tasks)
}

// inspect tells the tasks of our revision that stopped by themselves, each once.
func (w *work) inspect(ctx context.Context) error {
	listed, err := w.api.ListTasks(ctx, &ecs.ListTasksInput{
		Cluster: &w.r.Cluster, ServiceName: &w.out.Service, DesiredStatus: types.DesiredStatusStopped,
	})
	if err != nil {
		return err
	}
	var fresh []string
	for _, arn := range listed.TaskArns {
		if !w.stopped[arn] {
			fresh = append(fresh, arn)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	out, err := w.api.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &w.r.Cluster, Tasks: fresh})
	if err != nil {
		return err
	}
	slices.SortStableFunc(out.Tasks, func(a, b types.Task) int { return aws.ToTime(a.StoppedAt).Compare(aws.ToTime(b.StoppedAt)) })
	for _, t := range out.Tasks {
		if aws.ToString(t.LastStatus) != "STOPPED" {
			continue
		}
		w.stopped[aws.ToString(t.TaskArn)] = true
		if aws.ToString(t.StartedBy) != w.id || strings.HasPrefix(aws.ToString(t.StoppedReason), scaledDown) {
			continue
		}
		told := task(t)
		w.tasks = append(w.tasks, told)
		w.say(Event{Kind: KindTask, Revision: last(aws.ToString(t.TaskDefinitionArn)), Task: &told, Text: told.Line()})
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
