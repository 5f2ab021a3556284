package ecs

import (
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
)

// inPort is inHarbour with rules that route traffic, and functions for hooks.
func inPort(t *testing.T, story func(h *harbour, l *lambda, d *diary)) {
	inHarbour(t, nil, func(h *harbour) {
		l, d := &lambda{}, &diary{room: h.room, piers: h.piers, pages: map[string][]string{}}
		h.stop()
		h.room.o.Functions, h.diary = l, d
		h.start()
		h.route()
		story(h, l, d)
	})
}

const beforeShift = `IN_PROGRESS PRE_SCALE_UP 0|0
IN_PROGRESS SCALE_UP 0|0
IN_PROGRESS POST_SCALE_UP 0|0
IN_PROGRESS TEST_TRAFFIC_SHIFT 0|1000
IN_PROGRESS POST_TEST_TRAFFIC_SHIFT 0|1000
IN_PROGRESS PRE_PRODUCTION_TRAFFIC_SHIFT 0|1000
`

const afterShift = `IN_PROGRESS PRODUCTION_TRAFFIC_SHIFT 1000|1000
IN_PROGRESS POST_PRODUCTION_TRAFFIC_SHIFT 1000|1000
IN_PROGRESS BAKE_TIME 1000|1000
IN_PROGRESS CLEAN_UP 1000|1000
SUCCESSFUL  1000|1000
`

// Source: ecs.md 7.5, the table and the step plans.
func TestEachStrategyGoesThroughItsStagesAndMovesItsWeights(t *testing.T) {
	t.Parallel()
	for strategy, steps := range map[types.DeploymentStrategy]string{
		types.DeploymentStrategyBlueGreen: "",
		types.DeploymentStrategyCanary:    "IN_PROGRESS PRODUCTION_TRAFFIC_SHIFT 105|1000\nIN_PROGRESS PRE_PRODUCTION_TRAFFIC_SHIFT 105|1000\n",
		types.DeploymentStrategyLinear: "IN_PROGRESS PRODUCTION_TRAFFIC_SHIFT 330|1000\nIN_PROGRESS PRE_PRODUCTION_TRAFFIC_SHIFT 330|1000\n" +
			"IN_PROGRESS PRODUCTION_TRAFFIC_SHIFT 660|1000\nIN_PROGRESS PRE_PRODUCTION_TRAFFIC_SHIFT 660|1000\n" +
			"IN_PROGRESS PRODUCTION_TRAFFIC_SHIFT 990|1000\nIN_PROGRESS PRE_PRODUCTION_TRAFFIC_SHIFT 990|1000\n",
	} {
		t.Run(string(strategy), func(t *testing.T) {
			inPort(t, func(h *harbour, _ *lambda, d *diary) {
				h.create(shifted(serviceAsk(h.register("shop/web:1"), 2), shiftBy(strategy)))
				h.reaches("SUCCESSFUL")
				if got := h.weights(productionRule) + " " + h.weights(testRule); got != "100/0 100/0" {
					t.Errorf("after the first deployment the rules forward %s, want 100/0 100/0", got)
				}
				h.register("shop/web:2")
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:2")})
				h.reaches("SUCCESSFUL")
				target := digitsOf(h.newest().TargetServiceRevision.Arn)
				if diff := cmp.Diff(strings.Split(beforeShift+steps+afterShift, "\n"), append(settledPages(d.pages[target]), "")); diff != "" {
					t.Errorf("stages (-want +got):\n%s", diff)
				}
				if got := h.groupsIn(target); !slices.Equal(got, []string{greenGroup}) {
					t.Errorf("green is registered in %v, want %s", got, greenGroup)
				}
				h.steady()

				h.update(&sdk.UpdateServiceInput{ForceNewDeployment: true})
				h.reaches("SUCCESSFUL")
				if got := h.weights(productionRule) + " " + h.weights(testRule); got != "100/0 100/0" {
					t.Errorf("after the third deployment the rules forward %s, want 100/0 100/0: green alternates", got)
				}
			})
		})
	}
}

// settledPages leaves out the moment between the begin of a shift's stage and its move.
func settledPages(pages []string) (out []string) {
	for i, p := range pages {
		if i+1 < len(pages) && strings.Contains(p, "TRAFFIC_SHIFT") && !strings.Contains(p, "PRE_") && !strings.Contains(p, "POST_") {
			if stage, _, _ := strings.Cut(p, "|"); strings.HasPrefix(pages[i+1], stage[:strings.LastIndex(stage, " ")+1]) {
				continue
			}
		}
		out = append(out, p)
	}
	return out
}

func TestAnAlarmAtAnyStageOfTheShiftSendsTrafficBackAtOnce(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"SCALE_UP", "POST_TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME"} {
		t.Run(stage, func(t *testing.T) {
			inPort(t, func(h *harbour, _ *lambda, _ *diary) {
				c := shiftBy(types.DeploymentStrategyCanary)
				c.Alarms = &types.DeploymentAlarms{AlarmNames: []string{"web-5xx"}, Enable: true, Rollback: true}
				h.create(shifted(serviceAsk(h.register("shop/web:1"), 2), c))
				h.reaches("SUCCESSFUL")
				h.register("shop/web:2")
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:2")})
				h.at(stage)
				h.ring("web-5xx", true)
				if got := h.weights(productionRule) + " " + h.weights(testRule); got != "100/0 100/0" {
					t.Errorf("right after the alarm the rules forward %s, want 100/0 100/0", got)
				}
				d := h.newest()
				if d.Status != "ROLLBACK_IN_PROGRESS" || *d.TargetServiceRevision.RequestedProductionTrafficWeight != 0 ||
					*d.SourceServiceRevisions[0].RequestedProductionTrafficWeight != 100 {
					t.Errorf("the deployment shows %s %v %v", d.Status, d.TargetServiceRevision, d.SourceServiceRevisions)
				}
				d = h.reaches("ROLLBACK_SUCCESSFUL")
				if *d.StatusReason != "Service deployment rolled back because CloudWatch alarm(s) web-5xx went into ALARM." {
					t.Errorf("reason %q", *d.StatusReason)
				}
				h.ring("web-5xx", false)
				h.steady()
				if s := h.service(); !strings.HasSuffix(*s.TaskDefinition, "web:1") {
					t.Errorf("it stands with %s", *s.TaskDefinition)
				}
			})
		})
	}
}

func TestAPauseHookHoldsItsStageUntilSomebodyContinues(t *testing.T) {
	inPort(t, func(h *harbour, _ *lambda, _ *diary) {
		h.create(shifted(serviceAsk(h.register("shop/web:1"), 1), shiftBy(types.DeploymentStrategyBlueGreen)))
		h.reaches("SUCCESSFUL")
		h.register("shop/web:2")
		h.update(&sdk.UpdateServiceInput{
			TaskDefinition: new("web:2"), DeploymentConfiguration: pausedAt(&types.DeploymentConfiguration{}, "POST_TEST_TRAFFIC_SHIFT"),
		})
		h.at("POST_TEST_TRAFFIC_SHIFT")
		ids := h.pauses()
		if len(ids) != 1 || len(ids[0]) != len("ecs-pause-")+43 {
			t.Fatalf("hooks that await somebody: %v", ids)
		}
		time.Sleep(time.Hour)
		if got := h.newest().LifecycleStage; got != "POST_TEST_TRAFFIC_SHIFT" {
			t.Fatalf("an hour later it is in %s", got)
		}
		if err := h.goOn(ids[0], "CONTINUE"); err != nil {
			t.Fatal(err)
		}
		h.reaches("SUCCESSFUL")
	})
}
