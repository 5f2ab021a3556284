package elb

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// What CanonicalHostedZoneId says, in every region.
const (
	hostedZone        = "Z35SXDOTRQ7X7K"
	networkHostedZone = "Z26RNL4JYFTOTI"
)

// CreateLoadBalancer makes an Application or a Network Load Balancer, active at once. The same name
// with the same settings gives the one there is.
func (s *Service) CreateLoadBalancer(ctx context.Context, in *elbv2.CreateLoadBalancerInput) (*elbv2.CreateLoadBalancerOutput, error) {
	scope, name := scopeOf(ctx), aws.ToString(in.Name)
	want := balancerRow{Name: name, Scheme: "internet-facing", IPType: "ipv4"}
	if err := checkName("Load balancer", name); err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, "internal-") {
		return nil, invalid("Load balancer name '%s' cannot begin with 'internal-'", name)
	}
	switch in.Type {
	case "", types.LoadBalancerTypeEnumApplication:
	case types.LoadBalancerTypeEnumNetwork:
		want.Network = true
	case types.LoadBalancerTypeEnumGateway:
		return nil, s.unbuilt("Load balancers of type '%s'", in.Type)
	default:
		return nil, constraint(in.Type, "type", "satisfy enum value set: [application, network, gateway]")
	}
	switch in.Scheme {
	case "":
	case types.LoadBalancerSchemeEnumInternal, types.LoadBalancerSchemeEnumInternetFacing:
		want.Scheme = string(in.Scheme)
	default:
		return nil, constraint(in.Scheme, "scheme", "satisfy enum value set: [internet-facing, internal]")
	}
	if in.IpAddressType != "" {
		if err := want.checkIPType(in.IpAddressType); err != nil {
			return nil, err
		}
		want.IPType = string(in.IpAddressType)
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	out := &elbv2.CreateLoadBalancerOutput{}
	err = s.change(ctx, func(tx *store.Tx) error {
		if want.Zones, want.VPC, err = s.zones(tx, scope, want, in.Subnets, in.SubnetMappings); err != nil {
			return err
		}
		if !want.Network || len(in.SecurityGroups) > 0 {
			if want.SecurityGroups, err = s.securityGroups(tx, scope, want.VPC, in.SecurityGroups); err != nil {
				return err
			}
		}
		for there := range s.balancers.By(tx, "name", scoped(scope, name)) {
			if !sameBalancer(there, want) {
				return &types.DuplicateLoadBalancerNameException{Message: sentence("A load balancer with the same name '%s' exists, but with different settings", []any{name})}
			}
			out.LoadBalancers = []types.LoadBalancer{there.view()}
			return nil
		}
		kind, arn := "app", scope.LoadBalancer
		if want.Network {
			kind, arn = "net", scope.NetworkLoadBalancer
		}
		if count(s.balancers.Prefix(tx, scope.ARN(s.Name(), "loadbalancer/"+kind+"/"))) >= maxBalancers {
			return &types.TooManyLoadBalancersException{Message: aws.String("The maximum number of load balancers has been reached")}
		}
		want.ARN = arn(name, s.o.IDs.Hex(16))
		want.DNSName = dnsName(want, scope, s.o.IDs.Digits(10))
		want.Created, want.Tags = tx.Now(), tags
		want.Address = s.ownAddress(tx, want.ARN)
		s.balancers.Put(tx, want)
		out.LoadBalancers = []types.LoadBalancer{want.view()}
		return nil
	})
	return answer(out, err)
}

// answer gives out or the error, never both.
func answer[T any](out *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return out, nil
}

func dnsName(b balancerRow, scope names.Scope, digits string) string {
	if b.Network {
		return strings.ToLower(b.Name + "-" + names.Last(b.ARN) + ".elb." + scope.Region + ".localhost")
	}
	name := b.Name + "-" + digits + "." + scope.Region + ".elb.localhost"
	if b.Scheme == "internal" {
		name = "internal-" + name
	}
	return strings.ToLower(name)
}

func sameBalancer(a, b balancerRow) bool {
	byName := func(x, y zone) int { return strings.Compare(x.Subnet, y.Subnet) }
	return a.Network == b.Network && a.Scheme == b.Scheme && a.IPType == b.IPType && a.VPC == b.VPC &&
		slices.Equal(slices.SortedFunc(slices.Values(a.Zones), byName), slices.SortedFunc(slices.Values(b.Zones), byName)) &&
		slices.Equal(slices.Sorted(slices.Values(a.SecurityGroups)), slices.Sorted(slices.Values(b.SecurityGroups)))
}

func (b balancerRow) view() types.LoadBalancer {
	v := types.LoadBalancer{
		LoadBalancerArn:       &b.ARN,
		DNSName:               &b.DNSName,
		CanonicalHostedZoneId: aws.String(hostedZone),
		CreatedTime:           &b.Created,
		LoadBalancerName:      &b.Name,
		Scheme:                types.LoadBalancerSchemeEnum(b.Scheme),
		VpcId:                 &b.VPC,
		State:                 &types.LoadBalancerState{Code: types.LoadBalancerStateEnumActive},
		Type:                  types.LoadBalancerTypeEnumApplication,
		AvailabilityZones:     zoneViews(b.Zones),
		SecurityGroups:        nonNil(b.SecurityGroups),
		IpAddressType:         types.IpAddressType(b.IPType),
	}
	if b.Network {
		v.Type, v.CanonicalHostedZoneId = types.LoadBalancerTypeEnumNetwork, aws.String(networkHostedZone)
		v.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic = b.privateLink()
	}
	return v
}

func zoneViews(zones []zone) []types.AvailabilityZone {
	views := make([]types.AvailabilityZone, len(zones))
	for i, z := range zones {
		views[i] = types.AvailabilityZone{ZoneName: &z.Name, SubnetId: &z.Subnet, LoadBalancerAddresses: []types.LoadBalancerAddress{}}
		if z.Elastic+z.Private+z.IPv6 != "" {
			views[i].LoadBalancerAddresses = append(views[i].LoadBalancerAddresses, types.LoadBalancerAddress{
				AllocationId: given(z.Elastic), PrivateIPv4Address: given(z.Private), IPv6Address: given(z.IPv6),
			})
		}
	}
	return views
}

// privateLink says whether security groups bind what comes over PrivateLink; nil without any.
func (b balancerRow) privateLink() *string {
	switch {
	case !b.Network || len(b.SecurityGroups) == 0:
		return nil
	case b.PrivateLink != "":
		return &b.PrivateLink
	}
	return aws.String("on")
}

// given gives a text as answers have it: nil where there is none.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// nonNil gives a copy that is a list even where it is empty.
func nonNil[T any](list []T) []T { return append([]T{}, list...) }

// DescribeLoadBalancers gives balancers by ARN, by name, or all of the scope.
func (s *Service) DescribeLoadBalancers(ctx context.Context, in *elbv2.DescribeLoadBalancersInput) (*elbv2.DescribeLoadBalancersOutput, error) {
	scope := scopeOf(ctx)
	if len(in.LoadBalancerArns) > 0 && len(in.Names) > 0 {
		return nil, invalid("Load balancer names and load balancer ARNs cannot be specified at the same time")
	}
	out := &elbv2.DescribeLoadBalancersOutput{LoadBalancers: []types.LoadBalancer{}}
	err := s.view(func(tx *store.Tx) error {
		var found []balancerRow
		switch {
		case len(in.LoadBalancerArns) > 0:
			for _, arn := range in.LoadBalancerArns {
				b, err := s.balancer(tx, scope, &arn)
				if err != nil {
					return err
				}
				found = append(found, b)
			}
		case len(in.Names) > 0:
			var missing []string
			for _, name := range in.Names {
				b, ok := first(s.balancers.By(tx, "name", scoped(scope, name)))
				if !ok {
					missing = append(missing, name)
				}
				found = append(found, b)
			}
			if missing != nil {
				return noBalancersNamed(missing)
			}
		default:
			found = slices.Collect(s.balancers.Prefix(tx, scope.ARN(s.Name(), "loadbalancer/")))
		}
		got, next, err := cut(found, func(b *balancerRow) string { return b.ARN }, in.Marker, in.PageSize)
		if err != nil {
			return err
		}
		out.NextMarker = next
		for _, b := range got {
			out.LoadBalancers = append(out.LoadBalancers, b.view())
		}
		return nil
	})
	return answer(out, err)
}

// DeleteLoadBalancer removes a balancer with its listeners and rules. One that is not there is
// deleted already.
func (s *Service) DeleteLoadBalancer(ctx context.Context, in *elbv2.DeleteLoadBalancerInput) (*elbv2.DeleteLoadBalancerOutput, error) {
	arn := aws.ToString(in.LoadBalancerArn)
	if !isARN(arn, "loadbalancer") {
		return nil, invalid("'%s' is not a valid load balancer ARN", arn)
	}
	err := s.change(ctx, func(tx *store.Tx) error {
		b, ok := s.balancers.Get(tx, arn)
		if !ok || !within(scopeOf(ctx), arn) {
			return nil
		}
		if b.Attributes["deletion_protection.enabled"] == "true" {
			return notPermitted("Load balancer '%s' cannot be deleted because deletion protection is enabled", arn)
		}
		for _, l := range s.listenersOf(tx, arn) {
			s.dropListener(tx, l.ARN)
		}
		s.balancers.Delete(tx, arn)
		return nil
	})
	return answer(&elbv2.DeleteLoadBalancerOutput{}, err)
}

// DescribeCapacityReservation answers that nothing was ever reserved.
func (s *Service) DescribeCapacityReservation(ctx context.Context, in *elbv2.DescribeCapacityReservationInput) (*elbv2.DescribeCapacityReservationOutput, error) {
	err := s.view(func(tx *store.Tx) error {
		_, err := s.balancer(tx, scopeOf(ctx), in.LoadBalancerArn)
		return err
	})
	// Source: elbv2.md 2.1, the minimal answer Terraform reads; AWS allows two decreases a day.
	return answer(&elbv2.DescribeCapacityReservationOutput{DecreaseRequestsRemaining: aws.Int32(2), CapacityReservationState: []types.ZonalCapacityReservationState{}}, err)
}
