package elb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/names"
)

// same compares SDK structs, whose unexported members say nothing.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.Action{}, types.ForwardActionConfig{}, types.TargetGroupTuple{}, types.TargetGroupStickinessConfig{},
		types.RedirectActionConfig{}, types.RuleCondition{}, types.PathPatternConditionConfig{}, types.HostHeaderConditionConfig{}, types.HttpHeaderConditionConfig{},
		types.QueryStringConditionConfig{}, types.QueryStringKeyValuePair{}, types.SourceIpConditionConfig{}, types.HttpRequestMethodConditionConfig{},
		types.FixedResponseActionConfig{})); d != "" {
		t.Errorf("%s: - want, + got\n%s", what, d)
	}
}

func TestAForwardIsEchoedAsAWSDoes(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b, blue, green := r.balancer("web"), r.group("blue"), r.group("green")
	off := &types.TargetGroupStickinessConfig{Enabled: aws.Bool(false)}
	for i, c := range []struct {
		what     string
		in, want types.Action
	}{
		{"one group by ARN", to(blue), types.Action{Type: "forward", TargetGroupArn: &blue, ForwardConfig: &types.ForwardActionConfig{
			TargetGroups: []types.TargetGroupTuple{{TargetGroupArn: &blue, Weight: aws.Int32(1)}}, TargetGroupStickinessConfig: off}}},
		{"one group with a weight and an order",
			types.Action{Type: "forward", Order: aws.Int32(1), ForwardConfig: &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{{TargetGroupArn: &blue, Weight: aws.Int32(100)}}}},
			types.Action{Type: "forward", Order: aws.Int32(1), TargetGroupArn: &blue, ForwardConfig: &types.ForwardActionConfig{
				TargetGroups: []types.TargetGroupTuple{{TargetGroupArn: &blue, Weight: aws.Int32(100)}}, TargetGroupStickinessConfig: off}}},
		{"two groups", shares(balance.Weighted{Group: green, Weight: 0}, balance.Weighted{Group: blue, Weight: 100}),
			types.Action{Type: "forward", ForwardConfig: &types.ForwardActionConfig{
				TargetGroups: []types.TargetGroupTuple{{TargetGroupArn: &green, Weight: aws.Int32(0)}, {TargetGroupArn: &blue, Weight: aws.Int32(100)}}, TargetGroupStickinessConfig: off}}},
		{"stickiness on",
			types.Action{Type: "forward", ForwardConfig: &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{{TargetGroupArn: &green}, {TargetGroupArn: &blue}},
				TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true), DurationSeconds: aws.Int32(60)}}},
			types.Action{Type: "forward", ForwardConfig: &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{{TargetGroupArn: &green, Weight: aws.Int32(1)}, {TargetGroupArn: &blue, Weight: aws.Int32(1)}},
				TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true), DurationSeconds: aws.Int32(60)}}}},
		{"a redirect", types.Action{Type: "redirect", RedirectConfig: &types.RedirectActionConfig{Protocol: aws.String("HTTPS"), Port: aws.String("443"), StatusCode: "HTTP_301"}},
			types.Action{Type: "redirect", RedirectConfig: &types.RedirectActionConfig{Protocol: aws.String("HTTPS"), Port: aws.String("443"), Host: aws.String("#{host}"), Path: aws.String("/#{path}"), Query: aws.String("#{query}"), StatusCode: "HTTP_301"}}},
		{"a fixed response", says("404"), says("404")},
	} {
		l := r.listener(b, int32(8000+i), c.in)
		got := must(r, r.DescribeListeners, &elbv2.DescribeListenersInput{ListenerArns: []string{l}}).Listeners[0]
		same(t, c.what, got.DefaultActions, []types.Action{c.want})
		rules := must(r, r.DescribeRules, &elbv2.DescribeRulesInput{ListenerArn: &l}).Rules
		if len(rules) != 1 || *rules[0].Priority != "default" || !*rules[0].IsDefault || rules[0].Conditions == nil {
			t.Errorf("%s: default rule: got %+v", c.what, rules)
		}
		same(t, c.what+" as a rule", rules[0].Actions, []types.Action{c.want})
	}
}

func TestActionsThatAWSRefusesAreRefusedAndChangeNothing(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b, blue := r.balancer("web"), r.group("blue")
	l := r.listener(b, 80, to(blue))
	elsewhere := r.group("elsewhere")
	r.listener(r.balancer("other"), 80, to(elsewhere))
	gone := here.TargetGroup("gone", "73e2d6bc24d8a067")
	abroad := *must(r, r.CreateTargetGroup, &elbv2.CreateTargetGroupInput{Name: aws.String("abroad"), Protocol: "HTTP", Port: aws.Int32(80), VpcId: aws.String("vpc-2"), TargetType: "ip"}).TargetGroups[0].TargetGroupArn
	grpc := *must(r, r.CreateTargetGroup, &elbv2.CreateTargetGroupInput{Name: aws.String("grpc"), Protocol: "HTTP", ProtocolVersion: aws.String("GRPC"), Port: aws.Int32(80), VpcId: aws.String("vpc-1"), TargetType: "ip"}).TargetGroups[0].TargetGroupArn
	var six []balance.Weighted
	for i := range 6 {
		six = append(six, balance.Weighted{Group: r.group(fmt.Sprintf("g%d", i)), Weight: 1})
	}
	redirect := func(c types.RedirectActionConfig) types.Action {
		if c.StatusCode == "" {
			c.StatusCode = "HTTP_302"
		}
		return types.Action{Type: "redirect", RedirectConfig: &c}
	}
	for _, c := range []struct {
		do          []types.Action
		code, words string
	}{
		{[]types.Action{shares(balance.Weighted{Group: blue, Weight: 1000})}, "ValidationError", "The weight for each target group must be between 0 and 999, inclusive"},
		{[]types.Action{shares(balance.Weighted{Group: blue, Weight: -1})}, "ValidationError", "The weight for each target group must be between 0 and 999, inclusive"},
		{[]types.Action{{Type: "forward"}}, "ValidationError", "A target group ARN must be specified"},
		{[]types.Action{shares(balance.Weighted{Weight: 1})}, "ValidationError", "A target group ARN must be specified"},
		{[]types.Action{to(gone)}, "TargetGroupNotFound", "Target groups '" + gone + "' not found"},
		{[]types.Action{to("blue")}, "ValidationError", "'blue' is not a valid target group ARN"},
		{[]types.Action{to(elsewhere)}, "TargetGroupAssociationLimit", "The following target groups cannot be associated with more than one load balancer: " + elsewhere},
		{[]types.Action{to(abroad)}, "InvalidConfigurationRequest", ""},
		{[]types.Action{to(grpc)}, "InvalidConfigurationRequest", "Listener protocol 'HTTP' is not supported with a target group with the protocol-version 'GRPC'"},
		{[]types.Action{shares(six...)}, "ValidationError", ""},
		{[]types.Action{shares(six[0], six[0])}, "ValidationError", ""},
		{[]types.Action{to(blue), says("200")}, "InvalidLoadBalancerAction", ""},
		{[]types.Action{{Type: "authenticate-oidc"}, to(blue)}, "UnsupportedProtocol", ""},
		{[]types.Action{{Type: "drop"}}, "ValidationError", ""},
		{[]types.Action{says("302")}, "ValidationError", ""},
		{[]types.Action{{Type: "fixed-response", FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("200"), ContentType: aws.String("image/png")}}}, "ValidationError", ""},
		{[]types.Action{{Type: "fixed-response", FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("200"), MessageBody: aws.String(strings.Repeat("x", 1025))}}}, "ValidationError", ""},
		{[]types.Action{redirect(types.RedirectActionConfig{})}, "InvalidLoadBalancerAction", ""},
		{[]types.Action{redirect(types.RedirectActionConfig{Query: aws.String("a=b")})}, "InvalidLoadBalancerAction", ""},
		{[]types.Action{redirect(types.RedirectActionConfig{Path: aws.String("x")})}, "ValidationError", ""},
		{[]types.Action{redirect(types.RedirectActionConfig{Path: aws.String("/#{query}")})}, "ValidationError", ""},
		{[]types.Action{redirect(types.RedirectActionConfig{Port: aws.String("0")})}, "ValidationError", ""},
		{[]types.Action{redirect(types.RedirectActionConfig{Protocol: aws.String("FTP")})}, "ValidationError", ""},
		{[]types.Action{redirect(types.RedirectActionConfig{Host: aws.String("x"), StatusCode: "HTTP_307"})}, "ValidationError", ""},
	} {
		refused(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: &l, DefaultActions: c.do}, c.code, c.words)
		refused(r, r.CreateListener, &elbv2.CreateListenerInput{LoadBalancerArn: &b, Port: aws.Int32(81), Protocol: "HTTP", DefaultActions: c.do}, c.code, c.words)
		refused(r, r.CreateRule, &elbv2.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(1), Conditions: []types.RuleCondition{onPath("/")}, Actions: c.do}, c.code, c.words)
	}
	left := must(r, r.DescribeListeners, &elbv2.DescribeListenersInput{LoadBalancerArn: &b}).Listeners
	if len(left) != 1 || aws.ToString(left[0].DefaultActions[0].TargetGroupArn) != blue {
		t.Errorf("after refusals: got %+v", left)
	}
	if rules := must(r, r.DescribeRules, &elbv2.DescribeRulesInput{ListenerArn: &l}).Rules; len(rules) != 1 {
		t.Errorf("after refusals: got %d rules", len(rules))
	}
}

func TestListenersThatAWSRefusesAreRefused(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b, blue := r.balancer("web"), r.group("blue")
	l := r.listener(b, 80, to(blue))
	if again := r.listener(b, 80, to(blue)); again != l {
		t.Errorf("the same listener again: got %s, want %s", again, l)
	}
	do := []types.Action{says("200")}
	gone := here.LoadBalancer("gone", "50dc6c495c0c9188")
	for _, c := range []struct {
		in          elbv2.CreateListenerInput
		code, words string
	}{
		{elbv2.CreateListenerInput{LoadBalancerArn: &b, Port: aws.Int32(80), Protocol: "HTTP", DefaultActions: do}, "DuplicateListener", "A listener already exists on this port for this load balancer '" + b + "'"},
		{elbv2.CreateListenerInput{LoadBalancerArn: &b, Port: aws.Int32(0), Protocol: "HTTP", DefaultActions: do}, "ValidationError", ""},
		{elbv2.CreateListenerInput{LoadBalancerArn: &b, Port: aws.Int32(65536), Protocol: "HTTP", DefaultActions: do}, "ValidationError", ""},
		{elbv2.CreateListenerInput{LoadBalancerArn: &b, Port: aws.Int32(443), Protocol: "TCP", DefaultActions: do}, "ValidationError", ""},
		{elbv2.CreateListenerInput{LoadBalancerArn: &b, Port: aws.Int32(443), Protocol: "HTTPS", DefaultActions: do}, "ValidationError", "A certificate must be specified for HTTPS listeners"},
		{elbv2.CreateListenerInput{LoadBalancerArn: &b, Port: aws.Int32(443), Protocol: "HTTPS", DefaultActions: do, Certificates: []types.Certificate{{}}}, "ValidationError", "A certificate ARN must be specified"},
		{elbv2.CreateListenerInput{LoadBalancerArn: &gone, Port: aws.Int32(81), Protocol: "HTTP", DefaultActions: do}, "LoadBalancerNotFound", "Load balancer '" + gone + "' not found"},
	} {
		refused(r, r.CreateListener, &c.in, c.code, c.words)
	}
	refused(r, r.DescribeListeners, &elbv2.DescribeListenersInput{}, "ValidationError", "You must specify either listener ARNs or a load balancer ARN")
	other := r.listener(b, 8080, to(blue))
	refused(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: &other, Port: aws.Int32(80)}, "DuplicateListener", "")
	must(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: &other, Port: aws.Int32(81)})
	must(r, r.DeleteListener, &elbv2.DeleteListenerInput{ListenerArn: &other})
	refused(r, r.DeleteListener, &elbv2.DeleteListenerInput{ListenerArn: &other}, "ListenerNotFound", "One or more listeners not found")
}

func TestConditionsAreEchoedInBothForms(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	blue := r.group("blue")
	l := r.listener(r.balancer("web"), 80, to(blue))
	for i, c := range []struct{ in, want types.RuleCondition }{
		{onPath("/api/*"), types.RuleCondition{Field: aws.String("path-pattern"), Values: []string{"/api/*"}, PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{"/api/*"}}}},
		{types.RuleCondition{Field: aws.String("host-header"), HostHeaderConfig: &types.HostHeaderConditionConfig{Values: []string{"*.example.com"}}},
			types.RuleCondition{Field: aws.String("host-header"), Values: []string{"*.example.com"}, HostHeaderConfig: &types.HostHeaderConditionConfig{Values: []string{"*.example.com"}}}},
		{types.RuleCondition{Field: aws.String("http-header"), HttpHeaderConfig: &types.HttpHeaderConditionConfig{HttpHeaderName: aws.String("X-Canary"), Values: []string{"yes"}}}, types.RuleCondition{}},
		{types.RuleCondition{Field: aws.String("http-request-method"), HttpRequestMethodConfig: &types.HttpRequestMethodConditionConfig{Values: []string{"GET", "PURGE"}}}, types.RuleCondition{}},
		{types.RuleCondition{Field: aws.String("query-string"), QueryStringConfig: &types.QueryStringConditionConfig{Values: []types.QueryStringKeyValuePair{{Key: aws.String("v"), Value: aws.String("2")}, {Value: aws.String("x*")}}}}, types.RuleCondition{}},
		{types.RuleCondition{Field: aws.String("source-ip"), SourceIpConfig: &types.SourceIpConditionConfig{Values: []string{"10.0.0.0/8", "2001:db8::/32"}}}, types.RuleCondition{}},
	} {
		if c.want.Field == nil {
			c.want = c.in
		}
		out := must(r, r.CreateRule, &elbv2.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(int32(i + 1)), Conditions: []types.RuleCondition{c.in}, Actions: []types.Action{to(blue)}})
		same(t, *c.in.Field, out.Rules[0].Conditions, []types.RuleCondition{c.want})
	}
}

func TestConditionsThatAWSRefusesAreRefused(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	blue := r.group("blue")
	l := r.listener(r.balancer("web"), 80, to(blue))
	header := func(name string, values ...string) types.RuleCondition {
		return types.RuleCondition{Field: aws.String("http-header"), HttpHeaderConfig: &types.HttpHeaderConditionConfig{HttpHeaderName: &name, Values: values}}
	}
	host := func(v string) types.RuleCondition {
		return types.RuleCondition{Field: aws.String("host-header"), Values: []string{v}}
	}
	source := func(v string) types.RuleCondition {
		return types.RuleCondition{Field: aws.String("source-ip"), SourceIpConfig: &types.SourceIpConditionConfig{Values: []string{v}}}
	}
	for _, c := range []struct {
		in    []types.RuleCondition
		words string
	}{
		{nil, ""},
		{[]types.RuleCondition{{Field: aws.String("x"), Values: []string{"y"}}}, "Condition field 'x' must be one of '[path-pattern,host-header,http-header,http-request-method,query-string,source-ip]'"},
		{[]types.RuleCondition{onPath("/" + strings.Repeat("x", 128))}, "The 'path-pattern' value is too long; the limit is '128'"},
		{[]types.RuleCondition{onPath("/a b")}, ""},
		{[]types.RuleCondition{onPath("/a"), onPath("/b")}, ""},
		{[]types.RuleCondition{{Field: aws.String("path-pattern")}}, ""},
		{[]types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"1", "2", "3", "4", "5", "6"}}}, ""},
		{[]types.RuleCondition{onPath("/*?*?*?*")}, ""},
		{[]types.RuleCondition{host("localhost")}, ""},
		{[]types.RuleCondition{host("a.b1")}, ""},
		{[]types.RuleCondition{header("Host", "x")}, ""},
		{[]types.RuleCondition{header("X Y", "x")}, ""},
		{[]types.RuleCondition{header("", "x")}, ""},
		{[]types.RuleCondition{header(strings.Repeat("x", 41), "x")}, ""},
		{[]types.RuleCondition{source("10.0.0.1")}, ""},
		{[]types.RuleCondition{source("255.255.255.255/32")}, ""},
		{[]types.RuleCondition{{Field: aws.String("http-request-method"), HttpRequestMethodConfig: &types.HttpRequestMethodConditionConfig{Values: []string{"get"}}}}, ""},
		{[]types.RuleCondition{{Field: aws.String("path-pattern"), HostHeaderConfig: &types.HostHeaderConditionConfig{Values: []string{"a.b"}}}}, ""},
		{[]types.RuleCondition{{Field: aws.String("path-pattern"), RegexValues: []string{"("}}}, ""},
	} {
		refused(r, r.CreateRule, &elbv2.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(1), Conditions: c.in, Actions: []types.Action{to(blue)}}, "ValidationError", c.words)
	}
}

func TestRulesAreOrderedSwappedAndGuarded(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	blue := r.group("blue")
	l := r.listener(r.balancer("web"), 80, to(blue))
	b, a := r.rule(l, 100, "/b", to(blue)), r.rule(l, 20, "/a", to(blue))
	order := func() string {
		var got []string
		for _, rule := range must(r, r.DescribeRules, &elbv2.DescribeRulesInput{ListenerArn: &l}).Rules {
			got = append(got, *rule.Priority)
			for _, c := range rule.Conditions {
				got = append(got, c.Values...)
			}
		}
		return strings.Join(got, " ")
	}
	if got, want := order(), "20 /a 100 /b default"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	refused(r, r.CreateRule, &elbv2.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(20), Conditions: []types.RuleCondition{onPath("/c")}, Actions: []types.Action{to(blue)}}, "PriorityInUse", "Priority '20' is currently in use")
	pairs := func(kv ...any) *elbv2.SetRulePrioritiesInput {
		in := &elbv2.SetRulePrioritiesInput{}
		for i := 0; i < len(kv); i += 2 {
			in.RulePriorities = append(in.RulePriorities, types.RulePriorityPair{RuleArn: aws.String(kv[i].(string)), Priority: aws.Int32(int32(kv[i+1].(int)))})
		}
		return in
	}
	must(r, r.SetRulePriorities, pairs(a, 100, b, 20))
	if got, want := order(), "20 /b 100 /a default"; got != want {
		t.Errorf("after the swap: got %s, want %s", got, want)
	}
	refused(r, r.SetRulePriorities, pairs(a, 20), "PriorityInUse", "Priority '20' is currently in use")
	refused(r, r.SetRulePriorities, pairs(a, 5, b, 5), "ValidationError", "Priority '5' was provided multiple times")
	def := must(r, r.DescribeRules, &elbv2.DescribeRulesInput{ListenerArn: &l}).Rules[2].RuleArn
	refused(r, r.SetRulePriorities, pairs(a, 1, *def, 5), "OperationNotPermitted", "")
	refused(r, r.DeleteRule, &elbv2.DeleteRuleInput{RuleArn: def}, "OperationNotPermitted", "Default rule '"+*def+"' cannot be deleted")
	refused(r, r.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: def, Actions: []types.Action{to(blue)}}, "OperationNotPermitted", "")
	if got, want := order(), "20 /b 100 /a default"; got != want {
		t.Errorf("after refusals: got %s, want %s", got, want)
	}
	refused(r, r.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: &a}, "ValidationError", "Either conditions or actions must be specified")
	must(r, r.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: &a, Conditions: []types.RuleCondition{onPath("/new")}})
	must(r, r.DeleteRule, &elbv2.DeleteRuleInput{RuleArn: &b})
	if got, want := order(), "100 /new default"; got != want {
		t.Errorf("in the end: got %s, want %s", got, want)
	}
	refused(r, r.DescribeRules, &elbv2.DescribeRulesInput{RuleArns: []string{b}}, "RuleNotFound", "One or more rules not found")
	refused(r, r.DescribeRules, &elbv2.DescribeRulesInput{ListenerArn: &l, RuleArns: []string{a}}, "ValidationError", "You must specify either listener rule ARNs or a listener ARN")
	if names.ListenerOfRule(a) != l {
		t.Errorf("rule %s does not name its listener %s", a, l)
	}
}
