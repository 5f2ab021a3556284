package elb

import (
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// zones resolves the subnets of a balancer: at least two, or one of a network load balancer, each of
// another Availability Zone, all of one VPC.
func (s *Service) zones(tx *store.Tx, scope names.Scope, b balancerRow, subnets []string, mappings []types.SubnetMapping) (zones []zone, vpc string, err error) {
	if len(subnets) > 0 && len(mappings) > 0 {
		return nil, "", invalid("You can specify either subnets or subnet mappings, but not both")
	}
	var asked []zone
	for _, id := range subnets {
		asked = append(asked, zone{Subnet: id})
	}
	for _, m := range mappings {
		z := zone{Subnet: aws.ToString(m.SubnetId), Elastic: aws.ToString(m.AllocationId), Private: aws.ToString(m.PrivateIPv4Address), IPv6: aws.ToString(m.IPv6Address)}
		if err := b.checkAddresses(z); err != nil {
			return nil, "", err
		}
		asked = append(asked, z)
	}
	for _, z := range asked {
		id := z.Subnet
		in, name, ok := s.o.Network.Subnet(tx, scope, id)
		if !ok {
			return nil, "", &types.SubnetNotFoundException{Message: sentence("The subnet ID '%s' does not exist", []any{id})}
		}
		if vpc != "" && in != vpc {
			return nil, "", &types.InvalidSubnetException{Message: aws.String("All subnets must belong to the same VPC")}
		}
		if slices.ContainsFunc(zones, func(z zone) bool { return z.Name == name }) {
			return nil, "", misconfigured("A load balancer cannot be attached to multiple subnets in the same Availability Zone")
		}
		vpc, z.Name = in, name
		zones = append(zones, z)
	}
	if b.Network && len(zones) == 0 {
		return nil, "", invalid("At least one subnet must be specified")
	}
	if len(zones) < 2 && !b.Network {
		const few = "At least two subnets in two different Availability Zones must be specified"
		if !s.o.Lenient || len(zones) == 0 {
			return nil, "", invalid(few)
		}
		s.o.Warn("accepted, as asked by --lenient: a load balancer in one subnet; AWS says: " + few)
	}
	return zones, vpc, nil
}

// securityGroups checks a balancer's security groups; none given means the VPC's default one.
func (s *Service) securityGroups(tx *store.Tx, scope names.Scope, vpc string, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return []string{s.o.Network.DefaultSecurityGroup(tx, scope, vpc)}, nil
	}
	for _, id := range ids {
		in, ok := s.o.Network.SecurityGroup(tx, scope, id)
		if !ok {
			return nil, &types.InvalidSecurityGroupException{Message: sentence("The security group '%s' does not exist", []any{id})}
		}
		if in != vpc {
			if !s.o.Lenient {
				return nil, misconfigured("One or more security groups are invalid")
			}
			s.o.Warn(fmt.Sprintf("accepted, as asked by --lenient: security group %s of %s on a load balancer in %s; AWS refuses it", id, in, vpc))
		}
	}
	return slices.Clone(ids), nil
}

// checkAddresses refuses addresses that a balancer cannot have in a subnet: a network load balancer
// has an elastic one where it faces the internet, and a private one of its own where it is internal.
func (b *balancerRow) checkAddresses(z zone) error {
	switch {
	case z.Elastic+z.Private+z.IPv6 == "":
		return nil
	case !b.Network:
		return misconfigured("Addresses cannot be specified in subnet mappings for load balancers of type 'application'")
	case z.Elastic != "" && b.Scheme == "internal":
		return misconfigured("An allocation ID cannot be specified for internal load balancers")
	case z.Private != "" && b.Scheme != "internal":
		return misconfigured("A private IPv4 address can only be specified for internal load balancers")
	case z.IPv6 != "" && b.IPType == "ipv4":
		return misconfigured("An IPv6 address can only be specified for load balancers with the IP address type 'dualstack'")
	}
	return nil
}

func (b *balancerRow) checkIPType(t types.IpAddressType) error {
	switch t {
	case types.IpAddressTypeIpv4, types.IpAddressTypeDualstack:
		return nil
	case types.IpAddressTypeDualstackWithoutPublicIpv4:
		if b.Network {
			return misconfigured("The IP address type '%s' is not supported for load balancers with type 'network'", t)
		}
		if b.Scheme == "internal" {
			return misconfigured("The IP address type '%s' is not supported by internal load balancers", t)
		}
		return nil
	}
	return constraint(t, "ipAddressType", "satisfy enum value set: [ipv4, dualstack, dualstack-without-public-ipv4]")
}

// SetSubnets moves a balancer to other subnets of its VPC.
func (s *Service) SetSubnets(ctx context.Context, in *elbv2.SetSubnetsInput) (*elbv2.SetSubnetsOutput, error) {
	out := &elbv2.SetSubnetsOutput{}
	err := s.change(ctx, func(tx *store.Tx) error {
		b, err := s.balancer(tx, scopeOf(ctx), in.LoadBalancerArn)
		if err != nil {
			return err
		}
		if in.IpAddressType != "" {
			if err := b.checkIPType(in.IpAddressType); err != nil {
				return err
			}
			b.IPType = string(in.IpAddressType)
		}
		zones, vpc, err := s.zones(tx, scopeOf(ctx), b, in.Subnets, in.SubnetMappings)
		if err != nil {
			return err
		}
		if vpc != b.VPC {
			return &types.InvalidSubnetException{Message: sentence("The subnets must belong to the VPC '%s' of the load balancer", []any{b.VPC})}
		}
		b.Zones = zones
		s.balancers.Put(tx, b)
		s.settle(tx, s.groupsOf(tx, b.ARN))
		out.AvailabilityZones, out.IpAddressType = zoneViews(zones), types.IpAddressType(b.IPType)
		return nil
	})
	return answer(out, err)
}

// SetSecurityGroups replaces a balancer's security groups.
func (s *Service) SetSecurityGroups(ctx context.Context, in *elbv2.SetSecurityGroupsInput) (*elbv2.SetSecurityGroupsOutput, error) {
	out := &elbv2.SetSecurityGroupsOutput{}
	err := s.change(ctx, func(tx *store.Tx) error {
		b, err := s.balancer(tx, scopeOf(ctx), in.LoadBalancerArn)
		if err != nil {
			return err
		}
		if b.Network && len(b.SecurityGroups) == 0 {
			return misconfigured("You cannot set security groups on a Network Load Balancer which was created without any security groups.")
		}
		if len(in.SecurityGroups) == 0 {
			return invalid("At least one security group must be specified")
		}
		if b.SecurityGroups, err = s.securityGroups(tx, scopeOf(ctx), b.VPC, in.SecurityGroups); err != nil {
			return err
		}
		switch asked := in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic; asked {
		case "":
		case types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOn, types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOff:
			b.PrivateLink = string(asked)
		default:
			return constraint(asked, "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic", "satisfy enum value set: [on, off]")
		}
		s.balancers.Put(tx, b)
		out.SecurityGroupIds = nonNil(b.SecurityGroups)
		if now := b.privateLink(); now != nil {
			out.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic = types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum(*now)
		}
		return nil
	})
	return answer(out, err)
}

// SetIpAddressType changes which addresses a balancer has; the local data plane has IPv4 alone.
func (s *Service) SetIpAddressType(ctx context.Context, in *elbv2.SetIpAddressTypeInput) (*elbv2.SetIpAddressTypeOutput, error) {
	err := s.change(ctx, func(tx *store.Tx) error {
		b, err := s.balancer(tx, scopeOf(ctx), in.LoadBalancerArn)
		if err != nil {
			return err
		}
		if err := b.checkIPType(in.IpAddressType); err != nil {
			return err
		}
		b.IPType = string(in.IpAddressType)
		s.balancers.Put(tx, b)
		return nil
	})
	return answer(&elbv2.SetIpAddressTypeOutput{IpAddressType: in.IpAddressType}, err)
}

// Balancers have addresses from 127.1.0.1 to 127.1.255.254; tasks' and others' lie elsewhere.
const addresses = 256 * 254

// ownAddress gives a balancer a loopback address that no other balancer has, the same for the
// same ARN where it is free. It is empty where all are taken.
func (s *Service) ownAddress(tx *store.Tx, arn string) string {
	h := fnv.New32a()
	h.Write([]byte(arn)) // a hash takes everything
	from := int(h.Sum32() % addresses)
	for i := range addresses {
		n := (from + i) % addresses
		a := fmt.Sprintf("127.1.%d.%d", n/254, 1+n%254)
		if _, taken := first(s.balancers.By(tx, "address", a)); !taken {
			return a
		}
	}
	return ""
}

// first gives the first of a sequence.
func first[T any](seq iter.Seq[T]) (T, bool) {
	for v := range seq {
		return v, true
	}
	var none T
	return none, false
}

func count[T any](seq iter.Seq[T]) int {
	n := 0
	for range seq {
		n++
	}
	return n
}
