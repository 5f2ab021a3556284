package iam

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// awsManaged are the policies of AWS's own that ECS users attach. Their documents are not ours
// to keep; GetPolicyVersion says so.
var awsManaged = []string{
	"arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
	"arn:aws:iam::aws:policy/service-role/AmazonECSInfrastructureRolePolicyForVolumes",
	"arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
	"arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceRole",
	"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
	"arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers",
	"arn:aws:iam::aws:policy/AmazonECS_FullAccess",
	"arn:aws:iam::aws:policy/AWSCodeDeployRoleForECS",
	"arn:aws:iam::aws:policy/AWSCodeDeployRoleForECSLimited",
	"arn:aws:iam::aws:policy/CloudWatchLogsFullAccess",
	"arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess",
	"arn:aws:iam::aws:policy/SecretsManagerReadWrite",
	"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
}

// PutRolePolicy writes a policy inside a role.
func (s *Service) PutRolePolicy(ctx context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	p := Inline{Name: aws.ToString(in.PolicyName), Document: aws.ToString(in.PolicyDocument)}
	if err := document(p.Document); err != nil {
		return nil, err
	}
	return &iam.PutRolePolicyOutput{}, s.change(ctx, in.RoleName, func(r *Role) error {
		r.Inline = append(without(r.Inline, p.Name), p)
		slices.SortFunc(r.Inline, func(a, b Inline) int { return cmp.Compare(a.Name, b.Name) })
		return nil
	})
}

func without(policies []Inline, name string) []Inline {
	return slices.DeleteFunc(slices.Clone(policies), func(p Inline) bool { return p.Name == name })
}

// GetRolePolicy gives a policy inside a role.
func (s *Service) GetRolePolicy(ctx context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	var out *iam.GetRolePolicyOutput
	err := s.look(ctx, in.RoleName, func(r Role) {
		for _, p := range r.Inline {
			if p.Name == aws.ToString(in.PolicyName) {
				out = &iam.GetRolePolicyOutput{RoleName: &r.Name, PolicyName: &p.Name, PolicyDocument: quoted(p.Document)}
			}
		}
	})
	if err == nil && out == nil {
		err = missing("The role policy with name %s cannot be found.", aws.ToString(in.PolicyName))
	}
	return out, err
}

// ListRolePolicies names the policies inside a role.
func (s *Service) ListRolePolicies(ctx context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	out := &iam.ListRolePoliciesOutput{PolicyNames: []string{}}
	err := s.look(ctx, in.RoleName, func(r Role) {
		for _, p := range r.Inline {
			out.PolicyNames = append(out.PolicyNames, p.Name)
		}
	})
	if err == nil {
		out.PolicyNames, out.Marker, out.IsTruncated, err = cut(out.PolicyNames, func(n *string) string { return *n }, in.Marker, in.MaxItems)
	}
	return out, err
}

// DeleteRolePolicy removes a policy inside a role.
func (s *Service) DeleteRolePolicy(ctx context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	return &iam.DeleteRolePolicyOutput{}, s.change(ctx, in.RoleName, func(r *Role) error {
		left := without(r.Inline, aws.ToString(in.PolicyName))
		if len(left) == len(r.Inline) {
			return missing("The role policy with name %s cannot be found.", aws.ToString(in.PolicyName))
		}
		r.Inline = left
		return nil
	})
}

// AttachRolePolicy attaches a managed policy to a role; attaching it twice is once.
func (s *Service) AttachRolePolicy(ctx context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	arn := aws.ToString(in.PolicyArn)
	return &iam.AttachRolePolicyOutput{}, s.store.Update(func(tx *store.Tx) error {
		r, err := s.role(tx, wire.CallerOf(ctx).Account, in.RoleName)
		if err != nil {
			return err
		}
		if _, own := s.policies.Get(tx, arn); !own && !slices.Contains(awsManaged, arn) {
			return missing("Policy %s does not exist or is not attachable.", arn)
		}
		if !slices.Contains(r.Attached, arn) {
			r.Attached = append(slices.Clone(r.Attached), arn)
			s.roles.Put(tx, r)
		}
		return nil
	})
}

// DetachRolePolicy takes a managed policy off a role.
func (s *Service) DetachRolePolicy(ctx context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	arn := aws.ToString(in.PolicyArn)
	return &iam.DetachRolePolicyOutput{}, s.change(ctx, in.RoleName, func(r *Role) error {
		i := slices.Index(r.Attached, arn)
		if i < 0 {
			return missing("Policy %s was not found.", arn)
		}
		r.Attached = slices.Delete(slices.Clone(r.Attached), i, i+1)
		return nil
	})
}

// ListAttachedRolePolicies lists a role's managed policies.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	out := &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: []types.AttachedPolicy{}}
	err := s.look(ctx, in.RoleName, func(r Role) {
		for _, arn := range r.Attached {
			out.AttachedPolicies = append(out.AttachedPolicies, types.AttachedPolicy{PolicyArn: &arn, PolicyName: aws.String(names.Last(arn))})
		}
	})
	if err == nil {
		out.AttachedPolicies, out.Marker, out.IsTruncated, err = cut(out.AttachedPolicies, func(p *types.AttachedPolicy) string { return *p.PolicyArn }, in.Marker, in.MaxItems)
	}
	return out, err
}

// CreatePolicy writes a managed policy of the caller's account.
func (s *Service) CreatePolicy(ctx context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	c := wire.CallerOf(ctx)
	p := Policy{
		Name: aws.ToString(in.PolicyName), Path: cmp.Or(aws.ToString(in.Path), "/"), ID: s.id("ANPA"),
		Description: aws.ToString(in.Description), Document: aws.ToString(in.PolicyDocument), Tags: newTags(in.Tags),
	}
	if err := document(p.Document); err != nil {
		return nil, err
	}
	partition := names.Scope{Region: c.Region}.Partition()
	p.ARN = names.ARN{Partition: partition, Service: "iam", Account: c.Account, Resource: "policy" + p.Path + p.Name}.String()
	err := s.store.Update(func(tx *store.Tx) error {
		if _, there := s.policies.Get(tx, p.ARN); there {
			return &types.EntityAlreadyExistsException{Message: aws.String(fmt.Sprintf("A policy called %s already exists. Duplicate names are not allowed.", p.Name))}
		}
		p.Created = tx.Now()
		s.policies.Put(tx, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreatePolicyOutput{Policy: p.view(0)}, nil
}

// policy finds a managed policy of an account, or one of AWS's.
func (s *Service) policy(tx *store.Tx, account string, arn *string) (Policy, error) {
	a, _ := names.ParseARN(aws.ToString(arn))
	if p, ok := s.policies.Get(tx, aws.ToString(arn)); ok && a.Account == account {
		return p, nil
	}
	if slices.Contains(awsManaged, aws.ToString(arn)) {
		name := names.Last(a.Resource)
		return Policy{ARN: *arn, Name: name, Path: strings.TrimSuffix(strings.TrimPrefix(a.Resource, "policy"), name), ID: "ANPA" + strings.ToUpper(name)}, nil
	}
	return Policy{}, missing("Policy %s was not found.", aws.ToString(arn))
}

// GetPolicy describes a managed policy.
func (s *Service) GetPolicy(ctx context.Context, in *iam.GetPolicyInput) (out *iam.GetPolicyOutput, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		p, err := s.policy(tx, wire.CallerOf(ctx).Account, in.PolicyArn)
		if err == nil {
			out = &iam.GetPolicyOutput{Policy: p.view(s.attachments(tx, p.ARN))}
		}
		return err
	})
	return out, err
}

// GetPolicyVersion gives the document of a policy of the account; each has one version, v1.
func (s *Service) GetPolicyVersion(ctx context.Context, in *iam.GetPolicyVersionInput) (out *iam.GetPolicyVersionOutput, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		p, err := s.policy(tx, wire.CallerOf(ctx).Account, in.PolicyArn)
		if err != nil {
			return err
		}
		if p.Document == "" || aws.ToString(in.VersionId) != "v1" {
			return missing("Policy %s version %s does not exist or is not attachable.", p.ARN, aws.ToString(in.VersionId))
		}
		out = &iam.GetPolicyVersionOutput{PolicyVersion: &types.PolicyVersion{
			Document: quoted(p.Document), VersionId: aws.String("v1"), IsDefaultVersion: true, CreateDate: &p.Created,
		}}
		return nil
	})
	return out, err
}

// ListPolicies lists the account's managed policies, and AWS's where the scope wants them.
func (s *Service) ListPolicies(ctx context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	account := wire.CallerOf(ctx).Account
	out := &iam.ListPoliciesOutput{Policies: []types.Policy{}}
	err := s.store.View(func(tx *store.Tx) error {
		if in.Scope != types.PolicyScopeTypeAws {
			for p := range s.policies.All(tx) {
				if a, _ := names.ParseARN(p.ARN); a.Account == account && strings.HasPrefix(p.Path, aws.ToString(in.PathPrefix)) {
					out.Policies = append(out.Policies, *p.view(s.attachments(tx, p.ARN)))
				}
			}
		}
		if in.Scope != types.PolicyScopeTypeLocal {
			for _, arn := range awsManaged {
				if p, err := s.policy(tx, account, &arn); err == nil && strings.HasPrefix(p.Path, aws.ToString(in.PathPrefix)) {
					out.Policies = append(out.Policies, *p.view(s.attachments(tx, arn)))
				}
			}
		}
		return nil
	})
	if err == nil {
		out.Policies, out.Marker, out.IsTruncated, err = cut(out.Policies, func(p *types.Policy) string { return *p.Arn }, in.Marker, in.MaxItems)
	}
	return out, err
}

// DeletePolicy removes a managed policy that no role has.
func (s *Service) DeletePolicy(ctx context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	return &iam.DeletePolicyOutput{}, s.store.Update(func(tx *store.Tx) error {
		p, err := s.policy(tx, wire.CallerOf(ctx).Account, in.PolicyArn)
		switch {
		case err != nil:
			return err
		case s.attachments(tx, p.ARN) > 0:
			return &types.DeleteConflictException{Message: aws.String("Cannot delete a policy attached to entities.")}
		}
		s.policies.Delete(tx, p.ARN)
		return nil
	})
}

func (s *Service) attachments(tx *store.Tx, arn string) (n int32) {
	for range s.roles.By(tx, "policy", arn) {
		n++
	}
	return n
}

func (p Policy) view(attachments int32) *types.Policy {
	v := &types.Policy{
		PolicyName: &p.Name, PolicyId: &p.ID, Arn: &p.ARN, Path: &p.Path, DefaultVersionId: aws.String("v1"),
		AttachmentCount: &attachments, PermissionsBoundaryUsageCount: aws.Int32(0), IsAttachable: true,
	}
	if !p.Created.IsZero() {
		v.CreateDate, v.UpdateDate = &p.Created, &p.Created
	}
	if p.Description != "" {
		v.Description = &p.Description
	}
	if len(p.Tags) > 0 {
		v.Tags = viewTags(p.Tags)
	}
	return v
}
