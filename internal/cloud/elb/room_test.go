package elb

import (
	"fmt"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/store"
)

func TestTheTableIsTheSameAfterARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	open := func() room {
		s := New(Options{IDs: ids.Counting(), Network: network{}})
		st, err := store.Open(store.Options{Path: path, Clock: clock.Real{}}, s.Tables()...)
		if err != nil {
			t.Fatal(err)
		}
		s.Attach(st)
		return room{s, t, as(t.Context(), here)}
	}
	table := func(r room) (p balance.Table) {
		r.view(func(tx *store.Tx) { p = r.Plane(tx) })
		if err := r.store.Close(); err != nil {
			t.Fatal(err)
		}
		return p
	}
	r := open()
	blue, green := r.group("blue"), r.group("green")
	l := r.listener(r.balancer("web"), 80, shares(balance.Weighted{Group: blue, Weight: 9}, balance.Weighted{Group: green, Weight: 1}))
	must(r, r.CreateRule, &elbv2.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(5), Actions: []types.Action{says("418")}, Conditions: []types.RuleCondition{
		onPath("/tea"), {Field: aws.String("query-string"), QueryStringConfig: &types.QueryStringConditionConfig{Values: []types.QueryStringKeyValuePair{{Value: aws.String("x")}}}}}})
	r.register(blue, "10.0.0.1", 8080)
	r.register(green, "10.0.0.1", 8080)
	must(r, r.DeregisterTargets, &elbv2.DeregisterTargetsInput{TargetGroupArn: &blue, Targets: []types.TargetDescription{{Id: aws.String("10.0.0.1"), Port: aws.Int32(8080)}}})
	before := table(r)
	if after := table(open()); !reflect.DeepEqual(before, after) || len(after.Groups) != 2 {
		t.Errorf("got  %+v\nwant %+v", after, before)
	}
}

// TestWhateverIsAskedTheRoomStaysWhole asks for many things at random, most of which are
// refused, and then looks: every listener has one default rule, every rule a listener, every
// forward its groups; no two rules of a listener share a priority, no group serves two
// balancers; and a target is unused exactly where its group is.
func TestWhateverIsAskedTheRoomStaysWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := newRoom(t, Options{})
		var balancers, listeners, rules []string
		groups := []string{r.group("a"), r.group("b"), r.group("c")}
		some := func(list []string) *string {
			if len(list) == 0 {
				return aws.String("none")
			}
			return aws.String(rapid.SampledFrom(list).Draw(rt, "one"))
		}
		do := func() []types.Action {
			if rapid.Bool().Draw(rt, "fixed") {
				return []types.Action{says("200")}
			}
			return []types.Action{shares(balance.Weighted{Group: *some(groups), Weight: rapid.IntRange(0, 1000).Draw(rt, "weight")}, balance.Weighted{Group: *some(groups), Weight: 1})}
		}
		priority := func() *int32 { return aws.Int32(int32(rapid.IntRange(1, 4).Draw(rt, "priority"))) }
		target := func() []types.TargetDescription {
			return []types.TargetDescription{{Id: aws.String(fmt.Sprintf("10.0.0.%d", rapid.IntRange(1, 3).Draw(rt, "target")))}}
		}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			// Refusals are the point: what they leave behind is looked at in the end.
			switch rapid.IntRange(0, 10).Draw(rt, "what") {
			case 0:
				balancers = append(balancers, r.balancer(rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "name")))
			case 1, 2:
				if out, err := r.CreateListener(r.ctx, &elbv2.CreateListenerInput{LoadBalancerArn: some(balancers), Port: aws.Int32(80 + *priority()), Protocol: "HTTP", DefaultActions: do()}); err == nil {
					listeners = append(listeners, *out.Listeners[0].ListenerArn)
				}
			case 3, 4:
				if out, err := r.CreateRule(r.ctx, &elbv2.CreateRuleInput{ListenerArn: some(listeners), Priority: priority(), Conditions: []types.RuleCondition{onPath("/x")}, Actions: do()}); err == nil {
					rules = append(rules, *out.Rules[0].RuleArn)
				}
			case 5:
				_, _ = r.ModifyRule(r.ctx, &elbv2.ModifyRuleInput{RuleArn: some(rules), Actions: do()})
				_, _ = r.ModifyListener(r.ctx, &elbv2.ModifyListenerInput{ListenerArn: some(listeners), DefaultActions: do()})
			case 6:
				_, _ = r.SetRulePriorities(r.ctx, &elbv2.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{{RuleArn: some(rules), Priority: priority()}, {RuleArn: some(rules), Priority: priority()}}})
			case 7:
				_, _ = r.DeleteRule(r.ctx, &elbv2.DeleteRuleInput{RuleArn: some(rules)})
				_, _ = r.DeleteTargetGroup(r.ctx, &elbv2.DeleteTargetGroupInput{TargetGroupArn: some(groups)})
			case 8:
				_, _ = r.RegisterTargets(r.ctx, &elbv2.RegisterTargetsInput{TargetGroupArn: some(groups), Targets: target()})
			case 9:
				_, _ = r.DeregisterTargets(r.ctx, &elbv2.DeregisterTargetsInput{TargetGroupArn: some(groups), Targets: target()})
			case 10:
				_, _ = r.DeleteListener(r.ctx, &elbv2.DeleteListenerInput{ListenerArn: some(listeners)})
				if rapid.IntRange(0, 3).Draw(rt, "balancer too") == 0 {
					_, _ = r.DeleteLoadBalancer(r.ctx, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: some(balancers)})
				}
			}
		}
		r.view(func(tx *store.Tx) { whole(rt, r, tx) })
	})
}

func whole(rt *rapid.T, r room, tx *store.Tx) {
	for l := range r.listeners.All(tx) {
		defaults, taken := 0, map[int]bool{}
		for _, rule := range r.rulesOf(tx, l.ARN) {
			if rule.Default {
				defaults++
			} else if taken[rule.Priority] {
				rt.Errorf("priority %d twice on %s", rule.Priority, l.ARN)
			}
			taken[rule.Priority] = true
		}
		if _, ok := r.balancers.Get(tx, l.Balancer); !ok || defaults != 1 {
			rt.Errorf("listener %s: balancer there %v, %d default rules", l.ARN, ok, defaults)
		}
	}
	for rule := range r.rules.All(tx) {
		if _, ok := r.listeners.Get(tx, rule.Listener); !ok {
			rt.Errorf("rule %s has no listener", rule.ARN)
		}
		for _, g := range rule.Action.groups() {
			if _, ok := r.groups.Get(tx, g); !ok {
				rt.Errorf("rule %s forwards to %s, which is gone", rule.ARN, g)
			}
			if b := r.balancersOf(tx, g); len(b) != 1 {
				rt.Errorf("group %s serves %v", g, b)
			}
		}
	}
	for target := range r.targets.All(tx) {
		if _, ok := r.groups.Get(tx, target.Group); !ok {
			rt.Errorf("target %s is of a group that is gone", target.ID)
		}
		if used := r.used(tx, target.Group); !target.draining() && used == (target.Health.State == balance.Unused) {
			rt.Errorf("target %s is %s, its group in use: %v", target.ID, target.Health.State, used)
		}
	}
}
