package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-ecs/slipway/internal/store"
)

// Gateway is the row of an internet gateway.
type Gateway struct {
	Thing
	VPC string // it is attached to; empty for none
}

// CreateInternetGateway makes a gateway that is attached to nothing.
func (s *Service) CreateInternetGateway(ctx context.Context, in *ec2.CreateInternetGatewayInput) (*ec2.CreateInternetGatewayOutput, error) {
	tags, err := tagsOf(in.TagSpecifications, types.ResourceTypeInternetGateway)
	if err != nil {
		return nil, err
	}
	out := &ec2.CreateInternetGatewayOutput{}
	return out, s.store.Update(func(tx *store.Tx) error {
		g := Gateway{Thing: s.gateways.new(tx, scopeOf(ctx), s.hex())}
		g.Tags = tags
		s.gateways.put(tx, g)
		out.InternetGateway = g.view()
		return nil
	})
}

// AttachInternetGateway attaches a gateway to a VPC that has none.
func (s *Service) AttachInternetGateway(ctx context.Context, in *ec2.AttachInternetGatewayInput) (*ec2.AttachInternetGatewayOutput, error) {
	scope := scopeOf(ctx)
	return &ec2.AttachInternetGatewayOutput{}, s.store.Update(func(tx *store.Tx) error {
		g, err := s.gateways.get(tx, scope, aws.ToString(in.InternetGatewayId))
		if err != nil {
			return err
		}
		vpc, err := s.vpcs.get(tx, scope, aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		if g.VPC != "" {
			return refuse("Resource.AlreadyAssociated", "resource %s is already attached to network %s", g.ID, g.VPC)
		}
		if len(s.gateways.some(tx, scope, func(o *Gateway) bool { return o.VPC == vpc.ID })) > 0 {
			return invalid("Network %s already has an internet gateway attached", vpc.ID)
		}
		g.VPC = vpc.ID
		s.gateways.put(tx, g)
		return nil
	})
}

// DetachInternetGateway takes a gateway off its VPC.
func (s *Service) DetachInternetGateway(ctx context.Context, in *ec2.DetachInternetGatewayInput) (*ec2.DetachInternetGatewayOutput, error) {
	scope := scopeOf(ctx)
	return &ec2.DetachInternetGatewayOutput{}, s.store.Update(func(tx *store.Tx) error {
		g, err := s.gateways.get(tx, scope, aws.ToString(in.InternetGatewayId))
		if err != nil {
			return err
		}
		vpc, err := s.vpcs.get(tx, scope, aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		if g.VPC != vpc.ID {
			return refuse("Gateway.NotAttached", "resource %s is not attached to network %s", g.ID, vpc.ID)
		}
		g.VPC = ""
		s.gateways.put(tx, g)
		return nil
	})
}

// DeleteInternetGateway removes a gateway that is attached to nothing.
func (s *Service) DeleteInternetGateway(ctx context.Context, in *ec2.DeleteInternetGatewayInput) (*ec2.DeleteInternetGatewayOutput, error) {
	return &ec2.DeleteInternetGatewayOutput{}, s.store.Update(func(tx *store.Tx) error {
		g, err := s.gateways.get(tx, scopeOf(ctx), aws.ToString(in.InternetGatewayId))
		if err != nil {
			return err
		}
		if g.VPC != "" {
			return inUse("The internetGateway '%s' has dependencies and cannot be deleted.", g.ID)
		}
		s.gateways.remove(tx, g)
		return nil
	})
}

// DescribeInternetGateways lists internet gateways.
func (s *Service) DescribeInternetGateways(ctx context.Context, in *ec2.DescribeInternetGatewaysInput) (*ec2.DescribeInternetGatewaysOutput, error) {
	out := &ec2.DescribeInternetGatewaysOutput{InternetGateways: []types.InternetGateway{}}
	return out, s.store.View(func(tx *store.Tx) error {
		list, next, err := pick(tx, s.gateways, scopeOf(ctx), query{in.InternetGatewayIds, in.Filters, in.MaxResults, in.NextToken}, (*Gateway).filter)
		for _, g := range list {
			out.InternetGateways = append(out.InternetGateways, *g.view())
		}
		out.NextToken = next
		return err
	})
}

func (g *Gateway) filter(name string) ([]string, bool) {
	switch name {
	case "internet-gateway-id":
		return one(g.ID)
	case "attachment.vpc-id", "attachment.state":
		if g.VPC == "" {
			return nothing()
		}
		if name == "attachment.state" {
			return one("available")
		}
		return one(g.VPC)
	}
	return unknownFilter()
}

func (g *Gateway) view() *types.InternetGateway {
	v := &types.InternetGateway{InternetGatewayId: &g.ID, OwnerId: &g.Scope.Account, Attachments: []types.InternetGatewayAttachment{}, Tags: listTags(g.Tags)}
	if g.VPC != "" {
		v.Attachments = append(v.Attachments, types.InternetGatewayAttachment{State: "available", VpcId: &g.VPC}) // EC2's own word for "attached"
	}
	return v
}

// ACL is the row of a network ACL: the one each VPC has, which allows everything and serves all of
// its subnets.
type ACL struct {
	Thing
	VPC string
}

// The numbers of the rules that every default ACL has.
const (
	allowRule = 100
	denyRule  = 32767
)

// DescribeNetworkAcls lists network ACLs.
func (s *Service) DescribeNetworkAcls(ctx context.Context, in *ec2.DescribeNetworkAclsInput) (*ec2.DescribeNetworkAclsOutput, error) {
	out := &ec2.DescribeNetworkAclsOutput{NetworkAcls: []types.NetworkAcl{}}
	scope := scopeOf(ctx)
	return out, s.store.View(func(tx *store.Tx) error {
		served := func(a *ACL) []Subnet {
			return s.subnets.some(tx, scope, func(n *Subnet) bool { return n.VPC == a.VPC })
		}
		list, next, err := pick(tx, s.acls, scope, query{in.NetworkAclIds, in.Filters, in.MaxResults, in.NextToken}, func(a *ACL, name string) ([]string, bool) {
			return a.filter(name, served)
		})
		for _, a := range list {
			out.NetworkAcls = append(out.NetworkAcls, a.view(served(&a)))
		}
		out.NextToken = next
		return err
	})
}

func (a *ACL) filter(name string, served func(*ACL) []Subnet) (values []string, ok bool) {
	switch name {
	case "network-acl-id", "association.network-acl-id":
		return one(a.ID)
	case "vpc-id":
		return one(a.VPC)
	case "default":
		return claim(true)
	case "association.subnet-id":
		for _, n := range served(a) {
			values = append(values, n.ID)
		}
		return values, true
	case "association.association-id":
		for _, n := range served(a) {
			values = append(values, n.ACLAssociation)
		}
		return values, true
	case "entry.cidr":
		return one(anywhere)
	case "entry.egress":
		return []string{"true", "false"}, true
	case "entry.protocol":
		return one(anyProtocol)
	case "entry.rule-action":
		return []string{"allow", "deny"}, true
	case "entry.rule-number":
		return []string{"100", "32767"}, true
	}
	return unknownFilter()
}

func (a *ACL) view(served []Subnet) types.NetworkAcl {
	v := types.NetworkAcl{
		NetworkAclId: &a.ID, VpcId: &a.VPC, OwnerId: &a.Scope.Account, IsDefault: aws.Bool(true),
		Associations: []types.NetworkAclAssociation{}, Tags: listTags(a.Tags),
	}
	for _, n := range served {
		v.Associations = append(v.Associations, types.NetworkAclAssociation{NetworkAclAssociationId: &n.ACLAssociation, NetworkAclId: &a.ID, SubnetId: &n.ID})
	}
	for _, egress := range []bool{true, false} {
		for _, e := range []types.NetworkAclEntry{
			{RuleNumber: aws.Int32(allowRule), RuleAction: types.RuleActionAllow}, {RuleNumber: aws.Int32(denyRule), RuleAction: types.RuleActionDeny},
		} {
			e.CidrBlock, e.Egress, e.Protocol = aws.String(anywhere), aws.Bool(egress), aws.String(anyProtocol)
			v.Entries = append(v.Entries, e)
		}
	}
	return v
}

// DescribeNetworkInterfaces lists none: tasks and load balancers have no interfaces of their own
// here. Tools ask before they delete groups and subnets.
func (s *Service) DescribeNetworkInterfaces(_ context.Context, in *ec2.DescribeNetworkInterfacesInput) (*ec2.DescribeNetworkInterfacesOutput, error) {
	for _, id := range slices.Sorted(slices.Values(in.NetworkInterfaceIds)) {
		return nil, refuse("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '%s' does not exist", id)
	}
	return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []types.NetworkInterface{}}, nil
}
