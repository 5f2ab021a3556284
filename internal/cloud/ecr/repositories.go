package ecr

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/store"
)

// What a page has unless asked, and at most.
const (
	usualPage = 100
	mostPage  = 1000
)

// CreateRepository makes a repository.
func (s *Service) CreateRepository(ctx context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	r := Repository{Name: aws.ToString(in.RepositoryName), Encryption: string(types.EncryptionTypeAes256)}
	err := checkName(r.Name)
	if err == nil {
		r.Immutable, err = immutable(in.ImageTagMutability)
	}
	if err == nil {
		r.Tags, err = merge(nil, in.Tags)
	}
	if err != nil {
		return nil, err
	}
	if c := in.ImageScanningConfiguration; c != nil {
		r.ScanOnPush = c.ScanOnPush
	}
	if c := in.EncryptionConfiguration; c != nil {
		r.Encryption, r.Key = string(c.EncryptionType), aws.ToString(c.KmsKey)
	}
	r.ARN = arnOf(scopeOf(ctx), r.Name)
	out := &ecr.CreateRepositoryOutput{}
	return out, s.store.Update(func(tx *store.Tx) error {
		if _, taken := s.repositories.Get(tx, r.ARN); taken {
			return &types.RepositoryAlreadyExistsException{Message: aws.String(fmt.Sprintf(
				"The repository with name '%s' already exists in the registry with id '%s'", r.Name, r.account()))}
		}
		r.Created = tx.Now()
		s.repositories.Put(tx, r)
		out.Repository = s.view(r)
		return nil
	})
}

// immutable reads the mutability of tags; exceptions by pattern are not known here.
func immutable(m types.ImageTagMutability) (bool, error) {
	switch m {
	case "", types.ImageTagMutabilityMutable:
		return false, nil
	case types.ImageTagMutabilityImmutable:
		return true, nil
	}
	return false, invalid("Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'must be MUTABLE or IMMUTABLE': exclusions are not supported here")
}

func (r Repository) mutability() types.ImageTagMutability {
	if r.Immutable {
		return types.ImageTagMutabilityImmutable
	}
	return types.ImageTagMutabilityMutable
}

func (s *Service) view(r Repository) *types.Repository {
	v := &types.Repository{
		RepositoryArn: &r.ARN, RepositoryName: &r.Name, RegistryId: aws.String(r.account()), RepositoryUri: aws.String(s.host() + "/" + r.Name),
		CreatedAt: &r.Created, ImageTagMutability: r.mutability(), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: r.ScanOnPush},
		EncryptionConfiguration: &types.EncryptionConfiguration{EncryptionType: types.EncryptionType(r.Encryption)},
	}
	if r.Key != "" {
		v.EncryptionConfiguration.KmsKey = &r.Key
	}
	return v
}

// DescribeRepositories lists repositories: those named, or all by name.
func (s *Service) DescribeRepositories(ctx context.Context, in *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	max, err := limit(in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &ecr.DescribeRepositoriesOutput{Repositories: []types.Repository{}}
	return out, s.store.View(func(tx *store.Tx) error {
		var list []Repository
		for _, name := range in.RepositoryNames {
			r, err := s.repository(ctx, tx, in.RegistryId, &name)
			if err != nil {
				return err
			}
			list = append(list, r)
		}
		if id := aws.ToString(in.RegistryId); len(in.RepositoryNames) == 0 && (id == "" || id == scopeOf(ctx).Account) {
			list = slices.Collect(s.repositories.Prefix(tx, arnOf(scopeOf(ctx), "")))
		}
		part, next, err := page.Cut(list, func(r *Repository) string { return r.Name }, aws.ToString(in.NextToken), max)
		if err != nil {
			return badToken()
		}
		for _, r := range part {
			out.Repositories = append(out.Repositories, *s.view(r))
		}
		out.NextToken = more(next)
		return nil
	})
}

func limit(max *int32) (int, error) {
	if max == nil {
		return usualPage, nil
	}
	if *max < 1 || *max > mostPage {
		return 0, invalid("Invalid parameter at 'maxResults' failed to satisfy constraint: 'must be from 1 to %d'", mostPage)
	}
	return int(*max), nil
}

func badToken() error {
	return invalid("Invalid parameter at 'nextToken' failed to satisfy constraint: 'must be a token of this list'")
}

func more(next string) *string {
	if next == "" {
		return nil
	}
	return &next
}

// DeleteRepository removes a repository; one with images only where it is forced to.
func (s *Service) DeleteRepository(ctx context.Context, in *ecr.DeleteRepositoryInput) (*ecr.DeleteRepositoryOutput, error) {
	out := &ecr.DeleteRepositoryOutput{}
	return out, s.store.Update(func(tx *store.Tx) error {
		r, err := s.repository(ctx, tx, in.RegistryId, in.RepositoryName)
		if err != nil {
			return err
		}
		for i := range s.images.Prefix(tx, r.ARN+"@") {
			if !in.Force {
				return &types.RepositoryNotEmptyException{Message: aws.String(fmt.Sprintf(
					"The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images", r.Name, r.account()))}
			}
			s.images.Delete(tx, i.Key)
		}
		s.repositories.Delete(tx, r.ARN)
		out.Repository = s.view(r)
		return nil
	})
}

// PutImageTagMutability says whether tags can be moved.
func (s *Service) PutImageTagMutability(ctx context.Context, in *ecr.PutImageTagMutabilityInput) (*ecr.PutImageTagMutabilityOutput, error) {
	fixed, err := immutable(in.ImageTagMutability)
	if err != nil {
		return nil, err
	}
	out := &ecr.PutImageTagMutabilityOutput{RepositoryName: in.RepositoryName, ImageTagMutability: in.ImageTagMutability}
	return out, s.change(ctx, in.RegistryId, in.RepositoryName, func(_ *store.Tx, r *Repository) error {
		r.Immutable = fixed
		out.RegistryId = aws.String(r.account())
		return nil
	})
}

// PutImageScanningConfiguration keeps whether images are to be scanned; none ever is here.
func (s *Service) PutImageScanningConfiguration(ctx context.Context, in *ecr.PutImageScanningConfigurationInput) (*ecr.PutImageScanningConfigurationOutput, error) {
	out := &ecr.PutImageScanningConfigurationOutput{RepositoryName: in.RepositoryName, ImageScanningConfiguration: in.ImageScanningConfiguration}
	return out, s.change(ctx, in.RegistryId, in.RepositoryName, func(_ *store.Tx, r *Repository) error {
		r.ScanOnPush = in.ImageScanningConfiguration.ScanOnPush
		out.RegistryId = aws.String(r.account())
		return nil
	})
}

// isJSON says that a policy is an object of JSON, which is all that is asked of it here.
func isJSON(text string) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &members) == nil
}

// PutLifecyclePolicy keeps a repository's lifecycle policy.
func (s *Service) PutLifecyclePolicy(ctx context.Context, in *ecr.PutLifecyclePolicyInput) (*ecr.PutLifecyclePolicyOutput, error) {
	if !isJSON(aws.ToString(in.LifecyclePolicyText)) {
		return nil, invalid("Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: the text is not valid JSON'")
	}
	out := &ecr.PutLifecyclePolicyOutput{RepositoryName: in.RepositoryName, LifecyclePolicyText: in.LifecyclePolicyText}
	return out, s.change(ctx, in.RegistryId, in.RepositoryName, func(_ *store.Tx, r *Repository) error {
		r.Lifecycle = *in.LifecyclePolicyText
		out.RegistryId = aws.String(r.account())
		return nil
	})
}

func (r Repository) noLifecycle() error {
	if r.Lifecycle != "" {
		return nil
	}
	return &types.LifecyclePolicyNotFoundException{Message: aws.String("Lifecycle policy does not exist for " + r.in())}
}

// GetLifecyclePolicy gives a repository's lifecycle policy as it was put.
func (s *Service) GetLifecyclePolicy(ctx context.Context, in *ecr.GetLifecyclePolicyInput) (*ecr.GetLifecyclePolicyOutput, error) {
	out := &ecr.GetLifecyclePolicyOutput{RepositoryName: in.RepositoryName}
	return out, s.look(ctx, in.RegistryId, in.RepositoryName, func(_ *store.Tx, r Repository) error {
		out.RegistryId, out.LifecyclePolicyText = aws.String(r.account()), &r.Lifecycle
		return r.noLifecycle()
	})
}

// DeleteLifecyclePolicy removes a repository's lifecycle policy.
func (s *Service) DeleteLifecyclePolicy(ctx context.Context, in *ecr.DeleteLifecyclePolicyInput) (*ecr.DeleteLifecyclePolicyOutput, error) {
	out := &ecr.DeleteLifecyclePolicyOutput{RepositoryName: in.RepositoryName}
	return out, s.change(ctx, in.RegistryId, in.RepositoryName, func(_ *store.Tx, r *Repository) error {
		err := r.noLifecycle()
		out.RegistryId, out.LifecyclePolicyText = aws.String(r.account()), aws.String(r.Lifecycle)
		r.Lifecycle = ""
		return err
	})
}

// SetRepositoryPolicy keeps a repository's policy, by which nothing is allowed or denied.
func (s *Service) SetRepositoryPolicy(ctx context.Context, in *ecr.SetRepositoryPolicyInput) (*ecr.SetRepositoryPolicyOutput, error) {
	if !isJSON(aws.ToString(in.PolicyText)) {
		return nil, invalid("Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'")
	}
	out := &ecr.SetRepositoryPolicyOutput{RepositoryName: in.RepositoryName, PolicyText: in.PolicyText}
	return out, s.change(ctx, in.RegistryId, in.RepositoryName, func(_ *store.Tx, r *Repository) error {
		r.Policy = *in.PolicyText
		out.RegistryId = aws.String(r.account())
		return nil
	})
}

func (r Repository) noPolicy() error {
	if r.Policy != "" {
		return nil
	}
	return &types.RepositoryPolicyNotFoundException{Message: aws.String("Repository policy does not exist for " + r.in())}
}

// GetRepositoryPolicy gives a repository's policy as it was set.
func (s *Service) GetRepositoryPolicy(ctx context.Context, in *ecr.GetRepositoryPolicyInput) (*ecr.GetRepositoryPolicyOutput, error) {
	out := &ecr.GetRepositoryPolicyOutput{RepositoryName: in.RepositoryName}
	return out, s.look(ctx, in.RegistryId, in.RepositoryName, func(_ *store.Tx, r Repository) error {
		out.RegistryId, out.PolicyText = aws.String(r.account()), &r.Policy
		return r.noPolicy()
	})
}

// DeleteRepositoryPolicy removes a repository's policy.
func (s *Service) DeleteRepositoryPolicy(ctx context.Context, in *ecr.DeleteRepositoryPolicyInput) (*ecr.DeleteRepositoryPolicyOutput, error) {
	out := &ecr.DeleteRepositoryPolicyOutput{RepositoryName: in.RepositoryName}
	return out, s.change(ctx, in.RegistryId, in.RepositoryName, func(_ *store.Tx, r *Repository) error {
		err := r.noPolicy()
		out.RegistryId, out.PolicyText = aws.String(r.account()), aws.String(r.Policy)
		r.Policy = ""
		return err
	})
}
