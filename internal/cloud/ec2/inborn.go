package ec2

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/slipway-ecs/slipway/internal/names"
)

// inborn is what a scope has before anybody made anything: a default VPC with a subnet in each of
// three zones, an internet gateway, and the route table, network ACL and security group that each
// VPC has. It follows from the scope alone, ids too, so that looking writes nothing.
//
// Source: Amazon VPC User Guide, "Default VPCs".
type inborn struct {
	vpc     VPC
	subnets []Subnet
	group   Group
	table   RouteTable
	gateway Gateway
	acl     ACL
}

const defaultVPC = "172.31.0.0/16"

// defaultSubnets are those of zones a, b and c, as most regions have them.
var defaultSubnets = [3]string{"172.31.0.0/20", "172.31.16.0/20", "172.31.32.0/20"}

func bornOf(scope names.Scope) *inborn {
	digits := func(what string) string {
		sum := sha256.Sum256([]byte(scope.Account + "/" + scope.Region + "/" + what))
		return hex.EncodeToString(sum[:])[:17]
	}
	thing := func(kind, prefix, what string) Thing {
		id := prefix + "-" + digits(what)
		return Thing{ARN: scope.ARN("ec2", kind+"/"+id), ID: id, Scope: scope}
	}
	b := &inborn{vpc: VPC{
		Thing: thing("vpc", "vpc", "vpc"), CIDR: defaultVPC, Default: true, Tenancy: "default", DNSSupport: true, DNSHostnames: true,
		Association: "vpc-cidr-assoc-" + digits("cidr"), DHCP: dhcpOf(scope),
	}}
	vpc := b.vpc.ID
	for i, zone := range zonesOf(scope.Region) {
		b.subnets = append(b.subnets, Subnet{
			Thing: thing("subnet", "subnet", zone), VPC: vpc, CIDR: defaultSubnets[i], Zone: zone, Default: true, MapPublicIP: true,
			ACLAssociation: "aclassoc-" + digits("acl "+zone),
		})
	}
	b.group = Group{
		Thing: thing("security-group", "sg", "group"), VPC: vpc, Name: defaultGroup, Description: defaultGroupDescription,
	}
	b.group.In = []Rule{{ID: "sgr-" + digits("in"), Protocol: anyProtocol, Peer: b.group.ID, PeerOwner: scope.Account}}
	b.group.Out = []Rule{{ID: "sgr-" + digits("out"), Protocol: anyProtocol, CIDR: anywhere}}
	b.gateway = Gateway{Thing: thing("internet-gateway", "igw", "gateway"), VPC: vpc}
	b.table = RouteTable{
		Thing: thing("route-table", "rtb", "table"), VPC: vpc,
		Routes:       []Route{{CIDR: defaultVPC, Gateway: "local", Origin: "CreateRouteTable"}, {CIDR: anywhere, Gateway: b.gateway.ID, Origin: "CreateRoute"}},
		Associations: []Association{{ID: "rtbassoc-" + digits("main"), Main: true}},
	}
	b.acl = ACL{Thing: thing("network-acl", "acl", "acl"), VPC: vpc}
	return b
}

// dhcpOf gives the id of the DHCP options that all VPCs of a scope have.
func dhcpOf(scope names.Scope) string {
	sum := sha256.Sum256([]byte(scope.Account + "/" + scope.Region + "/dhcp"))
	return "dopt-" + hex.EncodeToString(sum[:])[:17]
}
