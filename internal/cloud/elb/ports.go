package elb

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// What other rooms change and ask, in transactions of their own.

// Address is something the data plane dials.
type Address = balance.Address

// Target is what a room registers with a group.
type Target struct {
	ID    string  // an IP address; an instance id for groups of instances
	Port  int     // 1 to 65535
	Zone  string  // Availability Zone; "" or "all" is none
	Owner string  // task ARN; "" for a target registered by an API call
	Dial  Address // where the data plane finds it: "tcp" or "unix"
}

// GroupInfo is what a room may know of a target group.
type GroupInfo struct {
	ARN, Name, TargetType, VPC string
	Port                       int
	LoadBalancers              []string      // ARNs of the balancers that forward to it, weight 0 included
	DeregistrationDelay        time.Duration // internal time, as AWS counts it
}

// Register makes an address a target of a group. One that is a target already stays as it is,
// but for its zone, owner and address; one that drains is taken back.
//
// Errors: TargetGroupNotFound, TooManyTargets, TooManyRegistrationsForTargetId.
func (s *Service) Register(tx *store.Tx, group string, t Target) error {
	g, ok := s.groups.Get(tx, group)
	if !ok {
		return noGroup(group)
	}
	row, there := s.targets.Get(tx, targetKey(group, t.ID, t.Port))
	was := row
	row.Group, row.ID, row.Port, row.Zone, row.Owner, row.Dial = group, t.ID, t.Port, t.Zone, t.Owner, t.Dial
	if there && row == was {
		if !row.draining() {
			return nil
		}
	}
	if !there {
		if s.targets.CountBy(tx, "group", group) >= maxTargetsOfGroup {
			return &types.TooManyTargetsException{Message: aws.String("The maximum number of targets for the target group has been reached")}
		}
		var ids []string
		if id, ok := row.limited(); ok {
			ids = append(ids, id)
		}
		for _, arn := range s.balancersOf(tx, group) {
			if b, ok := s.balancers.Get(tx, arn); ok {
				if err := s.checkTargets(tx, b, s.groupsOf(tx, arn), 1, ids...); err != nil {
					return err
				}
			}
		}
	}
	if !there || row.draining() || was.Dial != t.Dial {
		row.Registered, row.DrainUntil = tx.Now(), time.Time{}
		s.begin(tx, g, &row)
	}
	s.targets.Put(tx, row)
	return nil
}

// Deregister begins to drain a target: no new request reaches it from the next table on, and it
// is gone when the deregistration delay has passed and the data plane knew of it. It does
// nothing where there is no such target, or it drains already.
//
// A target of a group that has been out of use for as long as its delay can have no request in
// flight and goes at once (unconfirmed).
func (s *Service) Deregister(tx *store.Tx, group, id string, port int) error {
	key := targetKey(group, id, port)
	t, ok := s.targets.Get(tx, key)
	if !ok || t.draining() {
		return nil
	}
	g, ok := s.groups.Get(tx, group)
	if !ok {
		return noGroup(group)
	}
	if !s.used(tx, group) && (g.Left.IsZero() || !g.Left.Add(g.delay()).After(tx.Now())) {
		s.targets.Delete(tx, key)
		return nil
	}
	t.Health, t.Told, t.DrainUntil = balance.Deregistering(), s.nextVersion(tx), tx.Now().Add(g.delay())
	s.targets.Put(tx, t)
	return nil
}

func (g *groupRow) delay() time.Duration {
	return seconds(number(groupAttributes, g.Attributes, keyDelay))
}

// Target tells a target's state, reason and description as DescribeTargetHealth does; ok is
// false once it is gone: no request can reach it then.
func (s *Service) Target(tx *store.Tx, group, id string, port int) (state, reason, description string, ok bool) {
	t, ok := s.targets.Get(tx, targetKey(group, id, port))
	return string(t.Health.State), t.Health.Reason, t.Health.Description, ok
}

// Group describes a target group.
func (s *Service) Group(tx *store.Tx, arn string) (GroupInfo, bool) {
	g, ok := s.groups.Get(tx, arn)
	if !ok {
		return GroupInfo{}, false
	}
	return GroupInfo{
		ARN: g.ARN, Name: g.Name, TargetType: g.TargetType, VPC: g.VPC, Port: g.Port,
		LoadBalancers: s.balancersOf(tx, arn), DeregistrationDelay: g.delay(),
	}, true
}

// Watch gives the owners of targets that changed, for keepers of other rooms.
func (s *Service) Watch() cloud.Watch {
	return cloud.On(s.targets, func(t *targetRow) string { return t.Owner })
}

// SetWeights makes a rule forward to these groups with these weights, 0 to 999, and keeps its
// stickiness. A listener's ARN means its default rule.
//
// Errors: those of ModifyRule and ModifyListener; RuleNotFound and ListenerNotFound among them.
func (s *Service) SetWeights(tx *store.Tx, rule string, weights []balance.Weighted) error {
	r, ok := s.forwarding(tx, rule)
	if !ok {
		if isARN(rule, "listener") {
			return noListener()
		}
		return noRule()
	}
	in := types.Action{Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{}}
	for _, w := range weights {
		in.ForwardConfig.TargetGroups = append(in.ForwardConfig.TargetGroups, types.TargetGroupTuple{TargetGroupArn: aws.String(w.Group), Weight: aws.Int32(int32(w.Weight))})
	}
	l, _ := s.listeners.Get(tx, r.Listener)
	f, err := newForward(in, flows(l.Protocol))
	if err != nil {
		return err
	}
	if r.Action.Forward != nil {
		f.Sticky, f.BySource = r.Action.Forward.Sticky, r.Action.Forward.BySource
	}
	a := action{Order: r.Action.Order, Forward: f}
	if err := s.checkGroups(tx, l, a); err != nil {
		return err
	}
	r.Action = a
	s.putRule(tx, r)
	return nil
}

// Weights gives the groups a rule forwards to; ok is false where it does not forward. A
// listener's ARN means its default rule.
func (s *Service) Weights(tx *store.Tx, rule string) (weights []balance.Weighted, ok bool) {
	r, ok := s.forwarding(tx, rule)
	if !ok || r.Action.Forward == nil {
		return nil, false
	}
	return append(weights, r.Action.Forward.Groups...), true
}

// Rule reports whether there is a rule. A listener's ARN means its default rule.
func (s *Service) Rule(tx *store.Tx, rule string) bool {
	_, ok := s.forwarding(tx, rule)
	return ok
}

func (s *Service) forwarding(tx *store.Tx, arn string) (ruleRow, bool) {
	if a, ok := names.ParseARN(arn); ok && a.Kind() == "listener" {
		return s.defaultRule(tx, arn)
	}
	return s.rules.Get(tx, arn)
}

// GroupNamed gives the ARN of a target group of a name.
func (s *Service) GroupNamed(tx *store.Tx, scope names.Scope, name string) (arn string, ok bool) {
	for g := range s.groups.By(tx, "name", scoped(scope, name)) {
		return g.ARN, true
	}
	return "", false
}

// Routes gives the rules that a listener's ARN stands for, the default one first, or the one rule
// that a rule's ARN names; ok is false where there is no such thing.
func (s *Service) Routes(tx *store.Tx, arn string) (rules []string, ok bool) {
	if !isARN(arn, "listener") {
		_, ok = s.rules.Get(tx, arn)
		return []string{arn}, ok
	}
	for _, r := range s.rulesOf(tx, arn) {
		if r.Default {
			rules = append([]string{r.ARN}, rules...)
			continue
		}
		rules = append(rules, r.ARN)
	}
	return rules, len(rules) > 0
}
