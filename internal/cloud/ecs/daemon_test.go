package ecs

import (
	"fmt"
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/store"
)

// mark sets the status of the i-th instance.
func (h *harbour) mark(i int, status types.ContainerInstanceStatus) {
	h.t.Helper()
	out, err := h.room.UpdateContainerInstancesState(h.ctx, &sdk.UpdateContainerInstancesStateInput{
		Cluster: new("c1"), ContainerInstances: []string{*h.instances()[i].ContainerInstanceArn}, Status: status,
	})
	if err != nil || len(out.Failures) > 0 || *out.ContainerInstances[0].Status != string(status) {
		h.t.Fatalf("marking instance %d %s gave %+v, %v", i, status, out, err)
	}
}

func (h *harbour) spreads(want ...int) func() bool {
	return func() bool { return slices.Equal(h.spread(), want) && h.stable() }
}

func TestADrainingInstanceLosesItsServiceTasksAndNeverTooManyAtOnce(t *testing.T) {
	onDeck(t, 2, "t3.small", func(h *harbour) {
		h.create(onInstances(h.bridge("shop/web:1", 128, 128, 0), 4))
		h.steady()
		h.within(time.Minute, "two tasks on each", h.spreads(2, 2))
		h.apart(func() {
			h.watch.check = func(live, healthy int) string {
				if live > 8 || healthy < 4 {
					return "more than 8 or fewer than 4 healthy"
				}
				return ""
			}
		})
		ran, err := h.room.RunTask(h.ctx, &sdk.RunTaskInput{Cluster: new("c1"), TaskDefinition: new("web"), PlacementConstraints: []types.PlacementConstraint{{
			Type: types.PlacementConstraintTypeMemberOf, Expression: new("attribute:ecs.availability-zone == eu-west-1a"),
		}}})
		if err != nil || len(ran.Tasks) != 1 {
			t.Fatalf("running a task gave %+v, %v", ran, err)
		}
		h.mark(0, types.ContainerInstanceStatusDraining)
		h.within(5*time.Minute, "the move", h.spreads(0, 4))
		h.apart(func() {
			if len(h.watch.broken) > 0 {
				t.Errorf("bounds broken: %q", h.watch.broken)
			}
		})
		h.within(5*time.Minute, "its end", func() bool { return h.instances()[0].RunningTasksCount == 1 })
		if d, err := h.room.DescribeTasks(h.ctx, &sdk.DescribeTasksInput{Cluster: new("c1"), Tasks: []string{*ran.Tasks[0].TaskArn}}); err != nil || *d.Tasks[0].LastStatus != "RUNNING" {
			t.Errorf("the task of no service: %+v, %v", d, err)
		}
		h.mark(0, types.ContainerInstanceStatusActive)
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(6))})
		h.within(5*time.Minute, "new tasks there", h.spreads(2, 4))
	})
}

func TestADrainWithoutRoomStopsFirstWhatTheMinimumAllows(t *testing.T) {
	onDeck(t, 2, "t3.small", func(h *harbour) {
		h.create(onInstances(h.bridge("shop/web:1", 128, 128, 0), 4, func(in *sdk.CreateServiceInput) {
			in.DeploymentConfiguration = &types.DeploymentConfiguration{MinimumHealthyPercent: new(int32(75)), MaximumPercent: new(int32(100))}
		}))
		h.steady()
		fell := 4
		h.apart(func() {
			h.watch.check = func(live, healthy int) string {
				fell = min(fell, healthy)
				if live > 4 || healthy < 3 {
					return "more than 4 or fewer than 3 healthy"
				}
				return ""
			}
		})
		h.mark(0, types.ContainerInstanceStatusDraining)
		h.within(10*time.Minute, "the move", h.spreads(0, 4))
		h.apart(func() {
			if len(h.watch.broken) > 0 || fell != 3 {
				t.Errorf("fell to %d, bounds broken: %q", fell, h.watch.broken)
			}
		})
	})
}

// In a deployment that shifts traffic the tasks of the other revision answer nothing: a drain leaves
// each revision its own minimum.
func TestADrainInABakeLeavesTheRevisionThatServesItsMinimum(t *testing.T) {
	onDeck(t, 2, "t3.small", func(h *harbour) {
		h.create(onInstances(h.bridge("shop/web:1", 128, 128, 0), 2, func(in *sdk.CreateServiceInput) {
			in.DeploymentConfiguration = pausedAt(shiftBy(types.DeploymentStrategyBlueGreen), "POST_PRODUCTION_TRAFFIC_SHIFT")
		}))
		h.at("POST_PRODUCTION_TRAFFIC_SHIFT")
		if err := h.goOn(h.pauses()[0], "CONTINUE"); err != nil {
			t.Fatal(err)
		}
		h.reaches("SUCCESSFUL")
		h.bridge("shop/web:2", 128, 128, 0)
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:2")})
		h.at("POST_PRODUCTION_TRAFFIC_SHIFT")
		d := h.newest()
		blue, green := digitsOf(d.SourceServiceRevisions[0].Arn), digitsOf(d.TargetServiceRevision.Arn)
		h.apart(func() {
			h.watch.look = func(tx *store.Tx, service string, _ int) string {
				well := map[string]int{}
				for t := range h.room.tasks.By(tx, "service", service) {
					if ok, _ := reconcile.Healthy(t.observed(), tx.Now()); ok {
						well[t.Deployment]++
					}
				}
				if well[blue] < 2 || well[green] < 2 {
					return fmt.Sprintf("%d of blue and %d of green are healthy, want 2 of each at least", well[blue], well[green])
				}
				return ""
			}
		})
		h.mark(0, types.ContainerInstanceStatusDraining)
		h.within(5*time.Minute, "the move", func() bool { return slices.Equal(h.spread(), []int{0, 4}) })
		h.apart(func() {
			h.watch.look = nil
			if len(h.watch.broken) > 0 {
				t.Errorf("bounds broken: %q", h.watch.broken)
			}
		})
		if err := h.goOn(h.pauses()[0], "CONTINUE"); err != nil {
			t.Fatal(err)
		}
		h.reaches("SUCCESSFUL")
	})
}

func TestADeregisteredInstanceIsEmptyOrForced(t *testing.T) {
	onDeck(t, 2, "t3.small", func(h *harbour) {
		h.create(onInstances(h.bridge("shop/web:1", 128, 128, 0), 2))
		h.steady()
		x := h.instances()[0]
		in := &sdk.DeregisterContainerInstanceInput{Cluster: new("c1"), ContainerInstance: x.ContainerInstanceArn}
		_, err := h.room.DeregisterContainerInstance(h.ctx, in)
		says(t, err, "InvalidParameterException: Found running tasks on the instance.")
		in.Force = new(true)
		out, err := h.room.DeregisterContainerInstance(h.ctx, in)
		if err != nil || *out.ContainerInstance.Status != "INACTIVE" || out.ContainerInstance.AgentConnected {
			t.Fatalf("got %+v, %v", out, err)
		}
		h.within(5*time.Minute, "its replacement", h.spreads(2))
		found := false
		for _, task := range h.tasks() {
			if task.Instance == *x.ContainerInstanceArn {
				found = task.StopReason == "Container instance deregistration forced by user."
			}
		}
		if !found || h.deployments()[0].DeploymentCircuitBreaker.FailureCount != 0 {
			t.Errorf("the task that was there: %v\n%s", found, h.picture())
		}
		described, err := h.room.DescribeContainerInstances(h.ctx, &sdk.DescribeContainerInstancesInput{Cluster: new("c1"), ContainerInstances: []string{*x.ContainerInstanceArn}})
		if err != nil || len(described.ContainerInstances) != 1 || *described.ContainerInstances[0].Status != "INACTIVE" {
			t.Errorf("described afterwards: %+v, %v", described, err)
		}
		time.Sleep(2 * time.Hour)
		if described, _ = h.room.DescribeContainerInstances(h.ctx, &sdk.DescribeContainerInstancesInput{Cluster: new("c1"), ContainerInstances: []string{*x.ContainerInstanceArn}}); len(described.Failures) != 1 {
			t.Errorf("described two hours later: %+v", described)
		}
	})
}

func TestADaemonHasOneTaskOnEachInstance(t *testing.T) {
	onDeck(t, 3, "t3.small", func(h *harbour) {
		daemon := func(in *sdk.CreateServiceInput) {
			in.SchedulingStrategy, in.DesiredCount = types.SchedulingStrategyDaemon, nil
		}
		s := h.create(onInstances(h.bridge("shop/web:1", 128, 128, 9100), 0, daemon))
		if s.DesiredCount != 3 || *s.DeploymentConfiguration.MaximumPercent != 100 || *s.DeploymentConfiguration.MinimumHealthyPercent != 0 || s.SchedulingStrategy != types.SchedulingStrategyDaemon {
			t.Errorf("created: desired %d, %+v", s.DesiredCount, s.DeploymentConfiguration)
		}
		h.steady()
		h.within(time.Minute, "one on each", h.spreads(1, 1, 1))
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(7))})
		if n := h.service().DesiredCount; n != 3 {
			t.Errorf("desired after an update of it: %d", n)
		}
		second := h.bridge("shop/web:2", 128, 128, 9100)
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(second)})
		h.steady()
		h.within(time.Minute, "one on each again", h.spreads(1, 1, 1))
		if n := h.said("was unable to place a task"); n != 0 {
			t.Errorf("%d events of tasks without a place", n)
		}
		if _, err := h.room.RegisterContainerInstance(h.ctx, &sdk.RegisterContainerInstanceInput{Cluster: new("c1")}); err != nil {
			t.Fatal(err)
		}
		h.within(5*time.Minute, "one on the new instance", h.spreads(1, 1, 1, 1))
		h.mark(1, types.ContainerInstanceStatusDraining)
		h.within(5*time.Minute, "none where it drains", h.spreads(1, 0, 1, 1))
		if n := h.service().DesiredCount; n != 3 {
			t.Errorf("desired with one draining: %d", n)
		}
	})
}

func TestADaemonOutlastsOtherTasksOfADrainingInstance(t *testing.T) {
	onDeck(t, 1, "t3.small", func(h *harbour) {
		h.create(onInstances(h.bridge("shop/web:1", 128, 128, 0), 0, func(in *sdk.CreateServiceInput) { in.SchedulingStrategy = types.SchedulingStrategyDaemon }))
		h.steady()
		api := onInstances(h.bridge("shop/web:1", 128, 128, 0), 1)
		api.ServiceName = new("api")
		h.create(api)
		h.within(5*time.Minute, "two tasks", func() bool { return h.instances()[0].RunningTasksCount == 2 })
		h.mark(0, types.ContainerInstanceStatusDraining)
		time.Sleep(10 * time.Minute) // nothing takes api's task, so both stay
		if n := h.instances()[0].RunningTasksCount; n != 2 || h.service().DesiredCount != 1 {
			t.Errorf("%d tasks run, %s", n, h.picture())
		}
		if _, err := h.room.UpdateService(h.ctx, &sdk.UpdateServiceInput{Cluster: new("c1"), Service: new("api"), DesiredCount: new(int32(0))}); err != nil {
			t.Fatal(err)
		}
		h.within(5*time.Minute, "the end of both", func() bool { return h.instances()[0].RunningTasksCount == 0 })
	})
}

func TestDaemonsAreRefusedWhatTheyCannotBe(t *testing.T) {
	onDeck(t, 1, "t3.small", func(h *harbour) {
		definition := h.bridge("shop/web:1", 128, 128, 0)
		for want, change := range map[string]func(*sdk.CreateServiceInput){
			wordDaemonFargate: func(in *sdk.CreateServiceInput) { in.LaunchType = types.LaunchTypeFargate },
			wordDaemonMost: func(in *sdk.CreateServiceInput) {
				in.DeploymentConfiguration = &types.DeploymentConfiguration{MaximumPercent: new(int32(200))}
			},
			"The scheduling strategy DAEMON is not supported with the deployment controller EXTERNAL.": func(in *sdk.CreateServiceInput) {
				in.DeploymentController, in.TaskDefinition, in.LaunchType = &types.DeploymentController{Type: types.DeploymentControllerTypeExternal}, nil, ""
			},
		} {
			in := onInstances(definition, 0, change)
			in.SchedulingStrategy = types.SchedulingStrategyDaemon
			_, err := h.room.CreateService(h.ctx, in)
			if err == nil || err.Error() != "InvalidParameterException: "+want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	})
}

func TestADaemonIsDeletedWithoutForce(t *testing.T) {
	onDeck(t, 2, "t3.small", func(h *harbour) {
		h.create(onInstances(h.bridge("shop/web:1", 128, 128, 0), 0, func(in *sdk.CreateServiceInput) {
			in.SchedulingStrategy, in.DesiredCount = types.SchedulingStrategyDaemon, nil
		}))
		h.steady()
		out, err := h.room.DeleteService(h.ctx, &sdk.DeleteServiceInput{Cluster: new("c1"), Service: new("web")})
		if err != nil || *out.Service.Status != "DRAINING" || out.Service.DesiredCount != 0 {
			t.Fatalf("got %+v, %v", out, err)
		}
		h.within(5*time.Minute, "its end", func() bool { return *h.service().Status == "INACTIVE" })
	})
}
