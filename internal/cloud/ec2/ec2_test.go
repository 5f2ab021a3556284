package ec2_test

import (
	"errors"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/cloud/ec2"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

const account = "123456789012"

// serve gives clients of accounts, which are access keys, in regions; path is the store's file.
func serve(t *testing.T, path string) (func(account, region string) *client.Client, *ec2.Service, *store.Store) {
	room := ec2.New(ec2.Options{IDs: ids.Random()})
	st, err := store.Open(store.Options{Verify: true, Path: path}, room.Tables()...)
	if err != nil {
		t.Fatal(err)
	}
	room.Attach(st)
	server := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{Account: func(key string) string { return key }}, room.Wire()))
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(account, region string) *client.Client {
		return client.New(client.Options{BaseEndpoint: &server.URL, Region: region, Credentials: credentials.NewStaticCredentialsProvider(account, "s", ""), RetryMaxAttempts: 1})
	}, room, st
}

func here(t *testing.T) *client.Client {
	of, _, _ := serve(t, "")
	return of(account, "us-east-1")
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func by(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}

func TestEveryAccountAndRegionHasItsDefaultVPCWithoutAWrite(t *testing.T) {
	t.Parallel()
	of, room, st := serve(t, "")
	seen := map[string]bool{}
	for _, place := range [][2]string{{account, "us-east-1"}, {account, "eu-central-1"}, {"210987654321", "us-east-1"}} {
		c := of(place[0], place[1])
		vpcs, err := c.DescribeVpcs(t.Context(), &client.DescribeVpcsInput{Filters: []types.Filter{by("isDefault", "true")}})
		if err != nil || len(vpcs.Vpcs) != 1 || *vpcs.Vpcs[0].CidrBlock != "172.31.0.0/16" {
			t.Fatalf("%v: got %+v, %v", place, vpcs, err)
		}
		vpc := *vpcs.Vpcs[0].VpcId
		subnets, err := c.DescribeSubnets(t.Context(), &client.DescribeSubnetsInput{Filters: []types.Filter{by("vpc-id", vpc), by("default-for-az", "true")}})
		if err != nil || len(subnets.Subnets) != 3 {
			t.Fatalf("%v: got %+v, %v; want 3 subnets", place, subnets, err)
		}
		zones := map[string]bool{}
		for i, n := range subnets.Subnets {
			if want := place[1] + string(rune('a'+i)); *n.AvailabilityZone != want {
				t.Errorf("subnet %d: got zone %s, want %s", i, *n.AvailabilityZone, want)
			}
			zones[*n.AvailabilityZone] = true
			if *n.AvailableIpAddressCount != 4091 || !*n.MapPublicIpOnLaunch {
				t.Errorf("subnet: got %d addresses, public %v; want 4091 and true", *n.AvailableIpAddressCount, *n.MapPublicIpOnLaunch)
			}
		}
		if len(zones) != 3 {
			t.Errorf("%v: got subnets in %v, want three zones", place, zones)
		}
		if seen[vpc] {
			t.Errorf("%v shares its VPC %s with another scope", place, vpc)
		}
		seen[vpc] = true
		groups, err := c.DescribeSecurityGroups(t.Context(), &client.DescribeSecurityGroupsInput{GroupNames: []string{"default"}})
		if err != nil || len(groups.SecurityGroups) != 1 {
			t.Fatalf("default group: got %+v, %v", groups, err)
		}
		if p := groups.SecurityGroups[0].IpPermissions; len(p) != 1 || *p[0].UserIdGroupPairs[0].GroupId != *groups.SecurityGroups[0].GroupId {
			t.Errorf("default group lets in %+v, want its own members", p)
		}
		err = st.View(func(tx *store.Tx) error {
			scope := names.Scope{Account: place[0], Region: place[1]}
			n := subnets.Subnets[1]
			if in, zone, ok := room.Subnet(tx, scope, *n.SubnetId); !ok || in != vpc || zone != *n.AvailabilityZone {
				t.Errorf("port Subnet: got %q %q %v", in, zone, ok)
			}
			id := room.DefaultSecurityGroup(tx, scope, vpc)
			if in, ok := room.SecurityGroup(tx, scope, id); !ok || in != vpc || id != *groups.SecurityGroups[0].GroupId {
				t.Errorf("port DefaultSecurityGroup: got %q in %q", id, in)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	zones, err := of(account, "eu-central-1").DescribeAvailabilityZones(t.Context(), &client.DescribeAvailabilityZonesInput{Filters: []types.Filter{by("state", "available")}})
	if err != nil || len(zones.AvailabilityZones) != 3 || *zones.AvailabilityZones[2].ZoneName != "eu-central-1c" || *zones.AvailabilityZones[2].ZoneId != "euc1-az3" {
		t.Errorf("zones: got %+v, %v", zones, err)
	}
}

func TestADefaultThatWasDeletedOrChangedStaysSoOverRestarts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	var gone, changed string
	t.Run("first", func(t *testing.T) {
		of, _, _ := serve(t, path)
		c := of(account, "us-east-1")
		n, err := c.DescribeSubnets(t.Context(), &client.DescribeSubnetsInput{})
		if err != nil {
			t.Fatal(err)
		}
		gone, changed = *n.Subnets[0].SubnetId, *n.Subnets[1].SubnetId
		_, err = c.DeleteSubnet(t.Context(), &client.DeleteSubnetInput{SubnetId: &gone})
		_, err2 := c.CreateTags(t.Context(), &client.CreateTagsInput{Resources: []string{changed}, Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("web-b")}}})
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
	})
	of, _, _ := serve(t, path)
	n, err := of(account, "us-east-1").DescribeSubnets(t.Context(), &client.DescribeSubnetsInput{Filters: []types.Filter{by("tag:Name", "web-?", "other")}})
	if err != nil || len(n.Subnets) != 1 || *n.Subnets[0].SubnetId != changed {
		t.Errorf("the tagged one: got %+v, %v; want %s", n, err, changed)
	}
	if _, err := of(account, "us-east-1").DescribeSubnets(t.Context(), &client.DescribeSubnetsInput{SubnetIds: []string{gone}}); code(err) != "InvalidSubnetID.NotFound" {
		t.Errorf("the deleted one: got %v, want InvalidSubnetID.NotFound", err)
	}
	if all, err := of(account, "us-west-2").DescribeSubnets(t.Context(), &client.DescribeSubnetsInput{}); err != nil || len(all.Subnets) != 3 {
		t.Errorf("another region: got %+v, %v; want all three", all, err)
	}
}

func TestANetworkIsBuiltAndTakenDownAsTerraformDoes(t *testing.T) {
	t.Parallel()
	c, ctx := here(t), t.Context()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	name := []types.TagSpecification{{ResourceType: types.ResourceTypeVpc, Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("app")}}}}
	made, err := c.CreateVpc(ctx, &client.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), TagSpecifications: name})
	do(err)
	vpc := made.Vpc.VpcId
	_, err = c.ModifyVpcAttribute(ctx, &client.ModifyVpcAttributeInput{VpcId: vpc, EnableDnsHostnames: &types.AttributeBooleanValue{Value: aws.Bool(true)}})
	do(err)
	attribute, err := c.DescribeVpcAttribute(ctx, &client.DescribeVpcAttributeInput{VpcId: vpc, Attribute: types.VpcAttributeNameEnableDnsHostnames})
	do(err)
	if !*attribute.EnableDnsHostnames.Value {
		t.Error("enableDnsHostnames: got false after it was set")
	}
	acls, err := c.DescribeNetworkAcls(ctx, &client.DescribeNetworkAclsInput{Filters: []types.Filter{by("default", "true"), by("vpc-id", *vpc)}})
	do(err)
	mains, err := c.DescribeRouteTables(ctx, &client.DescribeRouteTablesInput{Filters: []types.Filter{by("association.main", "true"), by("vpc-id", *vpc)}})
	do(err)
	if len(acls.NetworkAcls) != 1 || len(acls.NetworkAcls[0].Entries) != 4 || len(mains.RouteTables) != 1 {
		t.Errorf("a new VPC has %+v and %+v; want one ACL of four entries and one main table", acls.NetworkAcls, mains.RouteTables)
	}
	var subnets []string
	zones := map[string]bool{}
	for _, cidr := range []string{"10.0.1.0/24", "10.0.2.0/24"} {
		n, err := c.CreateSubnet(ctx, &client.CreateSubnetInput{VpcId: vpc, CidrBlock: &cidr})
		do(err)
		subnets, zones[*n.Subnet.AvailabilityZone] = append(subnets, *n.Subnet.SubnetId), true
	}
	if len(zones) != 2 {
		t.Errorf("two subnets without a zone: got %v, want two zones", zones)
	}
	gateway, err := c.CreateInternetGateway(ctx, &client.CreateInternetGatewayInput{})
	do(err)
	igw := gateway.InternetGateway.InternetGatewayId
	_, err = c.AttachInternetGateway(ctx, &client.AttachInternetGatewayInput{InternetGatewayId: igw, VpcId: vpc})
	do(err)
	table, err := c.CreateRouteTable(ctx, &client.CreateRouteTableInput{VpcId: vpc})
	do(err)
	rtb := table.RouteTable.RouteTableId
	_, err = c.CreateRoute(ctx, &client.CreateRouteInput{RouteTableId: rtb, DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: igw})
	do(err)
	var associations []string
	for _, n := range subnets {
		a, err := c.AssociateRouteTable(ctx, &client.AssociateRouteTableInput{RouteTableId: rtb, SubnetId: &n})
		do(err)
		associations = append(associations, *a.AssociationId)
	}
	found, err := c.DescribeRouteTables(ctx, &client.DescribeRouteTablesInput{Filters: []types.Filter{by("association.route-table-association-id", associations[1])}})
	do(err)
	if len(found.RouteTables) != 1 || len(found.RouteTables[0].Associations) != 2 || len(found.RouteTables[0].Routes) != 2 {
		t.Errorf("table by association: got %+v", found.RouteTables)
	}

	if _, err := c.DeleteVpc(ctx, &client.DeleteVpcInput{VpcId: vpc}); code(err) != "DependencyViolation" {
		t.Errorf("delete a full VPC: got %v, want DependencyViolation", err)
	}
	if _, err := c.DeleteRouteTable(ctx, &client.DeleteRouteTableInput{RouteTableId: rtb}); code(err) != "DependencyViolation" {
		t.Errorf("delete a serving table: got %v, want DependencyViolation", err)
	}
	if _, err := c.DeleteInternetGateway(ctx, &client.DeleteInternetGatewayInput{InternetGatewayId: igw}); code(err) != "DependencyViolation" {
		t.Errorf("delete an attached gateway: got %v, want DependencyViolation", err)
	}
	for _, a := range associations {
		_, err := c.DisassociateRouteTable(ctx, &client.DisassociateRouteTableInput{AssociationId: &a})
		do(err)
	}
	_, err = c.DeleteRouteTable(ctx, &client.DeleteRouteTableInput{RouteTableId: rtb})
	do(err)
	_, err = c.DetachInternetGateway(ctx, &client.DetachInternetGatewayInput{InternetGatewayId: igw, VpcId: vpc})
	do(err)
	_, err = c.DeleteInternetGateway(ctx, &client.DeleteInternetGatewayInput{InternetGatewayId: igw})
	do(err)
	for _, n := range subnets {
		interfaces, err := c.DescribeNetworkInterfaces(ctx, &client.DescribeNetworkInterfacesInput{Filters: []types.Filter{by("subnet-id", n)}})
		do(err)
		if len(interfaces.NetworkInterfaces) != 0 {
			t.Errorf("interfaces: got %+v, want none", interfaces.NetworkInterfaces)
		}
		_, err = c.DeleteSubnet(ctx, &client.DeleteSubnetInput{SubnetId: &n})
		do(err)
	}
	_, err = c.DeleteVpc(ctx, &client.DeleteVpcInput{VpcId: vpc})
	do(err)
	if _, err := c.DescribeVpcs(ctx, &client.DescribeVpcsInput{VpcIds: []string{*vpc}}); code(err) != "InvalidVpcID.NotFound" {
		t.Errorf("a deleted VPC: got %v, want InvalidVpcID.NotFound", err)
	}
	if _, err := c.DescribeRouteTables(ctx, &client.DescribeRouteTablesInput{RouteTableIds: []string{*rtb}}); code(err) != "InvalidRouteTableID.NotFound" {
		t.Errorf("a deleted table: got %v, want InvalidRouteTableID.NotFound", err)
	}
}

func TestRulesOfSecurityGroupsComeAndGo(t *testing.T) {
	t.Parallel()
	c, ctx := here(t), t.Context()
	made, err := c.CreateSecurityGroup(ctx, &client.CreateSecurityGroupInput{GroupName: aws.String("web"), Description: aws.String("web servers")})
	if err != nil {
		t.Fatal(err)
	}
	id := made.GroupId
	web := []types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80),
		IpRanges:         []types.IpRange{{CidrIp: aws.String("0.0.0.0/0"), Description: aws.String("all")}, {CidrIp: aws.String("10.0.0.1/8")}},
		UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: id}},
	}}
	rules, err := c.AuthorizeSecurityGroupIngress(ctx, &client.AuthorizeSecurityGroupIngressInput{GroupId: id, IpPermissions: web})
	if err != nil || len(rules.SecurityGroupRules) != 3 || !*rules.Return {
		t.Fatalf("authorize: got %+v, %v; want three rules", rules, err)
	}
	_, err = c.AuthorizeSecurityGroupIngress(ctx, &client.AuthorizeSecurityGroupIngressInput{GroupId: id, IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80), CidrIp: aws.String("0.0.0.0/0")})
	api, _ := errors.AsType[smithy.APIError](err)
	if want := `the specified rule "peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW" already exists`; code(err) != "InvalidPermission.Duplicate" || api.ErrorMessage() != want {
		t.Errorf("the same rule again: got %v, want %s", err, want)
	}
	groups, err := c.DescribeSecurityGroups(ctx, &client.DescribeSecurityGroupsInput{Filters: []types.Filter{by("group-name", "web"), by("ip-permission.cidr", "10.*")}})
	if err != nil || len(groups.SecurityGroups) != 1 {
		t.Fatalf("describe: got %+v, %v", groups, err)
	}
	p := groups.SecurityGroups[0].IpPermissions
	if len(p) != 1 || len(p[0].IpRanges) != 2 || *p[0].IpRanges[1].CidrIp != "10.0.0.0/8" || len(p[0].UserIdGroupPairs) != 1 {
		t.Errorf("permissions: got %+v", p)
	}
	all := []types.IpPermission{{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}
	if _, err := c.RevokeSecurityGroupEgress(ctx, &client.RevokeSecurityGroupEgressInput{GroupId: id, IpPermissions: all}); err != nil {
		t.Errorf("revoke egress: %v", err)
	}
	if _, err := c.RevokeSecurityGroupEgress(ctx, &client.RevokeSecurityGroupEgressInput{GroupId: id, IpPermissions: all}); code(err) != "InvalidPermission.NotFound" {
		t.Errorf("revoke it again: got %v, want InvalidPermission.NotFound", err)
	}
	if _, err := c.RevokeSecurityGroupIngress(ctx, &client.RevokeSecurityGroupIngressInput{GroupId: id, SecurityGroupRuleIds: []string{*rules.SecurityGroupRules[0].SecurityGroupRuleId}}); err != nil {
		t.Errorf("revoke by id: %v", err)
	}
	left, err := c.DescribeSecurityGroupRules(ctx, &client.DescribeSecurityGroupRulesInput{Filters: []types.Filter{by("group-id", *id)}})
	if err != nil || len(left.SecurityGroupRules) != 2 {
		t.Errorf("left: got %+v, %v; want two rules", left, err)
	}
	if _, err := c.DeleteSecurityGroup(ctx, &client.DeleteSecurityGroupInput{GroupId: id}); err != nil {
		t.Errorf("delete a group that names only itself: %v", err)
	}
}

func TestRefusalsHaveEC2sCodes(t *testing.T) {
	t.Parallel()
	c, ctx := here(t), t.Context()
	vpcs, err := c.DescribeVpcs(ctx, &client.DescribeVpcsInput{})
	if err != nil {
		t.Fatal(err)
	}
	vpc, s := vpcs.Vpcs[0].VpcId, aws.String
	groups, err := c.DescribeSecurityGroups(ctx, &client.DescribeSecurityGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateSecurityGroup(ctx, &client.CreateSecurityGroupInput{GroupName: s("web"), Description: s("x"), VpcId: vpc}); err != nil {
		t.Fatal(err)
	}
	ports := func(protocol string, from, to *int32, cidr string) error {
		_, err := c.AuthorizeSecurityGroupIngress(ctx, &client.AuthorizeSecurityGroupIngressInput{GroupName: s("web"), IpProtocol: &protocol, FromPort: from, ToPort: to, CidrIp: &cidr})
		return err
	}
	for name, c := range map[string]struct {
		err  func() error
		want string
	}{
		"a range too large": {func() error {
			_, err := c.CreateVpc(ctx, &client.CreateVpcInput{CidrBlock: s("10.0.0.0/8")})
			return err
		}, "InvalidVpc.Range"},
		"no range": {func() error { _, err := c.CreateVpc(ctx, &client.CreateVpcInput{CidrBlock: s("ten")}); return err }, "InvalidParameterValue"},
		"a dry run": {func() error {
			_, err := c.CreateVpc(ctx, &client.CreateVpcInput{CidrBlock: s("10.0.0.0/16"), DryRun: aws.Bool(true)})
			return err
		}, "DryRunOperation"},
		"overlapping subnets": {func() error {
			_, err := c.CreateSubnet(ctx, &client.CreateSubnetInput{VpcId: vpc, CidrBlock: s("172.31.32.0/24")})
			return err
		}, "InvalidSubnet.Conflict"},
		"a subnet outside": {func() error {
			_, err := c.CreateSubnet(ctx, &client.CreateSubnetInput{VpcId: vpc, CidrBlock: s("10.0.0.0/24")})
			return err
		}, "InvalidSubnet.Range"},
		"a zone of nobody": {func() error {
			_, err := c.CreateSubnet(ctx, &client.CreateSubnetInput{VpcId: vpc, CidrBlock: s("172.31.48.0/20"), AvailabilityZone: s("us-east-1z")})
			return err
		}, "InvalidParameterValue"},
		"a name taken": {func() error {
			_, err := c.CreateSecurityGroup(ctx, &client.CreateSecurityGroupInput{GroupName: s("web"), Description: s("x")})
			return err
		}, "InvalidGroup.Duplicate"},
		"the default group": {func() error {
			_, err := c.DeleteSecurityGroup(ctx, &client.DeleteSecurityGroupInput{GroupId: groups.SecurityGroups[0].GroupId})
			return err
		}, "CannotDelete"},
		"a group of nobody": {func() error {
			_, err := c.DescribeSecurityGroups(ctx, &client.DescribeSecurityGroupsInput{GroupIds: []string{"sg-0123"}})
			return err
		}, "InvalidGroup.NotFound"},
		"no group's id": {func() error {
			_, err := c.DescribeSecurityGroups(ctx, &client.DescribeSecurityGroupsInput{GroupIds: []string{"web"}})
			return err
		}, "InvalidGroupId.Malformed"},
		"a filter of nobody": {func() error {
			_, err := c.DescribeVpcs(ctx, &client.DescribeVpcsInput{Filters: []types.Filter{by("colour", "blue")}})
			return err
		}, "InvalidParameterValue"},
		"ports the wrong way round": {func() error { return ports("tcp", aws.Int32(90), aws.Int32(80), "0.0.0.0/0") }, "InvalidParameterValue"},
		"no ports":                  {func() error { return ports("tcp", nil, nil, "0.0.0.0/0") }, "InvalidParameterValue"},
		"no protocol":               {func() error { return ports("ip", nil, nil, "0.0.0.0/0") }, "InvalidParameterValue"},
		"no CIDR":                   {func() error { return ports("-1", nil, nil, "everywhere") }, "InvalidParameterValue"},
		"tags of nobody": {func() error {
			_, err := c.CreateTags(ctx, &client.CreateTagsInput{Resources: []string{"i-0123"}, Tags: []types.Tag{{Key: s("a"), Value: s("b")}}})
			return err
		}, "InvalidID"},
	} {
		if err := c.err(); code(err) != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	c, ctx := here(t), t.Context()
	for i := range 12 {
		if _, err := c.CreateSecurityGroup(ctx, &client.CreateSecurityGroupInput{GroupName: aws.String("g" + string(rune('a'+i))), Description: aws.String("x")}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	pages := client.NewDescribeSecurityGroupsPaginator(c, &client.DescribeSecurityGroupsInput{MaxResults: aws.Int32(5)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.SecurityGroups {
			seen[*g.GroupName]++
		}
	}
	if len(seen) != 13 {
		t.Errorf("pages together: got %v, want 13 groups", seen)
	}
}
