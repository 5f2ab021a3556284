package ecs

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
)

// checkForm refuses load balancers that ECS refuses whatever there is: a listener's rule must be
// given as such, and a listener alone means its default rule only for network load balancers.
//
// Source: ecs.md 7.3. The wordings for members that are missing are ours (unconfirmed).
func checkForm(strategy types.DeploymentStrategy, all []types.LoadBalancer) error {
	groups, rules := map[string]bool{}, map[string]bool{}
	with, classic, modern := 0, 0, 0
	for _, b := range all {
		group := text(b.TargetGroupArn)
		if text(b.LoadBalancerName) != "" {
			classic++
		}
		if group != "" {
			modern++
			if groups[group] {
				return invalid("Duplicate targetGroupArn found: %s", group)
			}
		}
		groups[group] = true
		if b.AdvancedConfiguration != nil {
			with++
			rules[text(b.AdvancedConfiguration.ProductionListenerRule)] = true
		}
	}
	switch {
	case classic > 0 && modern > 0:
		return invalid("All loadBalancers must be strictly either ELBv1 (defining loadBalancerName) or ELBv2 (defining targetGroupArn)")
	case classic > 0 && with > 0:
		return invalid("advancedConfiguration field is not allowed with ELBv1 loadBalancers")
	case with != 0 && with != len(all):
		return invalid("Either all or none of the provided loadBalancers must have advancedConfiguration defined")
	case with == 0 && len(all) > 0 && strategy != types.DeploymentStrategyRolling:
		return invalid("advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy")
	}
	for _, b := range all {
		a := b.AdvancedConfiguration
		if a == nil {
			continue
		}
		next, production, test := text(a.AlternateTargetGroupArn), text(a.ProductionListenerRule), text(a.TestListenerRule)
		switch {
		case next == "":
			return invalid("alternateTargetGroupArn is required in advancedConfiguration")
		case production == "":
			return invalid("productionListenerRule is required in advancedConfiguration")
		case text(a.RoleArn) == "":
			return invalid("roleArn is required in advancedConfiguration")
		case groups[next]:
			return invalid("Duplicate targetGroupArn found: %s", next)
		case !isRule(production):
			return invalid("productionListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: %s", production)
		case test != "" && !isRule(test):
			return invalid("testListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: %s", test)
		case rules[test]:
			return invalid("The following rules cannot be used as both production and test listener rules: %s", test)
		}
		groups[next] = true
	}
	return nil
}

// checkAdvanced refuses advanced configurations of load balancers, whose form was checked, that name
// what is not there or does not fit, before a deployment begins.
//
// Source: ecs.md 7.3.
func (s *Service) checkAdvanced(tx *store.Tx, all []types.LoadBalancer) error {
	for _, b := range all {
		a := b.AdvancedConfiguration
		if a == nil {
			continue
		}
		next, production, test := text(a.AlternateTargetGroupArn), text(a.ProductionListenerRule), text(a.TestListenerRule)
		if _, ok := s.o.Balancer.Group(tx, next); !ok {
			return invalid("The specified target group does not exist. (targetGroupArn: %s)", next)
		}
		weights, ok := s.o.Balancer.Weights(tx, production)
		if ok && test == "" && !names.OfNetworkLoadBalancer(production) && (!forwards(weights, text(b.TargetGroupArn)) || !forwards(weights, next)) {
			return invalid("For Application LoadBalancer, testListenerRule is required when productionListenerRule is not associated with both targetGroup and alternateTargetGroup")
		}
	}
	return nil
}

// isRule reports whether an ARN is one of a rule of an application load balancer, or of a listener
// of a network load balancer.
func isRule(arn string) bool {
	a, ok := names.ParseARN(arn)
	kind := "listener-rule"
	if names.OfNetworkLoadBalancer(arn) {
		kind = "listener"
	}
	return ok && a.Service == "elasticloadbalancing" && a.Kind() == kind
}

// forwards reports whether a group is one of those a rule knows, with whatever weight.
func forwards(weights []Weight, group string) bool {
	return slices.ContainsFunc(weights, func(w Weight) bool { return w.Group == group })
}

// badNetwork begins what ECS says of listener rules by which it cannot shift traffic.
//
// Source: ecs.md 6.7, 7.3.
const badNetwork = "Service deployment rolled back because of invalid networking configuration"

// misrouted fails a deployment for its listener rules; one that is on its way back already cannot
// get there.
func (g *keeping) misrouted(d *Deployment, what string) {
	if d.Fault != "" {
		return
	}
	d.Fault = badNetwork + what
	end := rollout.Abort
	if d.State.Status == rollout.RollingBack {
		end = rollout.Halt
	}
	d.Commands = append(slices.Clone(d.Commands), end)
}

// checkRules looks at the listener rules as a deployment begins, and fails it if they cannot be
// used.
//
// Source: ecs.md 7.3, "Asynchronous".
func (g *keeping) checkRules(d *Deployment) {
	if !d.Shifting {
		return
	}
	production, test := d.rules(rollout.Production), d.rules(rollout.Test)
	if err := g.introduce(production); err != nil {
		g.misrouted(d, ". "+err.Error())
		return
	}
	var known []Weight // of all rules
	for _, r := range slices.Concat(production, test) {
		weights, ok := g.s.o.Balancer.Weights(g.tx, r.arn)
		if !ok && !g.s.o.Balancer.Rule(g.tx, r.arn) {
			g.misrouted(d, ". One or more rules not found")
			return
		}
		known = append(known, weights...)
	}
	for _, r := range production {
		first, next := forwards(known, r.first), forwards(known, r.next)
		switch {
		case !first && !next:
			g.misrouted(d, ". Both targetGroup and alternateTargetGroup must be associated with the productionListenerRule or testListenerRule.")
			return
		case !first || !next:
			lacking := r.first
			if first {
				lacking = r.next
			}
			g.misrouted(d, ": Target group "+lacking+" is not associated with either productionListenerRule or testListenerRule.")
			return
		}
		weights, _ := g.s.o.Balancer.Weights(g.tx, r.arn)
		serving := slices.DeleteFunc(slices.Clone(weights), func(w Weight) bool { return w.Weight == 0 })
		for _, w := range serving {
			if w.Group != r.first && w.Group != r.next {
				g.misrouted(d, ". Production listener rule is forwarding traffic to unexpected target group "+w.Group+
					". Expected traffic to be forwarded to either targetGroupArn: "+r.first+" or alternateTargetGroupArn: "+r.next)
				return
			}
		}
		if len(serving) > 1 && len(d.Sources) < 2 { // an unfinished rollout may have left two
			g.misrouted(d, ". productionListenerRule "+r.arn+" should have exactly one target group serving traffic but found 2 target groups which are serving traffic")
			return
		}
	}
}

// introduce has the listeners of network load balancers that know one group of a pair know the other
// too, without traffic: its targets are checked from then on. Rules of application load balancers
// are the user's to prepare. (ECS does so before PRE_SCALE_UP; that is inferred, unconfirmed.)
func (g *keeping) introduce(production []rule) error {
	for _, r := range production {
		weights, ok := g.s.o.Balancer.Weights(g.tx, r.arn)
		if !ok || !names.OfNetworkLoadBalancer(r.arn) || forwards(weights, r.first) == forwards(weights, r.next) {
			continue
		}
		other := r.next
		if forwards(weights, other) {
			other = r.first
		}
		if err := g.s.o.Balancer.SetWeights(g.tx, r.arn, append(weights, Weight{Group: other})); err != nil {
			return err
		}
	}
	return nil
}
