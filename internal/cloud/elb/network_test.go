package elb

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/store"
)

func (r room) networkBalancer(name string) string {
	r.t.Helper()
	return *must(r, r.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: &name, Type: "network", Subnets: []string{"subnet-a", "subnet-b"}}).LoadBalancers[0].LoadBalancerArn
}

func (r room) flowGroup(name string) string {
	r.t.Helper()
	return *must(r, r.CreateTargetGroup, &elbv2.CreateTargetGroupInput{
		Name: &name, Protocol: "TCP", Port: aws.Int32(80), VpcId: aws.String("vpc-1"), TargetType: types.TargetTypeEnumIp,
	}).TargetGroups[0].TargetGroupArn
}

func (r room) flowListener(balancer string, port int32, do types.Action) string {
	r.t.Helper()
	return *must(r, r.CreateListener, &elbv2.CreateListenerInput{
		LoadBalancerArn: &balancer, Protocol: "TCP", Port: &port, DefaultActions: []types.Action{do},
	}).Listeners[0].ListenerArn
}

func TestANetworkLoadBalancerIsDescribedAsAWSDescribesIt(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	in := &elbv2.CreateLoadBalancerInput{Name: aws.String("front"), Type: "network", SubnetMappings: []types.SubnetMapping{{SubnetId: aws.String("subnet-a"), AllocationId: aws.String("eipalloc-1")}}}
	b := must(r, r.CreateLoadBalancer, in).LoadBalancers[0]
	id := (*b.LoadBalancerArn)[len(*b.LoadBalancerArn)-16:]
	if want := "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/front/" + id; *b.LoadBalancerArn != want {
		t.Errorf("ARN: got %s, want %s", *b.LoadBalancerArn, want)
	}
	if b.Type != "network" || *b.DNSName != "front-"+id+".elb.us-east-1.localhost" || *b.CanonicalHostedZoneId != "Z26RNL4JYFTOTI" || b.SecurityGroups == nil || len(b.SecurityGroups) != 0 ||
		b.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic != nil || b.Scheme != "internet-facing" || b.IpAddressType != "ipv4" || b.State.Code != "active" {
		t.Errorf("got %+v", b)
	}
	if z := b.AvailabilityZones; len(z) != 1 || *z[0].ZoneName != "us-east-1a" || len(z[0].LoadBalancerAddresses) != 1 || *z[0].LoadBalancerAddresses[0].AllocationId != "eipalloc-1" {
		t.Errorf("zones: got %+v", b.AvailabilityZones)
	}
	if again := must(r, r.CreateLoadBalancer, in).LoadBalancers[0]; *again.LoadBalancerArn != *b.LoadBalancerArn {
		t.Error("asked for again, there is another one")
	}
	in.Type, in.SubnetMappings, in.Subnets = "", nil, []string{"subnet-a", "subnet-b"}
	refused(r, r.CreateLoadBalancer, in, "DuplicateLoadBalancerName", "")

	refused(r, r.SetSecurityGroups, &elbv2.SetSecurityGroupsInput{LoadBalancerArn: b.LoadBalancerArn, SecurityGroups: []string{"sg-1"}},
		"InvalidConfigurationRequest", "You cannot set security groups on a Network Load Balancer which was created without any security groups.")
	guarded := must(r, r.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: aws.String("guarded"), Type: "network", Subnets: []string{"subnet-a"}, SecurityGroups: []string{"sg-1"}}).LoadBalancers[0]
	if len(guarded.SecurityGroups) != 1 || *guarded.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic != "on" {
		t.Errorf("with a security group: got %+v", guarded)
	}
	set := must(r, r.SetSecurityGroups, &elbv2.SetSecurityGroupsInput{LoadBalancerArn: guarded.LoadBalancerArn, SecurityGroups: []string{"sg-default"}, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: "off"})
	if set.SecurityGroupIds[0] != "sg-default" || set.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic != "off" {
		t.Errorf("security groups: got %+v", set)
	}
	must(r, r.SetSubnets, &elbv2.SetSubnetsInput{LoadBalancerArn: b.LoadBalancerArn, Subnets: []string{"subnet-b"}})
	for _, c := range []struct {
		in   elbv2.CreateLoadBalancerInput
		code string
	}{
		{elbv2.CreateLoadBalancerInput{Name: aws.String("x"), Type: "network"}, "ValidationError"},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("x"), Type: "network", IpAddressType: "dualstack-without-public-ipv4", Subnets: []string{"subnet-a"}}, "InvalidConfigurationRequest"},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("x"), Type: "network", SubnetMappings: []types.SubnetMapping{{SubnetId: aws.String("subnet-a"), PrivateIPv4Address: aws.String("10.0.0.9")}}}, "InvalidConfigurationRequest"},
	} {
		refused(r, r.CreateLoadBalancer, &c.in, c.code, "")
	}
}

func TestAGroupOfTCPHasNLBsChecks(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	tcp := func(name string, change func(*elbv2.CreateTargetGroupInput)) *elbv2.CreateTargetGroupInput {
		return ipGroup(name, func(in *elbv2.CreateTargetGroupInput) {
			in.Protocol = "TCP"
			change(in)
		})
	}
	g := must(r, r.CreateTargetGroup, tcp("a", func(*elbv2.CreateTargetGroupInput) {})).TargetGroups[0]
	if g.Protocol != "TCP" || g.HealthCheckProtocol != "TCP" || *g.HealthCheckTimeoutSeconds != 10 || *g.HealthCheckIntervalSeconds != 30 || *g.HealthyThresholdCount != 5 || *g.UnhealthyThresholdCount != 2 ||
		*g.HealthCheckPort != "traffic-port" || g.HealthCheckPath != nil || g.Matcher != nil || g.ProtocolVersion != nil {
		t.Errorf("got %+v", g)
	}
	g = must(r, r.CreateTargetGroup, tcp("b", func(in *elbv2.CreateTargetGroupInput) { in.HealthCheckProtocol = "HTTP" })).TargetGroups[0]
	if *g.HealthCheckTimeoutSeconds != 6 || *g.HealthCheckPath != "/" || *g.Matcher.HttpCode != "200-399" {
		t.Errorf("with checks of HTTP: got %+v", g)
	}
	g = must(r, r.ModifyTargetGroup, &elbv2.ModifyTargetGroupInput{TargetGroupArn: g.TargetGroupArn, HealthCheckProtocol: "TCP"}).TargetGroups[0]
	if g.HealthCheckPath != nil || g.Matcher != nil {
		t.Errorf("changed to TCP: got %+v", g)
	}
	must(r, r.CreateTargetGroup, tcp("c", func(in *elbv2.CreateTargetGroupInput) {
		in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds = aws.Int32(10), aws.Int32(10)
	}))
	for _, c := range []struct {
		change      func(*elbv2.CreateTargetGroupInput)
		code, words string
	}{
		{func(in *elbv2.CreateTargetGroupInput) { in.Matcher = &types.Matcher{HttpCode: aws.String("200")} }, "InvalidConfigurationRequest", "Health check matchers are not supported for TCP health checks"},
		{func(in *elbv2.CreateTargetGroupInput) { in.HealthCheckPath = aws.String("/x") }, "InvalidConfigurationRequest", ""},
		{func(in *elbv2.CreateTargetGroupInput) { in.ProtocolVersion = aws.String("HTTP1") }, "InvalidConfigurationRequest", ""},
		{func(in *elbv2.CreateTargetGroupInput) { in.HealthCheckProtocol = "UDP" }, "ValidationError", ""},
		{func(in *elbv2.CreateTargetGroupInput) {
			in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds = aws.Int32(10), aws.Int32(11)
		}, "ValidationError", "Health check timeout '11' must be smaller than or equal to the interval '10'"},
	} {
		refused(r, r.CreateTargetGroup, tcp("d", c.change), c.code, c.words)
	}
}

func TestAListenerOfTCPForwardsByWeightAndHasNoRules(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b, web := r.networkBalancer("front"), r.balancer("web")
	blue, green, http := r.flowGroup("blue"), r.flowGroup("green"), r.group("http")
	l := r.flowListener(b, 80, to(blue))
	got := must(r, r.DescribeListeners, &elbv2.DescribeListenersInput{ListenerArns: []string{l}}).Listeners[0]
	if a := got.DefaultActions[0]; got.Protocol != "TCP" || *a.TargetGroupArn != blue || *a.ForwardConfig.TargetGroups[0].Weight != 1 || got.SslPolicy != nil {
		t.Errorf("got %+v", got)
	}
	weighted := shares(balance.Weighted{Group: blue, Weight: 90}, balance.Weighted{Group: green, Weight: 10})
	weighted.ForwardConfig.TargetGroupStickinessConfig = &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true)} // without a time
	got = must(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: &l, DefaultActions: []types.Action{weighted}}).Listeners[0]
	if a := got.DefaultActions[0]; a.TargetGroupArn != nil || len(a.ForwardConfig.TargetGroups) != 2 || !*a.ForwardConfig.TargetGroupStickinessConfig.Enabled || a.ForwardConfig.TargetGroupStickinessConfig.DurationSeconds != nil {
		t.Errorf("weighted: got %+v", a)
	}
	if rules := must(r, r.DescribeRules, &elbv2.DescribeRulesInput{ListenerArn: &l}).Rules; len(rules) != 1 || !*rules[0].IsDefault {
		t.Errorf("rules: got %+v", rules)
	}
	refused(r, r.CreateRule, &elbv2.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(1), Conditions: []types.RuleCondition{onPath("/x")}, Actions: []types.Action{to(blue)}}, "UnsupportedProtocol", "")
	listen := func(on string, protocol types.ProtocolEnum, do types.Action) *elbv2.CreateListenerInput {
		return &elbv2.CreateListenerInput{LoadBalancerArn: &on, Port: aws.Int32(81), Protocol: protocol, DefaultActions: []types.Action{do}}
	}
	var said []string
	r.o.Warn = func(s string) { said = append(said, s) }
	for _, c := range []struct {
		in          *elbv2.CreateListenerInput
		code, words string
	}{
		{listen(b, "HTTP", to(blue)), "ValidationError", "Listener protocol 'HTTP' must be one of 'TLS, TCP, TCP_UDP, UDP'"},
		{listen(web, "TCP", to(http)), "ValidationError", "Listener protocol 'TCP' must be one of 'HTTPS, HTTP'"},
		{listen(b, "UDP", to(blue)), "InvalidConfigurationRequest", "Listeners with the protocol 'UDP' are not supported by this local cloud"},
		{listen(b, "TLS", to(blue)), "ValidationError", "A certificate must be specified for TLS listeners"},
		{listen(b, "TCP", to(http)), "IncompatibleProtocols", "The listener and its associated target group '" + http + "' have incompatible protocols: 'TCP' and 'HTTP'"},
		{listen(web, "HTTP", to(blue)), "IncompatibleProtocols", ""},
		{listen(b, "TCP", says("200")), "InvalidLoadBalancerAction", ""},
		{listen(r.networkBalancer("other"), "TCP", to(blue)), "TargetGroupAssociationLimit", ""},
	} {
		refused(r, r.CreateListener, c.in, c.code, c.words)
	}
	if len(said) != 1 {
		t.Errorf("the console was told %q, want that UDP is not built", said)
	}
	r.update(func(tx *store.Tx) {
		if err := r.SetWeights(tx, l, []balance.Weighted{{Group: blue, Weight: 0}, {Group: green, Weight: 100}}); err != nil {
			t.Error(err)
		}
	})
	got = must(r, r.DescribeListeners, &elbv2.DescribeListenersInput{ListenerArns: []string{l}}).Listeners[0]
	if f := got.DefaultActions[0].ForwardConfig; *f.TargetGroups[1].Weight != 100 || !*f.TargetGroupStickinessConfig.Enabled {
		t.Errorf("after a shift: got %+v", f)
	}
	must(r, r.DeleteLoadBalancer, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &b})
}

func TestAttributesAreThoseOfTheKindOfBalancer(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b, g := r.networkBalancer("front"), r.flowGroup("blue")
	l := r.flowListener(b, 80, to(g))
	var got []string
	for _, a := range must(r, r.DescribeLoadBalancerAttributes, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &b}).Attributes {
		got = append(got, *a.Key+"="+*a.Value)
	}
	want := []string{
		"access_logs.s3.enabled=false", "access_logs.s3.bucket=", "access_logs.s3.prefix=", "deletion_protection.enabled=false",
		"dns_record.client_routing_policy=any_availability_zone", "ipv6.deny_all_igw_traffic=false", "load_balancing.cross_zone.enabled=false",
		"secondary_ips.auto_assigned.per_subnet=0", "zonal_shift.config.enabled=false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("balancer:\ngot  %q\nwant %q", got, want)
	}
	group := func(arn string) (got []string) {
		for _, a := range must(r, r.DescribeTargetGroupAttributes, &elbv2.DescribeTargetGroupAttributesInput{TargetGroupArn: &arn}).Attributes {
			got = append(got, *a.Key+"="+*a.Value)
		}
		return got
	}
	const least = "target_group_health."
	want = []string{
		"deregistration_delay.timeout_seconds=300", "deregistration_delay.connection_termination.enabled=false",
		"load_balancing.cross_zone.enabled=use_load_balancer_configuration", "preserve_client_ip.enabled=false", "proxy_protocol_v2.enabled=false",
		"stickiness.enabled=false", "stickiness.type=source_ip",
		least + "dns_failover.minimum_healthy_targets.count=1", least + "dns_failover.minimum_healthy_targets.percentage=off",
		least + "unhealthy_state_routing.minimum_healthy_targets.count=1", least + "unhealthy_state_routing.minimum_healthy_targets.percentage=off",
		"target_health_state.unhealthy.connection_termination.enabled=true", "target_health_state.unhealthy.draining_interval_seconds=0",
	}
	if got := group(g); !slices.Equal(got, want) {
		t.Errorf("group:\ngot  %q\nwant %q", got, want)
	}
	of := must(r, r.CreateTargetGroup, &elbv2.CreateTargetGroupInput{Name: aws.String("instances"), Protocol: "TCP", Port: aws.Int32(80), VpcId: aws.String("vpc-1")}).TargetGroups[0]
	if !slices.Contains(group(*of.TargetGroupArn), "preserve_client_ip.enabled=true") {
		t.Error("a group of instances does not preserve its clients' addresses")
	}
	if got := must(r, r.DescribeListenerAttributes, &elbv2.DescribeListenerAttributesInput{ListenerArn: &l}).Attributes; len(got) != 1 || *got[0].Key != "tcp.idle_timeout.seconds" || *got[0].Value != "350" {
		t.Errorf("listener: got %+v", got)
	}

	balancer := func(key, value string) *elbv2.ModifyLoadBalancerAttributesInput {
		return &elbv2.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &b, Attributes: []types.LoadBalancerAttribute{{Key: &key, Value: &value}}}
	}
	refused(r, r.ModifyLoadBalancerAttributes, balancer("idle_timeout.timeout_seconds", "60"), "InvalidConfigurationRequest", "Load balancer attribute key 'idle_timeout.timeout_seconds' is not supported on load balancers with type 'network'")
	refused(r, r.ModifyLoadBalancerAttributes, balancer("secondary_ips.auto_assigned.per_subnet", "8"), "ValidationError", "")
	must(r, r.ModifyLoadBalancerAttributes, balancer("secondary_ips.auto_assigned.per_subnet", "3"))
	refused(r, r.ModifyLoadBalancerAttributes, balancer("secondary_ips.auto_assigned.per_subnet", "2"), "InvalidConfigurationRequest", "")
	must(r, r.ModifyLoadBalancerAttributes, balancer("load_balancing.cross_zone.enabled", "true"))
	idle := func(value string) *elbv2.ModifyListenerAttributesInput {
		return &elbv2.ModifyListenerAttributesInput{ListenerArn: &l, Attributes: []types.ListenerAttribute{{Key: aws.String("tcp.idle_timeout.seconds"), Value: &value}}}
	}
	refused(r, r.ModifyListenerAttributes, idle("59"), "ValidationError", "'tcp.idle_timeout.seconds' value '59' must be between '60-6000' inclusive")
	refused(r, r.ModifyListenerAttributes, idle("6001"), "ValidationError", "")
	must(r, r.ModifyListenerAttributes, idle("6000"))
	change := func(arn, key, value string) *elbv2.ModifyTargetGroupAttributesInput {
		return &elbv2.ModifyTargetGroupAttributesInput{TargetGroupArn: &arn, Attributes: []types.TargetGroupAttribute{{Key: &key, Value: &value}}}
	}
	refused(r, r.ModifyTargetGroupAttributes, change(g, "slow_start.duration_seconds", "30"), "InvalidConfigurationRequest", "The provided target group attribute is not supported")
	refused(r, r.ModifyTargetGroupAttributes, change(r.group("plain"), "lambda.multi_value_headers.enabled", "true"), "InvalidConfigurationRequest", "The provided target group attribute is not supported")
	refused(r, r.ModifyTargetGroupAttributes, change(g, "stickiness.type", "lb_cookie"), "InvalidConfigurationRequest", "Stickiness type 'lb_cookie' is not supported for target groups with the TCP protocol")
	refused(r, r.ModifyTargetGroupAttributes, change(r.group("http"), "stickiness.type", "source_ip"), "InvalidConfigurationRequest", "Stickiness type 'source_ip' is not supported for target groups with the HTTP protocol")
	refused(r, r.ModifyTargetGroupAttributes, change(g, "target_health_state.unhealthy.draining_interval_seconds", "10"), "InvalidConfigurationRequest", "")
	refused(r, r.ModifyTargetGroupAttributes, change(g, "deregistration_delay.timeout_seconds", "3601"), "ValidationError", "'deregistration_delay.timeout_seconds' value '3601' must be between '0-3600' inclusive")
	must(r, r.ModifyTargetGroupAttributes, change(g, "stickiness.enabled", "true"))
}

func TestTheTableSaysHowConnectionsAreTreated(t *testing.T) {
	t.Parallel()
	live(t, Options{}, func(r room) {
		b, g := r.networkBalancer("front"), r.flowGroup("blue")
		l := r.flowListener(b, 80, to(g))
		must(r, r.RegisterTargets, &elbv2.RegisterTargetsInput{TargetGroupArn: &g, Targets: []types.TargetDescription{{Id: aws.String("10.0.0.1"), Port: aws.Int32(8080), AvailabilityZone: aws.String("us-east-1a")}}})
		r.ack()
		table := r.plane()
		if flows := table.Groups[0].Flows; flows != (balance.Flows{EndUnhealthy: true, InZones: true}) {
			t.Errorf("by default: %+v", flows)
		}
		if pt := table.Groups[0].Targets[0]; pt.Zone != "us-east-1a" || pt.Unhealthy || pt.Healthy || table.Groups[0].Check.Protocol != "TCP" {
			t.Errorf("target: %+v, check %+v", pt, table.Groups[0].Check)
		}
		if pl := table.Balancers[0].Listeners[0]; pl.Protocol != "TCP" || pl.Idle != 350*time.Second {
			t.Errorf("listener: %+v", pl)
		}
		must(r, r.ModifyLoadBalancerAttributes, &elbv2.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &b, Attributes: []types.LoadBalancerAttribute{{Key: aws.String(keyCrossZone), Value: aws.String("true")}}})
		must(r, r.ModifyTargetGroupAttributes, &elbv2.ModifyTargetGroupAttributesInput{TargetGroupArn: &g, Attributes: []types.TargetGroupAttribute{
			{Key: aws.String(keyEndDraining), Value: aws.String("true")}, {Key: aws.String(keyEndUnhealthy), Value: aws.String("false")},
			{Key: aws.String(keyKeepSource), Value: aws.String("true")}, {Key: aws.String(keyProxyHeader), Value: aws.String("true")}, {Key: aws.String(keySticky), Value: aws.String("true")}}})
		must(r, r.ModifyListenerAttributes, &elbv2.ModifyListenerAttributesInput{ListenerArn: &l, Attributes: []types.ListenerAttribute{{Key: aws.String(keyFlowIdle), Value: aws.String("60")}}})
		table = r.plane()
		if flows := table.Groups[0].Flows; flows != (balance.Flows{EndDraining: true, KeepSource: true, ProxyHeader: true, BySource: true}) || !table.Groups[0].Check.ProxyHeader {
			t.Errorf("changed: %+v", flows)
		}
		r.probed(g, "10.0.0.1", balance.Probe{Why: balance.Refused})
		r.probed(g, "10.0.0.1", balance.Probe{Why: balance.Refused})
		r.is(g, "unhealthy Target.FailedHealthChecks")
		if pt := r.plane().Groups[0].Targets[0]; !pt.Unhealthy {
			t.Errorf("an unhealthy target: %+v", pt)
		}
		for range 5 {
			r.probed(g, "10.0.0.1", balance.Probe{OK: true})
		}
		r.is(g, "healthy")
		if pt := r.plane().Groups[0].Targets[0]; pt.Unhealthy || !pt.Healthy {
			t.Errorf("a healthy target: %+v", pt)
		}
	})
}
