package elb

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/names"
)

func TestALoadBalancerIsActiveAtOnceWithAWSsDefaults(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b := must(r, r.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{"subnet-a", "subnet-b"}}).LoadBalancers[0]
	if b.State.Code != types.LoadBalancerStateEnumActive || b.Scheme != "internet-facing" || b.Type != "application" || b.IpAddressType != "ipv4" || *b.VpcId != "vpc-1" {
		t.Errorf("got %+v", b)
	}
	if !strings.HasPrefix(*b.LoadBalancerArn, "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/") {
		t.Errorf("ARN: got %s", *b.LoadBalancerArn)
	}
	if !strings.HasPrefix(*b.DNSName, "web-") || !strings.HasSuffix(*b.DNSName, ".us-east-1.elb.localhost") {
		t.Errorf("DNS name: got %s", *b.DNSName)
	}
	if len(b.AvailabilityZones) != 2 || *b.AvailabilityZones[1].ZoneName != "us-east-1b" || len(b.SecurityGroups) != 1 || b.SecurityGroups[0] != "sg-default" {
		t.Errorf("place: got %+v %v", b.AvailabilityZones, b.SecurityGroups)
	}
	inside := must(r, r.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: aws.String("Api"), Scheme: "internal", Subnets: []string{"subnet-a", "subnet-b"}}).LoadBalancers[0]
	if !strings.HasPrefix(*inside.DNSName, "internal-api-") {
		t.Errorf("DNS name of an internal one: got %s", *inside.DNSName)
	}
}

func TestCreatingABalancerTwiceIsOnceUnlessItsSettingsDiffer(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	first := r.balancer("web")
	if again := r.balancer("web"); again != first {
		t.Errorf("the same settings: got %s, want %s", again, first)
	}
	refused(r, r.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: aws.String("web"), Scheme: "internal", Subnets: []string{"subnet-a", "subnet-b"}},
		"DuplicateLoadBalancerName", "A load balancer with the same name 'web' exists, but with different settings")
}

func TestBalancersThatAWSRefusesAreRefused(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	ab := []string{"subnet-a", "subnet-b"}
	for _, c := range []struct {
		in          elbv2.CreateLoadBalancerInput
		code, words string
	}{
		{elbv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{"subnet-a"}}, "ValidationError", "At least two subnets in two different Availability Zones must be specified"},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("web")}, "ValidationError", "At least two subnets in two different Availability Zones must be specified"},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{"subnet-a", "subnet-a2"}}, "InvalidConfigurationRequest", ""},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{"subnet-a", "subnet-none"}}, "SubnetNotFound", "The subnet ID 'subnet-none' does not exist"},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{"subnet-a", "subnet-other"}}, "InvalidSubnet", ""},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: ab, SecurityGroups: []string{"sg-other"}}, "InvalidConfigurationRequest", ""},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: ab, SecurityGroups: []string{"sg-none"}}, "InvalidSecurityGroup", ""},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: ab, Type: "gateway"}, "InvalidConfigurationRequest", ""},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("internal-web"), Subnets: ab}, "ValidationError", ""},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("-web"), Subnets: ab}, "ValidationError", ""},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("web_1"), Subnets: ab}, "ValidationError", ""},
		{elbv2.CreateLoadBalancerInput{Name: aws.String(strings.Repeat("x", 33)), Subnets: ab}, "ValidationError", "Load balancer name 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' cannot be longer than '32' characters"},
		{elbv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: ab, Tags: []types.Tag{{Key: aws.String("k")}, {Key: aws.String("k")}}}, "DuplicateTagKeys", ""},
	} {
		refused(r, r.CreateLoadBalancer, &c.in, c.code, c.words)
	}
	if got := must(r, r.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{}).LoadBalancers; len(got) != 0 || got == nil {
		t.Errorf("after refusals: got %v, want an empty list", got)
	}
}

func TestLenientAcceptsOneSubnetAndForeignSecurityGroupsWithAWarning(t *testing.T) {
	t.Parallel()
	var said []string
	r := newRoom(t, Options{Lenient: true, Warn: func(msg string) { said = append(said, msg) }})
	must(r, r.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{"subnet-a"}, SecurityGroups: []string{"sg-other"}})
	if len(said) != 2 {
		t.Errorf("warnings: got %q, want two", said)
	}
}

func TestAskingForABalancerThatIsNotThereIsAnErrorAndNotAnEmptyList(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	refused(r, r.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{Names: []string{"web"}}, "LoadBalancerNotFound", "Load balancers '[web]' not found")
	arn := here.LoadBalancer("web", "50dc6c495c0c9188")
	refused(r, r.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}}, "LoadBalancerNotFound", "Load balancer '"+arn+"' not found")
	refused(r, r.DescribeTargetGroups, &elbv2.DescribeTargetGroupsInput{Names: []string{"blue"}}, "TargetGroupNotFound", "One or more target groups not found")
	group := here.TargetGroup("blue", "73e2d6bc24d8a067")
	refused(r, r.DescribeTargetGroups, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{group}}, "TargetGroupNotFound", "Target groups '"+group+"' not found")
	must(r, r.DeleteLoadBalancer, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &arn})
	must(r, r.DeleteTargetGroup, &elbv2.DeleteTargetGroupInput{TargetGroupArn: &group})
}

func TestNothingOfOneScopeIsSeenInAnother(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	arn := r.balancer("web")
	for _, other := range []names.Scope{{Account: "210987654321", Region: "us-east-1"}, {Account: here.Account, Region: "eu-west-1"}} {
		o := r
		o.ctx = as(t.Context(), other)
		refused(o, o.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}}, "LoadBalancerNotFound", "")
		must(o, o.DeleteLoadBalancer, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &arn})
		if got := must(o, o.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{}).LoadBalancers; len(got) != 0 {
			t.Errorf("%v sees %v", other, got)
		}
		if o.balancer("web") == arn {
			t.Errorf("%v got another scope's balancer", other)
		}
	}
	must(r, r.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})
}

func TestPagesGiveEachBalancerOnce(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		r.balancer(name)
	}
	var got string
	in := &elbv2.DescribeLoadBalancersInput{PageSize: aws.Int32(2)}
	for {
		out := must(r, r.DescribeLoadBalancers, in)
		for _, b := range out.LoadBalancers {
			got += *b.LoadBalancerName
		}
		if in.Marker = out.NextMarker; in.Marker == nil {
			break
		}
	}
	if got != "abcde" {
		t.Errorf("got %s", got)
	}
	refused(r, r.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{Marker: aws.String("%")}, "ValidationError", "")
	refused(r, r.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{PageSize: aws.Int32(401)}, "ValidationError", "")
}

func TestDeletingABalancerTakesItsListenersUnlessItIsProtected(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b, g := r.balancer("web"), r.group("blue")
	r.rule(r.listener(b, 80, to(g)), 10, "/api/*", to(g))
	protect := func(on string) {
		must(r, r.ModifyLoadBalancerAttributes, &elbv2.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &b, Attributes: []types.LoadBalancerAttribute{{Key: aws.String("deletion_protection.enabled"), Value: &on}}})
	}
	protect("true")
	refused(r, r.DeleteLoadBalancer, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &b}, "OperationNotPermitted", "Load balancer '"+b+"' cannot be deleted because deletion protection is enabled")
	refused(r, r.DeleteTargetGroup, &elbv2.DeleteTargetGroupInput{TargetGroupArn: &g}, "ResourceInUse", "Target group '"+g+"' is currently in use by a listener or a rule")
	protect("false")
	must(r, r.DeleteLoadBalancer, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &b})
	must(r, r.DeleteTargetGroup, &elbv2.DeleteTargetGroupInput{TargetGroupArn: &g})
}

func TestAttributesHaveAWSsDefaultsAndRanges(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b, g := r.balancer("web"), r.group("blue")
	l := r.listener(b, 80, to(g))
	if got := must(r, r.DescribeLoadBalancerAttributes, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &b}).Attributes; len(got) != len(balancerAttributes) {
		t.Errorf("balancer: got %d attributes, want %d", len(got), len(balancerAttributes))
	}
	change := func(key, value string) *elbv2.ModifyLoadBalancerAttributesInput {
		return &elbv2.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &b, Attributes: []types.LoadBalancerAttribute{{Key: aws.String("routing.http2.enabled"), Value: aws.String("false")}, {Key: &key, Value: &value}}}
	}
	refused(r, r.ModifyLoadBalancerAttributes, change("x", "y"), "ValidationError", "Load balancer attribute key 'x' is not recognized")
	refused(r, r.ModifyLoadBalancerAttributes, change("idle_timeout.timeout_seconds", "4001"), "ValidationError", "'idle_timeout.timeout_seconds' value '4001' must be between '1-4000' inclusive")
	refused(r, r.ModifyLoadBalancerAttributes, change("tcp.idle_timeout.seconds", "60"), "ValidationError", "Load balancer attribute key 'tcp.idle_timeout.seconds' is not recognized")
	refused(r, r.ModifyLoadBalancerAttributes, change("dns_record.client_routing_policy", "any_availability_zone"), "InvalidConfigurationRequest", "Load balancer attribute key 'dns_record.client_routing_policy' is not supported on load balancers with type 'application'")
	refused(r, r.ModifyLoadBalancerAttributes, change("connection_logs.s3.enabled", "true"), "ValidationError", "The value of 'connection_logs.s3.bucket' cannot be empty when connection logs are enabled")
	refused(r, r.ModifyLoadBalancerAttributes, change("load_balancing.cross_zone.enabled", "false"), "ValidationError", "")
	refused(r, r.ModifyLoadBalancerAttributes, change("client_keep_alive.seconds", "59"), "ValidationError", "")
	refused(r, r.ModifyLoadBalancerAttributes, change("routing.http.xff_header_processing.mode", "keep"), "ValidationError", "")
	for _, a := range must(r, r.DescribeLoadBalancerAttributes, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &b}).Attributes {
		if *a.Key == "routing.http2.enabled" && *a.Value != "true" {
			t.Error("a refused change left something behind")
		}
	}
	must(r, r.ModifyLoadBalancerAttributes, change("idle_timeout.timeout_seconds", "4000"))

	group := func(kv ...string) *elbv2.ModifyTargetGroupAttributesInput {
		in := &elbv2.ModifyTargetGroupAttributesInput{TargetGroupArn: &g}
		for i := 0; i < len(kv); i += 2 {
			in.Attributes = append(in.Attributes, types.TargetGroupAttribute{Key: &kv[i], Value: &kv[i+1]})
		}
		return in
	}
	for _, c := range []struct {
		in   *elbv2.ModifyTargetGroupAttributesInput
		code string
	}{
		{group("deregistration_delay.timeout_seconds", "3601"), "ValidationError"},
		{group("slow_start.duration_seconds", "10"), "ValidationError"},
		{group("slow_start.duration_seconds", "30", "load_balancing.algorithm.type", "weighted_random"), "InvalidConfigurationRequest"},
		{group("load_balancing.algorithm.anomaly_mitigation", "on"), "InvalidConfigurationRequest"},
		{group("stickiness.enabled", "true", "stickiness.type", "app_cookie"), "InvalidConfigurationRequest"},
		{group("stickiness.app_cookie.cookie_name", "AWSALBx"), "ValidationError"},
		{group("preserve_client_ip.enabled", "true"), "InvalidConfigurationRequest"},
	} {
		refused(r, r.ModifyTargetGroupAttributes, c.in, c.code, "")
	}
	must(r, r.ModifyTargetGroupAttributes, group("deregistration_delay.timeout_seconds", "0", "stickiness.enabled", "true"))
	in := &elbv2.ModifyListenerAttributesInput{ListenerArn: &l, Attributes: []types.ListenerAttribute{{Key: aws.String("routing.http.response.server.enabled"), Value: aws.String("false")}}}
	if got := must(r, r.ModifyListenerAttributes, in).Attributes; len(got) != len(listenerAttributes) {
		t.Errorf("listener: got %d attributes, want %d", len(got), len(listenerAttributes))
	}
}

func TestTagsAreAddedReplacedAndRemoved(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b, g := r.balancer("web"), r.group("blue")
	l := r.listener(b, 80, to(g))
	all := []string{b, g, l, r.rule(l, 1, "/x", to(g))}
	must(r, r.AddTags, &elbv2.AddTagsInput{ResourceArns: all, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}})
	must(r, r.AddTags, &elbv2.AddTagsInput{ResourceArns: all[:1], Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("3")}}})
	must(r, r.RemoveTags, &elbv2.RemoveTagsInput{ResourceArns: all, TagKeys: []string{"b", "none"}})
	for i, d := range must(r, r.DescribeTags, &elbv2.DescribeTagsInput{ResourceArns: all}).TagDescriptions {
		want := "1"
		if i == 0 {
			want = "3"
		}
		if *d.ResourceArn != all[i] || len(d.Tags) != 1 || *d.Tags[0].Key != "a" || *d.Tags[0].Value != want {
			t.Errorf("tags of %s: got %+v, want a=%s", all[i], d, want)
		}
	}
	gone := here.TargetGroup("x", "0")
	refused(r, r.DescribeTags, &elbv2.DescribeTagsInput{ResourceArns: []string{gone}}, "TargetGroupNotFound", "")
	refused(r, r.AddTags, &elbv2.AddTagsInput{ResourceArns: []string{"web"}, Tags: []types.Tag{{Key: aws.String("a")}}}, "ValidationError", "")
}
