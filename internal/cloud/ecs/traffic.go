package ecs

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// rule is a listener rule that a deployment moves traffic with: between the group of its own tasks
// and that of the revision it came from.
type rule struct {
	arn         string
	first, next string // the groups in the order the service names them
	mine        string // the one of the two that this revision uses
}

// rules gives the rules that route a deployment's traffic on one route: none for a service without
// load balancer, and for test traffic where nothing routes it.
func (d *Deployment) rules(r rollout.Route) (all []rule) {
	groups := d.groups()
	for i, b := range cloud.Kept[[]types.LoadBalancer](d.Work.LoadBalancers) {
		a := b.AdvancedConfiguration
		if a == nil {
			continue
		}
		arn := text(a.ProductionListenerRule)
		if r == rollout.Test {
			arn = text(a.TestListenerRule)
		}
		if arn != "" {
			all = append(all, rule{arn: arn, first: text(b.TargetGroupArn), next: text(a.AlternateTargetGroupArn), mine: groups[i]})
		}
	}
	return all
}

// groups gives the target group of each of the load balancers that a revision uses.
func (d *Deployment) groups() []string {
	all := cloud.Kept[[]types.LoadBalancer](d.Work.LoadBalancers)
	if len(d.Groups) == len(all) {
		return d.Groups
	}
	groups := make([]string, len(all))
	for i, b := range all {
		groups[i] = text(b.TargetGroupArn)
	}
	return groups
}

// groupsFor chooses the target groups of a new revision. One that traffic is shifted to takes of
// each pair the group that the revision which serves does not use; one that rolls takes the same.
// The first of a service takes the first.
//
// Source: ecs.md 7.4.
func (s *Service) groupsFor(tx *store.Tx, d *Deployment, base *Deployment) []string {
	var used, groups []string
	if base != nil {
		used = base.groups()
	}
	for _, b := range cloud.Kept[[]types.LoadBalancer](d.Work.LoadBalancers) {
		first := text(b.TargetGroupArn)
		choice := first
		if a := b.AdvancedConfiguration; a != nil && base != nil {
			next := text(a.AlternateTargetGroupArn)
			live := first
			switch {
			case slices.Contains(used, next):
				live = next
			case slices.Contains(used, first):
			default: // the revision that serves knows neither: the rule says where traffic goes
				if s.serves(tx, text(a.ProductionListenerRule), next) && !s.serves(tx, text(a.ProductionListenerRule), first) {
					live = next
				}
			}
			if choice = live; d.Shifting {
				choice = first
				if live == first {
					choice = next
				}
			}
		}
		groups = append(groups, choice)
	}
	return groups
}

// serves reports whether a rule sends traffic to a group.
func (s *Service) serves(tx *store.Tx, rule, group string) bool {
	weights, _ := s.o.Balancer.Weights(tx, rule)
	return slices.ContainsFunc(weights, func(w Weight) bool { return w.Group == group && w.Weight > 0 })
}

// baseOf chooses among the sources of a new deployment the one that serves: the one a rollback
// would return to, if it has its tasks, else the one with most healthy tasks, of equals the newest
// that ever had one; nil where there is none. It notes it in d.
func (s *Service) baseOf(tx *store.Tx, row *ServiceRow, d *Deployment, sources []Deployment) *Deployment {
	healthy := map[string]int{}
	for t := range s.tasks.By(tx, "service", row.ARN) {
		o := t.observed()
		if ok, _ := reconcile.Healthy(o, tx.Now()); ok && o.Wanted {
			healthy[t.Deployment]++
		}
	}
	var best *Deployment
	for i := range sources {
		if best == nil || cmp.Or(cmp.Compare(healthy[sources[i].Digits], healthy[best.Digits]), boolFirst(best.Served, sources[i].Served)) >= 0 {
			best = &sources[i]
		}
	}
	if to, ok := s.candidate(tx, d); ok {
		lower, _ := strategy.Bounds(row.Desired, row.Settings.MinPercent, row.Settings.MaxPercent)
		i := slices.IndexFunc(sources, func(o Deployment) bool { return o.Key == to.Key })
		if i >= 0 && healthy[to.Digits] >= min(lower, healthy[best.Digits]) {
			best = &sources[i]
		}
	}
	if best != nil {
		d.Base = best.Digits
	}
	return best
}

// proven reports whether a deployment was superseded when all that was left of it was to stop the
// old tasks.
func (d *Deployment) proven() bool {
	return d.Shifting && d.State.Status == rollout.Running && d.State.Stage < len(d.Plan.Stages) &&
		d.Plan.Stages[d.State.Stage].Kind == rollout.Retire
}

// home gives the digits of the revision that has the traffic a deployment has not.
func (d *Deployment) home() string {
	if d.BackTo != "" {
		return d.BackTo
	}
	return d.Base
}

// partOf gives a revision's part of a route's traffic, as it was asked for last.
func (d *Deployment) partOf(digits string, r rollout.Route) rollout.Share {
	switch {
	case !d.Shifting:
		return 0
	case digits == d.Digits:
		return d.Shares[r]
	case digits == d.home():
		return rollout.All - d.Shares[r]
	}
	return 0
}

func percent(s rollout.Share) float64 { return float64(s) / 100 }

// share gives the new side's part of a route as the world has it. Going forward that is the least
// of what the rules say, and never more than was asked for: a rule that points to the new group
// from the start was not moved there by us. On the way back it is the most.
func (g *keeping) share(d *Deployment, r rollout.Route) rollout.Share {
	share := d.Shares[r]
	away := d.alone() != ""
	if away && r == rollout.Test && share == 0 && d.State.Status == rollout.RollingBack {
		return 0 // where test traffic goes at rest is the user's choice
	}
	for _, rule := range d.rules(r) {
		weights, ok := g.s.o.Balancer.Weights(g.tx, rule.arn)
		if !ok {
			continue // a rule that is gone, or answers by itself, sends nothing anywhere
		}
		if part := partIn(weights, rule.mine); away {
			share = max(share, part)
		} else {
			share = min(share, part)
		}
	}
	return share
}

// partIn gives a group's part of what a rule forwards.
func partIn(weights []Weight, group string) rollout.Share {
	mine, all := 0, 0
	for _, w := range weights {
		all += w.Weight
		if w.Group == group {
			mine += w.Weight
		}
	}
	if all == 0 {
		return 0
	}
	return rollout.Share(mine * int(rollout.All) / all)
}

// move gives the new side its part of a route: each rule forwards to both of its groups by weight.
//
// Source: ecs.md 7.4: whole percents as they are, others in parts of a thousand (unconfirmed).
func (g *keeping) move(d *Deployment, r rollout.Route, share rollout.Share) {
	mine, other := int(share)/100, 100-int(share)/100
	if share%100 != 0 {
		mine, other = int(share)/10, 1000-int(share)/10
	}
	if d.home() == "" { // nobody else could answer: a service's first deployment
		mine, other = 100, 0
	}
	for _, rule := range d.rules(r) {
		weights := []Weight{{Group: rule.first, Weight: other}, {Group: rule.next, Weight: other}}
		for i := range weights {
			if weights[i].Group == rule.mine {
				weights[i].Weight = mine
			}
		}
		if err := g.s.o.Balancer.SetWeights(g.tx, rule.arn, weights); err != nil {
			g.misrouted(d, ". "+err.Error())
			return
		}
	}
	d.Shares[r] = share
}
