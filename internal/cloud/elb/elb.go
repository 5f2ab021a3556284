// Package elb is the control plane of Elastic Load Balancing v2: Application Load Balancers,
// listeners, rules, target groups, targets and what their health checks mean.
//
// It moves no request. It keeps tables, makes the data plane's routing table from them (Plane),
// and writes down what the data plane reports (Probed, Acked, Bound); the host carries both
// ways. ECS and CodeDeploy change targets and weights through methods that take a transaction
// (Register, Deregister, SetWeights). What a check result or a weight means is decided by
// package balance.
//
// Read Service first, then rows.go, plane.go and the operations by their names.
package elb

import (
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Network is what load balancers need to know of VPCs.
type Network interface {
	// HasVPC reports whether there is a VPC.
	HasVPC(tx *store.Tx, scope names.Scope, id string) bool
	// Subnet gives a subnet's VPC and Availability Zone.
	Subnet(tx *store.Tx, scope names.Scope, id string) (vpc, zone string, ok bool)
	// SecurityGroup gives a security group's VPC.
	SecurityGroup(tx *store.Tx, scope names.Scope, id string) (vpc string, ok bool)
	// DefaultSecurityGroup gives the security group a balancer has that names none.
	DefaultSecurityGroup(tx *store.Tx, scope names.Scope, vpc string) string
}

// Options make a Service.
type Options struct {
	IDs     *ids.Source
	Network Network
	// Buckets is where access logs go; nil keeps none.
	Buckets Buckets
	// Lenient accepts a balancer in one subnet and a security group of another VPC, and a
	// target group of none, each with a warning.
	Lenient bool
	// Warn takes a sentence for the operator; nil drops it.
	Warn func(msg string)
	// Shorten turns a wait of AWS's into one of the wall, by the cloud's speed; nil keeps it.
	Shorten func(time.Duration) time.Duration
	// Wall turns an internal time into one of the wall; nil keeps it.
	Wall func(time.Time) time.Time
	// Patience is how long, on the wall, an operation waits until the data plane serves by what
	// it changed; zero waits for nothing.
	Patience time.Duration
	// Host is the address that all listeners share; empty means 127.0.0.1.
	Host string
}

// Service is the room "elasticloadbalancing". Make one with New.
type Service struct {
	tables
	o     Options
	store *store.Store // set by Attach
	acks  bell         // rings when the data plane has said something
}

// New makes the room. Its operations work once Attach has given it the store.
func New(o Options) *Service {
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	if o.Shorten == nil {
		o.Shorten = func(d time.Duration) time.Duration { return d }
	}
	if o.Wall == nil {
		o.Wall = func(t time.Time) time.Time { return t }
	}
	return &Service{tables: newTables(), o: o}
}

// Attach gives the room the store that was opened with its tables.
func (s *Service) Attach(st *store.Store) { s.store = st }

// Name gives the signing name.
func (s *Service) Name() string { return "elasticloadbalancing" }

// Tables gives the room's tables, to open the store with.
func (s *Service) Tables() []store.Any {
	return []store.Any{s.balancers, s.listeners, s.rules, s.groups, s.targets, s.plane}
}

// Clear deletes all rows but the one that says which version the data plane's table has, which
// never goes back.
func (s *Service) Clear(tx *store.Tx) {
	for _, t := range s.Tables() {
		if t.Name() != s.plane.Name() {
			t.Clear(tx)
		}
	}
}

// Keepers gives what the loop must run.
func (s *Service) Keepers() []cloud.Keeper { return []cloud.Keeper{planeKeeper{s}} }

// Wire gives the room's operations.
func (s *Service) Wire() *wire.Service {
	w := wire.NewQuery("elasticloadbalancing", "2015-12-01", "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/")
	w.Unlisted(func(u wire.Unlisted) error { return invalid("%s", u.Words()) })

	wire.Op(w, s.CreateLoadBalancer)
	wire.Op(w, s.DescribeLoadBalancers)
	wire.Op(w, s.DeleteLoadBalancer)
	wire.Op(w, s.DescribeLoadBalancerAttributes)
	wire.Op(w, s.ModifyLoadBalancerAttributes)
	wire.Op(w, s.SetSubnets)
	wire.Op(w, s.SetSecurityGroups)
	wire.Op(w, s.SetIpAddressType)
	wire.Op(w, s.DescribeCapacityReservation)

	wire.Op(w, s.CreateListener)
	wire.Op(w, s.DescribeListeners)
	wire.Op(w, s.ModifyListener)
	wire.Op(w, s.DeleteListener)
	wire.Op(w, s.DescribeListenerAttributes)
	wire.Op(w, s.ModifyListenerAttributes)
	wire.Op(w, s.DescribeListenerCertificates)
	wire.Op(w, s.AddListenerCertificates)
	wire.Op(w, s.RemoveListenerCertificates)

	wire.Op(w, s.CreateRule)
	wire.Op(w, s.DescribeRules)
	wire.Op(w, s.ModifyRule)
	wire.Op(w, s.DeleteRule)
	wire.Op(w, s.SetRulePriorities)

	wire.Op(w, s.CreateTargetGroup)
	wire.Op(w, s.DescribeTargetGroups)
	wire.Op(w, s.ModifyTargetGroup)
	wire.Op(w, s.DeleteTargetGroup)
	wire.Op(w, s.DescribeTargetGroupAttributes)
	wire.Op(w, s.ModifyTargetGroupAttributes)

	wire.Op(w, s.RegisterTargets)
	wire.Op(w, s.DeregisterTargets)
	wire.Op(w, s.DescribeTargetHealth)

	wire.Op(w, s.AddTags)
	wire.Op(w, s.RemoveTags)
	wire.Op(w, s.DescribeTags)

	wire.Op(w, s.DescribeAccountLimits)
	wire.Op(w, s.DescribeSSLPolicies)

	declareRefused(w, s.o.Warn)
	return w
}

func (s *Service) view(f func(*store.Tx) error) error   { return s.store.View(f) }
func (s *Service) update(f func(*store.Tx) error) error { return s.store.Update(f) }
