package elb

import (
	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// BalancerStatus is what `slipway local status` shows of a balancer.
type BalancerStatus struct {
	ARN, Name, DNSName string
	Scope              names.Scope
	Address            string // its own loopback address
	Listeners          []ListenerStatus
}

// ListenerStatus is a listener of a BalancerStatus.
type ListenerStatus struct {
	ARN      string
	Port     int
	Protocol string
	Shared   string // where it really answers, "127.0.0.1:8080"; empty before the data plane said so
	Own      string // likewise on the balancer's own address
	Why      string // why Shared is not on Port
	Rules    []RuleStatus
}

// RuleStatus is a rule of a ListenerStatus, in the order rules are tried.
type RuleStatus struct {
	ARN        string
	Priority   string   // "10", "default"
	Conditions []string // in words
	Does       string   // "forward", "redirect HTTP_301", "fixed-response 404"
	Groups     []GroupStatus
}

// GroupStatus is a group a rule forwards to.
type GroupStatus struct {
	ARN, Name string
	Weight    int            // 0 to 999
	Targets   map[string]int // number of targets by state, "healthy" and so on; for lookup
}

// Status gives all balancers with their listeners, rules and groups, by ARN, port and priority.
func (s *Service) Status(tx *store.Tx) []BalancerStatus {
	var all []BalancerStatus
	for b := range s.balancers.All(tx) {
		v := BalancerStatus{ARN: b.ARN, Name: b.Name, DNSName: b.DNSName, Scope: names.ScopeOf(b.ARN), Address: b.Address}
		for _, l := range s.listenersOf(tx, b.ARN) {
			lv := ListenerStatus{ARN: l.ARN, Port: l.Port, Protocol: l.Protocol, Shared: l.Bound.Shared, Own: l.Bound.Own, Why: l.Bound.Why}
			for _, r := range s.rulesOf(tx, l.ARN) {
				lv.Rules = append(lv.Rules, s.ruleStatus(tx, r))
			}
			v.Listeners = append(v.Listeners, lv)
		}
		all = append(all, v)
	}
	return all
}

func (s *Service) ruleStatus(tx *store.Tx, r ruleRow) RuleStatus {
	v := RuleStatus{ARN: r.ARN, Priority: r.priority()}
	for _, c := range r.Conditions {
		v.Conditions = append(v.Conditions, c.String())
	}
	switch a := r.Action; {
	case a.Redirect != nil:
		v.Does = "redirect " + a.Redirect.Status
	case a.Fixed != nil:
		v.Does = "fixed-response " + a.Fixed.Status
	case a.Forward != nil:
		v.Does = "forward"
		for _, w := range a.Forward.Groups {
			v.Groups = append(v.Groups, s.groupStatus(tx, w))
		}
	}
	return v
}

func (s *Service) groupStatus(tx *store.Tx, w balance.Weighted) GroupStatus {
	g, _ := s.groups.Get(tx, w.Group)
	v := GroupStatus{ARN: w.Group, Name: g.Name, Weight: w.Weight, Targets: map[string]int{}}
	for t := range s.targets.By(tx, "group", w.Group) {
		v.Targets[string(t.Health.State)]++
	}
	return v
}
