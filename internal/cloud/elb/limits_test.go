package elb

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/store"
)

func TestTargetStickinessNeedsGroupStickinessWhicheverComesFirst(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	blue, green := r.group("blue"), r.group("green")
	l := r.listener(r.balancer("web"), 80, to(blue))
	both := shares(balance.Weighted{Group: blue, Weight: 1}, balance.Weighted{Group: green, Weight: 1})
	rule := r.rule(l, 1, "/x", both)
	sticky := &elbv2.ModifyTargetGroupAttributesInput{TargetGroupArn: &green, Attributes: []types.TargetGroupAttribute{{Key: aws.String("stickiness.enabled"), Value: aws.String("true")}}}
	refused(r, r.ModifyTargetGroupAttributes, sticky, "InvalidConfigurationRequest",
		"This target group appears behind a rule with group stickiness disabled ("+rule+"). You must enable group stickiness before enabling target stickiness")
	for _, a := range must(r, r.DescribeTargetGroupAttributes, &elbv2.DescribeTargetGroupAttributesInput{TargetGroupArn: &green}).Attributes {
		if *a.Key == "stickiness.enabled" && *a.Value != "false" {
			t.Errorf("a refused change left %s", *a.Value)
		}
	}
	kept := shares(balance.Weighted{Group: blue, Weight: 1}, balance.Weighted{Group: green, Weight: 1})
	kept.ForwardConfig.TargetGroupStickinessConfig = &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true), DurationSeconds: aws.Int32(60)}
	must(r, r.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: &rule, Actions: []types.Action{kept}})
	must(r, r.ModifyTargetGroupAttributes, sticky)
	refused(r, r.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: &rule, Actions: []types.Action{both}}, "InvalidConfigurationRequest",
		"You must enable group stickiness on a rule if you enabled target stickiness on one of its target groups")
	must(r, r.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: &rule, Actions: []types.Action{to(green)}})
}

func TestABalancerHasSoManyTargetsAndEachSoOften(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b, blue, green := r.balancer("web"), r.group("blue"), r.group("green")
	l := r.listener(b, 80, to(blue))
	ports := func(group, id string, n int) *elbv2.RegisterTargetsInput {
		in := &elbv2.RegisterTargetsInput{TargetGroupArn: &group}
		for i := range n {
			in.Targets = append(in.Targets, types.TargetDescription{Id: &id, Port: aws.Int32(int32(8000 + i))})
		}
		return in
	}
	refused(r, r.RegisterTargets, ports(blue, "10.0.0.1", 101), "TooManyRegistrationsForTargetId", "")
	if got := r.health(blue); len(got) != 0 {
		t.Errorf("a refused registration left %d targets", len(got))
	}
	must(r, r.RegisterTargets, ports(blue, "10.0.0.1", 100))
	must(r, r.RegisterTargets, ports(blue, "10.0.0.1", 100)) // they are there already
	must(r, r.RegisterTargets, ports(green, "10.0.0.1", 1))  // no balancer's yet
	refused(r, r.CreateRule, &elbv2.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(1), Conditions: []types.RuleCondition{onPath("/x")}, Actions: []types.Action{to(green)}}, "TooManyRegistrationsForTargetId", "")

	r.update(func(tx *store.Tx) {
		for i := range maxTargetsOfBalancer - 100 {
			id := fmt.Sprintf("10.1.%d.%d", i/256, i%256)
			if err := r.Register(tx, blue, Target{ID: id, Port: 80}); err != nil {
				t.Fatal(err)
			}
		}
	})
	must(r, r.DeregisterTargets, &elbv2.DeregisterTargetsInput{TargetGroupArn: &green, Targets: ports(green, "10.0.0.1", 1).Targets})
	r.rule(l, 1, "/x", to(green))
	refused(r, r.RegisterTargets, ports(green, "10.0.0.2", 1), "TooManyTargets", "The maximum number of targets for the load balancer has been reached")
}

func TestTasksThatShareALoopbackAddressAreEachATargetOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	blue, green := r.group("blue"), r.group("green")
	l := r.listener(r.balancer("web"), 80, to(blue))
	register := func(group, id, owner string, from, n int) (err error) {
		r.update(func(tx *store.Tx) {
			for i := 0; i < n && err == nil; i++ {
				err = r.Register(tx, group, Target{ID: id, Port: from + i, Owner: owner})
			}
		})
		return err
	}
	const task = "arn:aws:ecs:us-east-1:123456789012:task/web/0"
	for _, group := range []string{blue, green} {
		if err := register(group, "127.0.0.1", task, 30000, 101); err != nil {
			t.Fatalf("101 tasks of this machine: %v", err)
		}
	}
	r.rule(l, 1, "/x", to(green)) // which brings its own to the balancer
	if err := register(green, "127.0.0.1", "", 8000, 100); err != nil {
		t.Errorf("100 of an API's, beside the tasks: %v", err)
	}
	isRefusal(t, register(blue, "127.0.0.1", "", 8000, 1), "TooManyRegistrationsForTargetId", "")
	isRefusal(t, register(blue, "10.0.0.1", task, 8000, 101), "TooManyRegistrationsForTargetId", "")
	if err := register(green, "127.0.0.1", task, 31000, maxTargetsOfBalancer-402); err != nil {
		t.Errorf("up to 1,000 of the balancer: %v", err)
	}
	isRefusal(t, register(blue, "127.0.0.1", task, 31000, 1), "TooManyTargets", "The maximum number of targets for the load balancer has been reached")
}

func TestTagsOfOursDoNotCountAmongAResourcesFifty(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	l := r.listener(r.balancer("web"), 80, says("200"))
	r.update(func(tx *store.Tx) {
		r.Bound(tx, []Bound{{Listener: l, Shared: "127.0.0.1:8080", Why: "taken"}})
	})
	many := func(n int) (tags []types.Tag) {
		for i := range n {
			tags = append(tags, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("")})
		}
		return tags
	}
	refused(r, r.AddTags, &elbv2.AddTagsInput{ResourceArns: []string{l}, Tags: many(51)}, "TooManyTags", "")
	must(r, r.AddTags, &elbv2.AddTagsInput{ResourceArns: []string{l}, Tags: many(50)})
	if got := must(r, r.DescribeTags, &elbv2.DescribeTagsInput{ResourceArns: []string{l}}).TagDescriptions[0].Tags; len(got) != 51 {
		t.Errorf("got %d tags", len(got))
	}
}
