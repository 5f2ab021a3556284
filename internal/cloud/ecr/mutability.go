package ecr

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// mostExclusions is how many exclusion filters a repository has at most. Source: ECR API reference,
// PutImageTagMutability.
const mostExclusions = 5

// exclusionRule is what an exclusion filter is made of. Source: ECR API reference,
// ImageTagMutabilityExclusionFilter.
var exclusionRule = names.Text{Min: 1, Max: 128, Of: "0-9A-Za-z._*-"}

// PutImageTagMutability says whether tags may move.
func (s *Service) PutImageTagMutability(ctx context.Context, in *ecr.PutImageTagMutabilityInput) (*ecr.PutImageTagMutabilityOutput, error) {
	exclusions, err := readExclusions(in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters)
	if err != nil {
		return nil, err
	}
	out := &ecr.PutImageTagMutabilityOutput{
		RepositoryName: in.RepositoryName, RegistryId: aws.String(wire.CallerOf(ctx).Account), ImageTagMutability: in.ImageTagMutability,
		ImageTagMutabilityExclusionFilters: Repository{Exclusions: exclusions}.exclusions(),
	}
	return out, s.change(ctx, in.RepositoryName, func(_ *store.Tx, r *Repository) error {
		r.Mutability, r.Exclusions = string(in.ImageTagMutability), exclusions
		return nil
	})
}

// readExclusions checks the filters that go with a setting. The words of what is wrong are ours.
func readExclusions(m types.ImageTagMutability, filters []types.ImageTagMutabilityExclusionFilter) (exclusions []string, err error) {
	wrong := func(why string) error {
		return &types.InvalidParameterException{Message: aws.String("Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: '" + why + "'")}
	}
	excludes := m == types.ImageTagMutabilityMutableWithExclusion || m == types.ImageTagMutabilityImmutableWithExclusion
	switch {
	case excludes && len(filters) == 0:
		return nil, wrong("filters are required where imageTagMutability is " + string(m))
	case !excludes && len(filters) > 0:
		return nil, wrong("filters can be given only where imageTagMutability is MUTABLE_WITH_EXCLUSION or IMMUTABLE_WITH_EXCLUSION")
	case len(filters) > mostExclusions:
		return nil, wrong("Member must have length less than or equal to 5")
	}
	for _, f := range filters {
		if !exclusionRule.MatchString(aws.ToString(f.Filter)) {
			return nil, wrong("Member must satisfy regular expression pattern: ^[0-9a-zA-Z._*-]{1,128}")
		}
		exclusions = append(exclusions, *f.Filter)
	}
	return exclusions, nil
}

// exclusions gives the filters as the API shows them.
func (r Repository) exclusions() (filters []types.ImageTagMutabilityExclusionFilter) {
	for _, e := range r.Exclusions {
		filters = append(filters, types.ImageTagMutabilityExclusionFilter{Filter: &e, FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard})
	}
	return filters
}

// fixed says that a tag stays on the image it is on.
func (r Repository) fixed(tag string) bool {
	excluded := slices.ContainsFunc(r.Exclusions, func(e string) bool { return balance.Wildcard(e, tag) })
	switch types.ImageTagMutability(r.Mutability) {
	case types.ImageTagMutabilityImmutable:
		return true
	case types.ImageTagMutabilityImmutableWithExclusion:
		return !excluded
	case types.ImageTagMutabilityMutableWithExclusion:
		return excluded
	}
	return false
}
