package elb

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// CreateRule adds a rule to a listener at a priority that no other rule of it has.
func (s *Service) CreateRule(ctx context.Context, in *elbv2.CreateRuleInput) (*elbv2.CreateRuleOutput, error) {
	if err := checkPriority(in.Priority, "priority"); err != nil {
		return nil, err
	}
	r := ruleRow{Priority: int(*in.Priority)}
	var err error
	if r.Rewrites, err = newRewrites(in.Transforms); err != nil {
		return nil, err
	}
	if r.Conditions, err = newConditions(in.Conditions); err != nil {
		return nil, err
	}
	if r.Tags, err = newTags(in.Tags); err != nil {
		return nil, err
	}
	out := &elbv2.CreateRuleOutput{}
	err = s.change(ctx, func(tx *store.Tx) error {
		l, err := s.listener(tx, scopeOf(ctx), in.ListenerArn)
		if err != nil {
			return err
		}
		if flows(l.Protocol) {
			return &types.UnsupportedProtocolException{Message: sentence("Rules are not supported for listeners with the protocol '%s'", []any{l.Protocol})}
		}
		r.Listener = l.ARN
		if r.Action, err = newAction(l.Protocol, in.Actions); err != nil {
			return err
		}
		for there := range s.rules.By(tx, "listener", l.ARN) {
			if !there.Default && there.Priority == r.Priority {
				return priorityInUse(r.Priority)
			}
		}
		if err := s.checkGroups(tx, l, r.Action); err != nil {
			return err
		}
		rules := 0
		for l := range s.listeners.By(tx, "balancer", l.Balancer) {
			rules += count(s.rules.By(tx, "listener", l.ARN)) - 1
		}
		if rules >= maxRules {
			return &types.TooManyRulesException{Message: sentence("The maximum number of rules for the load balancer '%s' has been reached", []any{l.Balancer})}
		}
		r.ARN = names.RuleOf(l.ARN, s.o.IDs.Hex(16))
		s.putRule(tx, r)
		out.Rules = []types.Rule{r.view()}
		return nil
	})
	return answer(out, err)
}

func checkPriority(p *int32, member string) error {
	if p == nil {
		return invalid("A rule priority must be specified")
	}
	return between(p, member, 1, 50000)
}

func (r ruleRow) view() types.Rule {
	v := types.Rule{
		RuleArn:    &r.ARN,
		Priority:   aws.String(r.priority()),
		Conditions: []types.RuleCondition{},
		Actions:    r.Action.views(),
		IsDefault:  aws.Bool(r.Default),
	}
	for _, c := range r.Conditions {
		v.Conditions = append(v.Conditions, c.view())
	}
	for _, w := range r.Rewrites {
		v.Transforms = append(v.Transforms, rewriteView(w))
	}
	return v
}

// DescribeRules gives rules by ARN, or those of a listener by priority, the default rule last.
func (s *Service) DescribeRules(ctx context.Context, in *elbv2.DescribeRulesInput) (*elbv2.DescribeRulesOutput, error) {
	byARN, ofListener := len(in.RuleArns) > 0, aws.ToString(in.ListenerArn) != ""
	if byARN == ofListener {
		return nil, invalid("You must specify either listener rule ARNs or a listener ARN")
	}
	out := &elbv2.DescribeRulesOutput{Rules: []types.Rule{}}
	err := s.view(func(tx *store.Tx) error {
		var found []ruleRow
		if ofListener {
			l, err := s.listener(tx, scopeOf(ctx), in.ListenerArn)
			if err != nil {
				return err
			}
			found = s.rulesOf(tx, l.ARN)
		}
		for _, arn := range in.RuleArns {
			r, err := s.rule(tx, scopeOf(ctx), &arn)
			if err != nil {
				return err
			}
			found = append(found, r)
		}
		got, next, err := cut(found, (*ruleRow).order, in.Marker, in.PageSize)
		if err != nil {
			return err
		}
		out.NextMarker = next
		for _, r := range got {
			out.Rules = append(out.Rules, r.view())
		}
		return nil
	})
	return answer(out, err)
}

// ModifyRule replaces what is given of a rule's conditions, its action and its transforms.
func (s *Service) ModifyRule(ctx context.Context, in *elbv2.ModifyRuleInput) (*elbv2.ModifyRuleOutput, error) {
	reset := aws.ToBool(in.ResetTransforms)
	if len(in.Conditions) == 0 && len(in.Actions) == 0 && len(in.Transforms) == 0 && !reset {
		return nil, invalid("Either conditions or actions must be specified")
	}
	if reset && len(in.Transforms) > 0 {
		return nil, invalid("You can specify either transforms or the reset of transforms, but not both")
	}
	rewrites, err := newRewrites(in.Transforms)
	if err != nil {
		return nil, err
	}
	out := &elbv2.ModifyRuleOutput{}
	err = s.change(ctx, func(tx *store.Tx) error {
		r, err := s.rule(tx, scopeOf(ctx), in.RuleArn)
		if err != nil {
			return err
		}
		if r.Default {
			// Whether AWS takes actions here is unconfirmed; ModifyListener changes them.
			return notPermitted("Default rule '%s' cannot be modified", r.ARN)
		}
		if rewrites != nil || reset {
			r.Rewrites = rewrites
		}
		if len(in.Conditions) > 0 {
			if r.Conditions, err = newConditions(in.Conditions); err != nil {
				return err
			}
		}
		if len(in.Actions) > 0 {
			l, _ := s.listeners.Get(tx, r.Listener)
			if r.Action, err = newAction(l.Protocol, in.Actions); err != nil {
				return err
			}
			if err := s.checkGroups(tx, l, r.Action); err != nil {
				return err
			}
		}
		s.putRule(tx, r)
		out.Rules = []types.Rule{r.view()}
		return nil
	})
	return answer(out, err)
}

// DeleteRule removes a rule; a listener's default rule stays.
func (s *Service) DeleteRule(ctx context.Context, in *elbv2.DeleteRuleInput) (*elbv2.DeleteRuleOutput, error) {
	err := s.change(ctx, func(tx *store.Tx) error {
		r, err := s.rule(tx, scopeOf(ctx), in.RuleArn)
		if err != nil {
			return err
		}
		if r.Default {
			return notPermitted("Default rule '%s' cannot be deleted", r.ARN)
		}
		s.dropRule(tx, r.ARN)
		return nil
	})
	return answer(&elbv2.DeleteRuleOutput{}, err)
}

// SetRulePriorities gives rules new priorities, all at once, so that they may swap.
func (s *Service) SetRulePriorities(ctx context.Context, in *elbv2.SetRulePrioritiesInput) (*elbv2.SetRulePrioritiesOutput, error) {
	var asked []int32
	for _, p := range in.RulePriorities {
		if err := checkPriority(p.Priority, "rulePriorities.member.priority"); err != nil {
			return nil, err
		}
		if slices.Contains(asked, *p.Priority) {
			return nil, invalid("Priority '%d' was provided multiple times", *p.Priority)
		}
		asked = append(asked, *p.Priority)
	}
	out := &elbv2.SetRulePrioritiesOutput{Rules: []types.Rule{}}
	err := s.change(ctx, func(tx *store.Tx) error {
		var moved []ruleRow
		for _, p := range in.RulePriorities {
			r, err := s.rule(tx, scopeOf(ctx), p.RuleArn)
			switch {
			case err != nil:
				return err
			case r.Default:
				return notPermitted("Default rule '%s' cannot be assigned a priority", r.ARN)
			case slices.ContainsFunc(moved, func(m ruleRow) bool { return m.ARN == r.ARN }):
				return invalid("Rule '%s' was provided multiple times", r.ARN)
			}
			r.Priority = int(*p.Priority)
			moved = append(moved, r)
		}
		for _, r := range moved {
			s.rules.Put(tx, r)
			out.Rules = append(out.Rules, r.view())
		}
		for _, r := range moved {
			for other := range s.rules.By(tx, "listener", r.Listener) {
				if other.ARN != r.ARN && !other.Default && other.Priority == r.Priority {
					return priorityInUse(r.Priority)
				}
			}
		}
		return nil
	})
	return answer(out, err)
}
