package ecs

import (
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// withQuota runs a story in a harbour whose account has so many vCPUs of Fargate.
func withQuota(t *testing.T, vcpus float64, story func(h *harbour)) {
	inHarbour(t, nil, func(h *harbour) {
		h.apart(func() { h.room.o.FargateVCPUs = vcpus })
		story(h)
	})
}

func TestAServiceBeyondTheQuotaIsToldOfItOnceAndGoesOnWhenThereIsRoom(t *testing.T) {
	withQuota(t, 0.5, func(h *harbour) {
		var lines []string
		h.room.o.Warn = func(line string) { lines = append(lines, line) }
		h.create(serviceAsk(h.register("shop/web:1"), 3)) // of a quarter each
		const says = "(service web) was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run concurrently."
		h.within(time.Minute, "the event", func() bool { return h.said(says) == 1 && h.service().RunningCount == 2 })
		if len(lines) != 1 || !strings.Contains(lines[0], "--fargate-vcpus") {
			t.Errorf("lines on the console: %q", lines)
		}
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(2))})
		h.steady()
		if n := h.said(says); n != 1 {
			t.Errorf("it was said %d times", n)
		}
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(3))})
		h.within(time.Minute, "the event again, as its cause was gone", func() bool { return h.said(says) == 2 })
	})
}

func TestARolloutThatTheQuotaLeavesNoRoomForTripsTheBreaker(t *testing.T) {
	withQuota(t, 0.5, func(h *harbour) {
		first, ask := h.register("shop/web:1"), &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}}
		in := serviceAsk(first, 2)
		in.DeploymentConfiguration = ask
		h.create(in)
		h.steady()
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		h.within(10*time.Minute, "the rollback", func() bool { return h.status() == types.ServiceDeploymentStatusRollbackSuccessful })
		if s := h.service(); *s.TaskDefinition != first || s.RunningCount != 2 {
			t.Errorf("after the rollback:\n%s", h.picture())
		}
	})
}

func TestRunTaskBeyondTheQuotaIsAFailureOfTheAnswer(t *testing.T) {
	withQuota(t, 0.5, func(h *harbour) {
		run := func(count int32, change ...func(*sdk.RunTaskInput)) *sdk.RunTaskOutput {
			in := &sdk.RunTaskInput{Cluster: new("c1"), TaskDefinition: new(h.register("shop/web:1")), Count: new(count), LaunchType: types.LaunchTypeFargate,
				NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-a"}}}}
			for _, f := range change {
				f(in)
			}
			out, err := h.room.RunTask(h.ctx, in)
			if err != nil {
				h.t.Fatal(err)
			}
			return out
		}
		out := run(3)
		if len(out.Tasks) != 2 || len(out.Failures) != 1 || *out.Failures[0].Reason != "You've reached the limit on the number of vCPUs you can run concurrently" {
			t.Fatalf("it gave %d tasks, failures %+v", len(out.Tasks), out.Failures)
		}
		onSpot := func(in *sdk.RunTaskInput) {
			in.LaunchType, in.CapacityProviderStrategy = "", []types.CapacityProviderStrategyItem{{CapacityProvider: new("FARGATE_SPOT"), Weight: 1}}
		}
		if err := h.offer("FARGATE_SPOT"); err != nil {
			h.t.Fatal(err)
		}
		if out := run(3, onSpot); len(out.Tasks) != 2 || len(out.Failures) != 1 {
			t.Errorf("Spot capacity has a quota of its own: %d tasks, failures %+v", len(out.Tasks), out.Failures)
		}
		if _, err := h.room.StopTask(h.ctx, &sdk.StopTaskInput{Cluster: new("c1"), Task: out.Tasks[0].TaskArn}); err != nil {
			h.t.Fatal(err)
		}
		h.within(time.Minute, "room for another", func() bool { return len(run(1).Tasks) == 1 })
	})
}
