package ec2

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-ecs/slipway/internal/store"
)

// RouteTable is the row of a route table.
type RouteTable struct {
	Thing
	VPC          string
	Routes       []Route
	Associations []Association // the main one, if any, first
}

// Route is a destination and what leads there.
type Route struct {
	CIDR, CIDR6, PrefixList                      string // one of them
	Gateway, NAT, Interface, Instance            string // one of them …
	Transit, Peering, EgressOnly, Local, Carrier string // … or of these
	Origin                                       string
}

// Association ties a subnet to a route table, or makes the table its VPC's main one.
type Association struct {
	ID, Subnet string
	Main       bool
}

func (r *RouteTable) serves(subnet string) bool {
	return slices.ContainsFunc(r.Associations, func(a Association) bool { return a.Subnet == subnet })
}

func (r *RouteTable) main() bool {
	return slices.ContainsFunc(r.Associations, func(a Association) bool { return a.Main })
}

// CreateRouteTable makes a route table with the VPC's own route.
func (s *Service) CreateRouteTable(ctx context.Context, in *ec2.CreateRouteTableInput) (*ec2.CreateRouteTableOutput, error) {
	tags, err := tagsOf(in.TagSpecifications, types.ResourceTypeRouteTable)
	if err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	out := &ec2.CreateRouteTableOutput{ClientToken: in.ClientToken}
	return out, s.store.Update(func(tx *store.Tx) error {
		vpc, err := s.vpcs.get(tx, scope, aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		r := RouteTable{Thing: s.tables.new(tx, scope, s.hex()), VPC: vpc.ID, Routes: []Route{{CIDR: vpc.CIDR, Gateway: "local", Origin: "CreateRouteTable"}}}
		r.Tags = tags
		s.tables.put(tx, r)
		out.RouteTable = r.view()
		return nil
	})
}

// DeleteRouteTable removes a route table that serves nothing.
func (s *Service) DeleteRouteTable(ctx context.Context, in *ec2.DeleteRouteTableInput) (*ec2.DeleteRouteTableOutput, error) {
	return &ec2.DeleteRouteTableOutput{}, s.store.Update(func(tx *store.Tx) error {
		r, err := s.tables.get(tx, scopeOf(ctx), aws.ToString(in.RouteTableId))
		if err != nil {
			return err
		}
		if len(r.Associations) > 0 {
			return inUse("The routeTable '%s' has dependencies and cannot be deleted.", r.ID)
		}
		s.tables.remove(tx, r)
		return nil
	})
}

// CreateRoute adds a route to a table.
func (s *Service) CreateRoute(ctx context.Context, in *ec2.CreateRouteInput) (*ec2.CreateRouteOutput, error) {
	route := Route{
		PrefixList: aws.ToString(in.DestinationPrefixListId), Gateway: cmp.Or(aws.ToString(in.GatewayId), aws.ToString(in.VpcEndpointId)),
		NAT: aws.ToString(in.NatGatewayId), Interface: aws.ToString(in.NetworkInterfaceId), Instance: aws.ToString(in.InstanceId),
		Transit: aws.ToString(in.TransitGatewayId), Peering: aws.ToString(in.VpcPeeringConnectionId), EgressOnly: aws.ToString(in.EgressOnlyInternetGatewayId),
		Local: aws.ToString(in.LocalGatewayId), Carrier: aws.ToString(in.CarrierGatewayId), Origin: "CreateRoute",
	}
	var err error
	if route.CIDR, route.CIDR6, err = destination(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock); err != nil {
		return nil, err
	}
	if route.to() == "" {
		return nil, lacking("destinationCidrBlock, destinationIpv6CidrBlock or destinationPrefixListId")
	}
	if cmp.Or(route.Gateway, route.NAT, route.Interface, route.Instance, route.Transit, route.Peering, route.EgressOnly, route.Local, route.Carrier) == "" {
		return nil, lacking("gatewayId")
	}
	scope := scopeOf(ctx)
	return &ec2.CreateRouteOutput{Return: aws.Bool(true)}, s.store.Update(func(tx *store.Tx) error {
		r, err := s.tables.get(tx, scope, aws.ToString(in.RouteTableId))
		if err != nil {
			return err
		}
		if strings.HasPrefix(route.Gateway, "igw-") {
			g, err := s.gateways.get(tx, scope, route.Gateway)
			if err != nil {
				return err
			}
			if g.VPC != r.VPC {
				return invalid("route table %s and network gateway %s belong to different networks", r.ID, g.ID)
			}
		}
		if i := slices.IndexFunc(r.Routes, func(o Route) bool { return o.to() == route.to() }); i >= 0 {
			return refuse("RouteAlreadyExists", "The route identified by %s already exists.", route.to())
		}
		r.Routes = append(slices.Clone(r.Routes), route)
		s.tables.put(tx, r)
		return nil
	})
}

// destination reads the destination of a route.
func destination(cidr, cidr6 *string) (string, string, error) {
	for i, text := range []*string{cidr, cidr6} {
		if text == nil {
			continue
		}
		p, err := netip.ParsePrefix(*text)
		if err != nil || p.Addr().Is4() != (i == 0) {
			return "", "", invalid("Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", *text)
		}
		if i == 1 {
			return "", p.Masked().String(), nil
		}
		return p.Masked().String(), "", nil
	}
	return "", "", nil
}

func (r Route) to() string { return cmp.Or(r.CIDR, r.CIDR6, r.PrefixList) }

// DeleteRoute removes a route from a table.
func (s *Service) DeleteRoute(ctx context.Context, in *ec2.DeleteRouteInput) (*ec2.DeleteRouteOutput, error) {
	cidr, cidr6, err := destination(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock)
	if err != nil {
		return nil, err
	}
	to := cmp.Or(cidr, cidr6, aws.ToString(in.DestinationPrefixListId))
	return &ec2.DeleteRouteOutput{}, s.store.Update(func(tx *store.Tx) error {
		r, err := s.tables.get(tx, scopeOf(ctx), aws.ToString(in.RouteTableId))
		if err != nil {
			return err
		}
		i := slices.IndexFunc(r.Routes, func(o Route) bool { return o.to() == to })
		if i < 0 {
			return refuse("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", to, r.ID)
		}
		if r.Routes[i].Gateway == "local" {
			return invalid("cannot remove local route %s in route table %s", to, r.ID)
		}
		r.Routes = slices.Delete(slices.Clone(r.Routes), i, i+1)
		s.tables.put(tx, r)
		return nil
	})
}

// AssociateRouteTable makes a table serve a subnet of its VPC.
func (s *Service) AssociateRouteTable(ctx context.Context, in *ec2.AssociateRouteTableInput) (*ec2.AssociateRouteTableOutput, error) {
	scope, subnet := scopeOf(ctx), aws.ToString(in.SubnetId)
	out := &ec2.AssociateRouteTableOutput{AssociationState: &types.RouteTableAssociationState{State: types.RouteTableAssociationStateCodeAssociated}}
	return out, s.store.Update(func(tx *store.Tx) error {
		r, err := s.tables.get(tx, scope, aws.ToString(in.RouteTableId))
		if err != nil {
			return err
		}
		if subnet == "" {
			return lacking("subnetId")
		}
		n, err := s.subnets.get(tx, scope, subnet)
		if err != nil {
			return err
		}
		if n.VPC != r.VPC {
			return invalid("route table %s and subnet %s belong to different networks", r.ID, n.ID)
		}
		if serving := s.tables.some(tx, scope, func(o *RouteTable) bool { return o.serves(subnet) }); len(serving) > 0 {
			o := serving[0]
			i := slices.IndexFunc(o.Associations, func(a Association) bool { return a.Subnet == subnet })
			if o.ID != r.ID {
				return refuse("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association", r.ID)
			}
			out.AssociationId = &o.Associations[i].ID
			return nil
		}
		a := Association{ID: "rtbassoc-" + s.hex(), Subnet: subnet}
		r.Associations = append(slices.Clone(r.Associations), a)
		s.tables.put(tx, r)
		out.AssociationId = &a.ID
		return nil
	})
}

// DisassociateRouteTable ends an association; the subnet is served by the main table then.
func (s *Service) DisassociateRouteTable(ctx context.Context, in *ec2.DisassociateRouteTableInput) (*ec2.DisassociateRouteTableOutput, error) {
	id := aws.ToString(in.AssociationId)
	return &ec2.DisassociateRouteTableOutput{}, s.store.Update(func(tx *store.Tx) error {
		for _, r := range s.tables.all(tx, scopeOf(ctx)) {
			i := slices.IndexFunc(r.Associations, func(a Association) bool { return a.ID == id })
			if i < 0 {
				continue
			}
			if r.Associations[i].Main {
				return invalid("cannot disassociate the main route table association %s", id)
			}
			r.Associations = slices.Delete(slices.Clone(r.Associations), i, i+1)
			s.tables.put(tx, r)
			return nil
		}
		return refuse("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", id)
	})
}

// DescribeRouteTables lists route tables.
func (s *Service) DescribeRouteTables(ctx context.Context, in *ec2.DescribeRouteTablesInput) (*ec2.DescribeRouteTablesOutput, error) {
	out := &ec2.DescribeRouteTablesOutput{RouteTables: []types.RouteTable{}}
	return out, s.store.View(func(tx *store.Tx) error {
		list, next, err := pick(tx, s.tables, scopeOf(ctx), query{in.RouteTableIds, in.Filters, in.MaxResults, in.NextToken}, (*RouteTable).filter)
		for _, r := range list {
			out.RouteTables = append(out.RouteTables, *r.view())
		}
		out.NextToken = next
		return err
	})
}

func (r *RouteTable) filter(name string) (values []string, ok bool) {
	switch name {
	case "route-table-id", "association.route-table-id":
		return one(r.ID)
	case "vpc-id":
		return one(r.VPC)
	case "association.main":
		if len(r.Associations) == 0 {
			return nothing()
		}
		return claim(r.main())
	case "association.subnet-id", "association.route-table-association-id":
		for _, a := range r.Associations {
			v := a.ID
			if name == "association.subnet-id" {
				v = a.Subnet
			}
			if v != "" {
				values = append(values, v)
			}
		}
		return values, true
	case "association.gateway-id":
		return nothing()
	}
	of, ok := strings.CutPrefix(name, "route.")
	if !ok {
		return unknownFilter()
	}
	for _, o := range append([]Route{{}}, r.Routes...) {
		at, known := map[string]string{
			"destination-cidr-block": o.CIDR, "destination-ipv6-cidr-block": o.CIDR6, "destination-prefix-list-id": o.PrefixList,
			"gateway-id": o.Gateway, "nat-gateway-id": o.NAT, "instance-id": o.Instance, "transit-gateway-id": o.Transit,
			"vpc-peering-connection-id": o.Peering, "egress-only-internet-gateway-id": o.EgressOnly, "origin": o.Origin, "state": "active",
		}[of]
		if !known {
			return unknownFilter()
		}
		if at != "" {
			values = append(values, at)
		}
	}
	return values, true
}

func (r *RouteTable) view() *types.RouteTable {
	v := &types.RouteTable{
		RouteTableId: &r.ID, VpcId: &r.VPC, OwnerId: &r.Scope.Account, Tags: listTags(r.Tags),
		Associations: []types.RouteTableAssociation{}, PropagatingVgws: []types.PropagatingVgw{}, Routes: []types.Route{},
	}
	for _, a := range r.Associations {
		v.Associations = append(v.Associations, types.RouteTableAssociation{
			RouteTableAssociationId: &a.ID, RouteTableId: &r.ID, SubnetId: text(a.Subnet), Main: &a.Main,
			AssociationState: &types.RouteTableAssociationState{State: types.RouteTableAssociationStateCodeAssociated},
		})
	}
	for _, o := range r.Routes {
		v.Routes = append(v.Routes, types.Route{
			DestinationCidrBlock: text(o.CIDR), DestinationIpv6CidrBlock: text(o.CIDR6), DestinationPrefixListId: text(o.PrefixList),
			GatewayId: text(o.Gateway), NatGatewayId: text(o.NAT), NetworkInterfaceId: text(o.Interface), InstanceId: text(o.Instance),
			TransitGatewayId: text(o.Transit), VpcPeeringConnectionId: text(o.Peering), EgressOnlyInternetGatewayId: text(o.EgressOnly),
			LocalGatewayId: text(o.Local), CarrierGatewayId: text(o.Carrier), Origin: types.RouteOrigin(o.Origin), State: types.RouteStateActive,
		})
	}
	return v
}
