package ecr

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// pageSize is how many repositories or images a page has unless asked otherwise, and at most
// 1000. Source: ECR API reference, DescribeRepositories.
const pageSize = 100

// CreateRepository writes a repository.
func (s *Service) CreateRepository(ctx context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	r := Repository{
		Name: aws.ToString(in.RepositoryName), Mutability: cmp.Or(string(in.ImageTagMutability), string(types.ImageTagMutabilityMutable)),
		Scan: in.ImageScanningConfiguration != nil && in.ImageScanningConfiguration.ScanOnPush, Tags: newTags(in.Tags),
	}
	if len(r.Name) < 2 || len(r.Name) > 256 || !nameRule.MatchString(r.Name) {
		return nil, &types.InvalidParameterException{Message: aws.String(
			"Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''")}
	}
	if e := in.EncryptionConfiguration; e != nil {
		r.Encryption, r.Key = string(e.EncryptionType), aws.ToString(e.KmsKey)
	}
	var err error
	if r.Exclusions, err = readExclusions(types.ImageTagMutability(r.Mutability), in.ImageTagMutabilityExclusionFilters); err != nil {
		return nil, err
	}
	r.ARN = arnOf(ctx, r.Name)
	err = s.store.Update(func(tx *store.Tx) error {
		if _, there := s.repositories.Get(tx, r.ARN); there {
			return &types.RepositoryAlreadyExistsException{Message: aws.String(fmt.Sprintf(
				"The repository with name '%s' already exists in the registry with id '%s'", r.Name, wire.CallerOf(ctx).Account))}
		}
		r.Created = tx.Now()
		s.repositories.Put(tx, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	v := s.view(r)
	return &ecr.CreateRepositoryOutput{Repository: &v}, nil
}

// DescribeRepositories describes the named repositories, or all of the registry.
func (s *Service) DescribeRepositories(ctx context.Context, in *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	out := &ecr.DescribeRepositoriesOutput{Repositories: []types.Repository{}}
	err := s.store.View(func(tx *store.Tx) error {
		if len(in.RepositoryNames) > 0 {
			for _, name := range in.RepositoryNames {
				r, err := s.repository(ctx, tx, &name)
				if err != nil {
					return err
				}
				out.Repositories = append(out.Repositories, s.view(r))
			}
			return nil
		}
		all := slices.Collect(s.repositories.Prefix(tx, arnOf(ctx, "")))
		rows, next, err := page.Cut(all, func(r *Repository) string { return r.ARN }, aws.ToString(in.NextToken), limit(in.MaxResults))
		if err != nil {
			return badToken()
		}
		for _, r := range rows {
			out.Repositories = append(out.Repositories, s.view(r))
		}
		out.NextToken = token(next)
		return nil
	})
	return out, err
}

// DeleteRepository removes a repository; one that has images only if told to.
func (s *Service) DeleteRepository(ctx context.Context, in *ecr.DeleteRepositoryInput) (*ecr.DeleteRepositoryOutput, error) {
	var gone types.Repository
	err := s.store.Update(func(tx *store.Tx) error {
		r, err := s.repository(ctx, tx, in.RepositoryName)
		if err != nil {
			return err
		}
		for i := range s.images.By(tx, "repository", r.ARN) {
			if !in.Force {
				return &types.RepositoryNotEmptyException{Message: aws.String(fmt.Sprintf(
					"The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images", r.Name, wire.CallerOf(ctx).Account))}
			}
			s.images.Delete(tx, i.Key)
		}
		gone = s.view(r)
		s.repositories.Delete(tx, r.ARN)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRepositoryOutput{Repository: &gone}, nil
}

// PutImageScanningConfiguration says whether images are scanned when they are pushed; none is.
func (s *Service) PutImageScanningConfiguration(ctx context.Context, in *ecr.PutImageScanningConfigurationInput) (*ecr.PutImageScanningConfigurationOutput, error) {
	out := &ecr.PutImageScanningConfigurationOutput{
		RepositoryName: in.RepositoryName, RegistryId: aws.String(wire.CallerOf(ctx).Account),
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: in.ImageScanningConfiguration.ScanOnPush},
	}
	return out, s.change(ctx, in.RepositoryName, func(_ *store.Tx, r *Repository) error {
		r.Scan = in.ImageScanningConfiguration.ScanOnPush
		return nil
	})
}

// PutLifecyclePolicy keeps a lifecycle policy; nothing here expires by it.
func (s *Service) PutLifecyclePolicy(ctx context.Context, in *ecr.PutLifecyclePolicyInput) (*ecr.PutLifecyclePolicyOutput, error) {
	if !json.Valid([]byte(aws.ToString(in.LifecyclePolicyText))) {
		return nil, &types.InvalidParameterException{Message: aws.String("Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: the policy is not JSON'")}
	}
	out := &ecr.PutLifecyclePolicyOutput{RepositoryName: in.RepositoryName, RegistryId: aws.String(wire.CallerOf(ctx).Account), LifecyclePolicyText: in.LifecyclePolicyText}
	return out, s.change(ctx, in.RepositoryName, func(tx *store.Tx, r *Repository) error {
		r.Lifecycle, r.Evaluated = *in.LifecyclePolicyText, tx.Now()
		return nil
	})
}

// GetLifecyclePolicy gives the policy back.
func (s *Service) GetLifecyclePolicy(ctx context.Context, in *ecr.GetLifecyclePolicyInput) (out *ecr.GetLifecyclePolicyOutput, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		r, err := s.repository(ctx, tx, in.RepositoryName)
		if err != nil {
			return err
		}
		if r.Lifecycle == "" {
			return noPolicy(ctx, r)
		}
		out = &ecr.GetLifecyclePolicyOutput{RepositoryName: &r.Name, RegistryId: aws.String(wire.CallerOf(ctx).Account), LifecyclePolicyText: &r.Lifecycle, LastEvaluatedAt: &r.Evaluated}
		return nil
	})
	return out, err
}

// DeleteLifecyclePolicy removes the policy.
func (s *Service) DeleteLifecyclePolicy(ctx context.Context, in *ecr.DeleteLifecyclePolicyInput) (*ecr.DeleteLifecyclePolicyOutput, error) {
	out := &ecr.DeleteLifecyclePolicyOutput{RepositoryName: in.RepositoryName, RegistryId: aws.String(wire.CallerOf(ctx).Account)}
	return out, s.change(ctx, in.RepositoryName, func(_ *store.Tx, r *Repository) error {
		if r.Lifecycle == "" {
			return noPolicy(ctx, *r)
		}
		out.LifecyclePolicyText, out.LastEvaluatedAt = aws.String(r.Lifecycle), aws.Time(r.Evaluated)
		r.Lifecycle = ""
		return nil
	})
}

func noPolicy(ctx context.Context, r Repository) error {
	return &types.LifecyclePolicyNotFoundException{Message: aws.String(fmt.Sprintf(
		"Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'", r.Name, wire.CallerOf(ctx).Account))}
}

// TagResource sets tags of a repository.
func (s *Service) TagResource(ctx context.Context, in *ecr.TagResourceInput) (*ecr.TagResourceOutput, error) {
	return &ecr.TagResourceOutput{}, s.retag(ctx, in.ResourceArn, func(tags []Tag) []Tag {
		for _, t := range newTags(in.Tags) {
			tags = append(slices.DeleteFunc(tags, func(o Tag) bool { return o.Key == t.Key }), t)
		}
		return tags
	})
}

// UntagResource removes tags of a repository.
func (s *Service) UntagResource(ctx context.Context, in *ecr.UntagResourceInput) (*ecr.UntagResourceOutput, error) {
	return &ecr.UntagResourceOutput{}, s.retag(ctx, in.ResourceArn, func(tags []Tag) []Tag {
		return slices.DeleteFunc(tags, func(t Tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	})
}

// ListTagsForResource lists a repository's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *ecr.ListTagsForResourceInput) (*ecr.ListTagsForResourceOutput, error) {
	out := &ecr.ListTagsForResourceOutput{Tags: []types.Tag{}}
	err := s.store.View(func(tx *store.Tx) error {
		r, err := s.byARN(ctx, tx, in.ResourceArn)
		for _, t := range r.Tags {
			out.Tags = append(out.Tags, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
		}
		return err
	})
	return out, err
}

func (s *Service) retag(ctx context.Context, arn *string, f func([]Tag) []Tag) error {
	return s.store.Update(func(tx *store.Tx) error {
		r, err := s.byARN(ctx, tx, arn)
		if err != nil {
			return err
		}
		r.Tags = f(slices.Clone(r.Tags))
		s.repositories.Put(tx, r)
		return nil
	})
}

// change lets f change a repository of the caller's registry.
func (s *Service) change(ctx context.Context, name *string, f func(*store.Tx, *Repository) error) error {
	return s.store.Update(func(tx *store.Tx) error {
		r, err := s.repository(ctx, tx, name)
		if err != nil {
			return err
		}
		if err := f(tx, &r); err != nil {
			return err
		}
		s.repositories.Put(tx, r)
		return nil
	})
}

func newTags(in []types.Tag) (out []Tag) {
	for _, t := range in {
		out = append(out, Tag{aws.ToString(t.Key), aws.ToString(t.Value)})
	}
	return out
}

func limit(max *int32) int { return int(cmp.Or(aws.ToInt32(max), pageSize)) }

func token(next string) *string {
	if next == "" {
		return nil
	}
	return &next
}

func badToken() error {
	return &types.InvalidParameterException{Message: aws.String("Invalid parameter at 'nextToken' failed to satisfy constraint: 'must be a token this registry gave'")}
}
