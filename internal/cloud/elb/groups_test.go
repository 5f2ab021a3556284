package elb

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// ipGroup is a request for a group of addresses, with changes.
func ipGroup(name string, change func(*elbv2.CreateTargetGroupInput)) *elbv2.CreateTargetGroupInput {
	in := &elbv2.CreateTargetGroupInput{Name: &name, Protocol: "HTTP", Port: aws.Int32(80), VpcId: aws.String("vpc-1"), TargetType: "ip"}
	if change != nil {
		change(in)
	}
	return in
}

func TestATargetGroupHasALBsDefaults(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	g := must(r, r.CreateTargetGroup, ipGroup("blue", nil)).TargetGroups[0]
	if *g.HealthCheckTimeoutSeconds != 5 || *g.HealthCheckIntervalSeconds != 30 || *g.HealthyThresholdCount != 5 || *g.UnhealthyThresholdCount != 2 ||
		*g.HealthCheckPath != "/" || *g.HealthCheckPort != "traffic-port" || g.HealthCheckProtocol != "HTTP" || !*g.HealthCheckEnabled ||
		*g.Matcher.HttpCode != "200" || *g.ProtocolVersion != "HTTP1" || g.IpAddressType != "ipv4" || g.LoadBalancerArns == nil {
		t.Errorf("got %+v", g)
	}
	// Terraform sends an empty version and its own thresholds.
	tf := must(r, r.CreateTargetGroup, ipGroup("tf", func(in *elbv2.CreateTargetGroupInput) {
		in.ProtocolVersion, in.HealthyThresholdCount, in.UnhealthyThresholdCount = aws.String(""), aws.Int32(3), aws.Int32(3)
		in.HealthCheckPath, in.Matcher = aws.String(""), &types.Matcher{HttpCode: aws.String("")}
	})).TargetGroups[0]
	if *tf.ProtocolVersion != "HTTP1" || *tf.HealthyThresholdCount != 3 || *tf.HealthCheckPath != "/" || *tf.Matcher.HttpCode != "200" {
		t.Errorf("got %+v", tf)
	}
	grpc := must(r, r.CreateTargetGroup, ipGroup("grpc", func(in *elbv2.CreateTargetGroupInput) { in.ProtocolVersion = aws.String("GRPC") })).TargetGroups[0]
	if *grpc.HealthCheckPath != "/AWS.ALB/healthcheck" || *grpc.Matcher.GrpcCode != "12" || grpc.Matcher.HttpCode != nil {
		t.Errorf("got %+v", grpc)
	}
}

func TestCreatingAGroupTwiceIsOnceUnlessItsSettingsDiffer(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	if a, b := r.group("blue"), r.group("blue"); a != b {
		t.Errorf("got %s and %s", a, b)
	}
	refused(r, r.CreateTargetGroup, ipGroup("blue", func(in *elbv2.CreateTargetGroupInput) { in.Port = aws.Int32(81) }),
		"DuplicateTargetGroupName", "A target group with the same name 'blue' exists, but with different settings")
}

func TestGroupsThatAWSRefusesAreRefused(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	for _, c := range []struct {
		change      func(*elbv2.CreateTargetGroupInput)
		code, words string
	}{
		{func(in *elbv2.CreateTargetGroupInput) { in.Name = aws.String(strings.Repeat("x", 33)) }, "ValidationError", "Target group name '" + strings.Repeat("x", 33) + "' cannot be longer than '32' characters"},
		{func(in *elbv2.CreateTargetGroupInput) { in.Name = aws.String("x-") }, "ValidationError", ""},
		{func(in *elbv2.CreateTargetGroupInput) { in.Protocol = "" }, "ValidationError", "A protocol must be specified"},
		{func(in *elbv2.CreateTargetGroupInput) { in.Port = nil }, "ValidationError", "A port must be specified"},
		{func(in *elbv2.CreateTargetGroupInput) { in.VpcId = nil }, "ValidationError", "A VPC ID must be specified"},
		{func(in *elbv2.CreateTargetGroupInput) { in.VpcId = aws.String("vpc-gone") }, "ValidationError", "The VPC ID 'vpc-gone' is not found"},
		{func(in *elbv2.CreateTargetGroupInput) { in.Port = aws.Int32(0) }, "ValidationError", ""},
		{func(in *elbv2.CreateTargetGroupInput) { in.Protocol = "TLS" }, "InvalidConfigurationRequest", "Target groups with the protocol 'TLS' are not supported by this local cloud"},
		{func(in *elbv2.CreateTargetGroupInput) { in.TargetType = "lambda" }, "InvalidConfigurationRequest", ""},
		{func(in *elbv2.CreateTargetGroupInput) {
			in.HealthCheckTimeoutSeconds, in.HealthCheckIntervalSeconds = aws.Int32(30), aws.Int32(30)
		}, "ValidationError", "Health check timeout '30' must be smaller than the interval '30'"},
		{func(in *elbv2.CreateTargetGroupInput) { in.HealthCheckIntervalSeconds = aws.Int32(4) }, "ValidationError", ""},
		{func(in *elbv2.CreateTargetGroupInput) { in.HealthyThresholdCount = aws.Int32(1) }, "ValidationError", ""},
		{func(in *elbv2.CreateTargetGroupInput) { in.UnhealthyThresholdCount = aws.Int32(11) }, "ValidationError", ""},
		{func(in *elbv2.CreateTargetGroupInput) { in.HealthCheckPath = aws.String("healthz") }, "ValidationError", ""},
		{func(in *elbv2.CreateTargetGroupInput) { in.HealthCheckPort = aws.String("http") }, "ValidationError", ""},
		{func(in *elbv2.CreateTargetGroupInput) { in.HealthCheckEnabled = aws.Bool(false) }, "ValidationError", ""},
		{func(in *elbv2.CreateTargetGroupInput) { in.Matcher = &types.Matcher{HttpCode: aws.String("200-599")} }, "ValidationError", ""},
		{func(in *elbv2.CreateTargetGroupInput) { in.Matcher = &types.Matcher{HttpCode: aws.String("ok")} }, "ValidationError", ""},
		{func(in *elbv2.CreateTargetGroupInput) { in.Matcher = &types.Matcher{GrpcCode: aws.String("0")} }, "ValidationError", ""},
	} {
		refused(r, r.CreateTargetGroup, ipGroup("blue", c.change), c.code, c.words)
	}
	g := r.group("blue")
	refused(r, r.ModifyTargetGroup, &elbv2.ModifyTargetGroupInput{TargetGroupArn: &g, HealthCheckPath: aws.String("/ok"), HealthCheckIntervalSeconds: aws.Int32(5)},
		"ValidationError", "Health check timeout '5' must be smaller than the interval '5'")
	if got := must(r, r.DescribeTargetGroups, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{g}}).TargetGroups[0]; *got.HealthCheckPath != "/" {
		t.Errorf("a refused change left path %s", *got.HealthCheckPath)
	}
	out := must(r, r.ModifyTargetGroup, &elbv2.ModifyTargetGroupInput{TargetGroupArn: &g, HealthCheckPath: aws.String("/ok"), Matcher: &types.Matcher{HttpCode: aws.String("200,204-299")}})
	if *out.TargetGroups[0].HealthCheckPath != "/ok" || *out.TargetGroups[0].Matcher.HttpCode != "200,204-299" || *out.TargetGroups[0].HealthCheckIntervalSeconds != 30 {
		t.Errorf("got %+v", out.TargetGroups[0])
	}
}

func TestGroupsAreFoundByTheirBalancer(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b, blue, green := r.balancer("web"), r.group("blue"), r.group("green")
	r.group("idle")
	l := r.listener(b, 80, to(blue))
	r.rule(l, 1, "/x", to(green))
	var got []string
	for _, g := range must(r, r.DescribeTargetGroups, &elbv2.DescribeTargetGroupsInput{LoadBalancerArn: &b}).TargetGroups {
		got = append(got, *g.TargetGroupName+" "+strings.Join(g.LoadBalancerArns, ","))
	}
	if want := "blue " + b + "; green " + b; strings.Join(got, "; ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "; "), want)
	}
}

func TestTargetsThatAWSRefusesAreRefused(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	g := r.group("blue")
	inst := *must(r, r.CreateTargetGroup, ipGroup("inst", func(in *elbv2.CreateTargetGroupInput) { in.TargetType = "" })).TargetGroups[0].TargetGroupArn
	gone := here.TargetGroup("gone", "73e2d6bc24d8a067")
	register := func(group string, ids ...string) *elbv2.RegisterTargetsInput {
		in := &elbv2.RegisterTargetsInput{TargetGroupArn: &group}
		for _, id := range ids {
			in.Targets = append(in.Targets, types.TargetDescription{Id: &id})
		}
		return in
	}
	refused(r, r.RegisterTargets, register(gone, "10.0.0.1"), "TargetGroupNotFound", "")
	refused(r, r.RegisterTargets, register(inst, "i-1", "i-2"), "InvalidTarget", "The following targets are not in a running state and cannot be registered: 'i-1', 'i-2'")
	refused(r, r.RegisterTargets, register(g, "10.0.0.1", "8.8.8.8"), "InvalidTarget", "")
	refused(r, r.RegisterTargets, register(g, "web"), "ValidationError", "The IP address 'web' is not a valid IPv4 address")
	refused(r, r.RegisterTargets, register(g, "::1"), "ValidationError", "")
	refused(r, r.RegisterTargets, register(g), "ValidationError", "")
	refused(r, r.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: &gone}, "TargetGroupNotFound", "Target groups '"+gone+"' not found")
	if got := r.health(g); len(got) != 0 {
		t.Errorf("after refusals: got %v", got)
	}
	must(r, r.RegisterTargets, register(g, "10.0.0.1", "127.0.0.9", "100.64.0.1"))
	must(r, r.RegisterTargets, register(g, "10.0.0.1"))
	if got := r.health(g); len(got) != 3 || got[0] != "unused Target.NotInUse" {
		t.Errorf("got %v, want three unused ones", got)
	}
	asked := must(r, r.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: &g, Targets: []types.TargetDescription{{Id: aws.String("10.0.0.2")}}}).TargetHealthDescriptions
	if len(asked) != 1 || asked[0].TargetHealth.State != "unused" || asked[0].TargetHealth.Reason != "Target.NotRegistered" || *asked[0].TargetHealth.Description != "Target is not registered to the target group" {
		t.Errorf("a target nobody registered: got %+v", asked[0].TargetHealth)
	}
}
