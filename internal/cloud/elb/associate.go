package elb

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// checkGroups refuses an action whose groups do not exist or do not suit the listener.
// Sources: elbv2.md 3, 5.4, 6.
func (s *Service) checkGroups(tx *store.Tx, l listenerRow, a action) error {
	if a.Redirect != nil && a.Redirect.Protocol == "HTTP" && l.Protocol == "HTTPS" {
		return badAction("Redirect actions cannot redirect from HTTPS to HTTP")
	}
	if a.Forward == nil {
		if flows(l.Protocol) {
			return badAction("Actions of type '%s' are not supported on listeners with the protocol '%s'", a.views()[0].Type, l.Protocol)
		}
		return nil
	}
	b, ok := s.balancers.Get(tx, l.Balancer)
	if !ok {
		return noBalancer(l.Balancer)
	}
	for _, w := range a.Forward.Groups {
		g, err := s.group(tx, names.ScopeOf(l.ARN), &w.Group)
		if err != nil {
			return err
		}
		switch {
		case g.VPC != b.VPC:
			return misconfigured("The target group '%s' must be in the same VPC as the load balancer '%s'", g.ARN, b.ARN)
		case (g.Protocol == "TCP") != flows(l.Protocol):
			return &types.IncompatibleProtocolsException{Message: sentence("The listener and its associated target group '%s' have incompatible protocols: '%s' and '%s'", []any{g.ARN, l.Protocol, g.Protocol})}
		case g.ProtocolVersion != "HTTP1" && l.Protocol == "HTTP":
			return misconfigured("Listener protocol 'HTTP' is not supported with a target group with the protocol-version '%s'", g.ProtocolVersion)
		}
		for _, other := range s.balancersOf(tx, g.ARN) {
			if other != l.Balancer {
				return &types.TargetGroupAssociationLimitException{Message: sentence("The following target groups cannot be associated with more than one load balancer: %s", []any{g.ARN})}
			}
		}
		if a.loosens(g) {
			return misconfigured("You must enable group stickiness on a rule if you enabled target stickiness on one of its target groups")
		}
	}
	all := s.groupsOf(tx, l.Balancer)
	var ids []string
	for _, g := range a.groups() {
		ids = append(ids, s.limitedIDs(tx, g)...)
		if !slices.Contains(all, g) {
			all = append(all, g)
		}
	}
	if len(all) > maxGroupsOfBalancer {
		return &types.TooManyUniqueTargetGroupsPerLoadBalancerException{Message: aws.String("The maximum number of target groups for the load balancer has been reached")}
	}
	return s.checkTargets(tx, b, all, 0, ids...)
}

// checkTargets refuses more targets than a balancer may have in its groups, when more of them come, and one
// of these ids more often than that is allowed, when each comes that often more. It reads no target.
func (s *Service) checkTargets(tx *store.Tx, b balancerRow, groups []string, more int, ids ...string) error {
	sum := func(index string, value func(group string) string) int {
		n := more
		for _, g := range groups {
			n += s.targets.CountBy(tx, index, value(g))
		}
		return n
	}
	most := maxTargetsOfBalancer
	if b.Network {
		most = maxTargetsOfNetwork
	}
	if sum("group", func(group string) string { return group }) > most {
		return &types.TooManyTargetsException{Message: aws.String("The maximum number of targets for the load balancer has been reached")}
	}
	for _, id := range ids {
		if sum("id", func(group string) string { return memberKey(group, id) }) > maxTimesOfTarget && !b.Network {
			return &types.TooManyRegistrationsForTargetIdException{Message: aws.String("You've reached the limit on the number of times a target can be registered with a load balancer")}
		}
	}
	return nil
}

// limitedIDs gives the ids of a group's targets that are counted, in order, each once.
func (s *Service) limitedIDs(tx *store.Tx, group string) (ids []string) {
	for t := range s.targets.By(tx, "group", group) { // by id, then port
		if id, ok := t.limited(); ok && (len(ids) == 0 || ids[len(ids)-1] != id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// loosens reports whether the action sends to the group, which keeps clients with its targets, and to
// others, and does not keep them with the group.
func (a *action) loosens(g groupRow) bool {
	return len(a.Forward.Groups) > 1 && a.Forward.Sticky == 0 && g.Protocol != "TCP" && value(groupAttributes, g.Attributes, keySticky) == "true"
}

// checkSticky refuses to keep clients with a group's targets where a rule does not keep them with the
// group. The words are those seen on AWS; whether it names a listener for its default rule is
// unconfirmed.
func (s *Service) checkSticky(tx *store.Tx, g groupRow) error {
	for r := range s.rules.By(tx, "group", g.ARN) {
		if r.Action.loosens(g) {
			return misconfigured("This target group appears behind a rule with group stickiness disabled (%s). You must enable group stickiness before enabling target stickiness", r.ARN)
		}
	}
	return nil
}

// groupsOf gives the groups a balancer forwards to, each once.
func (s *Service) groupsOf(tx *store.Tx, balancer string) []string {
	var all []string
	for l := range s.listeners.By(tx, "balancer", balancer) {
		for r := range s.rules.By(tx, "listener", l.ARN) {
			for _, g := range r.Action.groups() {
				if !slices.Contains(all, g) {
					all = append(all, g)
				}
			}
		}
	}
	return all
}

// putRule writes a rule, and what its groups' coming into and going out of use means to targets.
func (s *Service) putRule(tx *store.Tx, r ruleRow) {
	was, _ := s.rules.Get(tx, r.ARN)
	s.rules.Put(tx, r)
	s.settle(tx, append(was.Action.groups(), r.Action.groups()...))
}

// dropRule removes a rule likewise.
func (s *Service) dropRule(tx *store.Tx, arn string) {
	was, _ := s.rules.Get(tx, arn)
	s.rules.Delete(tx, arn)
	s.settle(tx, was.Action.groups())
}

// dropListener removes a listener with its rules.
func (s *Service) dropListener(tx *store.Tx, arn string) {
	for r := range s.rules.By(tx, "listener", arn) {
		s.dropRule(tx, r.ARN)
	}
	s.listeners.Delete(tx, arn)
}

// settle makes the targets of groups what the groups' use makes them: unused, or waiting for
// their first check. It does nothing where that is so already.
func (s *Service) settle(tx *store.Tx, groups []string) {
	groups = slices.Compact(slices.Sorted(slices.Values(groups)))
	for _, arn := range groups {
		g, ok := s.groups.Get(tx, arn)
		if !ok {
			continue
		}
		used := s.used(tx, arn)
		switch {
		case used && !g.Left.IsZero():
			g.Left = time.Time{}
			s.groups.Put(tx, g)
		case !used && g.Left.IsZero():
			g.Left = tx.Now()
			s.groups.Put(tx, g)
		}
		for t := range s.targets.By(tx, "group", arn) {
			if t.draining() {
				continue
			}
			switch why, unused := s.unused(tx, t); {
			case unused && t.Health != why:
				t.Health = why
			case !unused && t.Health.State == balance.Unused:
				s.begin(tx, g, &t)
			default:
				continue
			}
			s.targets.Put(tx, t)
		}
	}
}

// begin gives a target the health of one just registered.
func (s *Service) begin(tx *store.Tx, g groupRow, t *targetRow) {
	t.Told = s.nextVersion(tx)
	t.Health = balance.Registered()
	if why, unused := s.unused(tx, *t); unused {
		t.Health = why
	} else if !g.Check.Enabled {
		t.Health = balance.Unchecked()
	}
}

// unused reports whether a target gets neither requests nor checks, and why. Source: elbv2.md 4.1.
func (s *Service) unused(tx *store.Tx, t targetRow) (balance.Health, bool) {
	if !s.used(tx, t.Group) {
		return balance.NotInUse(), true
	}
	if t.Zone == "" || t.Zone == "all" || s.o.Lenient {
		return balance.Health{}, false
	}
	for _, arn := range s.balancersOf(tx, t.Group) {
		b, _ := s.balancers.Get(tx, arn)
		if slices.ContainsFunc(b.Zones, func(z zone) bool { return z.Name == t.Zone }) {
			return balance.Health{}, false
		}
	}
	return balance.Health{State: balance.Unused, Reason: "Target.NotInUse",
		Description: "Target is in an Availability Zone that is not enabled for the load balancer"}, true
}
