package ecr

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// mostTags is how many tags a repository can have.
const mostTags = 50

// merge gives tags, by key, with more in place of those of the same keys.
func merge(tags []Tag, more []types.Tag) ([]Tag, error) {
	all := slices.Clone(tags)
	for _, t := range more {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		if key == "" || len([]rune(key)) > 128 || len([]rune(value)) > 256 || strings.HasPrefix(key, "aws:") {
			return nil, &types.InvalidTagParameterException{Message: aws.String("Invalid parameter at 'tags' failed to satisfy constraint: 'a key has 1 to 128 characters and does not begin with aws:, a value has 256 at most'")}
		}
		all = append(slices.DeleteFunc(all, func(o Tag) bool { return o.Key == key }), Tag{key, value})
	}
	if len(all) > mostTags {
		return nil, &types.TooManyTagsException{Message: aws.String("The number of tags exceeds the limit of 50.")}
	}
	slices.SortFunc(all, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	return all, nil
}

// named gives the name of a repository of the caller's by its ARN; one of elsewhere is nobody's.
func named(ctx context.Context, arn *string) *string {
	a, _ := names.ParseARN(aws.ToString(arn))
	name, ok := strings.CutPrefix(a.Resource, "repository/")
	if !ok || a.Scope() != scopeOf(ctx) {
		return arn
	}
	return &name
}

// TagResource sets tags of a repository.
func (s *Service) TagResource(ctx context.Context, in *ecr.TagResourceInput) (*ecr.TagResourceOutput, error) {
	return &ecr.TagResourceOutput{}, s.change(ctx, nil, named(ctx, in.ResourceArn), func(_ *store.Tx, r *Repository) (err error) {
		r.Tags, err = merge(r.Tags, in.Tags)
		return err
	})
}

// UntagResource removes tags of a repository.
func (s *Service) UntagResource(ctx context.Context, in *ecr.UntagResourceInput) (*ecr.UntagResourceOutput, error) {
	return &ecr.UntagResourceOutput{}, s.change(ctx, nil, named(ctx, in.ResourceArn), func(_ *store.Tx, r *Repository) error {
		r.Tags = slices.DeleteFunc(slices.Clone(r.Tags), func(t Tag) bool { return slices.Contains(in.TagKeys, t.Key) })
		return nil
	})
}

// ListTagsForResource lists a repository's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *ecr.ListTagsForResourceInput) (*ecr.ListTagsForResourceOutput, error) {
	out := &ecr.ListTagsForResourceOutput{Tags: []types.Tag{}}
	return out, s.look(ctx, nil, named(ctx, in.ResourceArn), func(_ *store.Tx, r Repository) error {
		for _, t := range r.Tags {
			out.Tags = append(out.Tags, types.Tag{Key: &t.Key, Value: &t.Value})
		}
		return nil
	})
}
