package elb

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// Ciphers in the order policies list them. Source: ELBv2 guide, "Security policies".
const (
	tls13 = "TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256"
	gcm   = "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384"
	cbc   = "ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256 ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384"
	sha1  = "ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA ECDHE-RSA-AES256-SHA ECDHE-ECDSA-AES256-SHA"
	rsa   = "AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA256"
	old   = "AES128-SHA AES256-SHA"
)

// policyRow is a security policy: its versions of TLS, oldest first, and its ciphers.
type policyRow struct{ name, protocols, ciphers string }

// policies are the security policies people name most; AWS has more. Ciphers of one strength
// stand together here, where AWS mixes them (unconfirmed order).
var policies = []policyRow{
	{"ELBSecurityPolicy-TLS13-1-2-2021-06", "TLSv1.2 TLSv1.3", tls13 + " " + gcm + " " + cbc},
	{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "TLSv1.2 TLSv1.3", tls13 + " " + gcm},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", "TLSv1.2 TLSv1.3", tls13 + " " + gcm + " " + cbc + " " + rsa},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", "TLSv1.2 TLSv1.3", tls13 + " " + gcm + " " + cbc + " " + sha1 + " " + rsa + " " + old},
	{"ELBSecurityPolicy-TLS13-1-1-2021-06", "TLSv1.1 TLSv1.2 TLSv1.3", tls13 + " " + gcm + " " + cbc + " " + sha1 + " " + rsa + " " + old},
	{"ELBSecurityPolicy-TLS13-1-0-2021-06", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3", tls13 + " " + gcm + " " + cbc + " " + sha1 + " " + rsa + " " + old},
	{"ELBSecurityPolicy-TLS13-1-3-2021-06", "TLSv1.3", tls13},
	{"ELBSecurityPolicy-2016-08", "TLSv1 TLSv1.1 TLSv1.2", gcm + " " + cbc + " " + sha1 + " " + rsa + " " + old},
	{"ELBSecurityPolicy-TLS-1-2-2017-01", "TLSv1.2", gcm + " " + cbc + " " + rsa},
	{"ELBSecurityPolicy-TLS-1-2-Ext-2018-06", "TLSv1.2", gcm + " " + cbc + " " + sha1 + " " + rsa + " " + old},
	{"ELBSecurityPolicy-TLS-1-1-2017-01", "TLSv1.1 TLSv1.2", gcm + " " + cbc + " " + sha1 + " " + rsa + " " + old},
	{"ELBSecurityPolicy-FS-2018-06", "TLSv1 TLSv1.1 TLSv1.2", gcm + " " + cbc + " " + sha1},
	{"ELBSecurityPolicy-FS-1-1-2019-08", "TLSv1.1 TLSv1.2", gcm + " " + cbc + " " + sha1},
	{"ELBSecurityPolicy-FS-1-2-2019-08", "TLSv1.2", gcm + " " + cbc + " " + sha1},
	{"ELBSecurityPolicy-FS-1-2-Res-2019-08", "TLSv1.2", gcm + " " + cbc},
	{"ELBSecurityPolicy-FS-1-2-Res-2020-10", "TLSv1.2", gcm},
}

// DescribeSSLPolicies gives the security policies, all of them or those named.
func (s *Service) DescribeSSLPolicies(_ context.Context, in *elbv2.DescribeSSLPoliciesInput) (*elbv2.DescribeSSLPoliciesOutput, error) {
	all := []types.SslPolicy{}
	for _, p := range policies {
		if len(in.Names) > 0 && !slices.Contains(in.Names, p.name) {
			continue
		}
		v := types.SslPolicy{Name: aws.String(p.name), SslProtocols: strings.Fields(p.protocols), SupportedLoadBalancerTypes: []string{"application", "network"}}
		for i, c := range strings.Fields(p.ciphers) {
			v.Ciphers = append(v.Ciphers, types.Cipher{Name: aws.String(c), Priority: aws.Int32(int32(i + 1))})
		}
		all = append(all, v)
	}
	if len(all) < len(in.Names) {
		return nil, &types.SSLPolicyNotFoundException{Message: aws.String("One or more SSL policies not found")}
	}
	got, next, err := cut(all, func(p *types.SslPolicy) string { return *p.Name }, in.Marker, in.PageSize)
	return answer(&elbv2.DescribeSSLPoliciesOutput{SslPolicies: got, NextMarker: next}, err)
}
