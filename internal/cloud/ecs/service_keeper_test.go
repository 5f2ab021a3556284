package ecs

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
)

// plain writes events without what differs from run to run: tasks become T1, T2, … in the order
// they are first named, deployments D1, D2, … and the target group G.
func plain(events []string) []string {
	known := map[string]string{}
	letters := map[string]int{}
	name := func(letter string) func(string) string {
		return func(id string) string {
			if known[id] == "" {
				letters[letter]++
				known[id] = fmt.Sprintf("%s%d", letter, letters[letter])
			}
			return known[id]
		}
	}
	out := make([]string, len(events))
	for i, e := range events {
		e = regexp.MustCompile(`[0-9a-f]{32}`).ReplaceAllStringFunc(e, name("T"))
		e = regexp.MustCompile(`ecs-svc/[0-9]{19}`).ReplaceAllStringFunc(e, name("D"))
		out[i] = strings.ReplaceAll(e, harbourGroup, "G")
	}
	return out
}

func TestARollingDeploymentTellsItsStoryInECSsWordsAndOrder(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(balanced(serviceAsk(h.register("shop/web:1"), 2)))
		h.steady()
		before := len(h.events())

		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		h.steady()
		time.Sleep(time.Minute)

		if diff := cmp.Diff([]string{
			"(service web) has started 2 tasks: (task T1) (task T2).",
			"(service web) registered 1 targets in (target-group G)",
			"(service web) registered 1 targets in (target-group G)",
			"(service web) (deployment D1) deployment completed.",
			"(service web) has reached a steady state.",
		}, plain(h.events()[:before])); diff != "" {
			t.Errorf("events of the first deployment differ (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{
			"(service web) has started 2 tasks: (task T1) (task T2).",
			"(service web) registered 1 targets in (target-group G)",
			"(service web) registered 1 targets in (target-group G)",
			"(service web) has stopped 2 running tasks: (task T3) (task T4).",
			"(service web) deregistered 2 targets in (target-group G)",
			"(service web, taskSet D1) has begun draining connections on 2 tasks.",
			"(service web) (deployment D2) deployment completed.",
			"(service web) has reached a steady state.",
		}, plain(h.events()[before:])); diff != "" {
			t.Errorf("events of the second deployment differ (-want +got):\n%s", diff)
		}
	})
}

func TestACrashLoopRollsBackAtTheThreshold(t *testing.T) {
	scripts := map[string]fake.Script{"shop/web:2": {RunFor: 500 * time.Millisecond, Exit: launch.Exit{Code: 1}}}
	inHarbour(t, scripts, func(h *harbour) {
		in := serviceAsk(h.register("shop/web:1"), 1)
		in.DeploymentConfiguration = &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}}
		good := *h.create(in).Deployments[0].Id
		h.steady()

		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		h.within(10*time.Minute, "rollback", func() bool { return h.status() == types.ServiceDeploymentStatusRollbackSuccessful })

		d := h.deployments()[0]
		if want := "Service deployment rolled back because the circuit breaker threshold was exceeded."; *d.StatusReason != want || *d.Rollback.Reason != want {
			t.Errorf("reasons are %q and %q", *d.StatusReason, *d.Rollback.Reason)
		}
		b := d.DeploymentCircuitBreaker
		if b.FailureCount != 3 || b.Threshold != 3 || b.Status != types.ServiceDeploymentRollbackMonitorsStatusTriggered {
			t.Errorf("the breaker shows %d of %d, %s", b.FailureCount, b.Threshold, b.Status)
		}
		h.steady()
		s := h.service()
		if p := s.Deployments[0]; *p.Id != good || p.RolloutState != types.DeploymentRolloutStateCompleted || !strings.HasSuffix(*s.TaskDefinition, "web:1") {
			t.Errorf("after the rollback PRIMARY is %s %s of %s, want %s COMPLETED of web:1", *p.Id, p.RolloutState, *s.TaskDefinition, good)
		}
		launched := 0
		for _, task := range h.tasks() {
			if strings.HasSuffix(task.Definition, "web:2") {
				launched++
			}
		}
		if launched > 4 {
			t.Errorf("%d tasks of the bad version were launched, want at most 4", launched)
		}
		if h.said("deployment failed: tasks failed to start.") != 1 || h.said("rolling back to deployment "+good+".") != 1 {
			t.Errorf("events:\n%s", strings.Join(h.events(), "\n"))
		}
	})
}
