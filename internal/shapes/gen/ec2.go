package main

import (
	"fmt"
	"regexp"
	"strings"
)

// served are the operations of EC2 whose names are written down; EC2 has eight hundred.
var served = strings.Fields(`
	AssociateRouteTable AttachInternetGateway AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress
	CreateInternetGateway CreateRoute CreateRouteTable CreateSecurityGroup CreateSubnet CreateTags CreateVpc
	DeleteInternetGateway DeleteRoute DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc
	DescribeAvailabilityZones DescribeInternetGateways DescribeNetworkAcls DescribeNetworkInterfaces
	DescribeRouteTables DescribeSecurityGroups DescribeSecurityGroupRules DescribeSubnets DescribeTags
	DescribeVpcAttribute DescribeVpcs DetachInternetGateway DisassociateRouteTable
	ModifySubnetAttribute ModifyVpcAttribute RevokeSecurityGroupEgress RevokeSecurityGroupIngress`)

var (
	function = regexp.MustCompile(`(?ms)^func awsEc2query_(de)?serialize(?:Op)?Document(\w+)\(.*?^}`)
	inName   = regexp.MustCompile(`if v\.(\w+) != [^{]*\{\s*objectKey := object\.(?:Flat)?Key\("(\w+)"\)`)
	outName  = regexp.MustCompile(`case strings\.EqualFold\("(\w+)", t\.Name\.Local\):`)
	outField = regexp.MustCompile(`sv\.(\w+)`)
)

// ec2 writes how the members of the served operations are named where the rule does not say:
// the Go name in requests, the Go name with its first letter lowered in answers.
func ec2(all []*service) string {
	var in, out strings.Builder
	for _, s := range all {
		if s.name != "ec2" {
			continue
		}
		wanted := map[string]bool{}
		for _, n := range s.wanted() {
			wanted[n] = true
		}
		done := map[string]bool{}
		for _, m := range function.FindAllSubmatch(s.serial, -1) {
			typ := string(m[2])
			if !wanted[typ] || done[string(m[1])+typ] {
				continue
			}
			done[string(m[1])+typ] = true
			if len(m[1]) == 0 {
				for _, k := range inName.FindAllSubmatch(m[0], -1) {
					if string(k[1]) != string(k[2]) {
						fmt.Fprintf(&in, "%q: %q,\n", typ+"."+string(k[1]), k[2])
					}
				}
				continue
			}
			cases := outName.FindAllSubmatchIndex(m[0], -1)
			for _, c := range cases {
				name := string(m[0][c[2]:c[3]])
				f := outField.FindSubmatch(m[0][c[1]:])
				if f == nil {
					continue
				}
				if field := string(f[1]); lower(field) != name {
					fmt.Fprintf(&out, "%q: %q,\n", typ+"."+field, name)
				}
			}
		}
	}
	return head + "// ec2In names members in requests where that is not the Go name.\nvar ec2In = sync.OnceValue(func() map[string]string { return map[string]string{\n" + in.String() +
		tail + "\n// ec2Out names members in answers where that is not the Go name with a small first letter.\nvar ec2Out = sync.OnceValue(func() map[string]string { return map[string]string{\n" + out.String() + tail
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }
