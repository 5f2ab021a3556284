package ecs

import (
	"context"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Balancer is what ECS needs of load balancing. Its methods run inside the caller's transaction.
type Balancer interface {
	// Register makes an address a target of a group; it does nothing where it is one already.
	Register(tx *store.Tx, group string, t BalancerTarget) error
	// Deregister begins to drain a target; it does nothing where there is none.
	Deregister(tx *store.Tx, group, id string, port int) error
	// Target tells a target's state as DescribeTargetHealth does; ok is false once it is gone,
	// which after Deregister is when no request can reach it any more.
	Target(tx *store.Tx, group, id string, port int) (state, reason, description string, ok bool)
	// Group describes a target group.
	Group(tx *store.Tx, arn string) (BalancerGroup, bool)
	// SetWeights makes a listener rule forward to these groups with these weights, 0 to 999.
	SetWeights(tx *store.Tx, rule string, weights []Weight) error
	// Weights tells which groups a listener rule forwards to; ok is false where there is no such
	// rule, or it does not forward.
	Weights(tx *store.Tx, rule string) (weights []Weight, ok bool)
	// Rule reports whether there is a listener rule.
	Rule(tx *store.Tx, rule string) bool
	// Watch gives the owners of targets that changed.
	Watch() cloud.Watch
}

// Weight is a target group's part of what a listener rule forwards.
type Weight = balance.Weighted

// BalancerTarget is what ECS registers.
type BalancerTarget struct {
	ID    string // IP address
	Port  int
	Zone  string
	Owner string         // task ARN
	Dial  launch.Address // where the data plane finds it
}

// BalancerGroup is what ECS must know of a target group.
type BalancerGroup struct {
	ARN, Name, TargetType string
	Port                  int
	LoadBalancers         []string
	Delay                 time.Duration // deregistration delay
}

// Alarms is what ECS needs of CloudWatch alarms.
type Alarms interface {
	// Firing gives those of the names that are in ALARM.
	Firing(tx *store.Tx, scope names.Scope, alarms []string) []string
	// Watch gives the ARNs of alarms that changed.
	Watch() cloud.Watch
}

// Functions invokes the Lambda functions that lifecycle hooks name. Its method is called by hands,
// outside of transactions.
type Functions interface {
	// Invoke calls a function, by its ARN with an optional qualifier, and waits for its answer.
	// functionError tells that the function itself failed; err that it could not be invoked.
	Invoke(ctx context.Context, scope names.Scope, function string, payload []byte) (answer []byte, functionError string, err error)
}

// Networks is what ECS needs of EC2's networks.
type Networks interface {
	// Subnet tells a subnet's zone; ok is false where there is none.
	Subnet(tx *store.Tx, scope names.Scope, id string) (vpc, zone string, ok bool)
	// SecurityGroup tells a security group's VPC.
	SecurityGroup(tx *store.Tx, scope names.Scope, id string) (vpc string, ok bool)
}

// Logs takes what containers with the awslogs driver write. Its methods are called by hands,
// outside of transactions.
type Logs interface {
	// Resume gives the place behind the last line the stream has of this container start, and
	// makes the stream. A group that does not exist is an error, unless create is given.
	Resume(ctx context.Context, scope names.Scope, group, stream, start string, create bool) (launch.Mark, error)
	// Append adds lines to a stream.
	Append(ctx context.Context, scope names.Scope, group, stream, start string, lines []launch.Line) error
}

// Secrets gives the values that containers' secrets name. Its methods are called by hands, outside of
// transactions.
type Secrets interface {
	// Parameter gives the value of an SSM parameter by name or ARN, with a selector or without; ok is
	// false where there is none.
	Parameter(scope names.Scope, ref string) (value string, ok bool)
	// Secret gives the value of a secret by its ARN, at a staging label or a version's id, the current
	// one where both are empty. Errors are those of Secrets Manager.
	Secret(scope names.Scope, arn, stage, id string) (value string, err error)
}
