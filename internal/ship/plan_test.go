package ship_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/ship"
)

var newImage = ship.Request{Cluster: "main", Service: "web", Images: map[string]string{"app": "repo/app:2"}}

func planned(t *testing.T, f *fakeECS, r ship.Request, entry *project.Service, facts ship.Facts) *ship.Plan {
	t.Helper()
	p, err := ship.Propose(t.Context(), live(t, f), r, entry, false)
	if err != nil {
		t.Fatal(err)
	}
	return ship.NewPlan(p, facts)
}

func codes(p *ship.Plan) string {
	var out []string
	for _, w := range p.Wrong {
		out = append(out, w.Code)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestAPlanSaysWhatIsWrongBeforehand(t *testing.T) {
	t.Parallel()
	good := object{"deploymentCircuitBreaker": object{"enable": true, "rollback": true}, "minimumHealthyPercent": 100, "maximumPercent": 200}
	for name, c := range map[string]struct {
		change func(*fakeECS)
		facts  ship.Facts
		want   string
	}{
		"nothing":         {func(*fakeECS) {}, ship.Facts{}, ""},
		"a deadlock":      {func(f *fakeECS) { f.service["deploymentConfiguration"].(object)["maximumPercent"] = 100 }, ship.Facts{}, "percents.deadlock"},
		"an outage":       {func(f *fakeECS) { f.service["deploymentConfiguration"].(object)["minimumHealthyPercent"] = 0 }, ship.Facts{}, "percents.outage"},
		"no breaker":      {func(f *fakeECS) { delete(f.service["deploymentConfiguration"].(object), "deploymentCircuitBreaker") }, ship.Facts{}, "breaker.off"},
		"one under way":   {func(f *fakeECS) { f.deployments(f.side(newID, "web:1", "PRIMARY", "IN_PROGRESS", 200)) }, ship.Facts{}, "deployment.busy"},
		"an alarm":        {func(*fakeECS) {}, ship.Facts{Alarming: []string{"web-5xx"}}, "alarm.already"},
		"protected tasks": {func(*fakeECS) {}, ship.Facts{Protected: 2}, "tasks.protected"},
		"an empty rule":   {func(*fakeECS) {}, ship.Facts{EmptyRule: "rule a sends traffic to b, which has no target"}, "rule.empty"},
		"a short grace":   {func(f *fakeECS) { balanced(f); slow(f) }, ship.Facts{}, "grace.short"},
		"a long drain":    {balanced, ship.Facts{Groups: []ship.GroupFacts{{Delay: 300 * time.Second}}}, "drain.long"},
		"a breaker's stop": {func(f *fakeECS) {
			f.service["deploymentConfiguration"].(object)["deploymentCircuitBreaker"] = object{"enable": true, "rollback": false}
		}, ship.Facts{}, "breaker.stops"},
	} {
		f := newFake()
		f.service["deploymentConfiguration"] = object{"deploymentCircuitBreaker": good["deploymentCircuitBreaker"], "minimumHealthyPercent": 100, "maximumPercent": 200}
		c.change(f)
		if got := codes(planned(t, f, newImage, nil, c.facts)); got != c.want {
			t.Errorf("%s: says %q, want %q", name, got, c.want)
		}
	}
}

func balanced(f *fakeECS) { f.service["loadBalancers"] = []any{object{"targetGroupArn": "tg"}} }

func slow(f *fakeECS) {
	f.definitions[0]["containerDefinitions"].([]any)[0].(object)["healthCheck"] = object{"command": []any{"CMD", "x"}, "interval": 10, "retries": 3, "startPeriod": 60}
}

func TestAPlanTellsStepsWithTimesAndTheirSources(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.service["desiredCount"] = 4
	f.service["deploymentConfiguration"] = object{"minimumHealthyPercent": 75, "maximumPercent": 125, "bakeTimeInMinutes": 5}
	balanced(f)
	slow(f)
	p := planned(t, f, newImage, nil, ship.Facts{Took: []time.Duration{100 * time.Second, 90 * time.Second},
		Groups: []ship.GroupFacts{{Interval: 30 * time.Second, Timeout: 5 * time.Second, Delay: 20 * time.Second}}})
	text, err := json.Marshal(p.Steps)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		`"start 4 tasks and wait until they are healthy","leastSeconds":30,"mostSeconds":300`, // 2 waves of 5 + 10 to 60 + 60 + 3×10
		"health check of container app every 10 s", "one passed check, every 30 s",
		`"bake","leastSeconds":300,"mostSeconds":300`, "deregistration delay 20 s, stop timeout 30 s",
	} {
		if !strings.Contains(string(text), s) {
			t.Errorf("lacks %s: %s", s, text)
		}
	}
	if !strings.Contains(p.Total.Source, "the last 2 took 1m30s to 1m40s") || p.Peak != 5 || p.Strategy != "rolling" {
		t.Errorf("total %+v, peak %d, %s", p.Total, p.Peak, p.Strategy)
	}
	if !slices.Contains(p.Actions, "ecs:RegisterTaskDefinition") || !slices.Contains(p.Actions, "ecs:UpdateService") || slices.Contains(p.Actions, "ecs:CreateService") {
		t.Errorf("actions %v", p.Actions)
	}
}

func TestACanaryNeedsRoomForTwiceAndItsShiftTakesItsBake(t *testing.T) {
	t.Parallel()
	f := newFake()
	entry := &project.Service{Name: "web", Strategy: &project.Strategy{Type: project.Canary, Canary: &project.Step{Percent: new(10.0), Bake: new(time.Hour)}}}
	f.service["loadBalancers"] = []any{object{"targetGroupArn": "tg", "advancedConfiguration": object{"alternateTargetGroupArn": "other", "productionListenerRule": "rule", "roleArn": "arn:role"}}}
	p := planned(t, f, newImage, entry, ship.Facts{})
	i := slices.IndexFunc(p.Steps, func(s ship.Timed) bool { return s.Name == "move production traffic" })
	if i < 0 || p.Steps[i].Least != 3600 || p.Peak != 4 || p.Strategy != "canary" || p.Rollback.Most > 60 {
		t.Errorf("plan %+v", p)
	}
}

func TestEachMoveOfTrafficAtANetworkLoadBalancerTakesTenMinutesMore(t *testing.T) {
	t.Parallel()
	f := newFake()
	entry := &project.Service{Name: "web", Strategy: &project.Strategy{Type: project.Canary, Canary: &project.Step{Percent: new(10.0), Bake: new(time.Hour)}}}
	f.service["loadBalancers"] = []any{object{"targetGroupArn": "tg", "advancedConfiguration": object{"alternateTargetGroupArn": "other",
		"productionListenerRule": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/net/front/1/2", "roleArn": "arn:role"}}}
	p := planned(t, f, newImage, entry, ship.Facts{})
	i := slices.IndexFunc(p.Steps, func(s ship.Timed) bool { return s.Name == "move production traffic" })
	if want := 3600 + 3*600; i < 0 || p.Steps[i].Least != want || !strings.Contains(p.Steps[i].Source, "network load balancer") {
		t.Errorf("plan %+v, want %d seconds to move traffic: test, canary and the rest", p.Steps, want)
	}
}

func TestASavedPlanIsRefusedWhenTheServiceHasMovedOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*fakeECS, *ship.Request)
		want   string // code; "" deploys
	}{
		"as it was":          {func(*fakeECS, *ship.Request) {}, ""},
		"another revision":   {func(f *fakeECS, _ *ship.Request) { f.service["taskDefinition"] = arns + "task-definition/web:9" }, "plan.stale"},
		"another deployment": {func(f *fakeECS, _ *ship.Request) { f.deployments(f.side(newID, "web:1", "PRIMARY", "COMPLETED", 200)) }, "plan.stale"},
		"another count":      {func(f *fakeECS, _ *ship.Request) { f.service["desiredCount"] = 7 }, "plan.stale"},
		"other settings": {func(f *fakeECS, _ *ship.Request) {
			f.service["deploymentConfiguration"] = object{"maximumPercent": 150}
		}, "plan.stale"},
		"another count is asked": {func(_ *fakeECS, r *ship.Request) { r.Count = new(int32(5)) }, "plan.other"},
		"a setting is asked":     {func(_ *fakeECS, r *ship.Request) { r.Create = []byte(`{"healthCheckGracePeriodSeconds":30}`) }, "plan.other"},
		"another image is asked": {func(_ *fakeECS, r *ship.Request) { r.Images = map[string]string{"app": "repo/app:3"} }, "plan.other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			text, err := json.Marshal(planned(t, f, newImage, nil, ship.Facts{}))
			if err != nil {
				t.Fatal(err)
			}
			r := newImage
			r.Detach = true
			if r.Plan, err = ship.ReadPlan(text); err != nil {
				t.Fatal(err)
			}
			c.change(f, &r)
			_, err = (&ship.Deployer{ECS: f.serve(t)}).Deploy(t.Context(), r, func(ship.Event) {})
			code := ""
			if e := fail.Of(err); e != nil {
				code = e.Code
			}
			if code != c.want || (code == "") != (f.calls["UpdateService"] == 1) {
				t.Errorf("ended with %v, calls %v", err, f.calls)
			}
		})
	}
	if _, err := ship.ReadPlan([]byte(`{"version":2}`)); err == nil {
		t.Error("read a plan of another version")
	}
}
