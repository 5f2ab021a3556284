package ship_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/ship"
)

const testRule = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/a/b/c/test"

// shifting is a service whose load balancer can move traffic between two target groups.
func shifting() *types.Service {
	return &types.Service{LoadBalancers: []types.LoadBalancer{{TargetGroupArn: aws.String("tg"), AdvancedConfiguration: &types.AdvancedConfiguration{RoleArn: aws.String("infra"), ProductionListenerRule: aws.String("rule")}}}}
}

func strategy(s project.Strategy) *project.Service {
	return &project.Service{Name: "web", Strategy: &s}
}

func TestAStrategyBecomesECSsOwnFields(t *testing.T) {
	t.Parallel()
	with := func(s *types.Service, c types.DeploymentConfiguration) *types.Service {
		s.DeploymentConfiguration = &c
		return s
	}
	for name, c := range map[string]struct {
		file *project.Service
		live *types.Service
		want string // JSON of what is set
	}{
		"nothing said":         {&project.Service{}, shifting(), `null`},
		"rolling":              {strategy(project.Strategy{Type: project.Rolling}), &types.Service{}, `{"Strategy":"ROLLING"}`},
		"rolling with percent": {strategy(project.Strategy{Type: project.Rolling, MinHealthy: aws.Int32(50), Max: aws.Int32(150)}), nil, `{"MaximumPercent":150,"MinimumHealthyPercent":50,"Strategy":"ROLLING"}`},
		"recreate":             {strategy(project.Strategy{Type: project.Recreate}), nil, `{"MaximumPercent":100,"MinimumHealthyPercent":0,"Strategy":"ROLLING"}`},
		"blue-green":           {strategy(project.Strategy{Type: project.BlueGreen}), shifting(), `{"BakeTimeInMinutes":15,"Strategy":"BLUE_GREEN"}`},
		"blue-green keeps the service's bake": {strategy(project.Strategy{Type: project.BlueGreen}), with(shifting(), types.DeploymentConfiguration{BakeTimeInMinutes: aws.Int32(3)}),
			`{"Strategy":"BLUE_GREEN"}`},
		"no bake is a word too": {strategy(project.Strategy{Type: project.BlueGreen, Bake: new(time.Duration)}), shifting(), `{"BakeTimeInMinutes":0,"Strategy":"BLUE_GREEN"}`},
		"canary": {strategy(project.Strategy{Type: project.Canary, Canary: &project.Step{Percent: new(10.5), Bake: new(time.Hour)}, Bake: new(5 * time.Minute)}), shifting(),
			`{"BakeTimeInMinutes":5,"CanaryConfiguration":{"CanaryBakeTimeInMinutes":60,"CanaryPercent":10.5},"Strategy":"CANARY"}`},
		"canary by a word": {strategy(project.Strategy{Type: project.Canary}), shifting(),
			`{"BakeTimeInMinutes":15,"CanaryConfiguration":{"CanaryBakeTimeInMinutes":10,"CanaryPercent":5},"Strategy":"CANARY"}`},
		"linear with the service's bake": {strategy(project.Strategy{Type: project.Linear, Linear: &project.Step{Percent: new(25.0)}}),
			with(shifting(), types.DeploymentConfiguration{BakeTimeInMinutes: aws.Int32(1), LinearConfiguration: &types.LinearConfiguration{StepBakeTimeInMinutes: aws.Int32(2), StepPercent: new(5.0)}}),
			`{"LinearConfiguration":{"StepBakeTimeInMinutes":2,"StepPercent":25},"Strategy":"LINEAR"}`},
		"alarms": {strategy(project.Strategy{Type: project.Rolling, Alarms: []string{"a"}}), nil,
			`{"Alarms":{"AlarmNames":["a"],"Enable":true,"Rollback":true},"Strategy":"ROLLING"}`},
		"no alarms": {strategy(project.Strategy{Type: project.Rolling, Alarms: []string{}}), nil,
			`{"Alarms":{"AlarmNames":[],"Enable":false,"Rollback":false},"Strategy":"ROLLING"}`},
		"a breaker that stops": {strategy(project.Strategy{Type: project.Rolling, Breaker: &project.Breaker{Count: aws.Int32(5)}, OnFail: project.FailStop}), nil,
			`{"DeploymentCircuitBreaker":{"Enable":true,"Rollback":false,"ThresholdConfiguration":{"Type":"COUNT","Value":5}},"Strategy":"ROLLING"}`},
		"no breaker": {strategy(project.Strategy{Type: project.Rolling, Breaker: &project.Breaker{Off: true}}), nil,
			`{"DeploymentCircuitBreaker":{"Enable":false,"Rollback":false},"Strategy":"ROLLING"}`},
		"on-fail for the service's breaker": {strategy(project.Strategy{Type: project.Rolling, OnFail: project.FailStop}),
			with(&types.Service{}, types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}}),
			`{"DeploymentCircuitBreaker":{"Enable":true,"Rollback":false},"Strategy":"ROLLING"}`},
		"an approval": {&project.Service{Hooks: []project.Hook{{Point: project.PointTestTraffic, Approve: "good?", Timeout: new(time.Hour), Then: project.ThenContinue}}},
			with(shifting(), types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen}),
			`{"LifecycleHooks":[{"LifecycleStages":["POST_TEST_TRAFFIC_SHIFT"],"TargetType":"PAUSE","TimeoutConfiguration":{"Action":"CONTINUE","TimeoutInMinutes":60}}]}`},
		"a function with the load balancer's role": {&project.Service{Hooks: []project.Hook{{Point: project.PointScaled, Lambda: &project.Lambda{ARN: "fn"}}}}, shifting(),
			`{"LifecycleHooks":[{"HookTargetArn":"fn","LifecycleStages":["POST_SCALE_UP"],"RoleArn":"infra","TargetType":"AWS_LAMBDA"}]}`},
		"our own hooks are not ECS's": {&project.Service{Hooks: []project.Hook{{Point: project.PointScaled, Run: []string{"true"}}}}, shifting(), `null`},
	} {
		m, err := ship.MannerOf(c.file, c.live, shifting().LoadBalancers)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := without(t, m.Configuration); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, c.want)
		}
	}
}

// without gives JSON of what is set.
func without(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	var clean func(v any) any
	clean = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k, m := range v {
				if m == nil || m == "" {
					delete(v, k)
				} else {
					v[k] = clean(m)
				}
			}
		case []any:
			for i := range v {
				v[i] = clean(v[i])
			}
		}
		return v
	}
	out, err := json.Marshal(clean(tree))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestWhatECSCouldNotDoIsRefusedWithAnAlternative(t *testing.T) {
	t.Parallel()
	controlled := func(k types.DeploymentControllerType) *types.Service {
		return &types.Service{DeploymentController: &types.DeploymentController{Type: k}}
	}
	canary := strategy(project.Strategy{Type: project.Canary})
	many := &project.Service{}
	for range 11 {
		many.Hooks = append(many.Hooks, project.Hook{Point: project.PointScaled, Approve: "?"})
	}
	for name, c := range map[string]struct {
		file *project.Service
		live *types.Service
		says []string
	}{
		"no advancedConfiguration":     {canary, &types.Service{LoadBalancers: []types.LoadBalancer{{TargetGroupArn: aws.String("tg")}}}, []string{"without advancedConfiguration", "stay with rolling"}},
		"nothing to move":              {canary, &types.Service{}, []string{"neither a load balancer nor Service Connect", "blue-green"}},
		"a Classic Load Balancer":      {canary, &types.Service{LoadBalancers: []types.LoadBalancer{{LoadBalancerName: aws.String("old")}}}, []string{"Classic", "target group"}},
		"a DAEMON":                     {canary, &types.Service{SchedulingStrategy: types.SchedulingStrategyDaemon}, []string{"DAEMON", "rolling"}},
		"CodeDeploy's service":         {canary, controlled(types.DeploymentControllerTypeCodeDeploy), []string{"CodeDeploy deploys", "leave 'strategy' out"}},
		"engine ecs on CodeDeploy's":   {&project.Service{Engine: project.EngineECS}, controlled(types.DeploymentControllerTypeCodeDeploy), []string{"CODE_DEPLOY", "engine: auto"}},
		"engine codedeploy on ECS's":   {&project.Service{Engine: project.EngineCodeDeploy}, &types.Service{}, []string{"controller is ECS", "engine: auto"}},
		"on-fail without a cause":      {strategy(project.Strategy{Type: project.Rolling, OnFail: project.FailRollback, Alarms: []string{}}), &types.Service{}, []string{"nothing can fail", "breaker: on"}},
		"a test point of a rolling":    {&project.Service{Hooks: []project.Hook{{Point: project.PointTestTraffic, Run: []string{"x"}}}}, &types.Service{}, []string{"test-traffic", "put it at scaled"}},
		"a probe without a route":      {&project.Service{Strategy: canary.Strategy, Hooks: []project.Hook{{Point: project.PointScaled, Probe: &project.Probe{Route: "test"}}}}, shifting(), []string{"test route", "'url'"}},
		"a function without a role":    {&project.Service{Hooks: []project.Hook{{Point: project.PointScaled, Lambda: &project.Lambda{ARN: "fn"}}}}, &types.Service{}, []string{"role", "fn"}},
		"more hooks than ECS takes":    {many, &types.Service{}, []string{"more than 10", "into one"}},
		"a test route for no balancer": {strategy(project.Strategy{Type: project.BlueGreen, TestRoute: testRule}), &types.Service{}, []string{"no load balancer", "test-route"}},
	} {
		_, err := ship.MannerOf(c.file, c.live, nil)
		f := fail.Of(err)
		if f == nil || f.Code != "strategy.impossible" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, s := range c.says {
			if !strings.Contains(f.Msg+" / "+f.Hint, s) {
				t.Errorf("%s: lacks %q: %s / %s", name, s, f.Msg, f.Hint)
			}
		}
	}
}

func TestATestRouteIsPutIntoTheLoadBalancersOnlyWhereItIsNew(t *testing.T) {
	t.Parallel()
	file := strategy(project.Strategy{Type: project.BlueGreen, TestRoute: testRule})
	live := shifting()
	m, err := ship.MannerOf(file, live, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Balancers) != 1 || aws.ToString(m.Balancers[0].AdvancedConfiguration.TestListenerRule) != testRule || live.LoadBalancers[0].AdvancedConfiguration.TestListenerRule != nil {
		t.Errorf("got %+v, the live one %+v", m.Balancers, live.LoadBalancers[0].AdvancedConfiguration)
	}
	live.LoadBalancers = m.Balancers
	if m, err = ship.MannerOf(file, live, nil); err != nil || m.Balancers != nil {
		t.Errorf("sent again: %v, %v", m.Balancers, err)
	}
}

func TestBalancersThatTheFileBringsCountForItsStrategy(t *testing.T) {
	t.Parallel()
	s := &project.Service{Name: "web", Strategy: &project.Strategy{Type: project.BlueGreen}}
	bare := []types.LoadBalancer{{TargetGroupArn: aws.String("blue"), ContainerName: aws.String("web"), ContainerPort: aws.Int32(80)}}
	whole := []types.LoadBalancer{{TargetGroupArn: aws.String("blue"), ContainerName: aws.String("web"), ContainerPort: aws.Int32(80),
		AdvancedConfiguration: &types.AdvancedConfiguration{AlternateTargetGroupArn: aws.String("green"), ProductionListenerRule: aws.String("rule"), RoleArn: aws.String("role")}}}
	live := &types.Service{LoadBalancers: bare}

	if _, err := ship.MannerOf(s, live, nil); err == nil {
		t.Error("a service whose load balancer has no alternate target group takes BLUE_GREEN")
	}
	if m, err := ship.MannerOf(s, live, whole); err != nil || m.Configuration.Strategy != types.DeploymentStrategyBlueGreen {
		t.Errorf("with the file's load balancer: %v, %v", m.Configuration, err)
	}
}
