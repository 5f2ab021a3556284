package ec2

import (
	"context"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-ecs/slipway/internal/store"
)

// VPC is the row of a VPC.
type VPC struct {
	Thing
	CIDR, Association, DHCP, Tenancy         string
	Default                                  bool
	DNSSupport, DNSHostnames, NetworkMetrics bool
}

// The prefix lengths a VPC and a subnet may have.
const (
	shortestPrefix = 16
	longestPrefix  = 28
)

// block reads a CIDR block and gives it without host bits, as EC2 does.
func block(cidr, parameter string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(cidr)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, invalid("Value (%s) for parameter %s is invalid. This is not a valid CIDR block.", cidr, parameter)
	}
	return p.Masked(), nil
}

// CreateVpc makes a VPC with the route table, network ACL and security group that every VPC has.
func (s *Service) CreateVpc(ctx context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) {
	if in.CidrBlock == nil {
		return nil, lacking("cidrBlock")
	}
	cidr, err := block(*in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	if cidr.Bits() < shortestPrefix || cidr.Bits() > longestPrefix {
		return nil, refuse("InvalidVpc.Range", "The CIDR '%s' is invalid.", *in.CidrBlock)
	}
	tags, err := tagsOf(in.TagSpecifications, types.ResourceTypeVpc)
	if err != nil {
		return nil, err
	}
	tenancy := string(in.InstanceTenancy)
	if tenancy == "" {
		tenancy = "default"
	}
	scope := scopeOf(ctx)
	out := &ec2.CreateVpcOutput{}
	return out, s.store.Update(func(tx *store.Tx) error {
		v := VPC{
			Thing: s.vpcs.new(tx, scope, s.hex()), CIDR: cidr.String(), Association: "vpc-cidr-assoc-" + s.hex(), DHCP: dhcpOf(scope),
			Tenancy: tenancy, DNSSupport: true,
		}
		v.Tags = tags
		s.vpcs.put(tx, v)
		s.tables.put(tx, RouteTable{
			Thing: s.tables.new(tx, scope, s.hex()), VPC: v.ID,
			Routes:       []Route{{CIDR: v.CIDR, Gateway: "local", Origin: "CreateRouteTable"}},
			Associations: []Association{{ID: "rtbassoc-" + s.hex(), Main: true}},
		})
		s.acls.put(tx, ACL{Thing: s.acls.new(tx, scope, s.hex()), VPC: v.ID})
		g := Group{Thing: s.groups.new(tx, scope, s.hex()), VPC: v.ID, Name: defaultGroup, Description: defaultGroupDescription}
		g.In = []Rule{{ID: "sgr-" + s.hex(), Protocol: anyProtocol, Peer: g.ID, PeerOwner: scope.Account}}
		g.Out = []Rule{{ID: "sgr-" + s.hex(), Protocol: anyProtocol, CIDR: anywhere}}
		s.groups.put(tx, g)
		out.Vpc = v.view()
		out.Vpc.State = types.VpcStatePending // and available as soon as anybody looks
		return nil
	})
}

// DeleteVpc removes a VPC that has nothing but what it was made with.
func (s *Service) DeleteVpc(ctx context.Context, in *ec2.DeleteVpcInput) (*ec2.DeleteVpcOutput, error) {
	scope := scopeOf(ctx)
	return &ec2.DeleteVpcOutput{}, s.store.Update(func(tx *store.Tx) error {
		v, err := s.vpcs.get(tx, scope, aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		groups := s.groups.some(tx, scope, func(g *Group) bool { return g.VPC == v.ID })
		tables := s.tables.some(tx, scope, func(r *RouteTable) bool { return r.VPC == v.ID })
		subnets := s.subnets.some(tx, scope, func(n *Subnet) bool { return n.VPC == v.ID })
		gateways := s.gateways.some(tx, scope, func(g *Gateway) bool { return g.VPC == v.ID })
		if len(groups) > 1 || len(tables) > 1 || len(subnets) > 0 || len(gateways) > 0 {
			return inUse("The vpc '%s' has dependencies and cannot be deleted.", v.ID)
		}
		for _, g := range groups {
			s.groups.remove(tx, g)
		}
		for _, r := range tables {
			s.tables.remove(tx, r)
		}
		for _, a := range s.acls.some(tx, scope, func(a *ACL) bool { return a.VPC == v.ID }) {
			s.acls.remove(tx, a)
		}
		s.vpcs.remove(tx, v)
		return nil
	})
}

// DescribeVpcs lists VPCs.
func (s *Service) DescribeVpcs(ctx context.Context, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	out := &ec2.DescribeVpcsOutput{Vpcs: []types.Vpc{}}
	return out, s.store.View(func(tx *store.Tx) error {
		list, next, err := pick(tx, s.vpcs, scopeOf(ctx), query{in.VpcIds, in.Filters, in.MaxResults, in.NextToken}, (*VPC).filter)
		for _, v := range list {
			out.Vpcs = append(out.Vpcs, *v.view())
		}
		out.NextToken = next
		return err
	})
}

func (v *VPC) filter(name string) ([]string, bool) {
	switch name {
	case "vpc-id":
		return one(v.ID)
	case "cidr", "cidr-block-association.cidr-block":
		return one(v.CIDR)
	case "cidr-block-association.association-id":
		return one(v.Association)
	case "cidr-block-association.state":
		return one("associated")
	case "dhcp-options-id":
		return one(v.DHCP)
	case "is-default", "isDefault":
		return claim(v.Default)
	case "state":
		return one("available")
	case "ipv6-cidr-block-association.ipv6-cidr-block", "ipv6-cidr-block-association.association-id", "ipv6-cidr-block-association.state":
		return nothing()
	}
	return unknownFilter()
}

func (v *VPC) view() *types.Vpc {
	return &types.Vpc{
		VpcId: &v.ID, OwnerId: &v.Scope.Account, State: types.VpcStateAvailable, CidrBlock: &v.CIDR, DhcpOptionsId: &v.DHCP,
		InstanceTenancy: types.Tenancy(v.Tenancy), IsDefault: &v.Default, Tags: viewTags(v.Tags),
		CidrBlockAssociationSet: []types.VpcCidrBlockAssociation{{
			AssociationId: &v.Association, CidrBlock: &v.CIDR, CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated},
		}},
	}
}

// DescribeVpcAttribute tells one attribute of a VPC.
func (s *Service) DescribeVpcAttribute(ctx context.Context, in *ec2.DescribeVpcAttributeInput) (*ec2.DescribeVpcAttributeOutput, error) {
	out := &ec2.DescribeVpcAttributeOutput{VpcId: in.VpcId}
	return out, s.store.View(func(tx *store.Tx) error {
		v, err := s.vpcs.get(tx, scopeOf(ctx), aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		switch in.Attribute {
		case types.VpcAttributeNameEnableDnsSupport:
			out.EnableDnsSupport = &types.AttributeBooleanValue{Value: &v.DNSSupport}
		case types.VpcAttributeNameEnableDnsHostnames:
			out.EnableDnsHostnames = &types.AttributeBooleanValue{Value: &v.DNSHostnames}
		case types.VpcAttributeNameEnableNetworkAddressUsageMetrics:
			out.EnableNetworkAddressUsageMetrics = &types.AttributeBooleanValue{Value: &v.NetworkMetrics}
		default:
			return invalid("Value (%s) for parameter attribute is invalid. Unknown vpc attribute.", in.Attribute)
		}
		return nil
	})
}

// ModifyVpcAttribute changes attributes of a VPC.
func (s *Service) ModifyVpcAttribute(ctx context.Context, in *ec2.ModifyVpcAttributeInput) (*ec2.ModifyVpcAttributeOutput, error) {
	return &ec2.ModifyVpcAttributeOutput{}, s.store.Update(func(tx *store.Tx) error {
		v, err := s.vpcs.get(tx, scopeOf(ctx), aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		set(&v.DNSSupport, in.EnableDnsSupport)
		set(&v.DNSHostnames, in.EnableDnsHostnames)
		set(&v.NetworkMetrics, in.EnableNetworkAddressUsageMetrics)
		s.vpcs.put(tx, v)
		return nil
	})
}

func set(to *bool, v *types.AttributeBooleanValue) {
	if v != nil && v.Value != nil {
		*to = *v.Value
	}
}

// hex gives the 17 digits of a new id.
func (s *Service) hex() string { return s.o.IDs.Hex(17) }
