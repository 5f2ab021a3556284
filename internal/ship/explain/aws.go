package explain

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// FromDeployment takes from a service deployment what counts here.
func FromDeployment(d types.ServiceDeployment) *Deployment {
	out := &Deployment{Status: string(d.Status), Reason: aws.ToString(d.StatusReason), Stage: string(d.LifecycleStage)}
	if d.Rollback != nil {
		out.Rollback = aws.ToString(d.Rollback.Reason)
	}
	if b := d.DeploymentCircuitBreaker; b != nil {
		out.Breaker, out.Failures, out.Threshold = string(b.Status), int(b.FailureCount), int(b.Threshold)
	}
	if d.Alarms != nil {
		out.Triggered = d.Alarms.TriggeredAlarmNames
	}
	for _, h := range d.LifecycleHookDetails {
		out.Hooks = append(out.Hooks, Hook{ID: aws.ToString(h.HookId), Type: string(h.TargetType), Target: aws.ToString(h.TargetArn), Status: string(h.Status)})
	}
	return out
}

// FromTask takes from a stopped task what counts here; log lines are the caller's to add.
func FromTask(t types.Task) Task {
	arn := aws.ToString(t.TaskArn)
	out := Task{ID: arn[strings.LastIndexByte(arn, '/')+1:], StopCode: string(t.StopCode), Reason: aws.ToString(t.StoppedReason)}
	for _, c := range t.Containers {
		k := Container{Name: aws.ToString(c.Name), Reason: aws.ToString(c.Reason)}
		if c.ExitCode != nil {
			k.Exit = new(int(*c.ExitCode))
		}
		out.Containers = append(out.Containers, k)
	}
	return out
}

// FromEvent takes a service event.
func FromEvent(e types.ServiceEvent) Event {
	return Event{At: aws.ToTime(e.CreatedAt), Text: aws.ToString(e.Message)}
}

// FromTarget takes a target's health; group is the target group's name.
func FromTarget(group string, t elb.TargetHealthDescription) Target {
	out := Target{Group: group}
	if t.Target != nil {
		out.ID = aws.ToString(t.Target.Id)
	}
	if h := t.TargetHealth; h != nil {
		out.State, out.Reason, out.Text = string(h.State), string(h.Reason), aws.ToString(h.Description)
	}
	return out
}
