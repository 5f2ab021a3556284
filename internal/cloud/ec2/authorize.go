package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// asked is a request about rules: which group, which side, which rules.
type asked struct {
	id, name *string
	egress   bool
	ids      []string // of rules, to revoke
	list     []types.IpPermission
	tags     []types.TagSpecification
}

// permission adds the one permission of the older, flat form of a request.
func (a *asked) permission(protocol *string, from, to *int32, cidr, group, owner *string) {
	if protocol == nil && cidr == nil && group == nil {
		return
	}
	p := types.IpPermission{IpProtocol: protocol, FromPort: from, ToPort: to}
	if protocol == nil && group != nil {
		p.IpProtocol = aws.String(anyProtocol)
	}
	if cidr != nil {
		p.IpRanges = []types.IpRange{{CidrIp: cidr}}
	}
	if group != nil {
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupName: group, UserId: owner}}
	}
	a.list = append(slices.Clone(a.list), p)
}

func (a asked) side(g *Group) *[]Rule {
	if a.egress {
		return &g.Out
	}
	return &g.In
}

// AuthorizeSecurityGroupIngress adds rules for what comes in.
func (s *Service) AuthorizeSecurityGroupIngress(ctx context.Context, in *ec2.AuthorizeSecurityGroupIngressInput) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	a := asked{id: in.GroupId, name: in.GroupName, list: in.IpPermissions, tags: in.TagSpecifications}
	a.permission(in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId)
	rules, err := s.authorize(ctx, a)
	return &ec2.AuthorizeSecurityGroupIngressOutput{Return: aws.Bool(true), SecurityGroupRules: rules}, err
}

// AuthorizeSecurityGroupEgress adds rules for what goes out.
func (s *Service) AuthorizeSecurityGroupEgress(ctx context.Context, in *ec2.AuthorizeSecurityGroupEgressInput) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	a := asked{id: in.GroupId, egress: true, list: in.IpPermissions, tags: in.TagSpecifications}
	a.permission(in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId)
	rules, err := s.authorize(ctx, a)
	return &ec2.AuthorizeSecurityGroupEgressOutput{Return: aws.Bool(true), SecurityGroupRules: rules}, err
}

func (s *Service) authorize(ctx context.Context, a asked) (views []types.SecurityGroupRule, err error) {
	tags, err := tagsOf(a.tags, types.ResourceTypeSecurityGroupRule)
	if err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	err = s.store.Update(func(tx *store.Tx) error {
		g, rules, err := s.asked(tx, scope, a)
		if err != nil {
			return err
		}
		side := a.side(&g)
		all := slices.Clone(*side)
		for _, r := range rules {
			if slices.ContainsFunc(all, r.same) {
				return refuse("InvalidPermission.Duplicate", "the specified rule \"%s\" already exists", r)
			}
			r.ID, r.Tags = "sgr-"+s.hex(), tags
			all = append(all, r)
			views = append(views, ruleView(g, r, a.egress))
		}
		*side = all
		s.groups.put(tx, g)
		return nil
	})
	return views, err
}

// asked finds the group and makes the rules of a request.
func (s *Service) asked(tx *store.Tx, scope names.Scope, a asked) (Group, []Rule, error) {
	g, err := s.named(tx, scope, a.id, a.name)
	if err != nil {
		return g, nil, err
	}
	rules, err := rulesOf(a.list, scope.Account, func(id, name *string) (string, error) {
		peer, err := s.named(tx, scope, id, name)
		return peer.ID, err
	})
	return g, rules, err
}

// RevokeSecurityGroupIngress removes rules for what comes in.
func (s *Service) RevokeSecurityGroupIngress(ctx context.Context, in *ec2.RevokeSecurityGroupIngressInput) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	a := asked{id: in.GroupId, name: in.GroupName, list: in.IpPermissions, ids: in.SecurityGroupRuleIds}
	a.permission(in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId)
	rules, err := s.revoke(ctx, a)
	return &ec2.RevokeSecurityGroupIngressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: rules}, err
}

// RevokeSecurityGroupEgress removes rules for what goes out.
func (s *Service) RevokeSecurityGroupEgress(ctx context.Context, in *ec2.RevokeSecurityGroupEgressInput) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	a := asked{id: in.GroupId, egress: true, list: in.IpPermissions, ids: in.SecurityGroupRuleIds}
	a.permission(in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId)
	rules, err := s.revoke(ctx, a)
	return &ec2.RevokeSecurityGroupEgressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: rules}, err
}

func (s *Service) revoke(ctx context.Context, a asked) (views []types.RevokedSecurityGroupRule, err error) {
	scope := scopeOf(ctx)
	err = s.store.Update(func(tx *store.Tx) error {
		g, err := s.named(tx, scope, a.id, a.name)
		var rules []Rule
		if err == nil && (len(a.list) > 0 || len(a.ids) == 0) {
			g, rules, err = s.asked(tx, scope, a)
		}
		if err != nil {
			return err
		}
		side := a.side(&g)
		all := slices.Clone(*side)
		drop := func(is func(Rule) bool) bool {
			i := slices.IndexFunc(all, is)
			if i < 0 {
				return false
			}
			views = append(views, revoked(g, all[i], a.egress))
			all = slices.Delete(all, i, i+1)
			return true
		}
		for _, r := range rules {
			if !drop(r.same) {
				return refuse("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
		}
		for _, id := range a.ids {
			if !drop(func(r Rule) bool { return r.ID == id }) {
				return refuse("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist", id)
			}
		}
		*side = all
		s.groups.put(tx, g)
		return nil
	})
	return views, err
}

// DescribeSecurityGroupRules lists rules, group by group.
func (s *Service) DescribeSecurityGroupRules(ctx context.Context, in *ec2.DescribeSecurityGroupRulesInput) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	out := &ec2.DescribeSecurityGroupRulesOutput{}
	return out, s.store.View(func(tx *store.Tx) error {
		list := []types.SecurityGroupRule{}
		seen := map[string]bool{}
		for _, g := range s.groups.all(tx, scopeOf(ctx)) {
			for _, egress := range []bool{false, true} {
				for _, r := range *(asked{egress: egress}).side(&g) {
					seen[r.ID] = true
					keep, err := wanted(g, r, in)
					if err != nil {
						return err
					}
					if keep {
						list = append(list, ruleView(g, r, egress))
					}
				}
			}
		}
		for _, id := range in.SecurityGroupRuleIds {
			if !seen[id] {
				return refuse("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist", id)
			}
		}
		var err error
		out.SecurityGroupRules, out.NextToken, err = cut(list, func(r *types.SecurityGroupRule) string { return *r.SecurityGroupRuleId }, query{max: in.MaxResults, token: in.NextToken})
		return err
	})
}

func wanted(g Group, r Rule, in *ec2.DescribeSecurityGroupRulesInput) (bool, error) {
	if len(in.SecurityGroupRuleIds) > 0 && !slices.Contains(in.SecurityGroupRuleIds, r.ID) {
		return false, nil
	}
	t := Thing{Scope: g.Scope, Tags: r.Tags}
	for _, f := range in.Filters {
		has, ok := lookup(&t, f, func(_ *Thing, name string) ([]string, bool) {
			switch name {
			case "group-id":
				return one(g.ID)
			case "security-group-rule-id":
				return one(r.ID)
			}
			return unknownFilter()
		})
		if !ok {
			return false, invalid("The filter '%s' is invalid", aws.ToString(f.Name))
		}
		if !anyMatch(f.Values, has) {
			return false, nil
		}
	}
	return true, nil
}

// ruleView is a rule as SecurityGroupRule shows it: ports are -1 where every port is meant.
func ruleView(g Group, r Rule, egress bool) types.SecurityGroupRule {
	from, to := shown(r)
	v := types.SecurityGroupRule{
		SecurityGroupRuleId: &r.ID, GroupId: &g.ID, GroupOwnerId: &g.Scope.Account, IsEgress: &egress, IpProtocol: &r.Protocol, FromPort: from, ToPort: to,
		CidrIpv4: text(r.CIDR), CidrIpv6: text(r.CIDR6), PrefixListId: text(r.PrefixList), Description: text(r.Description), Tags: listTags(r.Tags),
		SecurityGroupRuleArn: aws.String(g.Scope.ARN("ec2", "security-group-rule/"+r.ID)),
	}
	if r.Peer != "" {
		v.ReferencedGroupInfo = &types.ReferencedSecurityGroup{GroupId: &r.Peer, UserId: &r.PeerOwner}
	}
	return v
}

func revoked(g Group, r Rule, egress bool) types.RevokedSecurityGroupRule {
	from, to := shown(r)
	return types.RevokedSecurityGroupRule{
		SecurityGroupRuleId: &r.ID, GroupId: &g.ID, IsEgress: &egress, IpProtocol: &r.Protocol, FromPort: from, ToPort: to,
		CidrIpv4: text(r.CIDR), CidrIpv6: text(r.CIDR6), PrefixListId: text(r.PrefixList), ReferencedGroupId: text(r.Peer), Description: text(r.Description),
	}
}

func shown(r Rule) (from, to *int32) {
	every := int32(-1)
	if r.From == nil || r.To == nil {
		return &every, &every
	}
	return r.From, r.To
}
