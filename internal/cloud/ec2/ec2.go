// Package ec2 is the local cloud's AWS EC2, as far as networks go: VPCs, subnets, security groups,
// gateways, route tables and network ACLs as records. Nothing is ever routed or blocked by them.
//
// Every account and region is born with a default VPC. What it is born with is worked out of its
// name and takes no row until somebody changes it; see inborn. Read Thing and shelf first.
//
// Source: alarms-and-hooks.md 7.3.
package ec2

import (
	"context"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Options make the room.
type Options struct{ IDs *ids.Source }

// Service is the room "ec2". Make one with New.
type Service struct {
	o     Options
	store *store.Store

	vpcs     shelf[VPC, *VPC]
	subnets  shelf[Subnet, *Subnet]
	groups   shelf[Group, *Group]
	tables   shelf[RouteTable, *RouteTable]
	gateways shelf[Gateway, *Gateway]
	acls     shelf[ACL, *ACL]
}

// New makes the room; Attach gives it its store.
func New(o Options) *Service {
	return &Service{
		o:        o,
		vpcs:     newShelf[VPC]("vpc", "vpc", func(b *inborn) []VPC { return []VPC{b.vpc} }, "InvalidVpcID.NotFound", "The vpc ID '%s' does not exist"),
		subnets:  newShelf[Subnet]("subnet", "subnet", func(b *inborn) []Subnet { return b.subnets }, "InvalidSubnetID.NotFound", "The subnet ID '%s' does not exist"),
		groups:   newShelf[Group]("security-group", "sg", func(b *inborn) []Group { return []Group{b.group} }, "InvalidGroup.NotFound", "The security group '%s' does not exist"),
		tables:   newShelf[RouteTable]("route-table", "rtb", func(b *inborn) []RouteTable { return []RouteTable{b.table} }, "InvalidRouteTableID.NotFound", "The routeTable ID '%s' does not exist"),
		gateways: newShelf[Gateway]("internet-gateway", "igw", func(b *inborn) []Gateway { return []Gateway{b.gateway} }, "InvalidInternetGatewayID.NotFound", "The internetGateway ID '%s' does not exist"),
		acls:     newShelf[ACL]("network-acl", "acl", func(b *inborn) []ACL { return []ACL{b.acl} }, "InvalidNetworkAclID.NotFound", "The networkAcl ID '%s' does not exist"),
	}
}

// Attach gives the room the store that was opened with its tables.
func (s *Service) Attach(st *store.Store) { s.store = st }

// Name is the signing name.
func (s *Service) Name() string { return "ec2" }

// Tables are the room's tables.
func (s *Service) Tables() []store.Any {
	return []store.Any{s.vpcs.table, s.subnets.table, s.groups.table, s.tables.table, s.gateways.table, s.acls.table}
}

// Keepers are none: nothing happens to a record by itself.
func (s *Service) Keepers() []cloud.Keeper { return nil }

// Wire has the operations served.
func (s *Service) Wire() *wire.Service {
	w := wire.NewEC2("2016-11-15", "http://ec2.amazonaws.com/doc/2016-11-15/")
	op(w, s.DescribeAvailabilityZones)
	op(w, s.CreateVpc)
	op(w, s.DeleteVpc)
	op(w, s.DescribeVpcs)
	op(w, s.DescribeVpcAttribute)
	op(w, s.ModifyVpcAttribute)
	op(w, s.CreateSubnet)
	op(w, s.DeleteSubnet)
	op(w, s.DescribeSubnets)
	op(w, s.ModifySubnetAttribute)
	op(w, s.CreateSecurityGroup)
	op(w, s.DeleteSecurityGroup)
	op(w, s.DescribeSecurityGroups)
	op(w, s.DescribeSecurityGroupRules)
	op(w, s.AuthorizeSecurityGroupIngress)
	op(w, s.AuthorizeSecurityGroupEgress)
	op(w, s.RevokeSecurityGroupIngress)
	op(w, s.RevokeSecurityGroupEgress)
	op(w, s.CreateInternetGateway)
	op(w, s.AttachInternetGateway)
	op(w, s.DetachInternetGateway)
	op(w, s.DeleteInternetGateway)
	op(w, s.DescribeInternetGateways)
	op(w, s.CreateRouteTable)
	op(w, s.DeleteRouteTable)
	op(w, s.CreateRoute)
	op(w, s.DeleteRoute)
	op(w, s.AssociateRouteTable)
	op(w, s.DisassociateRouteTable)
	op(w, s.DescribeRouteTables)
	op(w, s.DescribeNetworkAcls)
	op(w, s.DescribeNetworkInterfaces)
	op(w, s.CreateTags)
	op(w, s.DeleteTags)
	op(w, s.DescribeTags)
	return w
}

// op declares an operation that answers a dry run before it does anything: every caller may do
// everything here.
func op[In, Out any](w *wire.Service, h func(context.Context, *In) (*Out, error)) {
	wire.Op(w, func(ctx context.Context, in *In) (*Out, error) {
		if f := reflect.ValueOf(in).Elem().FieldByName("DryRun"); f.IsValid() {
			if dry, ok := f.Interface().(*bool); ok && aws.ToBool(dry) {
				return nil, &wire.Error{Code: "DryRunOperation", Message: "Request would have succeeded, but DryRun flag is set.", Status: 412}
			}
		}
		return h(ctx, in)
	})
}

func scopeOf(ctx context.Context) names.Scope {
	c := wire.CallerOf(ctx)
	return names.Scope{Account: c.Account, Region: c.Region}
}

func refuse(code, format string, args ...any) error {
	return &wire.Error{Code: code, Message: fmt.Sprintf(format, args...), Status: 400}
}

func invalid(format string, args ...any) error {
	return refuse("InvalidParameterValue", format, args...)
}

func lacking(parameter string) error {
	return refuse("MissingParameter", "The request must contain the parameter %s", parameter)
}

// inUse says that something cannot go because other things need it.
func inUse(format string, args ...any) error { return refuse("DependencyViolation", format, args...) }
