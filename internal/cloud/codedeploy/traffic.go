package codedeploy

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
)

// What CodeDeploy says of a load balancer it cannot use. The code of the first is unconfirmed.
const (
	notBehind = "The ELB could not be updated due to the following error: Primary taskset target group must be behind listener %s"
	noBalance = "The ELB could not be updated due to the following error: "
)

func elbTrouble(message string) error {
	return &Trouble{Code: "ELASTIC_LOAD_BALANCING_INVALID", Message: message}
}

// survey finds both target groups and checks that traffic comes to the original one. For the test
// route either will do.
//
// Source: codedeploy.md 8.6.
func (n *driving) survey() error {
	d := &n.d
	pair, _, _ := pairOf(cloud.Kept[types.DeploymentInfo](d.Info).LoadBalancerInfo)
	d.Pair = nil
	for _, name := range pair {
		arn, ok := n.s.o.Traffic.GroupNamed(n.tx, d.Scope, name)
		if !ok {
			return elbTrouble(noBalance + "target group " + name + " does not exist")
		}
		d.Pair = append(d.Pair, arn)
	}
	switch d.From {
	case d.Pair[0]:
		d.To = d.Pair[1]
	case d.Pair[1]:
		d.To = d.Pair[0]
	default:
		return &Trouble{Code: "INVALID_ECS_SERVICE", Message: "The target group of the PRIMARY task set is none of the deployment group's target groups."}
	}
	serves := func(arn string) bool {
		for _, r := range n.routes(arn) {
			for _, w := range r.Weights {
				if w.Weight > 0 && (w.Group == d.From || arn == d.Test && w.Group == d.To) {
					return true
				}
			}
		}
		return false
	}
	for _, arn := range []string{d.Production, d.Test} {
		if arn != "" && !serves(arn) {
			return elbTrouble(fmt.Sprintf(notBehind, arn))
		}
	}
	if d.Test != "" {
		d.TestBefore = n.routes(d.Test)
	}
	return nil
}

// routes gives the rules of a listener, or the one rule, that forward to either side. Others are
// none of the deployment's business.
//
// Source: codedeploy.md 8.5.
func (n *driving) routes(arn string) (all []Route) {
	rules, _ := n.s.o.Traffic.Routes(n.tx, arn)
	for _, rule := range rules {
		weights, ok := n.s.o.Traffic.Weights(n.tx, rule)
		if ok && slices.ContainsFunc(weights, func(w balance.Weighted) bool { return w.Group == n.d.From || w.Group == n.d.To }) {
			all = append(all, Route{Rule: rule, Weights: weights})
		}
	}
	return all
}

// share gives the replacement's part of a route as the load balancer has it: of rules that differ
// the one furthest from where the deployment goes. On its way back the test route counts as back
// once it is as it was at the start.
func (n *driving) share(r rollout.Route) rollout.Share {
	d := &n.d
	arn := n.route(r)
	if arn == "" || d.To == "" {
		return 0
	}
	if r == rollout.Test && d.Undoes != "" {
		for _, before := range d.TestBefore {
			if now, ok := n.s.o.Traffic.Weights(n.tx, before.Rule); ok && !slices.Equal(now, before.Weights) {
				return rollout.All
			}
		}
		return 0
	}
	share, seen := rollout.Share(0), false
	for _, route := range n.routes(arn) {
		new, sum := 0, 0
		for _, w := range route.Weights {
			sum += w.Weight
			if w.Group == d.To {
				new = w.Weight
			}
		}
		s := rollout.Share(0)
		if sum > 0 {
			s = rollout.Share(new * int(rollout.All) / sum)
		}
		if !seen || d.Undoes == "" && s < share || d.Undoes != "" && s > share {
			share, seen = s, true
		}
	}
	return share
}

func (n *driving) route(r rollout.Route) string {
	if r == rollout.Test {
		return n.d.Test
	}
	return n.d.Production
}

// move gives the replacement its share of a route. Once it has all production traffic it is
// PRIMARY, and once it has none the original is again.
//
// Source: codedeploy.md 8.3, 8.4; the moment of the switch is unconfirmed there.
func (n *driving) move(r rollout.Route, share rollout.Share) error {
	d := &n.d
	if r == rollout.Test && share == 0 {
		for _, before := range d.TestBefore {
			if _, there := n.s.o.Traffic.Weights(n.tx, before.Rule); !there {
				continue
			}
			if err := n.s.o.Traffic.SetWeights(n.tx, before.Rule, before.Weights); err != nil {
				return elbTrouble(noBalance + causeOf(err))
			}
		}
		return nil
	}
	if err := n.weigh(n.route(r), share); err != nil || r == rollout.Test {
		return err
	}
	to := ""
	switch {
	case share == rollout.All:
		to = d.Green
	case share == 0:
		to = d.Blue
	default:
		return nil
	}
	if err := n.s.o.Fleet.Promote(n.tx, d.Service, to); err != nil {
		return updateError(err)
	}
	return nil
}

// weigh writes the weights of a share, in percent, to all rules of a route that forward to either
// side. Both groups stay in the action, the losing one with weight 0.
func (n *driving) weigh(arn string, share rollout.Share) error {
	d := &n.d
	routes := n.routes(arn)
	if len(routes) == 0 {
		return elbTrouble(fmt.Sprintf(notBehind, arn))
	}
	var weights []balance.Weighted
	for _, group := range d.Pair {
		w := int(share / 100)
		if group == d.From {
			w = 100 - w
		}
		weights = append(weights, balance.Weighted{Group: group, Weight: w})
	}
	for _, r := range routes {
		if err := n.s.o.Traffic.SetWeights(n.tx, r.Rule, weights); err != nil {
			return elbTrouble(noBalance + causeOf(err))
		}
	}
	return nil
}

// attached reports whether a rule of the production route has both target groups.
func (n *driving) attached() bool {
	return slices.ContainsFunc(n.routes(n.d.Production), func(r Route) bool {
		both := 0
		for _, w := range r.Weights {
			if w.Group == n.d.From || w.Group == n.d.To {
				both++
			}
		}
		return both == 2
	})
}

// gradual reports whether production traffic shifts in more than one step.
func (n *driving) gradual() bool {
	for _, stage := range n.d.Plan.Stages {
		if stage.Kind == rollout.Shift && stage.Route == rollout.Production && stage.Share < rollout.All {
			return true
		}
	}
	return false
}

// attach puts the second target group of a group that shifts gradually behind the production
// listener, without traffic, so that its targets are health-checked. What is not as it must be is
// left for the first deployment to complain of.
//
// Source: codedeploy.md 4.4.
func (s *Service) attach(tx *store.Tx, scope names.Scope, info *types.DeploymentGroupInfo, service FleetService) {
	pair, production, _ := pairOf(info.LoadBalancerInfo)
	n := driving{s: s, tx: tx}
	for _, set := range service.Sets {
		if set.Status == "PRIMARY" {
			n.d.From = set.Group
		}
	}
	for _, name := range pair {
		arn, ok := s.o.Traffic.GroupNamed(tx, scope, name)
		if !ok {
			return
		}
		if n.d.Pair = append(n.d.Pair, arn); arn != n.d.From {
			n.d.To = arn
		}
	}
	if !slices.Contains(n.d.Pair, n.d.From) {
		return
	}
	for _, r := range n.routes(production) {
		if len(r.Weights) != 1 || r.Weights[0].Group != n.d.From {
			return
		}
	}
	if len(n.routes(production)) > 0 {
		_ = n.weigh(production, 0) // a listener that refuses it refuses the deployment too, which tells of it
	}
}
