package ecs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing/synctest"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// sicken has the load balancer find the targets of these owners unhealthy from now on.
func (h *harbour) sicken(sick func(owner string) bool) { h.apart(func() { h.piers.sick = sick }) }

// pier is a target of the balancer.
type pier struct {
	Key, Group, ID, Owner string
	Port, Before          int // Before counts those on their way when it was registered
	State, Reason         string
	Since                 time.Time
}

// piers is a load balancer with state: targets are healthy warm after they were registered, or
// unhealthy where sick says so, and gone delay after they were deregistered.
type piers struct {
	table       *store.Table[pier]
	rules       *store.Table[sluice]
	warm, delay time.Duration
	apart       time.Duration // how much longer each target takes than the one registered before it
	sick        func(owner string) bool
}

// sluice is a listener rule that forwards.
type sluice struct {
	ARN     string
	Weights []Weight
}

func newPiers() *piers {
	return &piers{
		rules: store.NewTable("test.sluices", func(r *sluice) string { return r.ARN }),
		table: store.NewTable("test.piers", func(p *pier) string { return p.Key }), warm: 10 * time.Second, delay: 30 * time.Second,
		sick: func(string) bool { return false },
	}
}

func pierKey(group, id string, port int) string { return fmt.Sprintf("%s %s %d", group, id, port) }

func (p *piers) Register(tx *store.Tx, group string, t BalancerTarget) error {
	key := pierKey(group, t.ID, t.Port)
	if old, ok := p.table.Get(tx, key); !ok || old.State == "draining" {
		row := pier{Key: key, Group: group, ID: t.ID, Port: t.Port, Owner: t.Owner, State: "initial", Since: tx.Now()}
		for other := range p.table.All(tx) {
			if other.State == "initial" {
				row.Before++
			}
		}
		p.table.Put(tx, row)
	}
	return nil
}

func (p *piers) Deregister(tx *store.Tx, group, id string, port int) error {
	if row, ok := p.table.Get(tx, pierKey(group, id, port)); ok && row.State != "draining" {
		row.State, row.Since = "draining", tx.Now()
		p.table.Put(tx, row)
	}
	return nil
}

func (p *piers) Target(tx *store.Tx, group, id string, port int) (state, reason, description string, ok bool) {
	row, ok := p.table.Get(tx, pierKey(group, id, port))
	return row.State, "Target.FailedHealthChecks", row.Reason, ok
}

func (p *piers) Group(_ *store.Tx, arn string) (BalancerGroup, bool) {
	kind := "ip"
	if arn == instanceGroup {
		kind = "instance"
	}
	return BalancerGroup{ARN: arn, Name: "web", TargetType: kind, Port: 80, LoadBalancers: []string{"lb"}, Delay: p.delay}, arn == harbourGroup || arn == greenGroup || arn == instanceGroup
}

func (p *piers) SetWeights(tx *store.Tx, rule string, weights []Weight) error {
	row, ok := p.rules.Get(tx, rule)
	if !ok {
		return errors.New("One or more rules not found")
	}
	row.Weights = weights
	p.rules.Put(tx, row)
	return nil
}

func (p *piers) Weights(tx *store.Tx, rule string) ([]Weight, bool) {
	row, ok := p.rules.Get(tx, rule)
	return row.Weights, ok && len(row.Weights) > 0
}

func (p *piers) Rule(tx *store.Tx, rule string) bool {
	_, ok := p.rules.Get(tx, rule)
	return ok
}

func (p *piers) Watch() cloud.Watch {
	return cloud.On(p.table, func(p *pier) string { return p.Owner })
}

func (p *piers) Name() string { return "test.piers" }

func (p *piers) Watches() []cloud.Watch {
	return []cloud.Watch{cloud.On(p.table, func(p *pier) string { return p.Key })}
}

func (p *piers) Keep(tx *store.Tx, key string) (cloud.Result, error) {
	row, ok := p.table.Get(tx, key)
	if !ok {
		return cloud.Result{}, nil
	}
	now := tx.Now()
	switch row.State {
	case "draining":
		if end := row.Since.Add(p.delay); now.Before(end) {
			return cloud.Result{Wake: end}, nil
		}
		p.table.Delete(tx, key)
		return cloud.Result{}, nil
	case "initial":
		if end := row.Since.Add(p.warm + time.Duration(row.Before)*p.apart); now.Before(end) {
			return cloud.Result{Wake: end}, nil
		}
		fallthrough
	default:
		state, reason := "healthy", ""
		if p.sick(row.Owner) {
			state, reason = "unhealthy", "Health checks failed with these codes: [503]"
		}
		if state != row.State {
			row.State, row.Reason = state, reason
			p.table.Put(tx, row)
		}
		return cloud.Result{Wake: now.Add(5 * time.Second)}, nil
	}
}

// bell is an alarm.
type bell struct {
	ARN     string
	Ringing bool
}

type bells struct{ table *store.Table[bell] }

func newBells() *bells {
	return &bells{store.NewTable("test.bells", func(b *bell) string { return b.ARN })}
}

func bellARN(name string) string { return harbourScope.ARN("cloudwatch", "alarm:"+name) }

func (b *bells) Firing(tx *store.Tx, scope names.Scope, alarms []string) (firing []string) {
	for _, name := range alarms {
		if row, _ := b.table.Get(tx, scope.ARN("cloudwatch", "alarm:"+name)); row.Ringing {
			firing = append(firing, name)
		}
	}
	return firing
}

func (b *bells) Watch() cloud.Watch { return cloud.On(b.table, func(b *bell) string { return b.ARN }) }

// ring puts an alarm into ALARM, or out of it.
func (h *harbour) ring(name string, on bool) {
	h.t.Helper()
	err := h.store.Update(func(tx *store.Tx) error {
		h.bells.table.Put(tx, bell{ARN: bellARN(name), Ringing: on})
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	synctest.Wait()
}

// shore has subnet-a, subnet-b and subnet-c in one VPC, and sg-1 and sg-2, the second elsewhere.
type shore struct{}

func (shore) Subnet(_ *store.Tx, scope names.Scope, id string) (vpc, zone string, ok bool) {
	letter, ok := strings.CutPrefix(id, "subnet-")
	return "vpc-1", scope.Region + letter, ok && len(letter) == 1
}

func (shore) SecurityGroup(_ *store.Tx, _ names.Scope, id string) (vpc string, ok bool) {
	switch id {
	case "sg-1":
		return "vpc-1", true
	case "sg-2":
		return "vpc-2", true
	}
	return "", false
}

// inkwell takes log lines and forgets them.
type inkwell struct{}

func (inkwell) Resume(context.Context, names.Scope, string, string, string, bool) (launch.Mark, error) {
	return 0, nil
}

func (inkwell) Append(context.Context, names.Scope, string, string, string, []launch.Line) error {
	return nil
}
