package elb

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	smithy "github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/lb"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// TestMain lets the test binary be the data plane.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "lb" {
		os.Exit(lb.Main(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

var here = names.Scope{Account: "123456789012", Region: "us-east-1"}

// network has two VPCs with subnets named for their zones, the same in every scope.
type network struct{}

func (network) Subnet(_ *store.Tx, _ names.Scope, id string) (vpc, zone string, ok bool) {
	switch id {
	case "subnet-a", "subnet-b", "subnet-c":
		return "vpc-1", "us-east-1" + id[len("subnet-"):], true
	case "subnet-a2":
		return "vpc-1", "us-east-1a", true
	case "subnet-other":
		return "vpc-2", "us-east-1b", true
	}
	return "", "", false
}

func (network) HasVPC(_ *store.Tx, _ names.Scope, id string) bool {
	return id == "vpc-1" || id == "vpc-2"
}

func (network) SecurityGroup(_ *store.Tx, _ names.Scope, id string) (vpc string, ok bool) {
	switch id {
	case "sg-1", "sg-default":
		return "vpc-1", true
	case "sg-other":
		return "vpc-2", true
	}
	return "", false
}

func (network) DefaultSecurityGroup(*store.Tx, names.Scope, string) string { return "sg-default" }

// room is a Service over a store in memory, with a caller.
type room struct {
	*Service
	t   *testing.T
	ctx context.Context
}

func newRoom(t *testing.T, o Options) room {
	t.Helper()
	o.IDs, o.Network = ids.Counting(), network{}
	s := New(o)
	st, err := store.Open(store.Options{Clock: clock.Real{}, Verify: true}, s.Tables()...)
	if err != nil {
		t.Fatal(err)
	}
	s.Attach(st)
	return room{s, t, as(t.Context(), here)}
}

func as(ctx context.Context, scope names.Scope) context.Context {
	return wire.WithCaller(ctx, wire.Caller{Account: scope.Account, Region: scope.Region})
}

// must gives the answer of a call that succeeds.
func must[In, Out any](r room, call func(context.Context, *In) (*Out, error), in *In) *Out {
	r.t.Helper()
	out, err := call(r.ctx, in)
	if err != nil {
		r.t.Fatalf("%T: %v", in, err)
	}
	return out
}

// refused checks that a call is refused with a code and words.
func refused[In, Out any](r room, call func(context.Context, *In) (*Out, error), in *In, code, words string) {
	r.t.Helper()
	_, err := call(r.ctx, in)
	isRefusal(r.t, err, code, words)
}

func isRefusal(t *testing.T, err error, code, words string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || words != "" && api.ErrorMessage() != words {
		t.Errorf("got  %v\nwant %s: %s", err, code, words)
	}
}

func (r room) update(f func(tx *store.Tx)) {
	r.t.Helper()
	if err := r.Service.update(func(tx *store.Tx) error { f(tx); return nil }); err != nil {
		r.t.Fatal(err)
	}
}

func (r room) view(f func(tx *store.Tx)) {
	r.t.Helper()
	if err := r.Service.view(func(tx *store.Tx) error { f(tx); return nil }); err != nil {
		r.t.Fatal(err)
	}
}

func (r room) balancer(name string) string {
	r.t.Helper()
	return *must(r, r.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: &name, Subnets: []string{"subnet-a", "subnet-b"}}).LoadBalancers[0].LoadBalancerArn
}

func (r room) group(name string) string {
	r.t.Helper()
	return *must(r, r.CreateTargetGroup, &elbv2.CreateTargetGroupInput{
		Name: &name, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String("vpc-1"), TargetType: types.TargetTypeEnumIp,
	}).TargetGroups[0].TargetGroupArn
}

func (r room) listener(balancer string, port int32, do types.Action) string {
	r.t.Helper()
	return *must(r, r.CreateListener, &elbv2.CreateListenerInput{
		LoadBalancerArn: &balancer, Protocol: types.ProtocolEnumHttp, Port: &port, DefaultActions: []types.Action{do},
	}).Listeners[0].ListenerArn
}

func (r room) rule(listener string, priority int32, path string, do types.Action) string {
	r.t.Helper()
	return *must(r, r.CreateRule, &elbv2.CreateRuleInput{
		ListenerArn: &listener, Priority: &priority, Conditions: []types.RuleCondition{onPath(path)}, Actions: []types.Action{do},
	}).Rules[0].RuleArn
}

func (r room) register(group, id string, port int32) {
	r.t.Helper()
	must(r, r.RegisterTargets, &elbv2.RegisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: &id, Port: &port}}})
}

// health gives the states of a group's targets with their reasons, in order.
func (r room) health(group string) (states []string) {
	r.t.Helper()
	for _, d := range must(r, r.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: &group}).TargetHealthDescriptions {
		s := string(d.TargetHealth.State)
		if d.TargetHealth.Reason != "" {
			s += " " + string(d.TargetHealth.Reason)
		}
		states = append(states, s)
	}
	return states
}

func onPath(path string) types.RuleCondition {
	return types.RuleCondition{Field: aws.String("path-pattern"), Values: []string{path}}
}

func to(group string) types.Action {
	return types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &group}
}

func shares(weights ...balance.Weighted) types.Action {
	cfg := &types.ForwardActionConfig{}
	for _, w := range weights {
		cfg.TargetGroups = append(cfg.TargetGroups, types.TargetGroupTuple{TargetGroupArn: aws.String(w.Group), Weight: aws.Int32(int32(w.Weight))})
	}
	return types.Action{Type: types.ActionTypeEnumForward, ForwardConfig: cfg}
}

func says(status string) types.Action {
	return types.Action{Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: &status}}
}
