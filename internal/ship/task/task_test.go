package task_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/ship/task"
)

const arn = "arn:aws:ecs:eu-west-1:123456789012:task/main/0123456789abcdef"

// cloud has one service, and one task of which each look shows the next state; the last one stays.
// "" is a look without an answer.
type cloud struct {
	containers []types.ContainerDefinition
	states     []string
	exit       int32
	refused    *types.Failure
	pages      [][]string // of the log; nil is an empty page
	asked      *ecs.RunTaskInput
	stops      []string // reasons
	starts     func()   // called while the task is asked for; may be nil
}

func (c *cloud) DescribeServices(_ context.Context, in *ecs.DescribeServicesInput, _ ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error) {
	if in.Services[0] != "web" {
		return &ecs.DescribeServicesOutput{}, nil
	}
	return &ecs.DescribeServicesOutput{Services: []types.Service{{
		Status: aws.String("ACTIVE"), TaskDefinition: aws.String("web:7"), LaunchType: types.LaunchTypeFargate, PlatformVersion: aws.String("1.4.0"),
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}},
	}}}, nil
}

func (c *cloud) DescribeTaskDefinition(_ context.Context, in *ecs.DescribeTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	return &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &types.TaskDefinition{
		TaskDefinitionArn: aws.String("arn:aws:ecs:eu-west-1:123456789012:task-definition/" + *in.TaskDefinition), ContainerDefinitions: c.containers,
	}}, nil
}

func (c *cloud) RunTask(ctx context.Context, in *ecs.RunTaskInput, _ ...func(*ecs.Options)) (*ecs.RunTaskOutput, error) {
	c.asked = in
	if c.starts != nil {
		c.starts()
	}
	if err := ctx.Err(); err != nil {
		return nil, err // the task was started all the same
	}
	if c.refused != nil {
		return &ecs.RunTaskOutput{Failures: []types.Failure{*c.refused}}, nil
	}
	return &ecs.RunTaskOutput{Tasks: []types.Task{{TaskArn: aws.String(arn)}}}, nil
}

func (c *cloud) StopTask(_ context.Context, in *ecs.StopTaskInput, _ ...func(*ecs.Options)) (*ecs.StopTaskOutput, error) {
	c.stops = append(c.stops, *in.Reason)
	return &ecs.StopTaskOutput{}, nil
}

func (c *cloud) DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	state := c.states[0]
	if len(c.states) > 1 {
		c.states = c.states[1:]
	}
	if state == "" {
		return nil, errors.New("connection refused")
	}
	t := types.Task{TaskArn: aws.String(arn), LastStatus: &state}
	if state == "STOPPED" {
		t.StopCode, t.StoppedReason = types.TaskStopCodeEssentialContainerExited, aws.String("Essential container in task exited")
		t.Containers = []types.Container{{Name: aws.String("app"), ExitCode: &c.exit}}
	}
	return &ecs.DescribeTasksOutput{Tasks: []types.Task{t}}, nil
}

func (c *cloud) GetLogEvents(_ context.Context, in *cloudwatchlogs.GetLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error) {
	n := 0
	if in.NextToken != nil {
		n, _ = strconv.Atoi(*in.NextToken) // ours
	}
	if n == len(c.pages) {
		return &cloudwatchlogs.GetLogEventsOutput{NextForwardToken: aws.String(strconv.Itoa(n))}, nil
	}
	out := &cloudwatchlogs.GetLogEventsOutput{NextForwardToken: aws.String(strconv.Itoa(n + 1))}
	for _, line := range c.pages[n] {
		out.Events = append(out.Events, logtypes.OutputLogEvent{Message: aws.String(line + "\n")})
	}
	return out, nil
}

func container(name string, essential bool) types.ContainerDefinition {
	return types.ContainerDefinition{Name: &name, Essential: &essential, LogConfiguration: &types.LogConfiguration{
		LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/web", "awslogs-stream-prefix": "ecs"},
	}}
}

// run runs a request in virtual time, and gives what was told as kind and text.
func (c *cloud) run(t *testing.T, ctx context.Context, q task.Request) (task.Result, []string, error) {
	t.Helper()
	if c.containers == nil {
		c.containers = []types.ContainerDefinition{container("app", true), container("side", false)}
	}
	var told []string
	out, err := (&task.Runner{ECS: c, Logs: c}).Run(ctx, q, func(e task.Event) { told = append(told, string(e.Kind)+" "+e.Text) })
	return out, told, err
}

func TestATaskIsFollowedToItsLastLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{states: []string{"PENDING", "", "RUNNING", "STOPPED"}, exit: 3, pages: [][]string{{"one"}, nil, nil, nil, nil, {"two"}, nil, {"three"}}}
		out, told, err := c.run(t, t.Context(), task.Request{Cluster: "main", Service: "web", Command: []string{"migrate"}, Env: map[string]string{"B": "2", "A": "1"}})
		if err != nil || out.Exit == nil || *out.Exit != 3 || out.Cause == nil || out.Stopped || out.Left || out.Millis != 3000 {
			t.Fatalf("got %+v, %v; want exit code 3 after three seconds, with its cause", out, err)
		}
		if lines := out.Cause.First().Log; !slices.Equal(lines, []string{"one", "two", "three"}) {
			t.Errorf("the cause has the lines %q", lines)
		}
		for _, want := range []string{"state PENDING", "state RUNNING", "state STOPPED", "line one", "line two", "line three", "ended task 0123456789abcdef: container app ended with exit code 3"} {
			if !slices.Contains(told, want) {
				t.Errorf("nothing told %q: %q", want, told)
			}
		}
		o := c.asked.Overrides.ContainerOverrides[0]
		if *o.Name != "app" || o.Command[0] != "migrate" || *o.Environment[0].Name != "A" || *o.Environment[1].Value != "2" {
			t.Errorf("asked for the override %+v", o)
		}
		if c.asked.LaunchType != types.LaunchTypeFargate || *c.asked.PlatformVersion != "1.4.0" || c.asked.NetworkConfiguration == nil {
			t.Errorf("asked for %+v, want what the service has", c.asked)
		}
	})
}

func TestATaskIsStoppedOnceAndSeenToItsEnd(t *testing.T) {
	t.Parallel()
	running := func(n int) []string { return append(slices.Repeat([]string{"RUNNING"}, n), "STOPPED") }
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{states: running(20), exit: 143}
		out, _, err := c.run(t, t.Context(), task.Request{Service: "web", Timeout: 10 * time.Second})
		if err != nil || !out.Stopped || out.Left || out.Cause != nil || out.Line() != "task 0123456789abcdef was stopped" {
			t.Errorf("out of time: %+v, %v", out, err)
		}
		if len(c.stops) != 1 || c.stops[0] != "slipway run: it did not end within 10s" {
			t.Errorf("stopped for %q", c.stops)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
		defer cancel()
		c := &cloud{states: running(20), exit: 143}
		out, _, err := c.run(t, ctx, task.Request{Service: "web"})
		if err != nil || !out.Stopped || out.Left || len(c.stops) != 1 || c.stops[0] != "slipway run: interrupted" {
			t.Errorf("interrupted: %+v, %v, stopped for %q", out, err, c.stops)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := &cloud{states: running(20), exit: 143, starts: cancel}
		out, _, err := c.run(t, ctx, task.Request{Service: "web"})
		if err != nil || !out.Stopped || out.Left || len(c.stops) != 1 {
			t.Errorf("interrupted while ECS starts it: %+v, %v, stopped for %q", out, err, c.stops)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c := &cloud{states: running(20)}
		if _, _, err := c.run(t, ctx, task.Request{Service: "web"}); !errors.Is(err, context.Canceled) || c.asked != nil {
			t.Errorf("interrupted before: %v, and asked for %+v", err, c.asked)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{states: []string{"RUNNING"}}
		out, _, err := c.run(t, t.Context(), task.Request{Service: "web", Timeout: time.Second})
		if err != nil || !out.Left || len(c.stops) != 1 || out.Line() != "task 0123456789abcdef goes on" {
			t.Errorf("a task that does not stop: %+v, %v, stopped %d times", out, err, len(c.stops))
		}
	})
}

func TestARunWithoutATaskSaysWhy(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		cloud cloud
		ask   task.Request
		want  string
	}{
		"nothing is named":           {cloud{}, task.Request{}, "it is not said what to run"},
		"no such service":            {cloud{}, task.Request{Service: "wep", Cluster: "main"}, `service "wep" is not in cluster "main"`},
		"no such container":          {cloud{}, task.Request{Service: "web", Container: "apq"}, `no container "apq"`},
		"several essential ones":     {cloud{containers: []types.ContainerDefinition{container("a", true), container("b", true)}}, task.Request{Service: "web"}, "several essential containers"},
		"no room":                    {cloud{refused: &types.Failure{Reason: aws.String("RESOURCE:MEMORY")}}, task.Request{Service: "web"}, "was not placed: RESOURCE:MEMORY"},
		"the connection is lost":     {cloud{states: []string{""}}, task.Request{Service: "web"}, "follow task 0123456789abcdef"},
		"the connection is lost mid": {cloud{states: []string{"RUNNING", ""}}, task.Request{Service: "web"}, "follow task 0123456789abcdef"},
	} {
		synctest.Test(t, func(t *testing.T) {
			if _, _, err := one.cloud.run(t, t.Context(), one.ask); err == nil || !strings.Contains(err.Error(), one.want) {
				t.Errorf("%s: got the error %v, want %q in it", name, err, one.want)
			}
		})
	}
}
