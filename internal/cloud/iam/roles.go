package iam

import (
	"cmp"
	"context"
	"errors"
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

const (
	leastSession = 3600  // MaxSessionDuration from an hour …
	mostSession  = 43200 // … to twelve
)

// CreateRole writes a role.
func (s *Service) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	r := Role{
		Name: aws.ToString(in.RoleName), Path: cmp.Or(aws.ToString(in.Path), "/"), Trust: aws.ToString(in.AssumeRolePolicyDocument),
		Description: aws.ToString(in.Description), Boundary: aws.ToString(in.PermissionsBoundary),
		MaxSession: cmp.Or(aws.ToInt32(in.MaxSessionDuration), leastSession), Tags: newTags(in.Tags),
	}
	if err := check(r); err != nil {
		return nil, err
	}
	made, err := s.create(ctx, r)
	if err != nil {
		return nil, err
	}
	return &iam.CreateRoleOutput{Role: made.view()}, nil
}

func check(r Role) error {
	switch {
	case !nameRule.MatchString(r.Name):
		return notAllowed("roleName", r.Name, `Member must satisfy regular expression pattern: [\w+=,.@-]+`)
	case !pathRule.MatchString(r.Path) || r.Path[0] != '/' || r.Path[len(r.Path)-1] != '/':
		return notAllowed("path", r.Path, `Member must satisfy regular expression pattern: (\u002F)|(\u002F[\u0021-\u007E]+\u002F)`)
	case r.MaxSession < leastSession || r.MaxSession > mostSession:
		return notAllowed("maxSessionDuration", fmt.Sprint(r.MaxSession), fmt.Sprintf("Member must have value between %d and %d", leastSession, mostSession))
	}
	return document(r.Trust)
}

func (s *Service) create(ctx context.Context, r Role) (Role, error) {
	c := wire.CallerOf(ctx)
	partition := names.Scope{Account: c.Account, Region: c.Region}.Partition()
	r.Account, r.Key = c.Account, roleKey(c.Account, r.Name)
	r.ID = s.id("AROA")
	r.ARN = names.ARN{Partition: partition, Service: "iam", Account: c.Account, Resource: "role" + r.Path + r.Name}.String()
	err := s.store.Update(func(tx *store.Tx) error {
		if _, there := s.roles.Get(tx, r.Key); there {
			return &types.EntityAlreadyExistsException{Message: aws.String(fmt.Sprintf("Role with name %s already exists.", r.Name))}
		}
		r.Created = tx.Now()
		s.roles.Put(tx, r)
		return nil
	})
	return r, err
}

// CreateServiceLinkedRole writes the role of a service that creates its own.
func (s *Service) CreateServiceLinkedRole(ctx context.Context, in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	service := aws.ToString(in.AWSServiceName)
	known := map[string]string{"ecs.amazonaws.com": "AWSServiceRoleForECS", "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing"}
	name, ok := known[service]
	if !ok {
		return nil, &types.InvalidInputException{Message: aws.String(fmt.Sprintf("Service role for %s is not known here", service))}
	}
	made, err := s.create(ctx, Role{
		Name: name, Path: "/aws-service-role/" + service + "/", MaxSession: leastSession, Description: aws.ToString(in.Description),
		Trust: fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":[%q]},"Action":["sts:AssumeRole"]}]}`, service),
	})
	if err != nil {
		if _, taken := errors.AsType[*types.EntityAlreadyExistsException](err); taken {
			return nil, &types.InvalidInputException{Message: aws.String(fmt.Sprintf("Service role name %s has been taken in this account, please try a different suffix.", name))}
		}
		return nil, err
	}
	return &iam.CreateServiceLinkedRoleOutput{Role: made.view()}, nil
}

// GetRole describes a role.
func (s *Service) GetRole(ctx context.Context, in *iam.GetRoleInput) (out *iam.GetRoleOutput, err error) {
	err = s.look(ctx, in.RoleName, func(r Role) { out = &iam.GetRoleOutput{Role: r.view()} })
	return out, err
}

// ListRoles lists roles below a path.
func (s *Service) ListRoles(ctx context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	out := &iam.ListRolesOutput{Roles: []types.Role{}}
	err := s.store.View(func(tx *store.Tx) error {
		for r := range s.roles.Prefix(tx, wire.CallerOf(ctx).Account+"/") {
			if strings.HasPrefix(r.Path, aws.ToString(in.PathPrefix)) {
				v := r.view()
				v.Tags = nil // the listing has none
				out.Roles = append(out.Roles, *v)
			}
		}
		return nil
	})
	if err == nil {
		out.Roles, out.Marker, out.IsTruncated, err = cut(out.Roles, func(r *types.Role) string { return *r.RoleName }, in.Marker, in.MaxItems)
	}
	return out, err
}

// UpdateRole changes a role's description and longest session.
func (s *Service) UpdateRole(ctx context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	return &iam.UpdateRoleOutput{}, s.change(ctx, in.RoleName, func(r *Role) error {
		if in.Description != nil {
			r.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			r.MaxSession = *in.MaxSessionDuration
		}
		return check(*r)
	})
}

// UpdateAssumeRolePolicy changes who may assume a role.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	return &iam.UpdateAssumeRolePolicyOutput{}, s.change(ctx, in.RoleName, func(r *Role) error {
		r.Trust = aws.ToString(in.PolicyDocument)
		return check(*r)
	})
}

// DeleteRole removes a role that has no policies.
func (s *Service) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	return &iam.DeleteRoleOutput{}, s.store.Update(func(tx *store.Tx) error {
		r, err := s.role(tx, wire.CallerOf(ctx).Account, in.RoleName)
		switch {
		case err != nil:
			return err
		case len(r.Attached) > 0:
			return &types.DeleteConflictException{Message: aws.String("Cannot delete entity, must detach all policies first.")}
		case len(r.Inline) > 0:
			return &types.DeleteConflictException{Message: aws.String("Cannot delete entity, must delete policies first.")}
		}
		s.roles.Delete(tx, r.Key)
		return nil
	})
}

// TagRole sets tags of a role.
func (s *Service) TagRole(ctx context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	return &iam.TagRoleOutput{}, s.change(ctx, in.RoleName, func(r *Role) error {
		r.Tags = slices.Clone(r.Tags)
		for _, t := range newTags(in.Tags) {
			if i := slices.IndexFunc(r.Tags, func(o Tag) bool { return o.Key == t.Key }); i >= 0 {
				r.Tags[i] = t
				continue
			}
			r.Tags = append(r.Tags, t)
		}
		return nil
	})
}

// UntagRole removes tags of a role.
func (s *Service) UntagRole(ctx context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	return &iam.UntagRoleOutput{}, s.change(ctx, in.RoleName, func(r *Role) error {
		r.Tags = slices.DeleteFunc(slices.Clone(r.Tags), func(t Tag) bool { return slices.Contains(in.TagKeys, t.Key) })
		return nil
	})
}

// ListRoleTags lists a role's tags.
func (s *Service) ListRoleTags(ctx context.Context, in *iam.ListRoleTagsInput) (out *iam.ListRoleTagsOutput, err error) {
	err = s.look(ctx, in.RoleName, func(r Role) { out = &iam.ListRoleTagsOutput{Tags: viewTags(r.Tags)} })
	return out, err
}

// ListInstanceProfilesForRole lists none: there are no instances. Terraform asks before it
// deletes a role.
func (s *Service) ListInstanceProfilesForRole(ctx context.Context, in *iam.ListInstanceProfilesForRoleInput) (out *iam.ListInstanceProfilesForRoleOutput, err error) {
	err = s.look(ctx, in.RoleName, func(Role) {
		out = &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: []types.InstanceProfile{}}
	})
	return out, err
}

// look shows a role of the caller's account to f.
func (s *Service) look(ctx context.Context, name *string, f func(Role)) error {
	return s.store.View(func(tx *store.Tx) error {
		r, err := s.role(tx, wire.CallerOf(ctx).Account, name)
		if err == nil {
			f(r)
		}
		return err
	})
}

// change lets f change a role of the caller's account.
func (s *Service) change(ctx context.Context, name *string, f func(*Role) error) error {
	return s.store.Update(func(tx *store.Tx) error {
		r, err := s.role(tx, wire.CallerOf(ctx).Account, name)
		if err != nil {
			return err
		}
		if err := f(&r); err != nil {
			return err
		}
		s.roles.Put(tx, r)
		return nil
	})
}

func (r Role) view() *types.Role {
	v := &types.Role{
		RoleName: &r.Name, Path: &r.Path, RoleId: &r.ID, Arn: &r.ARN, CreateDate: &r.Created,
		AssumeRolePolicyDocument: quoted(r.Trust), MaxSessionDuration: &r.MaxSession, RoleLastUsed: &types.RoleLastUsed{},
	}
	if r.Description != "" {
		v.Description = &r.Description
	}
	if len(r.Tags) > 0 {
		v.Tags = viewTags(r.Tags)
	}
	if r.Boundary != "" {
		v.PermissionsBoundary = &types.AttachedPermissionsBoundary{PermissionsBoundaryArn: &r.Boundary, PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy}
	}
	return v
}
