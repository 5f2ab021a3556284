package ecs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// onDeck runs a story in a harbour whose cluster has instances of its own.
func onDeck(t *testing.T, n int, kind string, story func(h *harbour)) {
	inHarbour(t, nil, func(h *harbour) {
		h.room.o.Instances, h.room.o.InstanceType = n, kind
		if err := h.room.EquipAll(); err != nil {
			h.t.Fatal(err)
		}
		story(h)
	})
}

// bridge registers a revision of family web in bridge mode with these sizes, and its host port.
func (h *harbour) bridge(image string, cpu, memory, port int32, change ...func(*sdk.RegisterTaskDefinitionInput)) string {
	h.t.Helper()
	in := &sdk.RegisterTaskDefinitionInput{Family: new("web"), NetworkMode: types.NetworkModeBridge, ContainerDefinitions: []types.ContainerDefinition{{
		Name: new("web"), Image: new(image), Cpu: cpu, Memory: new(memory),
		PortMappings: []types.PortMapping{{ContainerPort: new(int32(8080)), HostPort: new(port)}},
	}}}
	for _, f := range change {
		f(in)
	}
	out, err := h.room.RegisterTaskDefinition(h.ctx, in)
	if err != nil {
		h.t.Fatal(err)
	}
	return *out.TaskDefinition.TaskDefinitionArn
}

// onInstances is a service web of desired tasks of a definition, on instances.
func onInstances(definition string, desired int32, change ...func(*sdk.CreateServiceInput)) *sdk.CreateServiceInput {
	in := &sdk.CreateServiceInput{
		Cluster: new("c1"), ServiceName: new("web"), TaskDefinition: new(definition), DesiredCount: new(desired), LaunchType: types.LaunchTypeEc2,
	}
	for _, f := range change {
		f(in)
	}
	return in
}

// instances describes the cluster's instances, by ARN.
func (h *harbour) instances() []types.ContainerInstance {
	h.t.Helper()
	list, err := h.room.ListContainerInstances(h.ctx, &sdk.ListContainerInstancesInput{Cluster: new("c1")})
	if err != nil {
		h.t.Fatal(err)
	}
	if len(list.ContainerInstanceArns) == 0 {
		return nil
	}
	out, err := h.room.DescribeContainerInstances(h.ctx, &sdk.DescribeContainerInstancesInput{Cluster: new("c1"), ContainerInstances: list.ContainerInstanceArns})
	if err != nil || len(out.Failures) > 0 {
		h.t.Fatalf("describing instances gave %v, %v", out, err)
	}
	return out.ContainerInstances
}

// spread counts the tasks wanted of service web by the index of their instance.
func (h *harbour) spread() (n []int) {
	all := h.instances()
	n = make([]int, len(all))
	for _, t := range h.tasks() {
		if i := slices.IndexFunc(all, func(x types.ContainerInstance) bool { return *x.ContainerInstanceArn == t.Instance }); i >= 0 && t.Desired == "RUNNING" {
			n[i]++
		}
	}
	return n
}

func summary(all []types.Resource) string {
	var parts []string
	for _, r := range all {
		value := fmt.Sprint(r.IntegerValue)
		if *r.Type == "STRINGSET" {
			value = strings.Join(r.StringSetValue, ",")
		}
		parts = append(parts, *r.Name+"="+value)
	}
	return strings.Join(parts, " ")
}

func TestTasksTakeTheResourcesOfTheirInstanceAndGiveThemBack(t *testing.T) {
	onDeck(t, 1, "t3.small", func(h *harbour) {
		h.create(onInstances(h.bridge("shop/web:1", 256, 512, 80), 1))
		h.steady()
		x := h.instances()[0]
		if got, want := summary(x.RegisteredResources), "CPU=2048 MEMORY=1888 PORTS=22,2376,2375,51678,51679 PORTS_UDP="; got != want {
			t.Errorf("registered %s, want %s", got, want)
		}
		if got, want := summary(x.RemainingResources), "CPU=1792 MEMORY=1376 PORTS=22,2376,2375,51678,51679,80 PORTS_UDP="; got != want {
			t.Errorf("remaining %s, want %s", got, want)
		}
		if x.RunningTasksCount != 1 || x.PendingTasksCount != 0 || *x.Status != "ACTIVE" || !x.AgentConnected {
			t.Errorf("instance %+v", x)
		}
		task := h.tasks()[0]
		if d, err := h.room.DescribeTasks(h.ctx, &sdk.DescribeTasksInput{Cluster: new("c1"), Tasks: []string{task.ID}}); err != nil || *d.Tasks[0].Cpu != "256" || *d.Tasks[0].Memory != "512" {
			t.Errorf("described: %+v, %v", d, err)
		}
		if task.Instance != *x.ContainerInstanceArn || task.LaunchType != "EC2" || task.Zone != "eu-west-1a" || task.Platform != "" {
			t.Errorf("task %+v", task)
		}
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(0))})
		h.within(5*time.Minute, "the end of the task", func() bool { return h.tasks()[0].Last == "STOPPED" })
		if got, want := summary(h.instances()[0].RemainingResources), summary(x.RegisteredResources); got != want {
			t.Errorf("remaining afterwards %s, want %s", got, want)
		}
	})
}

func TestATaskThatFindsNoInstanceIsToldOfInECSsWordsUntilThereIsRoom(t *testing.T) {
	onDeck(t, 0, "", func(h *harbour) {
		const says = "(service web) was unable to place a task because no container instance met all of its requirements."
		var lines []string
		h.room.o.Warn = func(line string) { lines = append(lines, line) }
		h.create(onInstances(h.bridge("shop/web:1", 1500, 512, 0), 2))
		h.within(time.Minute, "the event", func() bool { return h.said(says+" Reason: No Container Instances were found in your cluster.") == 1 })
		arn := ""
		for n := range 2 {
			if n == 1 {
				want := says + " The closest matching container-instance " + names.Last(arn) + " has insufficient CPU units available."
				h.within(time.Minute, "one task", func() bool { return h.service().RunningCount == 1 && h.said(want) == 1 })
			}
			out, err := h.room.RegisterContainerInstance(h.ctx, &sdk.RegisterContainerInstanceInput{Cluster: new("c1")})
			if err != nil {
				h.t.Fatal(err)
			}
			arn = *out.ContainerInstance.ContainerInstanceArn
		}
		h.steady()
		if got := h.said(says); got != 2 {
			t.Errorf("it was said %d times:\n%s", got, strings.Join(h.events(), "\n"))
		}
		if len(lines) != 2 || !strings.Contains(lines[0], "slipway local --instances N") {
			t.Errorf("lines on the console: %q", lines)
		}
		if n := h.spread(); !slices.Equal(n, []int{1, 1}) {
			t.Errorf("tasks by instance: %v", n)
		}
	})
}

func TestATaskWithANetworkOfItsOwnTakesAnInterfaceOfItsInstance(t *testing.T) {
	onDeck(t, 1, "t3.small", func(h *harbour) {
		definition := h.bridge("shop/web:1", 128, 128, 8080, func(in *sdk.RegisterTaskDefinitionInput) { in.NetworkMode = types.NetworkModeAwsvpc })
		network := serviceAsk(definition, 3).NetworkConfiguration
		h.create(onInstances(definition, 3, func(in *sdk.CreateServiceInput) { in.NetworkConfiguration = network }))
		h.within(time.Minute, "two tasks of three", func() bool { return h.service().RunningCount == 2 && h.said(`encountered error "RESOURCE:ENI".`) == 1 })
		out, err := h.room.RunTask(h.ctx, &sdk.RunTaskInput{
			Cluster: new("c1"), TaskDefinition: new(definition), LaunchType: types.LaunchTypeEc2, NetworkConfiguration: network,
		})
		if err != nil || len(out.Tasks) != 0 || len(out.Failures) != 1 || *out.Failures[0].Reason != "RESOURCE:ENI" {
			t.Errorf("a third task: %+v, %v", out, err)
		}
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(1))})
		h.steady()
		h.within(5*time.Minute, "a task in place of the one that left", func() bool {
			out, err := h.room.RunTask(h.ctx, &sdk.RunTaskInput{
				Cluster: new("c1"), TaskDefinition: new(definition), LaunchType: types.LaunchTypeEc2, NetworkConfiguration: network,
			})
			return err == nil && len(out.Tasks) == 1
		})
	})
}

func TestUnplacedTasksTripTheBreaker(t *testing.T) {
	onDeck(t, 1, "t3.small", func(h *harbour) {
		breaker := &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}}
		first := h.bridge("shop/web:1", 128, 128, 8080)
		h.create(onInstances(first, 1, func(in *sdk.CreateServiceInput) { in.DeploymentConfiguration = breaker }))
		h.steady()
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.bridge("shop/web:2", 128, 128, 8080))})
		took := h.within(10*time.Minute, "the rollback", func() bool { return h.status() == types.ServiceDeploymentStatusRollbackSuccessful })
		if took < 30*time.Second || took > 2*time.Minute {
			t.Errorf("the rollback took %s", took)
		}
		if n := h.said("is already using a port required by your task."); n != 1 {
			t.Errorf("the port was told of %d times", n)
		}
		if s := h.service(); *s.TaskDefinition != first || s.RunningCount != 1 {
			t.Errorf("after the rollback:\n%s", h.picture())
		}
		if d := h.deployments()[0]; d.DeploymentCircuitBreaker.FailureCount != 3 {
			t.Errorf("failures: %+v", d.DeploymentCircuitBreaker)
		}
	})
}

// With a fixed host port and one instance the new task has no place beside the old one: at 100/200
// nothing moves until the bounds let the old one go first.
func TestAFullInstanceHoldsARollingUpdateUntilItsBoundsAllowToStopFirst(t *testing.T) {
	onDeck(t, 1, "t3.small", func(h *harbour) {
		h.create(onInstances(h.bridge("shop/web:1", 128, 128, 8080), 1))
		h.steady()
		second := h.bridge("shop/web:2", 128, 128, 8080)
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(second)})
		time.Sleep(2 * time.Hour)
		s := h.service()
		if len(s.Deployments) != 2 || s.Deployments[0].RolloutState != types.DeploymentRolloutStateInProgress || s.Deployments[0].FailedTasks < 3 || s.RunningCount != 1 {
			t.Errorf("after two hours:\n%s", h.picture())
		}
		if n := h.said("is already using a port required by your task."); n != 1 {
			t.Errorf("the port was told of %d times", n)
		}
		h.update(&sdk.UpdateServiceInput{DeploymentConfiguration: &types.DeploymentConfiguration{MinimumHealthyPercent: new(int32(0)), MaximumPercent: new(int32(100))}})
		h.steady()
		if s := h.service(); *s.TaskDefinition != second || h.said("is already using a port required by your task.") != 1 {
			t.Errorf("afterwards:\n%s\n%s", h.picture(), strings.Join(h.events(), "\n"))
		}
	})
}

func TestServicesArePlacedByTheirStrategyAndConstraints(t *testing.T) {
	onDeck(t, 3, "t3.small", func(h *harbour) {
		definition := h.bridge("shop/web:1", 128, 128, 0)
		for name, c := range map[string]struct {
			change func(*sdk.CreateServiceInput)
			want   string
		}{
			"spread over zones by default": {func(*sdk.CreateServiceInput) {}, "2,2,2"},
			"binpack": {func(in *sdk.CreateServiceInput) {
				in.PlacementStrategy = []types.PlacementStrategy{{Type: types.PlacementStrategyTypeBinpack, Field: new("memory")}}
			}, "6,0,0"},
			"memberOf": {func(in *sdk.CreateServiceInput) {
				in.PlacementConstraints = []types.PlacementConstraint{{Type: types.PlacementConstraintTypeMemberOf, Expression: new("attribute:ecs.availability-zone in [eu-west-1b, eu-west-1c]")}}
			}, "0,3,3"},
			"distinctInstance": {func(in *sdk.CreateServiceInput) {
				in.PlacementConstraints = []types.PlacementConstraint{{Type: types.PlacementConstraintTypeDistinctInstance}}
			}, "1,1,1"},
		} {
			h.create(onInstances(definition, 6, c.change))
			h.within(5*time.Minute, name, func() bool {
				var got []string
				for _, n := range h.spread() {
					got = append(got, fmt.Sprint(n))
				}
				return strings.Join(got, ",") == c.want
			})
			if name == "distinctInstance" && h.said(`encountered error "DistinctInstance placement constraint unsatisfied.".`) != 1 {
				t.Errorf("events:\n%s", strings.Join(h.events(), "\n"))
			}
			if _, err := h.room.DeleteService(h.ctx, &sdk.DeleteServiceInput{Cluster: new("c1"), Service: new("web"), Force: new(true)}); err != nil {
				t.Fatal(err)
			}
			h.within(5*time.Minute, "the end", func() bool { return *h.service().Status == "INACTIVE" })
		}
	})
}

func TestRunTaskPlacesWhatFitsAndTellsOfTheRest(t *testing.T) {
	onDeck(t, 1, "t3.small", func(h *harbour) {
		h.bridge("shop/web:1", 280, 64, 0)
		out, err := h.room.RunTask(h.ctx, &sdk.RunTaskInput{Cluster: new("c1"), TaskDefinition: new("web"), Count: new(int32(10))})
		if err != nil || len(out.Tasks) != 7 || len(out.Failures) != 3 {
			t.Fatalf("got %d tasks and %d failures, %v", len(out.Tasks), len(out.Failures), err)
		}
		arn := *h.instances()[0].ContainerInstanceArn
		for _, f := range out.Failures {
			if *f.Arn != arn || *f.Reason != "RESOURCE:CPU" {
				t.Errorf("failure %s of %s", *f.Reason, *f.Arn)
			}
		}
		for name, c := range map[string]struct {
			change func(*sdk.RegisterTaskDefinitionInput)
			where  []types.PlacementConstraint
			want   string
		}{
			"memory": {func(in *sdk.RegisterTaskDefinitionInput) { in.ContainerDefinitions[0].Memory = new(int32(4000)) }, nil, "RESOURCE:MEMORY"},
			"ports": {func(in *sdk.RegisterTaskDefinitionInput) {
				in.ContainerDefinitions[0].PortMappings[0].HostPort = new(int32(22))
			}, nil, "RESOURCE:PORTS"},
			"gpu": {func(in *sdk.RegisterTaskDefinitionInput) {
				in.ContainerDefinitions[0].ResourceRequirements = []types.ResourceRequirement{{Type: types.ResourceTypeGpu, Value: new("1")}}
			}, nil, "RESOURCE:GPU"},
			"memberOf": {func(*sdk.RegisterTaskDefinitionInput) {},
				[]types.PlacementConstraint{{Type: types.PlacementConstraintTypeMemberOf, Expression: new("attribute:stack == prod")}}, "MemberOf placement constraint unsatisfied."},
			"a definition's memberOf": {func(in *sdk.RegisterTaskDefinitionInput) {
				in.PlacementConstraints = []types.TaskDefinitionPlacementConstraint{{Type: types.TaskDefinitionPlacementConstraintTypeMemberOf, Expression: new("attribute:stack == prod")}}
			}, nil, "MemberOf placement constraint unsatisfied."},
		} {
			h.bridge("shop/web:1", 0, 64, 0, c.change)
			out, err := h.room.RunTask(h.ctx, &sdk.RunTaskInput{Cluster: new("c1"), TaskDefinition: new("web"), PlacementConstraints: c.where})
			if err != nil || len(out.Failures) != 1 || *out.Failures[0].Reason != c.want {
				t.Errorf("%s: got %+v, %v, want %s", name, out, err, c.want)
			}
		}
	})
}

func TestAnInstanceHandsOutItsGPUsAndDynamicPorts(t *testing.T) {
	onDeck(t, 1, "g4dn.12xlarge", func(h *harbour) {
		h.bridge("shop/web:1", 0, 64, 0, func(in *sdk.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].ResourceRequirements = []types.ResourceRequirement{{Type: types.ResourceTypeGpu, Value: new("2")}}
		})
		out, err := h.room.RunTask(h.ctx, &sdk.RunTaskInput{Cluster: new("c1"), TaskDefinition: new("web"), Count: new(int32(3))})
		if err != nil || len(out.Tasks) != 2 || len(out.Failures) != 1 || *out.Failures[0].Reason != "RESOURCE:GPU" {
			t.Fatalf("got %+v, %v", out, err)
		}
		ids := map[string]bool{}
		for _, task := range out.Tasks {
			for _, id := range task.Containers[0].GpuIds {
				ids[id] = true
			}
		}
		left := h.instances()[0].RemainingResources
		if len(ids) != 4 || *left[4].Name != "GPU" || len(left[4].StringSetValue) != 0 || len(h.instances()[0].RegisteredResources[4].StringSetValue) != 4 {
			t.Errorf("GPUs %v, left %s", ids, summary(left))
		}
	})
}

func TestTargetsInAGroupOfInstancesAreInstancesAndTheirHostPorts(t *testing.T) {
	onDeck(t, 1, "t3.small", func(h *harbour) {
		h.create(onInstances(h.bridge("shop/web:1", 128, 128, 0), 2, func(in *sdk.CreateServiceInput) {
			in.LoadBalancers = []types.LoadBalancer{{TargetGroupArn: new(instanceGroup), ContainerName: new("web"), ContainerPort: new(int32(8080))}}
		}))
		h.steady()
		targets := func() (all []string) {
			err := h.store.View(func(tx *store.Tx) error {
				for p := range h.piers.table.All(tx) {
					all = append(all, fmt.Sprint(p.ID, ":", p.Port, " ", p.State))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(all)
			return all
		}
		id := *h.instances()[0].Ec2InstanceId
		if got, want := targets(), []string{id + ":32768 healthy", id + ":32769 healthy"}; !slices.Equal(got, want) {
			t.Errorf("targets %q, want %q", got, want)
		}
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.bridge("shop/web:2", 128, 128, 0))})
		h.steady()
		h.within(10*time.Minute, "the end of the old ones", func() bool { return len(targets()) == 2 })
		if got, want := targets(), []string{id + ":32770 healthy", id + ":32771 healthy"}; !slices.Equal(got, want) {
			t.Errorf("targets after the update %q, want %q", got, want)
		}
		bindings := h.bindings()
		if !slices.Equal(bindings, []int32{32770, 32771}) {
			t.Errorf("host ports shown: %v", bindings)
		}
	})
}

func TestASickTargetOfAnInstanceIsToldOfWithItsInstance(t *testing.T) {
	onDeck(t, 1, "t3.small", func(h *harbour) {
		h.create(onInstances(h.bridge("shop/web:1", 128, 128, 0), 1, func(in *sdk.CreateServiceInput) {
			in.LoadBalancers = []types.LoadBalancer{{TargetGroupArn: new(instanceGroup), ContainerName: new("web"), ContainerPort: new(int32(8080))}}
		}))
		h.steady()
		sick := h.tasks()[0]
		h.sicken(func(owner string) bool { return owner == sick.ARN })
		want := fmt.Sprintf("(service web) (task %s) (instance %s) (port 32768) is unhealthy in (target-group %s) due to (reason Health checks failed with these codes: [503])",
			sick.ID, *h.instances()[0].Ec2InstanceId, instanceGroup)
		h.within(5*time.Minute, "the event", func() bool { return h.said(want) == 1 })
	})
}

func TestStartTaskSaysWhatBecameOfAnInstance(t *testing.T) {
	onDeck(t, 2, "t3.small", func(h *harbour) {
		h.bridge("shop/web:1", 128, 128, 0)
		gone, drains := *h.instances()[0].ContainerInstanceArn, *h.instances()[1].ContainerInstanceArn
		if _, err := h.room.DeregisterContainerInstance(h.ctx, &sdk.DeregisterContainerInstanceInput{Cluster: new("c1"), ContainerInstance: &gone}); err != nil {
			t.Fatal(err)
		}
		h.mark(0, types.ContainerInstanceStatusDraining)
		out, err := h.room.StartTask(h.ctx, &sdk.StartTaskInput{Cluster: new("c1"), TaskDefinition: new("web"), ContainerInstances: []string{gone, drains, "0123"}})
		if err != nil || len(out.Tasks) != 0 || len(out.Failures) != 3 {
			t.Fatalf("got %+v, %v", out, err)
		}
		for i, want := range []string{"INACTIVE", "DRAINING", "MISSING"} {
			if got := *out.Failures[i].Reason; got != want {
				t.Errorf("failure %d: got %s, want %s", i, got, want)
			}
		}
		_, err = h.room.UpdateContainerAgent(h.ctx, &sdk.UpdateContainerAgentInput{Cluster: new("c1"), ContainerInstance: &drains})
		says(t, err, "NoUpdateAvailableException: "+wordNewestAgent)
		_, err = h.room.UpdateContainerAgent(h.ctx, &sdk.UpdateContainerAgentInput{Cluster: new("c1"), ContainerInstance: new("0123")})
		says(t, err, "InvalidParameterException: Referenced container instance 0123 not found.")
	})
}

// bindings gives the host ports that DescribeTasks shows of service web's running tasks.
func (h *harbour) bindings() (ports []int32) {
	h.t.Helper()
	for _, row := range h.tasks() {
		if row.Desired != "RUNNING" {
			continue
		}
		out, err := h.room.DescribeTasks(h.ctx, &sdk.DescribeTasksInput{Cluster: new("c1"), Tasks: []string{row.ARN}})
		if err != nil {
			h.t.Fatal(err)
		}
		for _, b := range out.Tasks[0].Containers[0].NetworkBindings {
			ports = append(ports, *b.HostPort)
		}
	}
	slices.Sort(ports)
	return ports
}
