package look

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

// Group is a target group of a service, with the health of its targets.
type Group struct {
	Name    string   `json:"name"`
	ARN     string   `json:"arn"`
	Targets []Target `json:"targets"`
}

// Target is a target's health.
type Target struct {
	ID     string `json:"id"`
	Port   int    `json:"port,omitempty"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	Text   string `json:"description,omitempty"`
}

// Share is a part of a listener rule's traffic.
type Share struct {
	Listener string `json:"listener"` // balancer:port
	Rule     string `json:"rule"`     // its priority, or default
	Group    string `json:"group"`    // target group's name
	Weight   int    `json:"weight"`
	Percent  string `json:"percent"` // 10 %
}

// groupARNs gives the target groups a service or its task sets registers tasks with, those of
// blue/green deployments too.
func groupARNs(s *types.Service) []string {
	var out []string
	put := func(arn *string) {
		if a := aws.ToString(arn); a != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	all := slices.Clone(s.LoadBalancers)
	for _, set := range s.TaskSets {
		all = append(all, set.LoadBalancers...)
	}
	for _, b := range all {
		put(b.TargetGroupArn)
		if b.AdvancedConfiguration != nil {
			put(b.AdvancedConfiguration.AlternateTargetGroupArn)
		}
	}
	return out
}

// groups gives the health of target groups' targets.
func (l *Looker) groups(ctx context.Context, arns []string) ([]Group, error) {
	all := make([]Group, len(arns))
	calls := make([]func() error, len(arns))
	for i, arn := range arns {
		all[i] = Group{Name: groupName(arn), ARN: arn, Targets: []Target{}}
		calls[i] = func() error {
			out, err := l.ELB.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn})
			if err != nil {
				return err
			}
			for _, d := range out.TargetHealthDescriptions {
				f := explain.FromTarget(all[i].Name, d)
				t := Target{ID: f.ID, State: f.State, Reason: f.Reason, Text: f.Text}
				if d.Target != nil {
					t.Port = int(aws.ToInt32(d.Target.Port))
				}
				all[i].Targets = append(all[i].Targets, t)
			}
			slices.SortFunc(all[i].Targets, func(a, b Target) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Port, b.Port)) })
			return nil
		}
	}
	return all, sideBySide(calls...)
}

// traffic gives how listener rules that know one of the target groups share requests out.
func (l *Looker) traffic(ctx context.Context, groups []string) ([]Share, error) {
	all := []Share{}
	if len(groups) == 0 {
		return all, nil
	}
	out, err := l.ELB.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: groups})
	if err != nil {
		return nil, err
	}
	var balancers []string
	for _, g := range out.TargetGroups {
		for _, b := range g.LoadBalancerArns {
			if !slices.Contains(balancers, b) {
				balancers = append(balancers, b)
			}
		}
	}
	slices.Sort(balancers)
	for _, b := range balancers {
		listeners, err := pages(0, func(token *string) ([]elbtypes.Listener, *string, error) {
			out, err := l.ELB.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: &b, Marker: token})
			if err != nil {
				return nil, nil, err
			}
			return out.Listeners, out.NextMarker, nil
		})
		if err != nil {
			return nil, err
		}
		rules := make([][]elbtypes.Rule, len(listeners))
		calls := make([]func() error, len(listeners))
		for i := range listeners {
			calls[i] = func() (err error) {
				if names.OfNetworkLoadBalancer(b) { // whose listeners have no rules
					rules[i] = []elbtypes.Rule{{Priority: aws.String("default"), Actions: listeners[i].DefaultActions}}
					return nil
				}
				rules[i], err = pages(0, func(token *string) ([]elbtypes.Rule, *string, error) {
					out, err := l.ELB.DescribeRules(ctx, &elb.DescribeRulesInput{ListenerArn: listeners[i].ListenerArn, Marker: token})
					if err != nil {
						return nil, nil, err
					}
					return out.Rules, out.NextMarker, nil
				})
				return err
			}
		}
		if err := sideBySide(calls...); err != nil {
			return nil, err
		}
		for i, listener := range listeners {
			where := fmt.Sprintf("%s:%d", groupName(b), aws.ToInt32(listener.Port))
			for _, r := range rules[i] {
				all = append(all, shares(where, r, groups)...)
			}
		}
	}
	return all, nil
}

// shares gives a rule's weights, if it knows one of the groups.
func shares(where string, r elbtypes.Rule, groups []string) []Share {
	var out []Share
	for _, a := range r.Actions {
		if a.Type != elbtypes.ActionTypeEnumForward {
			continue
		}
		var to []elbtypes.TargetGroupTuple
		if a.ForwardConfig != nil {
			to = a.ForwardConfig.TargetGroups
		}
		if len(to) == 0 && a.TargetGroupArn != nil {
			to = []elbtypes.TargetGroupTuple{{TargetGroupArn: a.TargetGroupArn, Weight: aws.Int32(1)}}
		}
		whole, ours := 0, false
		for _, g := range to {
			whole += weight(g)
			ours = ours || slices.Contains(groups, aws.ToString(g.TargetGroupArn))
		}
		if !ours {
			continue
		}
		for _, g := range to {
			s := Share{Listener: where, Rule: strings.ToLower(text(r.Priority)), Group: groupName(aws.ToString(g.TargetGroupArn)), Weight: weight(g), Percent: "0 %"}
			if whole > 0 {
				s.Percent = percent(s.Weight * 10000 / whole)
			}
			out = append(out, s)
		}
	}
	return out
}

func weight(g elbtypes.TargetGroupTuple) int {
	if g.Weight == nil {
		return 1
	}
	return int(*g.Weight)
}

// percent gives basis points as people read them: 10.5 %.
func percent(points int) string {
	s := strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%02d", points/100, points%100), "0"), ".")
	return s + " %"
}
