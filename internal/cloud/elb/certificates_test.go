package elb

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	acmARN = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
	iamARN = "arn:aws:iam::123456789012:server-certificate/web"
)

func certificate(arns ...string) (all []types.Certificate) {
	for _, arn := range arns {
		all = append(all, types.Certificate{CertificateArn: aws.String(arn)})
	}
	return all
}

func TestHTTPSListenersHaveACertificateAndAPolicy(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b, blue := r.balancer("web"), r.group("blue")
	grpc := *must(r, r.CreateTargetGroup, ipGroup("grpc", func(in *elbv2.CreateTargetGroupInput) { in.ProtocolVersion = aws.String("GRPC") })).TargetGroups[0].TargetGroupArn
	in := func(port int32, policy string, do types.Action, arns ...string) *elbv2.CreateListenerInput {
		return &elbv2.CreateListenerInput{LoadBalancerArn: &b, Port: &port, Protocol: "HTTPS", SslPolicy: &policy, Certificates: certificate(arns...), DefaultActions: []types.Action{do}}
	}
	l := must(r, r.CreateListener, in(443, "", to(blue), acmARN)).Listeners[0]
	if aws.ToString(l.SslPolicy) != "ELBSecurityPolicy-2016-08" || len(l.Certificates) != 1 || *l.Certificates[0].CertificateArn != acmARN || *l.MutualAuthentication.Mode != "off" {
		t.Errorf("got %+v", l)
	}
	if again := must(r, r.CreateListener, in(443, "", to(blue), acmARN)).Listeners[0]; *again.ListenerArn != *l.ListenerArn {
		t.Errorf("the same again is another one: %s", *again.ListenerArn)
	}
	must(r, r.CreateListener, in(8443, "ELBSecurityPolicy-TLS13-1-2-2021-06", to(grpc), iamARN))
	for _, c := range []struct {
		in          *elbv2.CreateListenerInput
		code, words string
	}{
		{in(444, "", to(blue), "arn:aws:acm:eu-west-1:123456789012:certificate/x"), "CertificateNotFound", "Certificate 'arn:aws:acm:eu-west-1:123456789012:certificate/x' not found"},
		{in(444, "", to(blue), "arn:aws:acm:us-east-1:999999999999:certificate/x"), "CertificateNotFound", ""},
		{in(444, "", to(blue), "arn:aws:iam::999999999999:server-certificate/x"), "CertificateNotFound", ""},
		{in(444, "", to(blue), "nonsense"), "ValidationError", "Certificate ARN 'nonsense' is not valid"},
		{in(444, "", to(blue), acmARN, iamARN), "ValidationError", "Up to one certificate can be specified for the listener"},
		{in(444, "ELBSecurityPolicy-None", to(blue), acmARN), "SSLPolicyNotFound", "SSL policy 'ELBSecurityPolicy-None' not found"},
		{in(444, "", types.Action{Type: "redirect", RedirectConfig: &types.RedirectActionConfig{Protocol: aws.String("HTTP"), StatusCode: "HTTP_301"}}, acmARN), "InvalidLoadBalancerAction", ""},
		{in(444, "", types.Action{Type: "authenticate-oidc"}, acmARN), "InvalidConfigurationRequest", ""},
		{&elbv2.CreateListenerInput{LoadBalancerArn: &b, Port: aws.Int32(80), Protocol: "HTTP", Certificates: certificate(acmARN), DefaultActions: []types.Action{to(blue)}}, "ValidationError", "A certificate cannot be specified for HTTP listeners"},
	} {
		refused(r, r.CreateListener, c.in, c.code, c.words)
	}
	got := must(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: l.ListenerArn, Protocol: "HTTP", Port: aws.Int32(80)}).Listeners[0]
	if got.SslPolicy != nil || len(got.Certificates) != 0 || *got.Port != 80 {
		t.Errorf("as HTTP it is %+v", got)
	}
	got = must(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: l.ListenerArn, Protocol: "HTTPS", Certificates: certificate(iamARN), SslPolicy: aws.String("ELBSecurityPolicy-FS-1-2-Res-2020-10")}).Listeners[0]
	if *got.SslPolicy != "ELBSecurityPolicy-FS-1-2-Res-2020-10" || *got.Certificates[0].CertificateArn != iamARN {
		t.Errorf("as HTTPS again it is %+v", got)
	}
}

func TestListenersTakeMoreCertificates(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b := r.balancer("web")
	l := must(r, r.CreateListener, &elbv2.CreateListenerInput{LoadBalancerArn: &b, Port: aws.Int32(443), Protocol: "HTTPS", Certificates: certificate(acmARN), DefaultActions: []types.Action{says("200")}}).Listeners[0].ListenerArn
	added := must(r, r.AddListenerCertificates, &elbv2.AddListenerCertificatesInput{ListenerArn: l, Certificates: certificate(iamARN)}).Certificates
	if len(added) != 1 || *added[0].CertificateArn != iamARN || *added[0].IsDefault {
		t.Errorf("added %+v", added)
	}
	must(r, r.AddListenerCertificates, &elbv2.AddListenerCertificatesInput{ListenerArn: l, Certificates: certificate(iamARN)})
	all := must(r, r.DescribeListenerCertificates, &elbv2.DescribeListenerCertificatesInput{ListenerArn: l}).Certificates
	if len(all) != 2 || !*all[0].IsDefault || *all[0].CertificateArn != acmARN || *all[1].CertificateArn != iamARN || *all[1].IsDefault {
		t.Errorf("got %+v", all)
	}
	refused(r, r.RemoveListenerCertificates, &elbv2.RemoveListenerCertificatesInput{ListenerArn: l, Certificates: certificate(acmARN)}, "OperationNotPermitted", "")
	must(r, r.RemoveListenerCertificates, &elbv2.RemoveListenerCertificatesInput{ListenerArn: l, Certificates: certificate(iamARN)})
	if all = must(r, r.DescribeListenerCertificates, &elbv2.DescribeListenerCertificatesInput{ListenerArn: l}).Certificates; len(all) != 1 {
		t.Errorf("after the removal: %+v", all)
	}
	var many []string
	for n := range 26 {
		many = append(many, fmt.Sprintf("arn:aws:acm:us-east-1:123456789012:certificate/%d", n))
	}
	refused(r, r.AddListenerCertificates, &elbv2.AddListenerCertificatesInput{ListenerArn: l, Certificates: certificate(many...)}, "TooManyCertificates", "")
}

func TestAListenerOfTLSHasACertificateAPolicyAndPerhapsALPN(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	b, blue, green := r.networkBalancer("front"), r.flowGroup("blue"), r.flowGroup("green")
	in := func(port int32, arn string, alpn ...string) *elbv2.CreateListenerInput {
		return &elbv2.CreateListenerInput{LoadBalancerArn: &b, Port: &port, Protocol: "TLS", Certificates: certificate(arn), AlpnPolicy: alpn, DefaultActions: []types.Action{to(blue)}}
	}
	l := must(r, r.CreateListener, in(443, acmARN, "HTTP2Preferred")).Listeners[0]
	if l.Protocol != "TLS" || aws.ToString(l.SslPolicy) != "ELBSecurityPolicy-2016-08" || len(l.Certificates) != 1 || *l.Certificates[0].CertificateArn != acmARN || l.MutualAuthentication != nil ||
		!slices.Equal(l.AlpnPolicy, []string{"HTTP2Preferred"}) {
		t.Errorf("got %+v", l)
	}
	if again := must(r, r.CreateListener, in(443, acmARN, "HTTP2Preferred")).Listeners[0]; *again.ListenerArn != *l.ListenerArn {
		t.Errorf("the same again is another one: %s", *again.ListenerArn)
	}
	refused(r, r.CreateListener, in(443, acmARN, "HTTP1Only"), "DuplicateListener", "")
	refused(r, r.CreateListener, in(444, acmARN, "HTTP3Only"), "ALPNPolicyNotFound", "")
	refused(r, r.CreateListener, in(444, acmARN, "HTTP1Only", "None"), "ValidationError", "")
	refused(r, r.CreateRule, &elbv2.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(1), Conditions: []types.RuleCondition{onPath("/x")}, Actions: []types.Action{to(blue)}}, "UnsupportedProtocol", "")
	if got := must(r, r.DescribeListenerAttributes, &elbv2.DescribeListenerAttributesInput{ListenerArn: l.ListenerArn}).Attributes; len(got) != 0 {
		t.Errorf("attributes: got %+v", got)
	}
	refused(r, r.ModifyListenerAttributes, &elbv2.ModifyListenerAttributesInput{ListenerArn: l.ListenerArn, Attributes: []types.ListenerAttribute{{Key: aws.String(keyFlowIdle), Value: aws.String("60")}}},
		"InvalidConfigurationRequest", "Listener attribute key 'tcp.idle_timeout.seconds' is not supported on listeners with the protocol 'TLS'")
	r.update(func(tx *store.Tx) {
		if err := r.SetWeights(tx, *l.ListenerArn, []balance.Weighted{{Group: blue, Weight: 90}, {Group: green, Weight: 10}}); err != nil {
			t.Error(err)
		}
	})
	must(r, r.AddListenerCertificates, &elbv2.AddListenerCertificatesInput{ListenerArn: l.ListenerArn, Certificates: certificate(iamARN)})
	r.view(func(tx *store.Tx) {
		pl := r.Plane(tx).Balancers[0].Listeners[0]
		if pl.Protocol != "TLS" || pl.Idle != 0 || pl.Secure.MaxVersion != tls.VersionTLS12 || pl.Secure.HTTP2 || !slices.Equal(pl.Secure.ALPN, []string{"h2", "http/1.1", "http/1.0"}) {
			t.Errorf("the table has %+v, %+v", pl, pl.Secure)
		}
	})
	got := must(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: l.ListenerArn, Protocol: "TCP"}).Listeners[0]
	if got.SslPolicy != nil || len(got.Certificates) != 0 || got.AlpnPolicy != nil || len(got.DefaultActions[0].ForwardConfig.TargetGroups) != 2 {
		t.Errorf("as TCP it is %+v", got)
	}
	refused(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: l.ListenerArn, AlpnPolicy: []string{"None"}}, "ValidationError", "An ALPN policy cannot be specified for TCP listeners")
}

func TestHeadersOfTLSHaveNoNameThatRoutesFramesOrIsTaken(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	l := r.listener(r.balancer("web"), 80, says("200"))
	named := func(key, name string) *elbv2.ModifyListenerAttributesInput {
		return &elbv2.ModifyListenerAttributesInput{ListenerArn: &l, Attributes: []types.ListenerAttribute{{Key: &key, Value: &name}}}
	}
	for _, key := range []string{keyVersionHeader, keyCipherHeader} {
		for _, name := range []string{"Host", "connection", "Content-Length", "TRANSFER-ENCODING", "TE", "Trailer", "Upgrade", "Keep-Alive", "Proxy-Authorization", "proxy-x",
			"Expect", "x-forwarded-for", "X-Forwarded-Proto", "X-FORWARDED-PORT", "X-Amzn-Trace-Id"} {
			refused(r, r.ModifyListenerAttributes, named(key, name), "ValidationError", "The value of '"+key+"' is not a valid header name")
		}
		for _, name := range []string{"X-Host", "Hostess", "Tea", "Proxy", "X-Forwarded", ""} {
			must(r, r.ModifyListenerAttributes, named(key, name))
		}
	}
}

func TestHeadersThatAListenerAddsHaveTheCharactersAndTheLengthThatTheyMay(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	l := r.listener(r.balancer("web"), 80, says("200"))
	const key = "routing.http.response.content_security_policy.header_value"
	set := func(value string) *elbv2.ModifyListenerAttributesInput {
		return &elbv2.ModifyListenerAttributesInput{ListenerArn: &l, Attributes: []types.ListenerAttribute{{Key: aws.String(key), Value: &value}}}
	}
	for _, value := range []string{"default-src 'self'; img-src *.example.com:8080/a?b={c}&d=[e]#f", "_ :;.,\\/'?!(){}[]@<>=-+*#&`|~^%", strings.Repeat("x", 1024), ""} {
		must(r, r.ModifyListenerAttributes, set(value))
	}
	for _, value := range []string{`a "quoted" one`, "a\tb", "a\r\nb", "$a", "ä", "\x00"} {
		refused(r, r.ModifyListenerAttributes, set(value), "ValidationError", "The value of '"+key+"' contains invalid characters")
	}
	refused(r, r.ModifyListenerAttributes, set(strings.Repeat("x", 1025)), "ValidationError", "The value of '"+key+"' cannot be longer than '1024' characters")
}
