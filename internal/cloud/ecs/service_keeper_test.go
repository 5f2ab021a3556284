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
			"(service web) registered 2 targets in (target-group G)",
			"(service web) (deployment D1) deployment completed.",
			"(service web) has reached a steady state.",
		}, plain(h.events()[:before])); diff != "" {
			t.Errorf("events of the first deployment differ (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{
			"(service web) has started 2 tasks: (task T1) (task T2).",
			"(service web) registered 2 targets in (target-group G)",
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

func TestTasksThatMayGoWithinSecondsAreStoppedTogether(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		apart time.Duration // between one new target's becoming healthy and the next one's
		want  []string
	}{
		{time.Second, []string{"has stopped 4 running tasks", "deregistered 4 targets", "draining connections on 4 tasks"}},
		{4 * time.Second, []string{
			"has stopped 2 running tasks", "deregistered 2 targets", "draining connections on 2 tasks",
			"has stopped 2 running tasks", "deregistered 2 targets", "draining connections on 2 tasks",
		}},
	} {
		t.Run(c.apart.String(), func(t *testing.T) {
			inHarbour(t, nil, func(h *harbour) {
				h.apart(func() { h.piers.apart = c.apart })
				h.create(balanced(serviceAsk(h.register("shop/web:1"), 4)))
				h.steady()

				h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
				h.steady()

				got := regexp.MustCompile(`has stopped \d+ running tasks|deregistered \d+ targets|draining connections on \d+ tasks`).
					FindAllString(strings.Join(h.events(), "\n"), -1)
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("what was said of the tasks that went differs (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func percents(lo, hi int32) *types.DeploymentConfiguration {
	return &types.DeploymentConfiguration{MinimumHealthyPercent: new(lo), MaximumPercent: new(hi)}
}

func TestARollingDeploymentStaysWithinItsBoundsAtEachCommit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		desired        int
		lo, hi         int32
		lower, upper   int
		peak, dip      int // live tasks at most, healthy tasks at least
		stuckOtherwise bool
	}{
		{4, 100, 200, 4, 8, 8, 4, false},
		{4, 50, 100, 2, 4, 4, 2, false},
		{4, 50, 150, 2, 6, 6, 2, false},
		{4, 75, 125, 3, 5, 5, 3, false},
		{10, 90, 110, 9, 11, 11, 9, false},
		{1, 100, 200, 1, 2, 2, 1, false},
		{1, 0, 100, 0, 1, 1, 0, false},
		{1, 50, 100, 1, 1, 1, 1, true},
		{1, 100, 150, 1, 1, 1, 1, true},
		{3, 100, 125, 3, 3, 3, 3, true},
		{2, 75, 100, 2, 2, 2, 2, true},
	} {
		t.Run(fmt.Sprintf("%d at %d to %d percent", c.desired, c.lo, c.hi), func(t *testing.T) {
			inHarbour(t, nil, func(h *harbour) {
				in := serviceAsk(h.register("shop/web:1"), c.desired)
				in.DeploymentConfiguration = percents(c.lo, c.hi)
				h.create(in)
				h.steady()
				peak, dip := 0, c.desired
				h.apart(func() {
					h.watch.check = func(live, healthy int) string {
						peak, dip = max(peak, live), min(dip, healthy)
						if live > c.upper || healthy < c.lower {
							return fmt.Sprintf("want at most %d live and at least %d healthy", c.upper, c.lower)
						}
						return ""
					}
				})
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
				if c.stuckOtherwise {
					time.Sleep(time.Hour)
					if n := h.said("was unable to stop or start tasks during a deployment because of the service deployment configuration."); n != 1 {
						t.Errorf("the deadlock was said %d times; events:\n%s", n, strings.Join(h.events(), "\n"))
					}
					if s := h.service(); len(s.Deployments) != 2 || s.Deployments[1].RunningCount != int32(c.desired) {
						t.Errorf("the old deployment did not keep its tasks:\n%s", h.picture())
					}
					h.apart(func() { c.lower, c.upper = 0, 2*c.desired })
					h.update(&sdk.UpdateServiceInput{DeploymentConfiguration: percents(0, 200)})
					h.steady()
					return
				}
				h.steady()
				h.apart(func() { h.watch.check = nil })
				if peak != c.peak || dip != c.dip {
					t.Errorf("peak %d live and dip %d healthy, want %d and %d", peak, dip, c.peak, c.dip)
				}
				for _, wrong := range h.watch.broken {
					t.Error(wrong)
				}
			})
		})
	}
}

func TestScalingAServiceInTheMiddleOfADeploymentMovesItsBounds(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		in := balanced(serviceAsk(h.register("shop/web:1"), 4))
		in.DeploymentConfiguration = percents(50, 150)
		h.create(in)
		h.steady()
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		time.Sleep(5 * time.Second)
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(6))})
		time.Sleep(7 * time.Second)
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(2))})
		h.steady()
		if s := h.service(); s.RunningCount != 2 || len(h.deployments()) != 2 {
			t.Errorf("scaling made deployments or left tasks:\n%s", h.picture())
		}
		for _, task := range h.tasks() {
			if task.Desired == "RUNNING" && !strings.HasSuffix(task.Definition, "web:2") {
				t.Errorf("a task of the old revision is left: %s", h.picture())
			}
		}
	})
}

func TestScalingAloneStartsAndStopsWithoutADeployment(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(serviceAsk(h.register("shop/web:1"), 3))
		h.steady()
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(5))})
		h.within(5*time.Minute, "scaling out", func() bool { return h.said("has reached a steady state.") == 2 })
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(0))})
		h.within(5*time.Minute, "scaling in", func() bool { return h.service().RunningCount == 0 })
		if n := len(h.deployments()); n != 1 {
			t.Errorf("scaling made %d deployments", n-1)
		}
	})
}

func TestSteadyStateIsSaidAgainAfterScalingIn(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(balanced(serviceAsk(h.register("shop/web:1"), 3)))
		h.steady()
		before := len(h.events())
		h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(1))})
		time.Sleep(time.Minute)
		want := []string{
			"(service web) has stopped 2 running tasks: (task T1) (task T2).",
			"(service web) deregistered 2 targets in (target-group G)",
			"(service web, taskSet D1) has begun draining connections on 2 tasks.",
			"(service web) has reached a steady state.",
		}
		if diff := cmp.Diff(want, plain(h.events()[before:])); diff != "" {
			t.Errorf("events of scaling in differ (-want +got):\n%s", diff)
		}
	})
}

func TestAStoppedTaskIsReplacedAndIsNoFailure(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(serviceAsk(h.register("shop/web:1"), 2))
		h.steady()
		if _, err := h.room.StopTask(h.ctx, &sdk.StopTaskInput{Cluster: new("c1"), Task: new(h.tasks()[0].ARN)}); err != nil {
			t.Fatal(err)
		}
		h.within(5*time.Minute, "replacement", func() bool { return h.said("has reached a steady state.") == 2 })
		if s := h.service(); s.RunningCount != 2 || s.Deployments[0].FailedTasks != 0 {
			t.Errorf("after the replacement:\n%s", h.picture())
		}
	})
}

func TestASickTaskOfASteadyServiceIsReplacedBeforeItGoes(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(balanced(serviceAsk(h.register("shop/web:1"), 2)))
		h.steady()
		sick := h.tasks()[0]
		h.sicken(func(owner string) bool { return owner == sick.ARN })
		h.within(10*time.Minute, "replacement", func() bool { return h.said("has reached a steady state.") == 2 })
		for _, task := range h.tasks() {
			if task.ARN == sick.ARN && task.StopReason != "Task failed ELB health checks in (target-group "+harbourGroup+")" {
				t.Errorf("the sick task's reason is %q", task.StopReason)
			}
		}
	})
}

func TestANewerUpdateTakesThePlaceOfOneUnderWay(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(balanced(serviceAsk(h.register("shop/web:1"), 3)))
		h.steady()
		second, third := h.register("shop/web:2"), h.register("shop/web:3")
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(second)})
		time.Sleep(100 * time.Millisecond)
		last := h.update(&sdk.UpdateServiceInput{TaskDefinition: new(third)})
		if n := len(last.Deployments); n != 3 {
			t.Errorf("%d deployments are listed after the second update, want 3", n)
		}
		h.within(10*time.Minute, "success", func() bool { return h.status() == types.ServiceDeploymentStatusSuccessful })
		all := h.deployments()
		if all[1].Status != types.ServiceDeploymentStatusStopped || len(all[0].SourceServiceRevisions) != 2 {
			t.Errorf("the superseded one is %s, the last one has %d sources", all[1].Status, len(all[0].SourceServiceRevisions))
		}
		h.steady()

		h.update(&sdk.UpdateServiceInput{ForceNewDeployment: true})
		time.Sleep(2 * time.Second)
		out, err := h.room.DeleteService(h.ctx, &sdk.DeleteServiceInput{Cluster: new("c1"), Service: new("web"), Force: new(true)})
		if err != nil || *out.Service.Status != "DRAINING" || out.Service.DesiredCount != 0 {
			t.Fatalf("deleting in the middle gave %+v, %v", out, err)
		}
		h.within(10*time.Minute, "draining", func() bool { return *h.service().Status == "INACTIVE" })
		if s := h.service(); len(s.Deployments) != 0 || s.RunningCount != 0 {
			t.Errorf("an INACTIVE service has deployments or tasks:\n%s", h.picture())
		}
	})
}

func TestADeploymentStoppedByRequestRollsBack(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(balanced(serviceAsk(h.register("shop/web:1"), 2)))
		h.steady()
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		time.Sleep(5 * time.Second)
		arn := h.deployments()[0].ServiceDeploymentArn
		for range 2 { // asking again is harmless
			if _, err := h.room.StopServiceDeployment(h.ctx, &sdk.StopServiceDeploymentInput{ServiceDeploymentArn: arn}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(rollbackTick / 2)
		if all := h.service().Deployments; len(all) != 2 || all[1].RolloutState != types.DeploymentRolloutStateFailed {
			t.Errorf("soon after the request there are %d deployments, the older %s", len(all), all[len(all)-1].RolloutState)
		}
		h.within(10*time.Minute, "rollback", func() bool { return h.status() == types.ServiceDeploymentStatusRollbackSuccessful })
		_, err := h.room.StopServiceDeployment(h.ctx, &sdk.StopServiceDeploymentInput{ServiceDeploymentArn: arn})
		if _, ok := errorAs[*types.ConflictException](err); !ok {
			t.Errorf("stopping a finished one gave %v", err)
		}
		h.steady()
	})
}

func TestALoopThatStartsAnewGoesOnInTheMiddleOfADeployment(t *testing.T) {
	for _, pause := range []time.Duration{0, 2 * time.Second, 11 * time.Second, 45 * time.Second} {
		t.Run(pause.String(), func(t *testing.T) {
			inHarbour(t, nil, func(h *harbour) {
				in := balanced(serviceAsk(h.register("shop/web:1"), 4))
				in.DeploymentConfiguration = &types.DeploymentConfiguration{BakeTimeInMinutes: new(int32(1)), MinimumHealthyPercent: new(int32(100)), MaximumPercent: new(int32(150))}
				h.create(in)
				h.steady()
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
				time.Sleep(pause)
				h.stop()
				time.Sleep(10 * time.Second)
				h.start()
				h.within(15*time.Minute, "success", func() bool { return h.status() == types.ServiceDeploymentStatusSuccessful })
				h.steady()
				if n := len(h.service().Deployments); n != 1 || h.service().RunningCount != 4 {
					t.Errorf("after the restart:\n%s", h.picture())
				}
			})
		})
	}
}

func TestProtectedTasksHoldADeploymentUp(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(serviceAsk(h.register("shop/web:1"), 2))
		h.steady()
		arn := h.tasks()[0].ARN
		if _, err := h.room.UpdateTaskProtection(h.ctx, &sdk.UpdateTaskProtectionInput{
			Cluster: new("c1"), Tasks: []string{arn}, ProtectionEnabled: true, ExpiresInMinutes: new(int32(60)),
		}); err != nil {
			t.Fatal(err)
		}
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		took := h.within(2*time.Hour, "success", func() bool { return h.status() == types.ServiceDeploymentStatusSuccessful })
		if took < 59*time.Minute || took > 62*time.Minute {
			t.Errorf("the deployment took %s, the protection is for an hour", took)
		}
	})
}

func TestTasksWithoutContainerInstancesStayUnplacedAndThatIsSaidOnce(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		in := serviceAsk(h.register("shop/web:1"), 2)
		in.LaunchType = ""
		h.create(in)
		time.Sleep(5 * time.Hour)
		if n := h.said("was unable to place a task because no container instance met all of its requirements."); n != 1 {
			t.Errorf("it was said %d times", n)
		}
		if s := h.service(); s.LaunchType != types.LaunchTypeEc2 || s.RunningCount+s.PendingCount != 0 {
			t.Errorf("it runs:\n%s", h.picture())
		}
	})
}

func TestSteadyStateIsSaidAgainEverySixHours(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(serviceAsk(h.register("shop/web:1"), 1))
		h.steady()
		time.Sleep(13 * time.Hour)
		if n := h.said("has reached a steady state."); n != 3 {
			t.Errorf("steady state was said %d times in 13 hours, want 3", n)
		}
	})
}
