package dropin

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// runTask runs the new revision once.
func (r *run) runTask(ctx context.Context, network *types.NetworkConfiguration) error {
	r.out("Run task: %s", r.arn)
	cluster := r.o.Cluster
	if cluster == "" {
		cluster = "false" // what the original sends
	}
	in := &ecs.RunTaskInput{Cluster: &cluster, TaskDefinition: &r.arn, NetworkConfiguration: network}
	if given(r.o.LaunchType) {
		in.LaunchType = types.LaunchType(r.o.LaunchType)
	}
	if given(r.o.PlatformVersion) {
		in.PlatformVersion = &r.o.PlatformVersion
	}
	r.trace("run-task", "--cluster", cluster, "--task-definition", r.arn)
	out, err := r.api.RunTask(ctx, in) // its client token keeps repeats from running it twice
	if err != nil {
		return sdk.Explain(err, "run a task of "+r.arn)
	}
	if len(out.Tasks) == 0 {
		r.out("Executed task: null")
		for _, f := range out.Failures {
			r.note("the task was not started: %s %s", aws.ToString(f.Reason), aws.ToString(f.Detail))
		}
		return &exit{ExitFailed}
	}
	arn := aws.ToString(out.Tasks[0].TaskArn)
	r.out("Executed task: %s", arn)
	if r.o.WaitForSuccess {
		if err := r.await(ctx, cluster, arn); err != nil {
			return err
		}
	}
	r.out("Task %s executed successfully!", arn)
	return nil
}

// await waits until a task has stopped, and asks how its first container ended.
func (r *run) await(ctx context.Context, cluster, arn string) error {
	var t types.Task
	done, err := r.poll(ctx, taskEvery, func(time.Duration) (bool, error) {
		r.trace("describe-tasks", "--cluster", cluster, "--tasks", arn)
		out, err := r.api.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: []string{arn}})
		if err != nil {
			return false, sdk.Explain(err, "describe task "+arn)
		}
		t = types.Task{LastStatus: aws.String("null")} // not listed yet
		if len(out.Tasks) > 0 {
			t = out.Tasks[0]
		}
		status := aws.ToString(t.LastStatus)
		if status == "STOPPED" {
			r.out("Task finished with status: %s", status)
			return true, nil
		}
		r.out("Checking task status every 10 seconds. Status: %s", status)
		return false, nil
	})
	if err != nil {
		return err
	}
	if !done {
		r.out("ERROR: New task run took longer than %s seconds", r.o.Timeout)
		return &exit{ExitFailed}
	}
	code := "null"
	if len(t.Containers) > 0 && t.Containers[0].ExitCode != nil {
		code = strconv.Itoa(int(*t.Containers[0].ExitCode))
	}
	if code != "0" {
		r.out("Task execution failed with exit code: %s", code)
		r.note("%s", stopped(t))
		return &exit{ExitFailed}
	}
	return nil
}

// stopped says why a task stopped.
func stopped(t types.Task) string {
	line := fmt.Sprintf("%s: %s", t.StopCode, aws.ToString(t.StoppedReason))
	for _, c := range t.Containers {
		if reason := aws.ToString(c.Reason); reason != "" {
			line += fmt.Sprintf("; container %s: %s", aws.ToString(c.Name), reason)
		}
	}
	return line
}
