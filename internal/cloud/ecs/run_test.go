package ecs

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	smithy "github.com/aws/smithy-go"
)

// definedTwice registers web twice and changes nothing of a RunTask.
func definedTwice(w *taskWorld) func(*sdk.RunTaskInput) {
	w.register(nil)
	w.register(nil)
	return nil
}

// says compares an error with "Code: message".
func says(t *testing.T, err error, want string) {
	t.Helper()
	got := "none"
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		got = api.ErrorCode() + ": " + api.ErrorMessage()
	} else if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("error:\ngot  %s\nwant %s", got, want)
	}
}

func TestWhatRunTaskRefuses(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t, nil)
	w.register(nil)
	bridge := func(in *sdk.RegisterTaskDefinitionInput) {
		in.Family, in.NetworkMode, in.RequiresCompatibilities = new("plain"), "", nil
	}
	w.register(bridge)
	w.register(func(in *sdk.RegisterTaskDefinitionInput) { in.Family = new("old") })
	if _, err := w.s.DeregisterTaskDefinition(w.ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: new("old:1")}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*sdk.RunTaskInput)
		want   string
	}{
		{"eleven tasks", func(in *sdk.RunTaskInput) { in.Count = new(int32(11)) }, "InvalidParameterException: Count must be between 1 and 10."},
		{"no such cluster", func(in *sdk.RunTaskInput) { in.Cluster = new("x") }, "ClusterNotFoundException: Cluster not found."},
		{"no such definition", func(in *sdk.RunTaskInput) { in.TaskDefinition = new("x") }, "ClientException: TaskDefinition not found."},
		{"no number", func(in *sdk.RunTaskInput) { in.TaskDefinition = new("web:x") }, "InvalidParameterException: Invalid revision number. Number: x"},
		{"an inactive definition", func(in *sdk.RunTaskInput) { in.TaskDefinition = new("old:1") }, "InvalidParameterException: TaskDefinition is inactive"},
		{"only inactive ones", func(in *sdk.RunTaskInput) { in.TaskDefinition = new("old") }, "ClientException: TaskDefinition not found."},
		{"no network", func(in *sdk.RunTaskInput) { in.NetworkConfiguration = nil }, "InvalidParameterException: Network Configuration must be provided when networkMode 'awsvpc' is specified."},
		{"a network for bridge", func(in *sdk.RunTaskInput) { in.TaskDefinition = new("plain") }, "InvalidParameterException: Network Configuration is not valid for the given networkMode of this task definition."},
		{"bridge on Fargate", func(in *sdk.RunTaskInput) { in.TaskDefinition, in.NetworkConfiguration = new("plain"), nil }, "InvalidParameterException: Task definition does not support launch_type FARGATE."},
		{"no instances", func(in *sdk.RunTaskInput) {
			in.TaskDefinition, in.NetworkConfiguration, in.LaunchType = new("plain"), nil, ""
		}, "InvalidParameterException: No Container Instances were found in your cluster."},
		{"a provider the cluster does not have", func(in *sdk.RunTaskInput) {
			in.LaunchType, in.CapacityProviderStrategy = "", []types.CapacityProviderStrategyItem{{CapacityProvider: new("FARGATE"), Weight: 1}}
		}, "InvalidParameterException: The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again."},
		{"an unknown platform", func(in *sdk.RunTaskInput) { in.PlatformVersion = new("9.9.9") }, "PlatformUnknownException: The specified platform does not exist."},
		{"an unknown subnet", func(in *sdk.RunTaskInput) {
			in.NetworkConfiguration.AwsvpcConfiguration.Subnets = []string{"subnet-x"}
		}, "InvalidParameterException: Error retrieving subnet information for [subnet-x]: The subnet ID 'subnet-x' does not exist (ErrorCode: InvalidSubnetID.NotFound)"},
		{"tags of a service", func(in *sdk.RunTaskInput) { in.PropagateTags = types.PropagateTagsService }, "InvalidParameterException: The propagateTags value SERVICE is not supported for RunTask."},
		{"an override of nothing", func(in *sdk.RunTaskInput) {
			in.Overrides = &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: new("x")}}}
		}, "InvalidParameterException: Override for container named x is not a container in the TaskDefinition."},
		{"a size Fargate does not have", func(in *sdk.RunTaskInput) { in.Overrides = &types.TaskOverride{Memory: new("4 GB")} },
			"ClientException: No Fargate configuration exists for given values: 256 CPU, 4096 memory"},
		{"more providers than a strategy can have", func(in *sdk.RunTaskInput) {
			in.LaunchType = ""
			for range 21 {
				in.CapacityProviderStrategy = append(in.CapacityProviderStrategy, types.CapacityProviderStrategyItem{CapacityProvider: new("FARGATE"), Weight: 1})
			}
		}, "InvalidParameterException: The capacity provider strategy can have at most 20 capacity providers."},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := &sdk.RunTaskInput{TaskDefinition: new("web"), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network()}
			c.change(in)
			_, err := w.s.RunTask(w.ctx, in)
			says(t, err, c.want)
		})
	}
}

func TestAClientTokenGivesTheSameTasksAgain(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t, nil)
	w.register(nil)
	token := func(in *sdk.RunTaskInput) { in.ClientToken = new("once") }
	first, second := w.run(token), w.run(token)
	if text(first.TaskArn) != text(second.TaskArn) {
		t.Errorf("two tasks for one token: %s, %s", *first.TaskArn, *second.TaskArn)
	}
	_, err := w.s.RunTask(w.ctx, &sdk.RunTaskInput{TaskDefinition: new("web"), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network(), ClientToken: new("once"), Count: new(int32(2))})
	conflict, ok := errors.AsType[*types.ConflictException](err)
	if !ok || !slices.Equal(conflict.ResourceIds, []string{*first.TaskArn}) {
		t.Errorf("the token with other arguments: got %v", err)
	}
}

func TestOverridesReachTheProgram(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		w.register(func(in *sdk.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].Command = []string{"serve"}
			in.ContainerDefinitions[0].Environment = []types.KeyValuePair{{Name: new("A"), Value: new("1")}, {Name: new("B"), Value: new("2")}}
		})
		arn := *w.run(func(in *sdk.RunTaskInput) {
			in.Overrides = &types.TaskOverride{Cpu: new("1 vCPU"), Memory: new("2048"), ContainerOverrides: []types.ContainerOverride{{
				Name: new("app"), Command: []string{"migrate"}, Environment: []types.KeyValuePair{{Name: new("B"), Value: new("3")}},
			}}}
		}).TaskArn
		time.Sleep(time.Second)
		places, err := w.runtime.Find(w.ctx)
		if err != nil || len(places) != 1 {
			t.Fatal(places, err)
		}
		c := places[0].Task.Containers[0]
		if !slices.Equal(c.Command, []string{"migrate"}) {
			t.Errorf("command: got %v", c.Command)
		}
		env := map[string]string{}
		for _, kv := range c.Env {
			env[kv.Key] = kv.Value
		}
		for k, want := range map[string]string{
			"A": "1", "B": "3", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "123456789012",
			"AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
			"ECS_CONTAINER_METADATA_URI_V4": "http://127.0.0.1:4566/_slipway/metadata/v4/" + w.row(arn).Containers[0].Token,
		} {
			if env[k] != want {
				t.Errorf("%s: got %q, want %q", k, env[k], want)
			}
		}
		v := w.task(arn)
		if text(v.Cpu) != "1024" || text(v.Memory) != "2048" || v.Overrides.ContainerOverrides[0].Command[0] != "migrate" {
			t.Errorf("described: cpu %s, memory %s, overrides %+v", text(v.Cpu), text(v.Memory), v.Overrides)
		}
	})
}

func TestListTasksFilters(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		d := w.register(nil)
		w.register(func(in *sdk.RegisterTaskDefinitionInput) { in.Family = new("job") })
		served := w.serve(d).ARN
		mine := *w.run(func(in *sdk.RunTaskInput) { in.TaskDefinition, in.StartedBy = new("job"), new("me") }).TaskArn
		ended := *w.run(nil).TaskArn
		if _, err := w.s.StopTask(w.ctx, &sdk.StopTaskInput{Task: &ended}); err != nil {
			t.Fatal(err)
		}
		list := func(in *sdk.ListTasksInput, want ...string) {
			t.Helper()
			out, err := w.s.ListTasks(w.ctx, in)
			slices.Sort(want)
			if err != nil || !slices.Equal(out.TaskArns, want) {
				t.Errorf("ListTasks(%+v):\ngot  %v, %v\nwant %v", in, out, err, want)
			}
		}
		list(&sdk.ListTasksInput{}, served, mine)
		list(&sdk.ListTasksInput{DesiredStatus: types.DesiredStatusStopped}, ended)
		list(&sdk.ListTasksInput{Family: new("job")}, mine)
		list(&sdk.ListTasksInput{StartedBy: new("me")}, mine)
		list(&sdk.ListTasksInput{ServiceName: new("web")}, served)
		list(&sdk.ListTasksInput{LaunchType: types.LaunchTypeEc2})
		_, err := w.s.ListTasks(w.ctx, &sdk.ListTasksInput{StartedBy: new("me"), Family: new("job")})
		says(t, err, "InvalidParameterException: startedBy must be the only filter when it is used.")
		_, err = w.s.ListTasks(w.ctx, &sdk.ListTasksInput{ServiceName: new("none")})
		says(t, err, "ServiceNotFoundException: Service not found.")
		page, err := w.s.ListTasks(w.ctx, &sdk.ListTasksInput{MaxResults: new(int32(1))})
		if err != nil || len(page.TaskArns) != 1 || page.NextToken == nil {
			t.Fatalf("first page: %+v, %v", page, err)
		}
		rest, err := w.s.ListTasks(w.ctx, &sdk.ListTasksInput{NextToken: page.NextToken})
		if err != nil || len(rest.TaskArns) != 1 || rest.NextToken != nil || rest.TaskArns[0] == page.TaskArns[0] {
			t.Errorf("second page: %+v, %v", rest, err)
		}
	})
}

func TestProtectionIsForRunningTasksOfServicesAndEnds(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		served := w.serve(w.register(nil)).ARN
		alone := *w.run(nil).TaskArn
		out, err := w.s.UpdateTaskProtection(w.ctx, &sdk.UpdateTaskProtectionInput{Cluster: new("default"), Tasks: []string{served, alone, "none"}, ProtectionEnabled: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.ProtectedTasks) != 1 || !out.ProtectedTasks[0].ProtectionEnabled || time.Until(*out.ProtectedTasks[0].ExpirationDate) != 2*time.Hour {
			t.Errorf("protected: %+v", out.ProtectedTasks)
		}
		if len(out.Failures) != 2 || text(out.Failures[0].Reason) != "TASK_NOT_VALID" || text(out.Failures[1].Reason) != "MISSING" {
			t.Errorf("failures: %+v", out.Failures)
		}
		time.Sleep(2*time.Hour + time.Second)
		got, err := w.s.GetTaskProtection(w.ctx, &sdk.GetTaskProtectionInput{Cluster: new("default")})
		if err != nil || len(got.ProtectedTasks) != 1 || got.ProtectedTasks[0].ProtectionEnabled || got.ProtectedTasks[0].ExpirationDate != nil {
			t.Errorf("after two hours: %+v, %v", got, err)
		}
		_, err = w.s.UpdateTaskProtection(w.ctx, &sdk.UpdateTaskProtectionInput{Tasks: []string{served}, ProtectionEnabled: true, ExpiresInMinutes: new(int32(2881))})
		says(t, err, "InvalidParameterException: expiresInMinutes must be between 1 and 2880.")
	})
}

func TestLenientAcceptsWhatOnlyAnAccountNeedsAndWarns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTaskWorld(t, nil, func(o *Options) { o.Lenient = true })
		w.start()
		defer func() { w.stop() }()
		w.register(func(in *sdk.RegisterTaskDefinitionInput) {
			in.Cpu, in.Memory, in.NetworkMode = nil, nil, ""
			in.ContainerDefinitions[0].Memory = new(int32(128))
		})
		arn := *w.run(func(in *sdk.RunTaskInput) { in.NetworkConfiguration = nil }).TaskArn
		time.Sleep(time.Second)
		if v := w.task(arn); text(v.LastStatus) != "RUNNING" {
			t.Errorf("a lenient task: %s, %q", *v.LastStatus, text(v.StoppedReason))
		}
		if len(w.warned) == 0 || !strings.Contains(w.warned[0], "web") {
			t.Errorf("warnings: %q", w.warned)
		}
	})
}

func TestWhatIsOfAnotherClusterIsRefused(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t, nil)
	if _, err := w.s.CreateCluster(w.ctx, &sdk.CreateClusterInput{ClusterName: new("prod")}); err != nil {
		t.Fatal(err)
	}
	w.register(nil)
	arn, service := *w.run(nil).TaskArn, home.Service("default", "web")
	for name, call := range map[string]func() error{
		"StopTask": func() error {
			_, err := w.s.StopTask(w.ctx, &sdk.StopTaskInput{Cluster: new("prod"), Task: &arn})
			return err
		},
		"DescribeTasks": func() error {
			_, err := w.s.DescribeTasks(w.ctx, &sdk.DescribeTasksInput{Cluster: new("prod"), Tasks: []string{arn}})
			return err
		},
		"DescribeServices": func() error {
			_, err := w.s.DescribeServices(w.ctx, &sdk.DescribeServicesInput{Cluster: new("prod"), Services: []string{service}})
			return err
		},
		"UpdateService": func() error {
			_, err := w.s.UpdateService(w.ctx, &sdk.UpdateServiceInput{Cluster: new("prod"), Service: &service})
			return err
		},
	} {
		if got, want := refusal(call()), "InvalidParameterException: Invalid identifier: Identifier is for cluster default. Your cluster is prod"; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestNoCommandIsExecutedInATask(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t, nil)
	w.register(nil)
	arn := *w.run(func(in *sdk.RunTaskInput) { in.EnableExecuteCommand = true }).TaskArn
	for want, in := range map[string]*sdk.ExecuteCommandInput{
		wordNoExec: {Task: &arn},
		"The container x does not exist in the task.": {Task: &arn, Container: new("x")},
		noSuchTask: {Task: new("none")},
	} {
		_, err := w.s.ExecuteCommand(w.ctx, in)
		says(t, err, "InvalidParameterException: "+want)
	}
}

func TestStartTaskFindsNoInstances(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t, nil)
	w.register(nil)
	out, err := w.s.StartTask(w.ctx, &sdk.StartTaskInput{TaskDefinition: new("web"), ContainerInstances: []string{"0123"}, NetworkConfiguration: network()})
	if err != nil || len(out.Tasks) != 0 || len(out.Failures) != 1 || text(out.Failures[0].Reason) != "MISSING" ||
		text(out.Failures[0].Arn) != "arn:aws:ecs:us-east-1:123456789012:container-instance/default/0123" {
		t.Errorf("got %+v, %v", out, err)
	}
	_, err = w.s.StopTask(w.ctx, &sdk.StopTaskInput{Task: new("none")})
	says(t, err, "InvalidParameterException: The referenced task was not found.")
}
