package strategy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// The table of ecs.md 5.3.
func TestBoundsRoundTheLowerUpAndTheUpperDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ desired, min, max, lower, upper int }{
		{4, 100, 200, 4, 8}, {4, 50, 100, 2, 4}, {4, 50, 150, 2, 6}, {4, 75, 125, 3, 5},
		{10, 90, 110, 9, 11}, {1, 100, 200, 1, 2}, {1, 0, 100, 0, 1}, {1, 50, 100, 1, 1},
		{1, 100, 150, 1, 1}, {3, 100, 125, 3, 3}, {2, 75, 100, 2, 2}, {0, 100, 200, 0, 0},
		{3, 0, 0, 3, 6},
	} {
		if lower, upper := strategy.Bounds(c.desired, c.min, c.max); lower != c.lower || upper != c.upper {
			t.Errorf("%d at %d/%d: got %d to %d, want %d to %d", c.desired, c.min, c.max, lower, upper, c.lower, c.upper)
		}
	}
}

func TestStepsEndWithAllAndTheRemainderIsLast(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		by   rollout.Share
		want []rollout.Share
	}{
		{3300, []rollout.Share{3300, 6600, 9900, 10000}},
		{5000, []rollout.Share{5000, 10000}},
		{10000, []rollout.Share{10000}},
		{0, []rollout.Share{10000}},
	} {
		if diff := cmp.Diff(c.want, strategy.Steps(c.by)); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", c.by, diff)
		}
	}
	if got := len(strategy.Steps(1000)); got != 10 {
		t.Errorf("by 10 %%: got %d steps, want 10", got)
	}
}

func TestStepsRiseToAllInAsFewAsTheShareAllows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		by := rollout.Share(rapid.IntRange(10, 10000).Draw(t, "by"))
		steps, last := strategy.Steps(by), rollout.Share(0)
		for _, s := range steps {
			if s <= last || s-last > by {
				t.Fatalf("step from %s to %s by %s", last, s, by)
			}
			last = s
		}
		if last != rollout.All || len(steps) != int((rollout.All+by-1)/by) {
			t.Fatalf("%d steps by %s end at %s", len(steps), by, last)
		}
	})
}

func TestPercentIsExactInTenths(t *testing.T) {
	t.Parallel()
	for tenths := range 1001 {
		if got := strategy.Percent(float64(tenths) / 10); got != rollout.Share(tenths*10) {
			t.Fatalf("%d tenths of a percent: got %d basis points", tenths, int(got))
		}
	}
}

// layout gives the stages of a plan, one a line.
func layout(p *rollout.Plan) string {
	var out []string
	for _, g := range p.Stages {
		line := string(g.Name)
		switch g.Kind {
		case rollout.Gate:
			line += " gate " + g.Gate
		case rollout.Surge:
			line += " surge"
		case rollout.Roll:
			line += " roll"
		case rollout.Shift:
			line += fmt.Sprintf(" %s %s", g.Route, g.Share)
			if g.Back != "" {
				line += " back " + g.Back
			}
		case rollout.Hold:
			line += " hold " + g.For.String()
		case rollout.Retire:
			line += " retire"
		case rollout.Fold:
			line += " fold"
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func TestPlansHaveTheStagesOfECSAndCodeDeploy(t *testing.T) {
	t.Parallel()
	all := []rollout.Name{
		rollout.ReconcileService, rollout.PreScaleUp, rollout.PostScaleUp, rollout.TestShift,
		rollout.PostTestShift, rollout.PreProductionShift, rollout.ProductionShift, rollout.PostProduction,
	}
	hooked := strategy.Traffic{Common: strategy.Common{Desired: 2, Hooked: all, Bake: time.Minute}, Reconcile: true}
	bare := strategy.Traffic{Common: strategy.Common{Desired: 2, Bake: time.Minute}, NoTest: true}
	linear, _ := strategy.Preset("CodeDeployDefault.ECSLinear10PercentEvery1Minutes")
	linear.Share = 5000
	for name, c := range map[string]struct {
		plan *rollout.Plan
		want string
	}{
		"rolling": {
			strategy.Rolling{Common: strategy.Common{Desired: 2}}.Plan(),
			"SCALE_UP roll\nCLEAN_UP retire",
		},
		"rolling with hooks and bake": {
			strategy.Rolling{Common: strategy.Common{Hooked: all, Bake: time.Minute}, Reconcile: true}.Plan(),
			"RECONCILE_SERVICE gate RECONCILE_SERVICE\nPRE_SCALE_UP gate PRE_SCALE_UP\nSCALE_UP roll\n" +
				"POST_SCALE_UP gate POST_SCALE_UP\nBAKE_TIME hold 1m0s\nCLEAN_UP retire",
		},
		"blue/green with hooks": {
			strategy.BlueGreen{Traffic: hooked}.Plan(),
			"RECONCILE_SERVICE fold\nRECONCILE_SERVICE gate RECONCILE_SERVICE\nPRE_SCALE_UP gate PRE_SCALE_UP\nSCALE_UP surge\n" +
				"POST_SCALE_UP gate POST_SCALE_UP\nTEST_TRAFFIC_SHIFT test 100 % back TEST_TRAFFIC_SHIFT/back\n" +
				"TEST_TRAFFIC_SHIFT gate TEST_TRAFFIC_SHIFT\nPOST_TEST_TRAFFIC_SHIFT gate POST_TEST_TRAFFIC_SHIFT\n" +
				"PRE_PRODUCTION_TRAFFIC_SHIFT gate PRE_PRODUCTION_TRAFFIC_SHIFT\n" +
				"PRODUCTION_TRAFFIC_SHIFT production 100 % back PRODUCTION_TRAFFIC_SHIFT/back\n" +
				"PRODUCTION_TRAFFIC_SHIFT gate PRODUCTION_TRAFFIC_SHIFT\n" +
				"POST_PRODUCTION_TRAFFIC_SHIFT gate POST_PRODUCTION_TRAFFIC_SHIFT\nBAKE_TIME hold 1m0s\nCLEAN_UP retire",
		},
		"canary with stages that last": {
			strategy.Canary{Traffic: strategy.Traffic{Common: strategy.Common{Desired: 2}, Tick: time.Second}, Share: 1050, For: time.Minute}.Plan(),
			"PRE_SCALE_UP hold 1s\nSCALE_UP surge\nPOST_SCALE_UP hold 1s\nTEST_TRAFFIC_SHIFT test 100 %\nTEST_TRAFFIC_SHIFT hold 1s\n" +
				"POST_TEST_TRAFFIC_SHIFT hold 1s\n" +
				"PRE_PRODUCTION_TRAFFIC_SHIFT hold 1s\nPRODUCTION_TRAFFIC_SHIFT production 10.5 %\nPRODUCTION_TRAFFIC_SHIFT hold 1m0s\n" +
				"PRE_PRODUCTION_TRAFFIC_SHIFT hold 1s\nPRODUCTION_TRAFFIC_SHIFT production 100 %\nPRODUCTION_TRAFFIC_SHIFT hold 1s\n" +
				"POST_PRODUCTION_TRAFFIC_SHIFT hold 1s\nBAKE_TIME hold 1s\nCLEAN_UP retire",
		},
		"canary whose moves take time": {
			strategy.Canary{Traffic: strategy.Traffic{Common: strategy.Common{Desired: 2, Hooked: []rollout.Name{rollout.TestShift}}, Tick: time.Second, Settle: time.Hour}, Share: 1050, For: time.Minute}.Plan(),
			"PRE_SCALE_UP hold 1s\nSCALE_UP surge\nPOST_SCALE_UP hold 1s\n" +
				"TEST_TRAFFIC_SHIFT test 100 % back TEST_TRAFFIC_SHIFT/back\nTEST_TRAFFIC_SHIFT hold 1h0m0s\nTEST_TRAFFIC_SHIFT gate TEST_TRAFFIC_SHIFT\n" +
				"POST_TEST_TRAFFIC_SHIFT hold 1s\n" +
				"PRE_PRODUCTION_TRAFFIC_SHIFT hold 1s\nPRODUCTION_TRAFFIC_SHIFT production 10.5 %\nPRODUCTION_TRAFFIC_SHIFT hold 1h0m0s\nPRODUCTION_TRAFFIC_SHIFT hold 1m0s\n" +
				"PRE_PRODUCTION_TRAFFIC_SHIFT hold 1s\nPRODUCTION_TRAFFIC_SHIFT production 100 %\nPRODUCTION_TRAFFIC_SHIFT hold 1h0m0s\n" +
				"POST_PRODUCTION_TRAFFIC_SHIFT hold 1s\nBAKE_TIME hold 1s\nCLEAN_UP retire",
		},
		"canary": {
			strategy.Canary{Traffic: bare, Share: 1050, For: time.Minute}.Plan(),
			"SCALE_UP surge\nPRODUCTION_TRAFFIC_SHIFT production 10.5 %\nPRODUCTION_TRAFFIC_SHIFT hold 1m0s\n" +
				"PRODUCTION_TRAFFIC_SHIFT production 100 %\nBAKE_TIME hold 1m0s\nCLEAN_UP retire",
		},
		"canary of everything": {
			strategy.Canary{Traffic: bare, Share: rollout.All, For: time.Minute}.Plan(),
			"SCALE_UP surge\nPRODUCTION_TRAFFIC_SHIFT production 100 %\nBAKE_TIME hold 1m0s\nCLEAN_UP retire",
		},
		"linear": {
			strategy.Linear{Traffic: bare, Share: 5000}.Plan(),
			"SCALE_UP surge\nPRODUCTION_TRAFFIC_SHIFT production 50 %\nPRODUCTION_TRAFFIC_SHIFT production 100 %\n" +
				"BAKE_TIME hold 1m0s\nCLEAN_UP retire",
		},
		"blue/green without routes": {
			strategy.BlueGreen{Traffic: strategy.Traffic{NoRoutes: true}}.Plan(),
			"SCALE_UP surge\nCLEAN_UP retire",
		},
		"CodeDeploy": {
			strategy.CodeDeploy{
				Common: strategy.Common{Bake: time.Hour, Hooked: []rollout.Name{strategy.AfterInstall}},
				Config: linear, Test: true, ReadyWait: true,
			}.Plan(),
			"Install surge\nAfterInstall gate AfterInstall\nAllowTestTraffic test 100 %\nReadyWait gate ReadyWait\n" +
				"AllowTraffic production 50 %\nAllowTraffic hold 1m0s\nAllowTraffic production 100 %\n" +
				"TerminationWait hold 1h0m0s\nTermination retire",
		},
	} {
		if diff := cmp.Diff(c.want, layout(c.plan)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestStrategiesThatShiftTrafficHaveRoomForBothSides(t *testing.T) {
	t.Parallel()
	p := strategy.BlueGreen{Traffic: strategy.Traffic{Common: strategy.Common{Desired: 3, MinPercent: 50, MaxPercent: 100}}}.Plan()
	if p.Min != 2 || p.Max != 6 {
		t.Errorf("got %d to %d, want 2 to 6", p.Min, p.Max)
	}
}

func TestPresetsAreTheFiveOfCodeDeploy(t *testing.T) {
	t.Parallel()
	if got := len(strategy.Presets()); got != 5 {
		t.Errorf("got %d presets, want 5", got)
	}
	for _, name := range strategy.Presets() {
		if _, ok := strategy.Preset(name); !ok {
			t.Errorf("no preset %q", name)
		}
	}
	if _, ok := strategy.Preset("CodeDeployDefault.ECSAllAtOnceBlueGreen"); ok {
		t.Errorf("a preset that CodeDeploy has not")
	}
}
