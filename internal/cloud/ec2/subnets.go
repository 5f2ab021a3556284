package ec2

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Subnet is the row of a subnet.
type Subnet struct {
	Thing
	VPC, CIDR, Zone      string
	Default, MapPublicIP bool

	// ACLAssociation ties the subnet to its VPC's network ACL.
	ACLAssociation string
}

// Subnet gives a subnet's VPC and zone; ok is false where there is none. It is a port for others.
func (s *Service) Subnet(tx *store.Tx, scope names.Scope, id string) (vpc, zone string, ok bool) {
	n, ok := s.subnets.find(tx, scope, id)
	return n.VPC, n.Zone, ok
}

// HasVPC reports whether there is a VPC. It is a port for others.
func (s *Service) HasVPC(tx *store.Tx, scope names.Scope, id string) bool {
	_, ok := s.vpcs.find(tx, scope, id)
	return ok
}

// reserved is how many addresses of each subnet AWS keeps for itself.
const reserved = 5

// CreateSubnet makes a subnet in a part of a VPC that no other subnet has.
func (s *Service) CreateSubnet(ctx context.Context, in *ec2.CreateSubnetInput) (*ec2.CreateSubnetOutput, error) {
	if in.CidrBlock == nil {
		return nil, lacking("cidrBlock")
	}
	cidr, err := block(*in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(in.TagSpecifications, types.ResourceTypeSubnet)
	if err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	out := &ec2.CreateSubnetOutput{}
	return out, s.store.Update(func(tx *store.Tx) error {
		vpc, err := s.vpcs.get(tx, scope, aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		inside := netip.MustParsePrefix(vpc.CIDR)
		if cidr.Bits() > longestPrefix || cidr.Bits() < inside.Bits() || !inside.Contains(cidr.Addr()) {
			return refuse("InvalidSubnet.Range", "The CIDR '%s' is invalid.", *in.CidrBlock)
		}
		others := s.subnets.some(tx, scope, func(n *Subnet) bool { return n.VPC == vpc.ID })
		for _, n := range others {
			if netip.MustParsePrefix(n.CIDR).Overlaps(cidr) {
				return refuse("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", *in.CidrBlock)
			}
		}
		zone, err := zoneFor(scope.Region, others, in)
		if err != nil {
			return err
		}
		n := Subnet{Thing: s.subnets.new(tx, scope, s.hex()), VPC: vpc.ID, CIDR: cidr.String(), Zone: zone, ACLAssociation: "aclassoc-" + s.hex()}
		n.Tags = tags
		s.subnets.put(tx, n)
		out.Subnet = n.view()
		return nil
	})
}

// zoneFor gives the zone that was asked for; where none was, the first of those in which the VPC
// has fewest subnets.
func zoneFor(region string, others []Subnet, in *ec2.CreateSubnetInput) (string, error) {
	zones := zonesOf(region)
	if id := aws.ToString(in.AvailabilityZoneId); id != "" {
		if i := slices.IndexFunc(zones, func(z string) bool { return zoneID(z) == id }); i >= 0 {
			return zones[i], nil
		}
		return "", invalid("Value (%s) for parameter availabilityZoneId is invalid.", id)
	}
	if z := aws.ToString(in.AvailabilityZone); z != "" {
		if !slices.Contains(zones, z) {
			return "", invalid("Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.", z, strings.Join(zones, ", "))
		}
		return z, nil
	}
	count := map[string]int{}
	for _, n := range others {
		count[n.Zone]++
	}
	return slices.MinFunc(zones, func(a, b string) int { return count[a] - count[b] }), nil
}

// DeleteSubnet removes a subnet and its associations.
func (s *Service) DeleteSubnet(ctx context.Context, in *ec2.DeleteSubnetInput) (*ec2.DeleteSubnetOutput, error) {
	scope := scopeOf(ctx)
	return &ec2.DeleteSubnetOutput{}, s.store.Update(func(tx *store.Tx) error {
		n, err := s.subnets.get(tx, scope, aws.ToString(in.SubnetId))
		if err != nil {
			return err
		}
		for _, r := range s.tables.some(tx, scope, func(r *RouteTable) bool { return r.serves(n.ID) }) {
			r.Associations = slices.DeleteFunc(slices.Clone(r.Associations), func(a Association) bool { return a.Subnet == n.ID })
			s.tables.put(tx, r)
		}
		s.subnets.remove(tx, n)
		return nil
	})
}

// DescribeSubnets lists subnets.
func (s *Service) DescribeSubnets(ctx context.Context, in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	out := &ec2.DescribeSubnetsOutput{Subnets: []types.Subnet{}}
	return out, s.store.View(func(tx *store.Tx) error {
		list, next, err := pick(tx, s.subnets, scopeOf(ctx), query{in.SubnetIds, in.Filters, in.MaxResults, in.NextToken}, (*Subnet).filter)
		for _, n := range list {
			out.Subnets = append(out.Subnets, *n.view())
		}
		out.NextToken = next
		return err
	})
}

func (n *Subnet) filter(name string) ([]string, bool) {
	switch name {
	case "subnet-id":
		return one(n.ID)
	case "subnet-arn":
		return one(n.ARN)
	case "vpc-id":
		return one(n.VPC)
	case "cidr", "cidrBlock", "cidr-block":
		return one(n.CIDR)
	case "availability-zone", "availabilityZone":
		return one(n.Zone)
	case "availability-zone-id", "availabilityZoneId":
		return one(zoneID(n.Zone))
	case "default-for-az", "defaultForAz":
		return claim(n.Default)
	case "map-public-ip-on-launch":
		return claim(n.MapPublicIP)
	case "available-ip-address-count":
		return number(int64(n.room()))
	case "state":
		return one("available")
	case "ipv6-native", "enable-dns64", "map-customer-owned-ip-on-launch":
		return claim(false)
	case "ipv6-cidr-block-association.ipv6-cidr-block", "ipv6-cidr-block-association.association-id", "ipv6-cidr-block-association.state", "outpost-arn":
		return nothing()
	}
	return unknownFilter()
}

// room is the number of addresses; those that tasks have are not taken off.
func (n *Subnet) room() int32 {
	return 1<<(32-netip.MustParsePrefix(n.CIDR).Bits()) - reserved
}

func (n *Subnet) view() *types.Subnet {
	return &types.Subnet{
		SubnetId: &n.ID, SubnetArn: &n.ARN, State: types.SubnetStateAvailable, VpcId: &n.VPC, CidrBlock: &n.CIDR, OwnerId: &n.Scope.Account,
		AvailableIpAddressCount: aws.Int32(n.room()), AvailabilityZone: &n.Zone, AvailabilityZoneId: aws.String(zoneID(n.Zone)),
		DefaultForAz: &n.Default, MapPublicIpOnLaunch: &n.MapPublicIP, AssignIpv6AddressOnCreation: aws.Bool(false),
		EnableDns64: aws.Bool(false), Ipv6Native: aws.Bool(false), MapCustomerOwnedIpOnLaunch: aws.Bool(false),
		Ipv6CidrBlockAssociationSet: []types.SubnetIpv6CidrBlockAssociation{},
		PrivateDnsNameOptionsOnLaunch: &types.PrivateDnsNameOptionsOnLaunch{
			HostnameType: types.HostnameTypeIpName, EnableResourceNameDnsARecord: aws.Bool(false), EnableResourceNameDnsAAAARecord: aws.Bool(false),
		},
		Tags: viewTags(n.Tags),
	}
}

// ModifySubnetAttribute changes whether addresses are given out in public; nothing else of a subnet
// can be changed here.
func (s *Service) ModifySubnetAttribute(ctx context.Context, in *ec2.ModifySubnetAttributeInput) (*ec2.ModifySubnetAttributeOutput, error) {
	return &ec2.ModifySubnetAttributeOutput{}, s.store.Update(func(tx *store.Tx) error {
		n, err := s.subnets.get(tx, scopeOf(ctx), aws.ToString(in.SubnetId))
		if err != nil {
			return err
		}
		for _, v := range []*types.AttributeBooleanValue{
			in.AssignIpv6AddressOnCreation, in.EnableDns64, in.MapCustomerOwnedIpOnLaunch,
			in.EnableResourceNameDnsAAAARecordOnLaunch, in.EnableResourceNameDnsARecordOnLaunch,
		} {
			if v != nil && aws.ToBool(v.Value) {
				return refuse("UnsupportedOperation", "only MapPublicIpOnLaunch of a subnet can be changed here")
			}
		}
		set(&n.MapPublicIP, in.MapPublicIpOnLaunch)
		s.subnets.put(tx, n)
		return nil
	})
}
