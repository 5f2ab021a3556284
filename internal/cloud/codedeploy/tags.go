package codedeploy

import (
	"context"
	"errors"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

const mostTags = 50

// isCode reports whether an error is CodeDeploy's of that name.
func isCode(err error, code string) bool {
	e, ok := errors.AsType[*wire.Error](err)
	return ok && e.Code == code
}

// tagsIn puts tags of a request over those there are, or refuses them. The words are unconfirmed.
func tagsIn(have []Tag, in []types.Tag) ([]Tag, error) {
	tags := slices.Clone(have)
	for _, t := range in {
		k, v := text(t.Key), text(t.Value)
		if k == "" || len([]rune(k)) > 128 || len([]rune(v)) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, refuse("InvalidTagsToAddException", "The specified tags are not valid")
		}
		if i := slices.IndexFunc(tags, func(h Tag) bool { return h.Key == k }); i >= 0 {
			tags[i].Value = v
			continue
		}
		tags = append(tags, Tag{k, v})
	}
	if len(tags) > mostTags {
		return nil, refuse("TagLimitExceededException", "The maximum number of %d tags was exceeded", mostTags)
	}
	return tags, nil
}

// TagResource adds tags to an application or group, or changes their values.
func (s *Service) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	_, err := s.retag(ctx, text(in.ResourceArn), func(have []Tag) ([]Tag, error) { return tagsIn(have, in.Tags) })
	return &sdk.TagResourceOutput{}, err
}

// UntagResource removes tags; keys that are not there are no error.
func (s *Service) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	_, err := s.retag(ctx, text(in.ResourceArn), func(have []Tag) ([]Tag, error) {
		return slices.DeleteFunc(slices.Clone(have), func(t Tag) bool { return slices.Contains(in.TagKeys, t.Key) }), nil
	})
	return &sdk.UntagResourceOutput{}, err
}

// ListTagsForResource gives the tags of an application or group.
func (s *Service) ListTagsForResource(ctx context.Context, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	tags, err := s.retag(ctx, text(in.ResourceArn), nil)
	out := &sdk.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, t := range tags {
		out.Tags = append(out.Tags, types.Tag{Key: new(t.Key), Value: new(t.Value)})
	}
	return out, err
}

// retag changes the tags of what an ARN names and gives them; a nil change only reads.
func (s *Service) retag(ctx context.Context, arn string, change func([]Tag) ([]Tag, error)) (tags []Tag, err error) {
	scope := scopeOf(ctx)
	a, ok := names.ParseARN(arn)
	if !ok || a.Service != "codedeploy" || a.Scope() != scope {
		return nil, refuse("InvalidArnException", "The specified ARN is not in a valid format: %s", arn)
	}
	apply := func(had []Tag, put func([]Tag)) error {
		if tags = had; change == nil {
			return nil
		}
		if tags, err = change(had); err == nil {
			put(tags)
		}
		return err
	}
	kind, name, _ := strings.Cut(a.Resource, ":")
	err = s.store.Update(func(tx *store.Tx) error {
		switch kind {
		case "application":
			app, err := s.applicationOf(tx, scope, &name)
			if err != nil {
				return err
			}
			return apply(app.Tags, func(t []Tag) { app.Tags = t; s.applications.Put(tx, app) })
		case "deploymentgroup":
			of, name, _ := strings.Cut(name, "/")
			g, err := s.groupOf(tx, scope, &of, &name)
			if err != nil {
				return err
			}
			return apply(g.Tags, func(t []Tag) { g.Tags = t; s.groups.Put(tx, g) })
		case "deploymentconfig":
			if change == nil {
				return nil
			}
		}
		return refuse("ArnNotSupportedException", "The specified ARN is not supported: %s", arn)
	})
	return tags, err
}
