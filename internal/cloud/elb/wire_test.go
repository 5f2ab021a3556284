package elb

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/wire"
)

// served gives a gateway that serves the room, and the SDK's client of it.
func served(t *testing.T) (*elbv2.Client, string) {
	t.Helper()
	r := newRoom(t, Options{})
	srv := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{Account: func(string) string { return here.Account }, Region: here.Region}, r.Wire()))
	t.Cleanup(srv.Close)
	return elbv2.New(elbv2.Options{
		Region: here.Region, BaseEndpoint: &srv.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	}), srv.URL
}

func TestTheSDKsClientBuildsABalancerAndReadsItBack(t *testing.T) {
	t.Parallel()
	c, _ := served(t)
	ctx := t.Context()
	lb, err := c.CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{"subnet-a", "subnet-b"}, SecurityGroups: []string{"sg-1"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := elbv2.NewLoadBalancerAvailableWaiter(c).Wait(ctx, &elbv2.DescribeLoadBalancersInput{Names: []string{"web"}}, 1e9); err != nil {
		t.Error(err)
	}
	var groups []types.TargetGroupTuple
	for i, name := range []string{"blue", "green"} {
		g, err := c.CreateTargetGroup(ctx, &elbv2.CreateTargetGroupInput{Name: &name, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(8080), VpcId: aws.String("vpc-1"), TargetType: types.TargetTypeEnumIp})
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, types.TargetGroupTuple{TargetGroupArn: g.TargetGroups[0].TargetGroupArn, Weight: aws.Int32(int32(90 - 80*i))})
	}
	l, err := c.CreateListener(ctx, &elbv2.CreateListenerInput{LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Port: aws.Int32(80), Protocol: types.ProtocolEnumHttp,
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{TargetGroups: groups}}}})
	if err != nil {
		t.Fatal(err)
	}
	rule, err := c.CreateRule(ctx, &elbv2.CreateRuleInput{ListenerArn: l.Listeners[0].ListenerArn, Priority: aws.Int32(10), Conditions: []types.RuleCondition{onPath("/api/*")}, Actions: []types.Action{to(*groups[0].TargetGroupArn)}})
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(rule.Rules[0].Priority); got != "10" {
		t.Errorf("priority: got %s", got)
	}
	rules, err := c.DescribeRules(ctx, &elbv2.DescribeRulesInput{ListenerArn: l.Listeners[0].ListenerArn})
	if err != nil {
		t.Fatal(err)
	}
	if len(rules.Rules) != 2 || *rules.Rules[1].Priority != "default" || *rules.Rules[1].Actions[0].ForwardConfig.TargetGroups[1].Weight != 10 || rules.Rules[1].Actions[0].TargetGroupArn != nil {
		t.Errorf("rules: got %+v", rules.Rules)
	}
	if _, err := c.RegisterTargets(ctx, &elbv2.RegisterTargetsInput{TargetGroupArn: groups[0].TargetGroupArn, Targets: []types.TargetDescription{{Id: aws.String("10.0.0.1")}}}); err != nil {
		t.Error(err)
	}
	health, err := c.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{TargetGroupArn: groups[0].TargetGroupArn})
	if err != nil {
		t.Fatal(err)
	}
	if d := health.TargetHealthDescriptions; len(d) != 1 || *d[0].Target.Port != 8080 || d[0].TargetHealth.State != types.TargetHealthStateEnumInitial {
		t.Errorf("health: got %+v", d)
	}
	_, err = c.CreateRule(ctx, &elbv2.CreateRuleInput{ListenerArn: l.Listeners[0].ListenerArn, Priority: aws.Int32(10), Conditions: []types.RuleCondition{onPath("/x")}, Actions: []types.Action{says("404")}})
	if _, ok := errors.AsType[*types.PriorityInUseException](err); !ok {
		t.Errorf("a priority in use: got %v", err)
	}
	_, err = c.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{Names: []string{"none"}})
	if e, ok := errors.AsType[*types.TargetGroupNotFoundException](err); !ok || e.ErrorMessage() != "One or more target groups not found" {
		t.Errorf("a group that is not there: got %v", err)
	}
	if out, err := c.DescribeCapacityReservation(ctx, &elbv2.DescribeCapacityReservationInput{LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn}); err != nil || aws.ToInt32(out.DecreaseRequestsRemaining) != 2 {
		t.Errorf("capacity: got %+v, %v", out, err)
	}
	if out, err := c.DescribeSSLPolicies(ctx, &elbv2.DescribeSSLPoliciesInput{Names: []string{"ELBSecurityPolicy-2016-08"}}); err != nil || len(out.SslPolicies) != 1 {
		t.Errorf("policies: got %+v, %v", out, err)
	}
	if out, err := c.DescribeAccountLimits(ctx, &elbv2.DescribeAccountLimitsInput{PageSize: aws.Int32(3)}); err != nil || len(out.Limits) != 3 || out.NextMarker == nil {
		t.Errorf("limits: got %+v, %v", out, err)
	}
	if _, err := c.DescribeTrustStores(ctx, &elbv2.DescribeTrustStoresInput{}); err == nil || !strings.Contains(err.Error(), "OperationNotPermitted") {
		t.Errorf("trust stores: got %v", err)
	}
}

func TestTheAnswerHasAWSsElementsAndOrderOfNothingIsAssumed(t *testing.T) {
	t.Parallel()
	_, endpoint := served(t)
	ask := func(form url.Values) (int, string) {
		form.Set("Version", "2015-12-01")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	code, body := ask(url.Values{"Action": {"CreateLoadBalancer"}, "Name": {"web"}, "Subnets.member.2": {"subnet-b"}, "Subnets.member.1": {"subnet-a"}, "SecurityGroups": {""}})
	if code != 200 {
		t.Fatalf("got %d: %s", code, body)
	}
	for _, want := range []string{
		`<CreateLoadBalancerResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">`,
		`<CanonicalHostedZoneId>Z35SXDOTRQ7X7K</CanonicalHostedZoneId>`, `<State><Code>active</Code></State>`, `<LoadBalancerAddresses></LoadBalancerAddresses>`,
		`<SecurityGroups><member>sg-default</member></SecurityGroups>`, `<ResponseMetadata><RequestId>`,
	} {
		if !strings.Contains(body, want) && !strings.Contains(body, strings.Replace(want, "<LoadBalancerAddresses></LoadBalancerAddresses>", "<LoadBalancerAddresses/>", 1)) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	code, body = ask(url.Values{"Action": {"DescribeTargetGroups"}, "Names.member.1": {"none"}})
	if code != 400 || !strings.Contains(body, "<Type>Sender</Type><Code>TargetGroupNotFound</Code><Message>One or more target groups not found</Message>") {
		t.Errorf("got %d: %s", code, body)
	}
	code, body = ask(url.Values{"Action": {"CreateTargetGroup"}, "Name": {"x"}})
	if code != 400 || !strings.Contains(body, "<Code>ValidationError</Code><Message>A protocol must be specified</Message>") {
		t.Errorf("got %d: %s", code, body)
	}
}

func TestEveryOperationTheSDKKnowsIsAnswered(t *testing.T) {
	t.Parallel()
	got := newRoom(t, Options{}).Wire().Operations()
	if len(got) != 51 || !slices.Contains(got, "DescribeTargetHealth") {
		t.Errorf("got %d operations, want the 51 of the SDK: %v", len(got), got)
	}
}

func TestAValueThatIsNotOfItsEnumerationIsRefusedInTheFrameworksWords(t *testing.T) {
	t.Parallel()
	c, _ := served(t)
	_, err := c.DescribeTargetHealth(t.Context(), &elbv2.DescribeTargetHealthInput{
		TargetGroupArn: aws.String("arn"), Include: []types.DescribeTargetHealthInputIncludeEnum{"All", "Some"},
	})
	const want = "ValidationError: 1 validation error detected: Value '[All, Some]' at 'include' failed to satisfy constraint: " +
		"Member must satisfy constraint: [Member must satisfy enum value set: [AnomalyDetection, All]]"
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
