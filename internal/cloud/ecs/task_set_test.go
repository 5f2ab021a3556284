package ecs

import (
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/store"
)

// external is a service of controller EXTERNAL that wants desired tasks.
func (h *harbour) external(desired int) *types.Service {
	h.t.Helper()
	return h.create(&sdk.CreateServiceInput{
		Cluster: new("c1"), ServiceName: new("web"), DesiredCount: new(int32(desired)),
		DeploymentController: &types.DeploymentController{Type: types.DeploymentControllerTypeExternal},
	})
}

// byCodeDeployAsk is a balanced service of controller CODE_DEPLOY.
func byCodeDeployAsk(definition string, desired int) *sdk.CreateServiceInput {
	in := balanced(serviceAsk(definition, desired))
	in.DeploymentController = &types.DeploymentController{Type: types.DeploymentControllerTypeCodeDeploy}
	return in
}

// addTaskSet makes a task set of a definition with a target group, scaled in percent.
func (h *harbour) addTaskSet(definition, group string, scale float64) *types.TaskSet {
	h.t.Helper()
	like := serviceAsk(definition, 0)
	out, err := h.room.CreateTaskSet(h.ctx, &sdk.CreateTaskSetInput{
		Cluster: new("c1"), Service: new("web"), TaskDefinition: new(definition), LaunchType: types.LaunchTypeFargate,
		NetworkConfiguration: like.NetworkConfiguration, Scale: &types.Scale{Value: scale},
		LoadBalancers: []types.LoadBalancer{{TargetGroupArn: new(group), ContainerName: new("web"), ContainerPort: new(int32(8080))}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out.TaskSet
}

// taskSets gives the service's task sets by id.
func (h *harbour) taskSets() map[string]types.TaskSet {
	h.t.Helper()
	out, err := h.room.DescribeTaskSets(h.ctx, &sdk.DescribeTaskSetsInput{Cluster: new("c1"), Service: new("web")})
	if err != nil {
		h.t.Fatal(err)
	}
	all := map[string]types.TaskSet{}
	for _, s := range out.TaskSets {
		all[*s.Id] = s
	}
	return all
}

// settled waits until all task sets are steady.
func (h *harbour) settled() {
	h.t.Helper()
	h.within(5*time.Minute, "steady task sets", func() bool {
		for _, s := range h.taskSets() {
			if s.StabilityStatus != types.StabilityStatusSteadyState || *s.Status == "DRAINING" {
				return false
			}
		}
		return true
	})
}

func TestAnExternalServiceMovesFromOneTaskSetToAnother(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		s := h.external(3)
		if s.LaunchType != types.LaunchTypeEc2 || s.TaskDefinition != nil || s.TaskSets == nil || len(s.TaskSets)+len(s.Deployments) != 0 {
			t.Errorf("a new service shows definition %v, sets %v, deployments %v", s.TaskDefinition, s.TaskSets, s.Deployments)
		}
		blue := h.addTaskSet(h.register("shop/web:1"), harbourGroup, 100)
		if *blue.Status != "ACTIVE" || blue.ComputedDesiredCount != 3 || blue.StabilityStatus != types.StabilityStatusStabilizing ||
			!strings.HasSuffix(*blue.TaskSetArn, "task-set/c1/web/"+*blue.Id) {
			t.Errorf("a new set is %+v", blue)
		}
		h.settled()
		if _, err := h.room.UpdateServicePrimaryTaskSet(h.ctx, &sdk.UpdateServicePrimaryTaskSetInput{
			Cluster: new("c1"), Service: new("web"), PrimaryTaskSet: blue.TaskSetArn,
		}); err != nil {
			t.Fatal(err)
		}
		if s := h.service(); *s.TaskDefinition != *blue.TaskDefinition || *s.TaskSets[0].Status != "PRIMARY" || len(s.LoadBalancers) != 1 {
			t.Errorf("with a primary set the service shows %v, %+v", *s.TaskDefinition, s.TaskSets)
		}

		green := h.addTaskSet(h.register("shop/web:2"), greenGroup, 50)
		if green.ComputedDesiredCount != 2 {
			t.Errorf("50 %% of 3 tasks are %d, want 2", green.ComputedDesiredCount)
		}
		h.settled()
		if s := h.service(); s.RunningCount != 5 {
			t.Errorf("both sets run %d tasks, want 5", s.RunningCount)
		}
		for _, task := range h.tasks() {
			if want := map[string]string{*blue.Id: harbourGroup, *green.Id: greenGroup}[task.StartedBy]; task.Targets[0].Group != want {
				t.Errorf("a task started by %s is in %s, want %s", task.StartedBy, task.Targets[0].Group, want)
			}
		}
		if _, err := h.room.UpdateTaskSet(h.ctx, &sdk.UpdateTaskSetInput{
			Cluster: new("c1"), Service: new("web"), TaskSet: green.Id, Scale: &types.Scale{Value: 100, Unit: types.ScaleUnitPercent},
		}); err != nil {
			t.Fatal(err)
		}
		h.settled()
		if got := h.taskSets()[*green.Id].RunningCount; got != 3 {
			t.Errorf("the whole green set runs %d tasks, want 3", got)
		}
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(1))})
		h.settled()
		if s := h.service(); s.RunningCount != 2 {
			t.Errorf("two sets of a service scaled to 1 run %d tasks", s.RunningCount)
		}

		del := &sdk.DeleteTaskSetInput{Cluster: new("c1"), Service: new("web"), TaskSet: blue.Id}
		if _, err := h.room.DeleteTaskSet(h.ctx, del); !strings.HasPrefix(refusal(err), "InvalidParameterException: "+wordPrimary) {
			t.Errorf("deleting the PRIMARY gave %s", refusal(err))
		}
		if _, err := h.room.UpdateServicePrimaryTaskSet(h.ctx, &sdk.UpdateServicePrimaryTaskSetInput{
			Cluster: new("c1"), Service: new("web"), PrimaryTaskSet: green.Id,
		}); err != nil {
			t.Fatal(err)
		}
		if got := *h.taskSets()[*blue.Id].Status; got != "ACTIVE" {
			t.Errorf("the set that was PRIMARY is %s", got)
		}
		if _, err := h.room.DeleteTaskSet(h.ctx, del); !strings.HasPrefix(refusal(err), "InvalidParameterException: "+wordScaled) {
			t.Errorf("deleting a scaled set gave %s", refusal(err))
		}
		del.Force = new(true)
		out, err := h.room.DeleteTaskSet(h.ctx, del)
		if err != nil || *out.TaskSet.Status != "DRAINING" {
			t.Fatalf("a forced delete gave %+v, %v", out, err)
		}
		h.within(5*time.Minute, "the end of the blue set", func() bool { return len(h.taskSets()) == 1 })
	})
}

func TestAServiceOfCodeDeployBeginsWithAPrimarySet(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		s := h.create(byCodeDeployAsk(h.register("shop/web:1"), 2))
		if len(s.Deployments) != 0 || len(s.TaskSets) != 1 || *s.TaskSets[0].Status != "PRIMARY" || s.TaskSets[0].ExternalId != nil || s.TaskSets[0].Scale.Value != 100 {
			t.Errorf("a new service shows deployments %v, sets %+v", s.Deployments, s.TaskSets)
		}
		h.settled()
		if s := h.service(); s.RunningCount != 2 || len(s.Deployments) != 0 || h.said("has reached a steady state.") != 1 {
			t.Errorf("%d tasks run, %d deployments, events %q", s.RunningCount, len(s.Deployments), h.events())
		}
		next := h.register("shop/web:2")
		for what, in := range map[string]*sdk.UpdateServiceInput{
			"Unable to update task definition on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment.": {TaskDefinition: new(next)},
			"Unable to update network parameters on services with a CODE_DEPLOY":                                                                     {NetworkConfiguration: &types.NetworkConfiguration{}},
			"Unable to update load balancers on services with a CODE_DEPLOY":                                                                         {LoadBalancers: []types.LoadBalancer{}},
			"Unable to update platform version on services with a CODE_DEPLOY":                                                                       {PlatformVersion: new("1.4.0")},
			"Cannot force a new deployment on services with a CODE_DEPLOY":                                                                           {ForceNewDeployment: true},
			"The deployment circuit breaker can only":                                                                                                {DeploymentConfiguration: breaker(true)},
		} {
			in.Cluster, in.Service = new("c1"), new("web")
			if _, err := h.room.UpdateService(h.ctx, in); !strings.HasPrefix(refusal(err), "InvalidParameterException: "+what) {
				t.Errorf("got %q, want %q", refusal(err), what)
			}
		}
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(0))})
		h.settled()
		if _, err := h.room.DeleteService(h.ctx, &sdk.DeleteServiceInput{Cluster: new("c1"), Service: new("web")}); err != nil {
			t.Errorf("deleting the empty service gave %v", err)
		}
		h.within(5*time.Minute, "the end of the service", func() bool { return *h.service().Status == "INACTIVE" })
	})
}

func TestARoomThatDrivesAServiceSeesAndMovesItsSets(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(byCodeDeployAsk(h.register("shop/web:1"), 2))
		h.settled()
		look := func() (info ServiceInfo) {
			h.apart(func() {})
			err := h.store.View(func(tx *store.Tx) (err error) {
				info, err = h.room.FindService(tx, harbourScope, "c1", "web")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return info
		}
		blue, next := look(), h.register("shop/web:2")
		if len(blue.Sets) != 1 || blue.Sets[0].Group != harbourGroup || blue.Sets[0].Healthy != 2 || !blue.Sets[0].Stable {
			t.Fatalf("the service is seen as %+v", blue)
		}
		var id string
		err := h.store.Update(func(tx *store.Tx) (err error) {
			id, err = h.room.MakeTaskSet(tx, blue.ARN, TaskSetAsk{
				ExternalID: "d-1", StartedBy: "CODE_DEPLOY", Definition: next, Group: greenGroup, Container: "web", Port: 8080,
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		h.settled()
		set := h.taskSets()[id]
		if *set.ExternalId != "d-1" || *set.StartedBy != "CODE_DEPLOY" || set.RunningCount != 2 || *set.LoadBalancers[0].TargetGroupArn != greenGroup {
			t.Errorf("the set made is %+v", set)
		}
		for range 2 { // again is harmless
			err = h.store.Update(func(tx *store.Tx) error {
				if err := h.room.Promote(tx, blue.ARN, id); err != nil {
					return err
				}
				return h.room.EndTaskSet(tx, blue.ARN, blue.Sets[0].ID)
			})
			if err != nil {
				t.Fatal(err)
			}
			h.within(5*time.Minute, "the end of the blue set", func() bool { return len(look().Sets) == 1 })
		}
		if s := h.service(); *s.TaskDefinition != next || s.RunningCount != 2 {
			t.Errorf("the service shows %s with %d tasks", *s.TaskDefinition, s.RunningCount)
		}
	})
}

func TestAControllerIsChangedInPlace(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		first := h.register("shop/web:1")
		h.create(byCodeDeployAsk(first, 2))
		h.settled()
		before := h.tasks()
		h.update(&sdk.UpdateServiceInput{DeploymentController: &types.DeploymentController{Type: types.DeploymentControllerTypeEcs}})
		h.steady()
		if s := h.service(); len(s.Deployments) != 1 || s.TaskSets != nil || s.DeploymentController.Type != types.DeploymentControllerTypeEcs {
			t.Errorf("after the change it shows deployments %+v, sets %+v", s.Deployments, s.TaskSets)
		}
		if after := h.tasks(); len(after) != len(before) || after[0].ARN != before[0].ARN {
			t.Errorf("the change replaced tasks: %d before, %d after", len(before), len(after))
		}
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		h.steady()
		if got := h.deployments()[0].Status; got != types.ServiceDeploymentStatusSuccessful {
			t.Errorf("a deployment after the change is %s", got)
		}
		h.update(&sdk.UpdateServiceInput{DeploymentController: &types.DeploymentController{Type: types.DeploymentControllerTypeExternal}})
		if s := h.service(); len(s.TaskSets) != 1 || *s.TaskSets[0].Status != "ACTIVE" || s.TaskDefinition != nil {
			t.Errorf("after the change to EXTERNAL it shows sets %+v and definition %v", s.TaskSets, s.TaskDefinition)
		}
		h.settled()
		if len(h.taskSets()) != 1 || h.service().RunningCount != 2 {
			t.Errorf("the leftover set has %d tasks", h.service().RunningCount)
		}
	})
}

func TestCreateTaskSetRefusesAndRepeats(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		definition := h.register("shop/web:1")
		h.external(1)
		like := serviceAsk(definition, 0)
		ask := func() *sdk.CreateTaskSetInput {
			return &sdk.CreateTaskSetInput{
				Cluster: new("c1"), Service: new("web"), TaskDefinition: new(definition), LaunchType: types.LaunchTypeFargate,
				NetworkConfiguration: like.NetworkConfiguration,
			}
		}
		for _, c := range []struct {
			change func(in *sdk.CreateTaskSetInput)
			want   string
		}{
			{func(in *sdk.CreateTaskSetInput) { in.Service = new("api") }, "ServiceNotFoundException: Service not found."},
			{func(in *sdk.CreateTaskSetInput) { in.Scale = &types.Scale{Value: 101} }, "InvalidParameterException: The scale value"},
			{func(in *sdk.CreateTaskSetInput) { in.TaskDefinition = new("none") }, "ClientException: TaskDefinition not found."},
			{func(in *sdk.CreateTaskSetInput) { in.NetworkConfiguration = nil }, "InvalidParameterException: Network Configuration must"},
		} {
			in := ask()
			c.change(in)
			if _, err := h.room.CreateTaskSet(h.ctx, in); !strings.HasPrefix(refusal(err), c.want) {
				t.Errorf("got %q, want %q", refusal(err), c.want)
			}
		}
		in := ask()
		in.ClientToken = new("once")
		one, err := h.room.CreateTaskSet(h.ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := h.room.CreateTaskSet(h.ctx, in); err != nil || *again.TaskSet.Id != *one.TaskSet.Id || one.TaskSet.Scale.Value != 0 || one.TaskSet.ComputedDesiredCount != 0 {
			t.Errorf("again gave %+v, %v after %+v", again, err, one.TaskSet)
		}
		for range mostSets - 1 {
			if _, err = h.room.CreateTaskSet(h.ctx, ask()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err = h.room.CreateTaskSet(h.ctx, ask()); !strings.HasPrefix(refusal(err), "LimitExceededException: ") {
			t.Errorf("one too many gave %q", refusal(err))
		}
		out, err := h.room.DescribeTaskSets(h.ctx, &sdk.DescribeTaskSetsInput{Cluster: new("c1"), Service: new("web"), TaskSets: []string{"ecs-svc/1"}})
		if err != nil || len(out.Failures) != 1 || *out.Failures[0].Reason != "MISSING" {
			t.Errorf("an unknown set gave %+v, %v", out, err)
		}
	})
}

func TestATaskSetIsNamedInWhatIsToldOfIt(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.external(2)
		set := h.addTaskSet(h.register("shop/web:1"), harbourGroup, 50)
		h.settled()
		if _, err := h.room.UpdateTaskSet(h.ctx, &sdk.UpdateTaskSetInput{Cluster: new("c1"), Service: new("web"), TaskSet: set.Id, Scale: &types.Scale{Value: 100}}); err != nil {
			t.Fatal(err)
		}
		h.settled()
		sick := h.tasks()[0].ARN
		h.sicken(func(owner string) bool { return owner == sick })
		h.within(5*time.Minute, "the sick target", func() bool { return h.said("is unhealthy in") == 1 })
		want := []string{
			"(service web) has started 1 tasks: (task T1).",
			"(service web) registered 1 targets in (target-group G)",
			"(service web, taskSet D1) updated state to STEADY_STATE.",
			"(service web) updated computedDesiredCount for taskSet D1 to 2.",
			"(service web) has started 1 tasks: (task T2).",
			"(service web) registered 1 targets in (target-group G)",
			"(service web, taskSet D1) updated state to STEADY_STATE.",
			"(service web, taskSet D1) (task T1) (port 8080) is unhealthy in (target-group G) due to (reason Health checks failed with these codes: [503])",
		}
		if diff := cmp.Diff(want, plain(h.events())[:len(want)]); diff != "" {
			t.Errorf("events differ (-want +got):\n%s", diff)
		}
		for _, ref := range []string{"ecs-svc/1", harbourScope.ARN("ecs", "task-set/c1/web/ecs-svc/1")} {
			out, err := h.room.DescribeTaskSets(h.ctx, &sdk.DescribeTaskSetsInput{Cluster: new("c1"), Service: new("web"), TaskSets: []string{ref}})
			if err != nil || len(out.Failures) != 1 || *out.Failures[0].Arn != harbourScope.ARN("ecs", "task-set/c1/web/ecs-svc/1") {
				t.Errorf("%s: got %+v, %v", ref, out, err)
			}
		}
	})
}

func TestATaskSetOnADrainingInstanceIsNotStable(t *testing.T) {
	onDeck(t, 1, "t3.small", func(h *harbour) {
		h.external(1)
		out, err := h.room.CreateTaskSet(h.ctx, &sdk.CreateTaskSetInput{
			Cluster: new("c1"), Service: new("web"), TaskDefinition: new(h.bridge("shop/web:1", 128, 128, 0)), Scale: &types.Scale{Value: 100},
		})
		if err != nil {
			t.Fatal(err)
		}
		h.settled()
		h.mark(0, types.ContainerInstanceStatusDraining)
		h.within(time.Minute, "the set not to be stable", func() bool {
			return h.taskSets()[*out.TaskSet.Id].StabilityStatus == types.StabilityStatusStabilizing
		})
		h.mark(0, types.ContainerInstanceStatusActive)
		h.settled()
	})
}
