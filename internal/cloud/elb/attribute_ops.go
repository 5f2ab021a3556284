package elb

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/store"
)

// The Modify… operations answer with every attribute the resource has, changed or not
// (unconfirmed; elbv2.md 3.1: clients only need success).

// DescribeLoadBalancerAttributes gives every attribute, set or not.
func (s *Service) DescribeLoadBalancerAttributes(ctx context.Context, in *elbv2.DescribeLoadBalancerAttributesInput) (*elbv2.DescribeLoadBalancerAttributesOutput, error) {
	out := &elbv2.DescribeLoadBalancerAttributesOutput{}
	err := s.view(func(tx *store.Tx) error {
		b, err := s.balancer(tx, scopeOf(ctx), in.LoadBalancerArn)
		out.Attributes = b.attributeViews()
		return err
	})
	return answer(out, err)
}

// ModifyLoadBalancerAttributes sets attributes; all of them or none.
func (s *Service) ModifyLoadBalancerAttributes(ctx context.Context, in *elbv2.ModifyLoadBalancerAttributesInput) (*elbv2.ModifyLoadBalancerAttributesOutput, error) {
	changes := make([]setting, len(in.Attributes))
	for i, a := range in.Attributes {
		changes[i] = setting{aws.ToString(a.Key), aws.ToString(a.Value)}
	}
	out := &elbv2.ModifyLoadBalancerAttributesOutput{}
	if err := s.logsAsChanged(ctx, in.LoadBalancerArn, changes); err != nil {
		return nil, err
	}
	err := s.change(ctx, func(tx *store.Tx) error {
		b, err := s.balancer(tx, scopeOf(ctx), in.LoadBalancerArn)
		if err != nil {
			return err
		}
		if b.Attributes, err = b.schema().set(b.Attributes, changes); err != nil {
			return err
		}
		if err := checkBalancer(b.Attributes); err != nil {
			return err
		}
		s.balancers.Put(tx, b)
		out.Attributes = b.attributeViews()
		return nil
	})
	return answer(out, err)
}

// logsAsChanged checks the access log that a change of attributes asks for. Writing to it is I/O, and so
// comes before the transaction.
func (s *Service) logsAsChanged(ctx context.Context, arn *string, changes []setting) error {
	if !slices.ContainsFunc(changes, func(c setting) bool { return strings.HasPrefix(c.key, keyLogs) }) {
		return nil
	}
	var next map[string]string
	err := s.view(func(tx *store.Tx) error {
		b, err := s.balancer(tx, scopeOf(ctx), arn)
		if err == nil {
			next, err = b.schema().set(b.Attributes, changes)
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.checkLogs(scopeOf(ctx), next)
}

func (b *balancerRow) attributeViews() []types.LoadBalancerAttribute {
	views := []types.LoadBalancerAttribute{}
	for _, a := range each(b.schema().known, b.Attributes) {
		if _, changed := b.Attributes[a.key]; !changed && a.key == "ipv6.deny_all_igw_traffic" && b.Scheme == "internal" {
			a.value = "true"
		}
		views = append(views, types.LoadBalancerAttribute{Key: aws.String(a.key), Value: aws.String(a.value)})
	}
	return views
}

// DescribeListenerAttributes gives every attribute, set or not.
func (s *Service) DescribeListenerAttributes(ctx context.Context, in *elbv2.DescribeListenerAttributesInput) (*elbv2.DescribeListenerAttributesOutput, error) {
	out := &elbv2.DescribeListenerAttributesOutput{}
	err := s.view(func(tx *store.Tx) error {
		l, err := s.listener(tx, scopeOf(ctx), in.ListenerArn)
		out.Attributes = l.attributeViews()
		return err
	})
	return answer(out, err)
}

// ModifyListenerAttributes sets attributes; all of them or none.
func (s *Service) ModifyListenerAttributes(ctx context.Context, in *elbv2.ModifyListenerAttributesInput) (*elbv2.ModifyListenerAttributesOutput, error) {
	changes := make([]setting, len(in.Attributes))
	for i, a := range in.Attributes {
		changes[i] = setting{aws.ToString(a.Key), aws.ToString(a.Value)}
	}
	out := &elbv2.ModifyListenerAttributesOutput{}
	err := s.change(ctx, func(tx *store.Tx) error {
		l, err := s.listener(tx, scopeOf(ctx), in.ListenerArn)
		if err != nil {
			return err
		}
		if l.Attributes, err = l.schema().set(l.Attributes, changes); err != nil {
			return err
		}
		s.listeners.Put(tx, l)
		out.Attributes = l.attributeViews()
		return nil
	})
	return answer(out, err)
}

func (l *listenerRow) attributeViews() []types.ListenerAttribute {
	views := []types.ListenerAttribute{}
	for _, a := range each(l.schema().known, l.Attributes) {
		views = append(views, types.ListenerAttribute{Key: aws.String(a.key), Value: aws.String(a.value)})
	}
	return views
}

// DescribeTargetGroupAttributes gives every attribute, set or not.
func (s *Service) DescribeTargetGroupAttributes(ctx context.Context, in *elbv2.DescribeTargetGroupAttributesInput) (*elbv2.DescribeTargetGroupAttributesOutput, error) {
	out := &elbv2.DescribeTargetGroupAttributesOutput{}
	err := s.view(func(tx *store.Tx) error {
		g, err := s.group(tx, scopeOf(ctx), in.TargetGroupArn)
		out.Attributes = g.attributeViews()
		return err
	})
	return answer(out, err)
}

// ModifyTargetGroupAttributes sets attributes; all of them or none. A new deregistration delay
// counts for targets deregistered from then on.
func (s *Service) ModifyTargetGroupAttributes(ctx context.Context, in *elbv2.ModifyTargetGroupAttributesInput) (*elbv2.ModifyTargetGroupAttributesOutput, error) {
	changes := make([]setting, len(in.Attributes))
	for i, a := range in.Attributes {
		changes[i] = setting{aws.ToString(a.Key), aws.ToString(a.Value)}
	}
	out := &elbv2.ModifyTargetGroupAttributesOutput{}
	err := s.change(ctx, func(tx *store.Tx) error {
		g, err := s.group(tx, scopeOf(ctx), in.TargetGroupArn)
		if err != nil {
			return err
		}
		if g.Attributes, err = g.schema().set(g.Attributes, changes); err != nil {
			return err
		}
		check := checkGroup
		if g.Protocol == "TCP" {
			check = checkFlows
		}
		if err := check(g.Attributes); err != nil {
			return err
		}
		if err := s.checkSticky(tx, g); err != nil {
			return err
		}
		s.groups.Put(tx, g)
		out.Attributes = g.attributeViews()
		return nil
	})
	return answer(out, err)
}

func (g *groupRow) attributeViews() []types.TargetGroupAttribute {
	views := []types.TargetGroupAttribute{}
	for _, a := range each(g.schema().known, g.Attributes) {
		views = append(views, types.TargetGroupAttribute{Key: aws.String(a.key), Value: aws.String(a.value)})
	}
	return views
}
