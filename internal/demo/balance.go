package demo

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// role is what ECS moves traffic with.
const role = "arn:aws:iam::123456789012:role/ecsInfrastructureRole"

// balance makes the load balancer: a listener and a target group, or, where traffic shifts, a
// production and a test listener over two target groups.
func (s *stage) balance(ctx context.Context, subnets []string, vpc string) error {
	lb, err := s.elb.CreateLoadBalancer(ctx, &elasticloadbalancingv2.CreateLoadBalancerInput{Name: aws.String(service), Subnets: subnets})
	if err != nil {
		return fmt.Errorf("create the load balancer: %w", err)
	}
	s.balancer = *lb.LoadBalancers[0].LoadBalancerArn
	for _, name := range s.story.groups() {
		if err := s.group(ctx, name, vpc); err != nil {
			return err
		}
	}
	if !s.story.shifts() {
		_, err := s.listener(ctx, s.ports[0])
		return err
	}
	if s.production, err = s.listener(ctx, s.ports[0]); err != nil {
		return err
	}
	s.testing, err = s.listener(ctx, s.ports[1])
	return err
}

// group makes a target group.
func (s *stage) group(ctx context.Context, name, vpc string) error {
	every, drain := int32(10), "30"
	if s.story.brisk {
		every, drain = 5, "5"
	}
	group, err := s.elb.CreateTargetGroup(ctx, &elasticloadbalancingv2.CreateTargetGroupInput{
		Name: &name, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(port), VpcId: &vpc, TargetType: elbtypes.TargetTypeEnumIp,
		HealthCheckPath: aws.String("/health"), HealthCheckIntervalSeconds: &every, HealthCheckTimeoutSeconds: aws.Int32(4), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2),
	})
	if err != nil {
		return fmt.Errorf("create target group %s: %w", name, err)
	}
	arn := *group.TargetGroups[0].TargetGroupArn
	s.groups = append(s.groups, arn)
	if _, err := s.elb.ModifyTargetGroupAttributes(ctx, &elasticloadbalancingv2.ModifyTargetGroupAttributesInput{
		TargetGroupArn: &arn,
		Attributes:     []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: &drain}},
	}); err != nil {
		return fmt.Errorf("shorten the deregistration delay: %w", err)
	}
	return nil
}

// listener makes a listener that forwards to the first target group, and gives its rule.
func (s *stage) listener(ctx context.Context, port int32) (rule string, err error) {
	var weights []elbtypes.TargetGroupTuple
	for i, g := range s.groups {
		weights = append(weights, elbtypes.TargetGroupTuple{TargetGroupArn: &g, Weight: aws.Int32(int32(1 - min(1, i)))}) //nolint:gosec // 1 or 0
	}
	made, err := s.elb.CreateListener(ctx, &elasticloadbalancingv2.CreateListenerInput{
		LoadBalancerArn: &s.balancer, Protocol: elbtypes.ProtocolEnumHttp, Port: &port,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, ForwardConfig: &elbtypes.ForwardActionConfig{TargetGroups: weights}}},
	})
	if err != nil {
		return "", fmt.Errorf("create the listener at port %d: %w", port, err)
	}
	rules, err := s.elb.DescribeRules(ctx, &elasticloadbalancingv2.DescribeRulesInput{ListenerArn: made.Listeners[0].ListenerArn})
	if err != nil {
		return "", fmt.Errorf("look for the rule of the listener at port %d: %w", port, err)
	}
	return *rules.Rules[0].RuleArn, nil
}

// attached says how the service stands behind the load balancer.
func (s *stage) attached() []ecstypes.LoadBalancer {
	b := ecstypes.LoadBalancer{TargetGroupArn: &s.groups[0], ContainerName: aws.String(container), ContainerPort: aws.Int32(port)}
	if s.story.shifts() && !s.story.driven() {
		b.AdvancedConfiguration = &ecstypes.AdvancedConfiguration{AlternateTargetGroupArn: &s.groups[1],
			ProductionListenerRule: &s.production, TestListenerRule: &s.testing, RoleArn: aws.String(role)}
	}
	return []ecstypes.LoadBalancer{b}
}

// begin notes which target group the next version will have: the one without traffic.
func (s *stage) begin(ctx context.Context) error {
	if !s.story.shifts() {
		return nil
	}
	tuples, err := s.tuples(ctx)
	if err != nil {
		return err
	}
	idle := slices.IndexFunc(tuples, func(t elbtypes.TargetGroupTuple) bool { return aws.ToInt32(t.Weight) == 0 })
	if len(tuples) != 2 || idle < 0 {
		return fmt.Errorf("both target groups of the production listener have traffic before the deployment begins")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.new = aws.ToString(tuples[idle].TargetGroupArn)
	return nil
}

// weights gives the new version's share of production traffic as the listener's rule has it, in
// percent.
func (s *stage) weights(ctx context.Context) (float64, error) {
	tuples, err := s.tuples(ctx)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own, all := int32(0), int32(0)
	for _, t := range tuples {
		all += aws.ToInt32(t.Weight)
		if aws.ToString(t.TargetGroupArn) == s.new {
			own += aws.ToInt32(t.Weight)
		}
	}
	return 100 * float64(own) / float64(max(1, all)), nil
}

func (s *stage) tuples(ctx context.Context) ([]elbtypes.TargetGroupTuple, error) {
	out, err := s.elb.DescribeRules(ctx, &elasticloadbalancingv2.DescribeRulesInput{RuleArns: []string{s.production}})
	if err != nil {
		return nil, fmt.Errorf("read the weights of the production listener: %w", err)
	}
	if f := out.Rules[0].Actions[0].ForwardConfig; f != nil {
		return f.TargetGroups, nil
	}
	return nil, fmt.Errorf("the production listener forwards to no target groups")
}
