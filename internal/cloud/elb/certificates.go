package elb

import (
	"context"
	"crypto/tls"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// defaultPolicy is the security policy of a listener that names none. Source: elbv2.md 5.1.
const defaultPolicy = "ELBSecurityPolicy-2016-08"

// maxCertificates is how many a balancer may have, default ones not counted. Source: elbv2.md 8.
const maxCertificates = 25

// checkCertificate refuses an ARN that names no certificate this caller could have: one of ACM in
// the account and region, or of IAM in the account. Which of them exist is not known here; the data
// plane signs its own.
func checkCertificate(scope names.Scope, arn string) error {
	a, ok := names.ParseARN(arn)
	switch {
	case !ok:
		return invalid("Certificate ARN '%s' is not valid", arn)
	case a.Service == "acm" && a.Region == scope.Region && a.Account == scope.Account && strings.HasPrefix(a.Resource, "certificate/"):
		return nil
	case a.Service == "iam" && a.Region == "" && a.Account == scope.Account && strings.HasPrefix(a.Resource, "server-certificate/"):
		return nil
	case a.Service != "acm" && a.Service != "iam":
		return invalid("Certificate ARN '%s' is not valid", arn)
	}
	return noCertificate(arn)
}

func noCertificate(arn string) error {
	return &types.CertificateNotFoundException{Message: sentence("Certificate '%s' not found", []any{arn})}
}

// secure reads what a listener that speaks TLS is given; certificates or policy that are not given
// stay as they are.
func (l *listenerRow) secure(scope names.Scope, certificates []types.Certificate, policy *string, mutual *types.MutualAuthenticationAttributes) error {
	if mutual != nil && aws.ToString(mutual.Mode) != "" && aws.ToString(mutual.Mode) != "off" {
		return misconfigured("Mutual authentication is not supported by this local cloud")
	}
	if l.Protocol != "HTTPS" && l.Protocol != "TLS" {
		switch {
		case len(certificates) > 0:
			return invalid("A certificate cannot be specified for %s listeners", l.Protocol)
		case aws.ToString(policy) != "":
			return invalid("An SSL policy cannot be specified for %s listeners", l.Protocol)
		}
		l.Certificate, l.Certificates, l.Policy, l.ALPN = "", nil, "", ""
		return nil
	}
	if p := aws.ToString(policy); p != "" {
		if !slices.ContainsFunc(policies, func(known policyRow) bool { return known.name == p }) {
			return &types.SSLPolicyNotFoundException{Message: sentence("SSL policy '%s' not found", []any{p})}
		}
		l.Policy = p
	}
	if l.Policy == "" {
		l.Policy = defaultPolicy
	}
	switch {
	case len(certificates) > 1:
		return invalid("Up to one certificate can be specified for the listener")
	case len(certificates) == 1:
		arn := aws.ToString(certificates[0].CertificateArn)
		if arn == "" {
			return invalid("A certificate ARN must be specified")
		}
		if err := checkCertificate(scope, arn); err != nil {
			return err
		}
		l.Certificate = arn
	case l.Certificate == "":
		return invalid("A certificate must be specified for %s listeners", l.Protocol)
	}
	return nil
}

// alpn is what each ALPN policy has agreed to be spoken, the preferred first.
//
// Source: Network Load Balancers guide, "ALPN policies".
var alpn = []struct {
	policy    string
	protocols []string
}{
	{"HTTP1Only", []string{"http/1.1", "http/1.0"}},
	{"HTTP2Only", []string{"h2"}},
	{"HTTP2Optional", []string{"http/1.1", "http/1.0", "h2"}},
	{"HTTP2Preferred", []string{"h2", "http/1.1", "http/1.0"}},
	{"None", nil},
}

// negotiate reads the ALPN policy that a listener is given, which those of TLS alone can have; one that
// is not given stays as it is. The words are ours (unconfirmed).
func (l *listenerRow) negotiate(policy []string) error {
	policy = slices.DeleteFunc(slices.Clone(policy), func(p string) bool { return p == "" })
	switch {
	case len(policy) == 0:
		return nil
	case l.Protocol != "TLS":
		return invalid("An ALPN policy cannot be specified for %s listeners", l.Protocol)
	case len(policy) > 1:
		return invalid("Up to one ALPN policy can be specified for the listener")
	}
	for _, a := range alpn {
		if a.policy == policy[0] {
			l.ALPN = a.policy
			return nil
		}
	}
	return &types.ALPNPolicyNotSupportedException{Message: sentence("ALPN policy '%s' not found", []any{policy[0]})}
}

// handshake is what the data plane needs to know of a listener that speaks TLS; nil for others.
func (l *listenerRow) handshake(http2 bool) *balance.Secure {
	if l.Policy == "" {
		return nil
	}
	versions := map[string]uint16{"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}
	s := &balance.Secure{HTTP2: http2 && !flows(l.Protocol), Certificate: l.Certificate}
	for _, a := range alpn {
		if a.policy == l.ALPN {
			s.ALPN = a.protocols
		}
	}
	for _, p := range policies {
		if p.name == l.Policy {
			all := strings.Fields(p.protocols)
			s.MinVersion, s.MaxVersion = versions[all[0]], versions[all[len(all)-1]]
		}
	}
	return s
}

// DescribeListenerCertificates gives the default certificate first, then the others as they came.
func (s *Service) DescribeListenerCertificates(ctx context.Context, in *elbv2.DescribeListenerCertificatesInput) (*elbv2.DescribeListenerCertificatesOutput, error) {
	out := &elbv2.DescribeListenerCertificatesOutput{Certificates: []types.Certificate{}}
	err := s.view(func(tx *store.Tx) error {
		l, err := s.listener(tx, scopeOf(ctx), in.ListenerArn)
		if err != nil {
			return err
		}
		var all []types.Certificate
		if l.Certificate != "" {
			all = append(all, types.Certificate{CertificateArn: aws.String(l.Certificate), IsDefault: aws.Bool(true)})
		}
		all = append(all, more(l.Certificates)...)
		out.Certificates, out.NextMarker, err = cut(all, func(c *types.Certificate) string { return *c.CertificateArn }, in.Marker, in.PageSize)
		return err
	})
	return answer(out, err)
}

func more(arns []string) []types.Certificate {
	all := []types.Certificate{}
	for _, arn := range arns {
		all = append(all, types.Certificate{CertificateArn: aws.String(arn), IsDefault: aws.Bool(false)})
	}
	return all
}

// named reads the certificates of a request to add or to remove some.
func named(scope names.Scope, certificates []types.Certificate) ([]string, error) {
	if len(certificates) == 0 {
		return nil, invalid("A certificate must be specified")
	}
	var all []string
	for _, c := range certificates {
		arn := aws.ToString(c.CertificateArn)
		if c.IsDefault != nil {
			return nil, invalid("IsDefault cannot be specified for a certificate that is added or removed")
		}
		if err := checkCertificate(scope, arn); err != nil {
			return nil, err
		}
		all = append(all, arn)
	}
	return all, nil
}

// AddListenerCertificates adds certificates for other names than the default one's. One that is
// there already stays.
func (s *Service) AddListenerCertificates(ctx context.Context, in *elbv2.AddListenerCertificatesInput) (*elbv2.AddListenerCertificatesOutput, error) {
	out := &elbv2.AddListenerCertificatesOutput{}
	err := s.change(ctx, func(tx *store.Tx) error {
		l, arns, err := s.withCertificates(ctx, tx, in.ListenerArn, in.Certificates)
		if err != nil {
			return err
		}
		all := slices.Clone(l.Certificates)
		for _, arn := range arns {
			if arn != l.Certificate && !slices.Contains(all, arn) {
				all = append(all, arn)
			}
		}
		others := 0
		for o := range s.listeners.By(tx, "balancer", l.Balancer) {
			if o.ARN != l.ARN {
				others += len(o.Certificates)
			}
		}
		if others+len(all) > maxCertificates {
			return &types.TooManyCertificatesException{Message: sentence("The maximum number of certificates for the load balancer '%s' has been reached", []any{l.Balancer})}
		}
		l.Certificates = all
		s.listeners.Put(tx, l)
		out.Certificates = more(arns)
		return nil
	})
	return answer(out, err)
}

// RemoveListenerCertificates removes certificates; those that are not there are removed already.
func (s *Service) RemoveListenerCertificates(ctx context.Context, in *elbv2.RemoveListenerCertificatesInput) (*elbv2.RemoveListenerCertificatesOutput, error) {
	err := s.change(ctx, func(tx *store.Tx) error {
		l, arns, err := s.withCertificates(ctx, tx, in.ListenerArn, in.Certificates)
		if err != nil {
			return err
		}
		if slices.Contains(arns, l.Certificate) {
			return notPermitted("The default certificate '%s' cannot be removed", l.Certificate)
		}
		l.Certificates = slices.DeleteFunc(slices.Clone(l.Certificates), func(arn string) bool { return slices.Contains(arns, arn) })
		s.listeners.Put(tx, l)
		return nil
	})
	return answer(&elbv2.RemoveListenerCertificatesOutput{}, err)
}

// withCertificates gives a listener that may have certificates, and those of a request.
func (s *Service) withCertificates(ctx context.Context, tx *store.Tx, listener *string, certificates []types.Certificate) (listenerRow, []string, error) {
	l, err := s.listener(tx, scopeOf(ctx), listener)
	if err != nil {
		return l, nil, err
	}
	if l.Policy == "" {
		return l, nil, invalid("Certificates cannot be specified for %s listeners", l.Protocol)
	}
	arns, err := named(scopeOf(ctx), certificates)
	return l, arns, err
}
