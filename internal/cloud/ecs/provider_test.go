package ecs

import (
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// offer has cluster c1 use capacity providers.
func (h *harbour) offer(providers ...string) error {
	_, err := h.room.PutClusterCapacityProviders(h.ctx, &sdk.PutClusterCapacityProvidersInput{
		Cluster: new("c1"), CapacityProviders: providers, DefaultCapacityProviderStrategy: []types.CapacityProviderStrategyItem{},
	})
	return err
}

func byProviders(items ...types.CapacityProviderStrategyItem) func(*sdk.CreateServiceInput) {
	return func(in *sdk.CreateServiceInput) { in.LaunchType, in.CapacityProviderStrategy = "", items }
}

func share(name string, base, weight int32) types.CapacityProviderStrategyItem {
	return types.CapacityProviderStrategyItem{CapacityProvider: &name, Base: base, Weight: weight}
}

func TestASpotTaskIsInterruptedAndReplacedWithoutCountingAsAFailure(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		if err := h.offer("FARGATE", "FARGATE_SPOT"); err != nil {
			t.Fatal(err)
		}
		in := balanced(serviceAsk(h.register("shop/web:1"), 4))
		byProviders(share("FARGATE", 1, 1), share("FARGATE_SPOT", 0, 2))(in)
		in.DeploymentConfiguration = &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true}}
		h.create(in)
		h.steady()
		on := map[string][]Task{}
		for _, task := range h.tasks() {
			on[task.Provider] = append(on[task.Provider], task)
		}
		if len(on["FARGATE"]) != 2 || len(on["FARGATE_SPOT"]) != 2 {
			t.Fatalf("tasks by provider: %d and %d", len(on["FARGATE"]), len(on["FARGATE_SPOT"]))
		}
		if err := h.room.Interrupt(on["FARGATE"][0].ID); !fail.Is(err, "task.not_spot") {
			t.Errorf("interrupting a task that is not on Spot gave %v", err)
		}
		if err := h.room.Interrupt("none"); !fail.Is(err, "task.not_found") {
			t.Errorf("interrupting no task gave %v", err)
		}
		gone := on["FARGATE_SPOT"][0]
		began := time.Now()
		if err := h.room.Interrupt(gone.ARN); err != nil {
			t.Fatal(err)
		}
		h.within(2*time.Minute, "its end", func() bool {
			d, _ := h.room.DescribeTasks(h.ctx, &sdk.DescribeTasksInput{Cluster: new("c1"), Tasks: []string{gone.ID}})
			x := d.Tasks[0]
			return *x.LastStatus == "STOPPED" && x.StopCode == types.TaskStopCodeSpotInterruption && *x.StoppedReason == "Your Spot Task was interrupted."
		})
		if took := time.Since(began); took > h.piers.delay {
			t.Errorf("it took %s: the stop waited for the deregistration delay of %s", took, h.piers.delay)
		}
		h.within(5*time.Minute, "its replacement", func() bool {
			n := map[string]int{}
			for _, task := range h.tasks() {
				if task.Desired == "RUNNING" {
					n[task.Provider]++
				}
			}
			return h.stable() && n["FARGATE"] == 2 && n["FARGATE_SPOT"] == 2
		})
		if h.service().Deployments[0].FailedTasks != 0 {
			t.Errorf("it counts as failed:\n%s", h.picture())
		}
		if _, ok := errorAs[*types.ResourceInUseException](h.offer("FARGATE")); !ok {
			t.Errorf("a provider in use was removed")
		}
	})
}

func TestTasksOfAnAutoScalingGroupGoToTheInstancesThereAre(t *testing.T) {
	onDeck(t, 2, "t3.small", func(h *harbour) {
		ask := &sdk.CreateCapacityProviderInput{Name: new("fleet"), AutoScalingGroupProvider: &types.AutoScalingGroupProvider{
			AutoScalingGroupArn: new("arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:1:autoScalingGroupName/fleet"),
		}}
		made, err := h.room.CreateCapacityProvider(h.ctx, ask)
		if err != nil || made.CapacityProvider.Status != types.CapacityProviderStatusActive || *made.CapacityProvider.AutoScalingGroupProvider.ManagedScaling.TargetCapacity != 100 {
			t.Fatalf("got %+v, %v", made, err)
		}
		_, err = h.room.CreateCapacityProvider(h.ctx, ask)
		says(t, err, "ClientException: "+wordProviderThere)
		if _, err := h.room.UpdateCapacityProvider(h.ctx, &sdk.UpdateCapacityProviderInput{Name: new("fleet"), AutoScalingGroupProvider: &types.AutoScalingGroupProviderUpdate{
			ManagedScaling: &types.ManagedScaling{TargetCapacity: new(int32(80))},
		}}); err != nil {
			t.Fatal(err)
		}
		definition := h.bridge("shop/web:1", 128, 128, 0)
		_, err = h.room.CreateService(h.ctx, onInstances(definition, 2, byProviders(share("fleet", 0, 1))))
		says(t, err, "InvalidParameterException: The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.")
		if err := h.offer("FARGATE", "fleet"); err != nil {
			t.Fatal(err)
		}
		_, err = h.room.CreateService(h.ctx, onInstances(definition, 2, byProviders(share("fleet", 0, 1), share("FARGATE", 0, 1))))
		says(t, err, "InvalidParameterException: "+wordMixed)
		h.create(onInstances(definition, 2, byProviders(share("fleet", 0, 1))))
		ran, err := h.room.RunTask(h.ctx, &sdk.RunTaskInput{Cluster: new("c1"), TaskDefinition: new(definition), CapacityProviderStrategy: []types.CapacityProviderStrategyItem{share("fleet", 0, 1)}})
		if err != nil || len(ran.Tasks) != 1 || *ran.Tasks[0].LastStatus != "PROVISIONING" {
			t.Errorf("a new task of a provider: %+v, %v", ran, err)
		}
		h.steady()
		for _, task := range h.tasks() {
			if task.Provider != "fleet" || task.LaunchType != "EC2" || task.Instance == "" {
				t.Errorf("task %+v", task)
			}
		}
		_, err = h.room.DeleteCapacityProvider(h.ctx, &sdk.DeleteCapacityProviderInput{CapacityProvider: new("fleet")})
		says(t, err, "ClientException: The capacity provider cannot be deleted because it is associated with cluster: c1. Remove the capacity provider from the cluster and try again.")
		out, err := h.room.DescribeCapacityProviders(h.ctx, &sdk.DescribeCapacityProvidersInput{})
		if err != nil || len(out.CapacityProviders) != 3 || *out.CapacityProviders[2].AutoScalingGroupProvider.ManagedScaling.TargetCapacity != 80 {
			t.Errorf("described: %+v, %v", out, err)
		}
	})
}
