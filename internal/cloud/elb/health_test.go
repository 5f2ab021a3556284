package elb

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/cloud/loop"
	"github.com/slipway-ecs/slipway/internal/store"
)

// live runs f beside the loop, in a bubble where time passes by sleeping.
func live(t *testing.T, o Options, f func(r room)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, o)
		ctx, stop := context.WithCancel(t.Context())
		l := loop.New(loop.Options{Store: r.store, Tables: r.Tables(), Keepers: r.Keepers(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		f(r)
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the loop ended with %v", err)
		}
	})
}

// plane gives the data plane's table once the loop has come to rest.
func (r room) plane() (p balance.Table) {
	r.t.Helper()
	synctest.Wait()
	r.view(func(tx *store.Tx) { p = r.Plane(tx) })
	return p
}

// ack says that the data plane serves by the present table.
func (r room) ack() {
	r.t.Helper()
	v := r.plane().Version
	r.update(func(tx *store.Tx) { r.Acked(tx, v) })
	synctest.Wait()
}

func (r room) probed(group, id string, p balance.Probe) {
	r.t.Helper()
	r.update(func(tx *store.Tx) { r.Probed(tx, []ProbeResult{{Group: group, ID: id, Port: 8080, Probe: p}}) })
}

func (r room) is(group string, want ...string) {
	r.t.Helper()
	if got := r.health(group); !slices.Equal(got, want) {
		r.t.Errorf("health: got %q, want %q", got, want)
	}
}

func TestATargetGoesThroughTheStatesOfAWS(t *testing.T) {
	t.Parallel()
	live(t, Options{}, func(r room) {
		g := r.group("blue")
		r.register(g, "10.0.0.1", 8080)
		r.is(g, "unused Target.NotInUse")
		l := r.listener(r.balancer("web"), 80, says("200"))
		rule := r.rule(l, 1, "/x", shares(balance.Weighted{Group: g, Weight: 0}))
		r.is(g, "initial Elb.RegistrationInProgress") // weight 0 is in use
		r.ack()
		r.is(g, "initial Elb.InitialHealthChecking")
		r.probed(g, "10.0.0.1", balance.Probe{Why: balance.Refused})
		r.is(g, "initial Elb.InitialHealthChecking")
		r.probed(g, "10.0.0.1", balance.Probe{OK: true, Code: 200})
		r.is(g, "healthy")
		if p := r.plane(); !p.Groups[0].Targets[0].Healthy {
			t.Error("the table does not say that the target is healthy")
		}
		r.probed(g, "10.0.0.1", balance.Probe{Code: 503, Why: balance.Mismatch})
		r.is(g, "healthy")
		r.probed(g, "10.0.0.1", balance.Probe{Code: 503, Why: balance.Mismatch})
		r.is(g, "unhealthy Target.ResponseCodeMismatch")
		d := must(r, r.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: &g, Include: []types.DescribeTargetHealthInputIncludeEnum{"AnomalyDetection"}}).TargetHealthDescriptions[0]
		if *d.TargetHealth.Description != "Health checks failed with these codes: [503]" || *d.HealthCheckPort != "8080" || d.AnomalyDetection == nil {
			t.Errorf("got %+v", d)
		}
		for range 4 {
			r.probed(g, "10.0.0.1", balance.Probe{OK: true, Code: 200})
			r.is(g, "unhealthy Target.ResponseCodeMismatch")
		}
		r.probed(g, "10.0.0.1", balance.Probe{OK: true, Code: 200})
		r.is(g, "healthy")
		must(r, r.DeleteRule, &elbv2.DeleteRuleInput{RuleArn: &rule})
		r.is(g, "unused Target.NotInUse")
	})
}

func TestADrainingTargetStaysForTheWholeDelayAndThenIsGone(t *testing.T) {
	t.Parallel()
	live(t, Options{}, func(r room) {
		g := r.group("blue")
		r.listener(r.balancer("web"), 80, to(g))
		r.register(g, "10.0.0.1", 8080)
		r.ack()
		r.probed(g, "10.0.0.1", balance.Probe{OK: true})
		in := &elbv2.DeregisterTargetsInput{TargetGroupArn: &g, Targets: []types.TargetDescription{{Id: aws.String("10.0.0.1"), Port: aws.Int32(8080)}}}
		must(r, r.DeregisterTargets, in)
		must(r, r.DeregisterTargets, in)
		r.is(g, "draining Target.DeregistrationInProgress")
		p := r.plane()
		if pt := p.Groups[0].Targets[0]; !pt.Draining || !pt.DrainUntil.Equal(time.Now().Add(300*time.Second)) {
			t.Errorf("table: got %+v, want draining until 300 s from now", pt)
		}
		r.ack()
		time.Sleep(299 * time.Second)
		r.is(g, "draining Target.DeregistrationInProgress")
		time.Sleep(time.Second)
		synctest.Wait()
		r.is(g)
		must(r, r.DeregisterTargets, in)
	})
}

func TestADrainedTargetStaysUntilTheDataPlaneKnewOfIt(t *testing.T) {
	t.Parallel()
	live(t, Options{}, func(r room) {
		g := r.group("blue")
		must(r, r.ModifyTargetGroupAttributes, &elbv2.ModifyTargetGroupAttributesInput{TargetGroupArn: &g, Attributes: []types.TargetGroupAttribute{{Key: aws.String(keyDelay), Value: aws.String("0")}}})
		r.listener(r.balancer("web"), 80, to(g))
		r.register(g, "10.0.0.1", 8080)
		r.ack()
		r.update(func(tx *store.Tx) {
			if err := r.Deregister(tx, g, "10.0.0.1", 8080); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		r.is(g, "draining Target.DeregistrationInProgress")
		r.ack()
		r.is(g)

		r.register(g, "10.0.0.2", 8080)
		r.ack()
		r.update(func(tx *store.Tx) {
			if err := r.Deregister(tx, g, "10.0.0.2", 8080); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		r.is(g, "draining Target.DeregistrationInProgress")
		r.update(r.Stopped)
		synctest.Wait()
		r.is(g)
	})
}

func TestATargetOfAGroupLongOutOfUseGoesAtOnceAndOneJustOutOfUseDrains(t *testing.T) {
	t.Parallel()
	live(t, Options{}, func(r room) {
		g := r.group("blue")
		l := r.listener(r.balancer("web"), 80, to(g))
		r.register(g, "10.0.0.1", 8080)
		r.register(g, "10.0.0.2", 8080)
		deregister := func(id string) {
			must(r, r.DeregisterTargets, &elbv2.DeregisterTargetsInput{TargetGroupArn: &g, Targets: []types.TargetDescription{{Id: &id, Port: aws.Int32(8080)}}})
		}
		must(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: &l, DefaultActions: []types.Action{says("200")}})
		if got := r.plane().Groups; len(got) != 1 || len(got[0].Targets) != 2 {
			t.Errorf("a group out of use left the table: requests in flight would be cut; got %+v", got)
		}
		time.Sleep(time.Minute)
		deregister("10.0.0.1")
		r.is(g, "draining Target.DeregistrationInProgress", "unused Target.NotInUse")
		time.Sleep(240 * time.Second)
		deregister("10.0.0.2")
		r.is(g, "draining Target.DeregistrationInProgress")
	})
}

func TestRegisteringADrainingTargetTakesItBack(t *testing.T) {
	t.Parallel()
	live(t, Options{}, func(r room) {
		g := r.group("blue")
		r.listener(r.balancer("web"), 80, to(g))
		r.register(g, "10.0.0.1", 8080)
		r.ack()
		must(r, r.DeregisterTargets, &elbv2.DeregisterTargetsInput{TargetGroupArn: &g, Targets: []types.TargetDescription{{Id: aws.String("10.0.0.1"), Port: aws.Int32(8080)}}})
		r.register(g, "10.0.0.1", 8080)
		r.is(g, "initial Elb.RegistrationInProgress")
		r.ack()
		time.Sleep(time.Hour)
		r.is(g, "initial Elb.InitialHealthChecking")
		if pt := r.plane().Groups[0].Targets[0]; pt.Draining || !pt.DrainUntil.IsZero() {
			t.Errorf("table: got %+v", pt)
		}
	})
}

func TestHowManyTargetsMustBeHealthyIsInTheTable(t *testing.T) {
	t.Parallel()
	live(t, Options{}, func(r room) {
		g := r.group("blue")
		if got := r.plane().Groups[0]; got.LeastHealthy != 0 || got.LeastHealthyPercent != 0 {
			t.Errorf("at first: got %+v", got)
		}
		const least = "target_group_health.unhealthy_state_routing.minimum_healthy_targets."
		must(r, r.ModifyTargetGroupAttributes, &elbv2.ModifyTargetGroupAttributesInput{TargetGroupArn: &g, Attributes: []types.TargetGroupAttribute{
			{Key: aws.String(least + "count"), Value: aws.String("3")}, {Key: aws.String(least + "percentage"), Value: aws.String("50")},
		}})
		if got := r.plane().Groups[0]; got.LeastHealthy != 3 || got.LeastHealthyPercent != 50 {
			t.Errorf("got %+v, want 3 and 50 percent", got)
		}
	})
}

func TestTargetsInAZoneTheBalancerIsNotInAreUnusedAndNotInTheTable(t *testing.T) {
	t.Parallel()
	live(t, Options{}, func(r room) {
		g, b := r.group("blue"), r.balancer("web")
		r.listener(b, 80, to(g))
		for id, zone := range map[string]string{"10.0.0.1": "us-east-1a", "10.0.0.3": "us-east-1c"} {
			must(r, r.RegisterTargets, &elbv2.RegisterTargetsInput{TargetGroupArn: &g, Targets: []types.TargetDescription{{Id: &id, AvailabilityZone: &zone}}})
		}
		r.is(g, "initial Elb.RegistrationInProgress", "unused Target.NotInUse")
		if got := r.plane().Groups[0].Targets; len(got) != 1 {
			t.Errorf("table: got %+v, want one target", got)
		}
		must(r, r.SetSubnets, &elbv2.SetSubnetsInput{LoadBalancerArn: &b, Subnets: []string{"subnet-a", "subnet-c"}})
		r.is(g, "initial Elb.RegistrationInProgress", "initial Elb.RegistrationInProgress")
	})
}

func TestTheVersionRisesWithEachTableThatSaysSomethingNew(t *testing.T) {
	t.Parallel()
	live(t, Options{Shorten: func(d time.Duration) time.Duration { return d / 10 }}, func(r room) {
		g := r.group("blue")
		r.listener(r.balancer("web"), 80, to(g))
		first := r.plane()
		if first.Version == 0 || len(first.Balancers) != 1 || first.Balancers[0].Listeners[0].Rules[0].Action.Forward.Groups[0].Group != g {
			t.Fatalf("table: got %+v", first)
		}
		if !strings.HasPrefix(first.Balancers[0].Address, "127.1.") {
			t.Errorf("own address: got %s", first.Balancers[0].Address)
		}
		if c := first.Groups[0].Check; c.Interval != 3*time.Second || c.Timeout != 5*time.Second {
			t.Errorf("check: got interval %v and timeout %v, want the first shortened alone", c.Interval, c.Timeout)
		}
		must(r, r.AddTags, &elbv2.AddTagsInput{ResourceArns: []string{g}, Tags: []types.Tag{{Key: aws.String("a")}}})
		if got := r.plane().Version; got != first.Version {
			t.Errorf("after a tag: got version %d, want %d still", got, first.Version)
		}
		r.register(g, "10.0.0.1", 8080)
		if got := r.plane().Version; got <= first.Version {
			t.Errorf("after a target: got version %d, want more than %d", got, first.Version)
		}
	})
}

func TestADataPlaneWithTheTableOfAnotherStoreIsOvertaken(t *testing.T) {
	t.Parallel()
	live(t, Options{}, func(r room) {
		g := r.group("blue")
		r.listener(r.balancer("web"), 80, to(g))
		r.register(g, "10.0.0.1", 8080)
		r.plane()
		r.update(func(tx *store.Tx) { r.Acked(tx, 1000) })
		if got := r.plane().Version; got <= 1000 {
			t.Errorf("version: got %d, want more than 1000", got)
		}
		r.is(g, "initial Elb.RegistrationInProgress")
	})
}

func TestAListenerOnAnotherPortSaysSoInATag(t *testing.T) {
	t.Parallel()
	var said []string
	live(t, Options{Warn: func(msg string) { said = append(said, msg) }}, func(r room) {
		g := r.group("blue")
		l := r.listener(r.balancer("web"), 80, to(g))
		r.update(func(tx *store.Tx) {
			r.Bound(tx, []Bound{{Listener: l, Shared: "127.0.0.1:80", Own: "127.1.0.1:80"}, {Listener: "gone", Shared: "127.0.0.1:1"}})
		})
		tags := func() []types.Tag {
			return must(r, r.DescribeTags, &elbv2.DescribeTagsInput{ResourceArns: []string{l}}).TagDescriptions[0].Tags
		}
		if got := tags(); len(got) != 0 {
			t.Errorf("on its own port: got tags %v", got)
		}
		r.update(func(tx *store.Tx) {
			r.Bound(tx, []Bound{{Listener: l, Shared: "127.0.0.1:40080", Why: "permission denied"}})
		})
		if got := tags(); len(got) != 1 || *got[0].Key != AddressTag || *got[0].Value != "127.0.0.1:40080" {
			t.Errorf("on another port: got tags %v", got)
		}
		if len(said) != 1 {
			t.Errorf("warnings: got %q, want one", said)
		}
		if got := r.plane().Balancers[0].Listeners[0].Substitute; got != 40080 {
			t.Errorf("substitute in the table: got %d", got)
		}
		r.view(func(tx *store.Tx) {
			if s := r.Status(tx); len(s) != 1 || s[0].Listeners[0].Shared != "127.0.0.1:40080" || s[0].Listeners[0].Rules[0].Groups[0].Name != "blue" {
				t.Errorf("status: got %+v", s)
			}
		})
	})
}

func TestRoomsRegisterAndShareWithinTheirTransactions(t *testing.T) {
	t.Parallel()
	live(t, Options{}, func(r room) {
		blue, green := r.group("blue"), r.group("green")
		b := r.balancer("web")
		l := r.listener(b, 80, to(blue))
		rule := r.rule(l, 1, "/x", to(blue))
		r.update(func(tx *store.Tx) {
			err := errors.Join(
				r.Register(tx, blue, Target{ID: "10.0.0.1", Port: 8080, Owner: "task-1", Dial: balance.Address{Network: "unix", Address: "/tmp/s"}}),
				r.SetWeights(tx, l, []balance.Weighted{{Group: blue, Weight: 90}, {Group: green, Weight: 10}}),
				r.SetWeights(tx, rule, []balance.Weighted{{Group: green, Weight: 1}}))
			if err != nil {
				t.Error(err)
			}
			isRefusal(t, r.SetWeights(tx, rule, []balance.Weighted{{Group: green, Weight: 1000}}), "ValidationError", "")
			isRefusal(t, r.SetWeights(tx, rule+"0", nil), "RuleNotFound", "")
			isRefusal(t, r.Register(tx, here.TargetGroup("x", "0"), Target{}), "TargetGroupNotFound", "")
			if state, reason, _, ok := r.Target(tx, blue, "10.0.0.1", 8080); !ok || state != "initial" || reason != "Elb.RegistrationInProgress" {
				t.Errorf("target: got %s %s %v", state, reason, ok)
			}
			if _, _, _, ok := r.Target(tx, blue, "10.0.0.2", 8080); ok {
				t.Error("a target nobody registered is there")
			}
			g, ok := r.Group(tx, green)
			if !ok || g.Name != "green" || g.DeregistrationDelay != 300*time.Second || !slices.Equal(g.LoadBalancers, []string{b}) {
				t.Errorf("group: got %+v", g)
			}
			if w, ok := r.Weights(tx, l); !ok || !slices.Equal(w, []balance.Weighted{{Group: blue, Weight: 90}, {Group: green, Weight: 10}}) {
				t.Errorf("weights: got %v", w)
			}
		})
		// An API call for the same target leaves ECS's registration as it is.
		r.register(blue, "10.0.0.1", 8080)
		if got := r.plane().Groups[0].Targets[0].Address; got.Network != "unix" {
			t.Errorf("address: got %v", got)
		}
		var owners []string
		w := r.Watch()
		for _, c := range func() []store.Change {
			watch := r.store.Watch(r.targets)
			return watch.Take()
		}() {
			owners = append(owners, w.Keys(c)...)
		}
		if !slices.Equal(owners, []string{"task-1"}) {
			t.Errorf("owners: got %v", owners)
		}
		r.probed(blue, "10.0.0.1", balance.Probe{OK: true})
		r.view(func(tx *store.Tx) {
			if h := r.Hosts(tx); len(h) != 2 || h[0].Healthy != 1 || h[0].Unhealthy != 0 || !strings.HasPrefix(h[0].Balancer, "app/web/") || !strings.HasPrefix(h[0].Group, "targetgroup/blue/") {
				t.Errorf("hosts: got %+v", h)
			}
		})
	})
}
