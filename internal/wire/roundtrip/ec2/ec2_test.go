// Package ec2 drives the operations of EC2 that the local cloud serves; it stands alone because
// EC2's client takes long to compile.
package ec2

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/slipway-ecs/slipway/internal/wire"
	"github.com/slipway-ecs/slipway/internal/wire/roundtrip"
)

func TestEveryOperationOfEC2ThatWeServeArrivesAsItWasSentBothWays(t *testing.T) {
	t.Parallel()
	roundtrip.Run(t, served())
}

func TestEveryNameOfEC2ThatWeServeIsBotocoresToo(t *testing.T) {
	t.Parallel()
	roundtrip.Names(t, served(), "ec2")
}

func served() roundtrip.Case {
	return roundtrip.Case{
		Name:    "ec2",
		Service: func() *wire.Service { return wire.NewEC2("2016-11-15", "http://ec2.amazonaws.com/doc/2016-11-15/") },
		Client: func(e string) any {
			return ec2.NewFromConfig(aws.Config{
				Region: "us-east-1", BaseEndpoint: &e, RetryMaxAttempts: 1, HTTPClient: roundtrip.Whole(),
				Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
			})
		},
		Only: strings.Fields(`
			AssociateRouteTable AttachInternetGateway AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress
			CreateInternetGateway CreateRoute CreateRouteTable CreateSecurityGroup CreateSubnet CreateTags CreateVpc
			DeleteInternetGateway DeleteRoute DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc
			DescribeAvailabilityZones DescribeInternetGateways DescribeNetworkAcls DescribeNetworkInterfaces
			DescribeRouteTables DescribeSecurityGroups DescribeSecurityGroupRules DescribeSubnets DescribeTags
			DescribeVpcAttribute DescribeVpcs DetachInternetGateway DisassociateRouteTable
			ModifySubnetAttribute ModifyVpcAttribute RevokeSecurityGroupEgress RevokeSecurityGroupIngress`),
	}
}
