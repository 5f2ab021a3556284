package ec2

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Group is the row of a security group.
type Group struct {
	Thing
	VPC, Name, Description string
	In, Out                []Rule // in the order they were made
}

// The security group that every VPC has.
const (
	defaultGroup            = "default"
	defaultGroupDescription = "default VPC security group"
)

// SecurityGroup gives a security group's VPC; ok is false where there is none. It is a port for
// others.
func (s *Service) SecurityGroup(tx *store.Tx, scope names.Scope, id string) (vpc string, ok bool) {
	g, ok := s.groups.find(tx, scope, id)
	return g.VPC, ok
}

// DefaultSecurityGroup gives a VPC's default security group, "" for a VPC of nobody. It is a port
// for others.
func (s *Service) DefaultSecurityGroup(tx *store.Tx, scope names.Scope, vpc string) string {
	for _, g := range s.groups.some(tx, scope, func(g *Group) bool { return g.VPC == vpc && g.Name == defaultGroup }) {
		return g.ID
	}
	return ""
}

// groupWords says whether EC2 allows it as the name or the description of a group: 255 characters
// at most of those in groupText.
func groupWords(s string) bool { return len(s) <= 255 && groupText.MatchString(s) }

var groupText = regexp.MustCompile(`^[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]+$`)

// CreateSecurityGroup makes a security group that lets nothing in and everything out.
func (s *Service) CreateSecurityGroup(ctx context.Context, in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	name, description := aws.ToString(in.GroupName), aws.ToString(in.Description)
	switch {
	case !groupWords(name):
		return nil, invalid("Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", name)
	case strings.HasPrefix(name, "sg-"):
		return nil, invalid("Value (%s) for parameter GroupName is invalid. Group names may not be in the format sg-*.", name)
	case name == defaultGroup:
		return nil, refuse("InvalidGroup.Reserved", "Cannot use reserved security group name: %s", name)
	case !groupWords(description):
		return nil, invalid("Value (%s) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.", description)
	}
	tags, err := tagsOf(in.TagSpecifications, types.ResourceTypeSecurityGroup)
	if err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	out := &ec2.CreateSecurityGroupOutput{}
	return out, s.store.Update(func(tx *store.Tx) error {
		vpc := aws.ToString(in.VpcId)
		if vpc == "" {
			if vpc = s.defaultVPC(tx, scope); vpc == "" {
				return refuse("VPCIdNotSpecified", "No default VPC for this user")
			}
		}
		if _, err := s.vpcs.get(tx, scope, vpc); err != nil {
			return err
		}
		if len(s.groups.some(tx, scope, func(g *Group) bool { return g.VPC == vpc && g.Name == name })) > 0 {
			return refuse("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, vpc)
		}
		g := Group{
			Thing: s.groups.new(tx, scope, s.hex()), VPC: vpc, Name: name, Description: description,
			Out: []Rule{{ID: "sgr-" + s.hex(), Protocol: anyProtocol, CIDR: anywhere}},
		}
		g.Tags = tags
		s.groups.put(tx, g)
		out.GroupId, out.SecurityGroupArn, out.Tags = &g.ID, &g.ARN, viewTags(g.Tags)
		return nil
	})
}

// defaultVPC gives the scope's default VPC, "" where it was deleted.
func (s *Service) defaultVPC(tx *store.Tx, scope names.Scope) string {
	for _, v := range s.vpcs.some(tx, scope, func(v *VPC) bool { return v.Default }) {
		return v.ID
	}
	return ""
}

// named gives the group of an id, or the one of a name in the default VPC.
func (s *Service) named(tx *store.Tx, scope names.Scope, id, name *string) (Group, error) {
	if aws.ToString(id) != "" {
		return s.groupOf(tx, scope, *id)
	}
	if aws.ToString(name) == "" {
		return Group{}, lacking("groupName or groupId")
	}
	vpc := s.defaultVPC(tx, scope)
	for _, g := range s.groups.some(tx, scope, func(g *Group) bool { return g.VPC == vpc && g.Name == *name }) {
		return g, nil
	}
	return Group{}, refuse("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", *name, vpc)
}

func (s *Service) groupOf(tx *store.Tx, scope names.Scope, id string) (Group, error) {
	if !strings.HasPrefix(id, "sg-") {
		return Group{}, refuse("InvalidGroupId.Malformed", "Invalid id: \"%s\" (expecting \"sg-...\")", id)
	}
	return s.groups.get(tx, scope, id)
}

// DeleteSecurityGroup removes a group that no rule of another one names.
func (s *Service) DeleteSecurityGroup(ctx context.Context, in *ec2.DeleteSecurityGroupInput) (*ec2.DeleteSecurityGroupOutput, error) {
	scope := scopeOf(ctx)
	out := &ec2.DeleteSecurityGroupOutput{Return: aws.Bool(true)}
	return out, s.store.Update(func(tx *store.Tx) error {
		g, err := s.named(tx, scope, in.GroupId, in.GroupName)
		if err != nil {
			return err
		}
		if g.Name == defaultGroup {
			return refuse("CannotDelete", "the specified group: \"%s\" name: \"%s\" cannot be deleted by a user", g.ID, g.Name)
		}
		names := func(r Rule) bool { return r.Peer == g.ID }
		if len(s.groups.some(tx, scope, func(o *Group) bool {
			return o.ID != g.ID && (slices.ContainsFunc(o.In, names) || slices.ContainsFunc(o.Out, names))
		})) > 0 {
			return inUse("resource %s has a dependent object", g.ID)
		}
		s.groups.remove(tx, g)
		out.GroupId = &g.ID
		return nil
	})
}

// DescribeSecurityGroups lists security groups.
func (s *Service) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput) (*ec2.DescribeSecurityGroupsOutput, error) {
	scope := scopeOf(ctx)
	out := &ec2.DescribeSecurityGroupsOutput{SecurityGroups: []types.SecurityGroup{}}
	return out, s.store.View(func(tx *store.Tx) error {
		wanted := slices.Clone(in.GroupIds)
		for _, id := range in.GroupIds {
			if _, err := s.groupOf(tx, scope, id); err != nil {
				return err
			}
		}
		for _, name := range in.GroupNames {
			g, err := s.named(tx, scope, nil, &name)
			if err != nil {
				return err
			}
			wanted = append(wanted, g.ID)
		}
		list, next, err := pick(tx, s.groups, scope, query{wanted, in.Filters, in.MaxResults, in.NextToken}, (*Group).filter)
		for _, g := range list {
			out.SecurityGroups = append(out.SecurityGroups, types.SecurityGroup{
				GroupId: &g.ID, GroupName: &g.Name, Description: &g.Description, OwnerId: &g.Scope.Account, VpcId: &g.VPC, SecurityGroupArn: &g.ARN,
				IpPermissions: permissions(g.In), IpPermissionsEgress: permissions(g.Out), Tags: viewTags(g.Tags),
			})
		}
		out.NextToken = next
		return err
	})
}

func (g *Group) filter(name string) ([]string, bool) {
	switch name {
	case "group-id":
		return one(g.ID)
	case "group-name":
		return one(g.Name)
	case "description":
		return one(g.Description)
	case "vpc-id":
		return one(g.VPC)
	}
	if of, ok := strings.CutPrefix(name, "ip-permission."); ok {
		return ruleFilter(g.In, of)
	}
	if of, ok := strings.CutPrefix(name, "egress.ip-permission."); ok {
		return ruleFilter(g.Out, of)
	}
	return unknownFilter()
}
