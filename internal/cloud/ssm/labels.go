package ssm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/slipway-ecs/slipway/internal/pattern"
	"github.com/slipway-ecs/slipway/internal/store"
)

// mostLabels is how many labels a version may have. Source: user guide, "Working with parameter labels".
const mostLabels = 10

// longestLabel is how many characters a label may have. Source: as above.
const longestLabel = 100

var labelRule = pattern.New(`^[a-zA-Z_.\-][a-zA-Z0-9_.\-]*$`)

func version(n int64) string { return fmt.Sprintf("%019d", n) }

// LabelParameterVersion puts labels on a version; a label that another version has moves.
func (s *Service) LabelParameterVersion(ctx context.Context, in *ssm.LabelParameterVersionInput) (*ssm.LabelParameterVersionOutput, error) {
	out := &ssm.LabelParameterVersionOutput{InvalidLabels: []string{}}
	var good []string
	for _, l := range in.Labels {
		low := strings.ToLower(l)
		if len(l) > longestLabel || !labelRule.MatchString(l) || strings.HasPrefix(low, "aws") || strings.HasPrefix(low, "ssm") {
			out.InvalidLabels = append(out.InvalidLabels, l)
			continue
		}
		good = append(good, l)
	}
	err := s.relabel(ctx, in.Name, in.ParameterVersion, func(_ *Parameter, at *Version, all []Version) error {
		for i := range all {
			all[i].Labels = slices.DeleteFunc(slices.Clone(all[i].Labels), func(l string) bool { return slices.Contains(good, l) })
		}
		at.Labels = append(at.Labels, good...)
		if len(at.Labels) > mostLabels {
			return &types.ParameterVersionLabelLimitExceeded{Message: aws.String(fmt.Sprintf("A parameter version can have maximum %d labels.Move one or more labels to another version and try again.", mostLabels))}
		}
		out.ParameterVersion = at.Number
		return nil
	})
	return out, err
}

// UnlabelParameterVersion takes labels off a version.
func (s *Service) UnlabelParameterVersion(ctx context.Context, in *ssm.UnlabelParameterVersionInput) (*ssm.UnlabelParameterVersionOutput, error) {
	out := &ssm.UnlabelParameterVersionOutput{RemovedLabels: []string{}, InvalidLabels: []string{}}
	return out, s.relabel(ctx, in.Name, in.ParameterVersion, func(_ *Parameter, at *Version, _ []Version) error {
		for _, l := range in.Labels {
			if !slices.Contains(at.Labels, l) {
				out.InvalidLabels = append(out.InvalidLabels, l)
				continue
			}
			out.RemovedLabels = append(out.RemovedLabels, l)
			at.Labels = slices.DeleteFunc(slices.Clone(at.Labels), func(x string) bool { return x == l })
		}
		return nil
	})
}

// relabel lets f change the labels of a version, the latest where none is named, and of all others.
func (s *Service) relabel(ctx context.Context, name *string, number *int64, f func(p *Parameter, at *Version, all []Version) error) error {
	return s.store.Update(func(tx *store.Tx) error {
		p, err := s.get(tx, scopeOf(ctx), name)
		if err != nil {
			return err
		}
		p.Versions = slices.Clone(p.Versions)
		at := p.latest()
		if number != nil {
			i := slices.IndexFunc(p.Versions, func(v Version) bool { return v.Number == *number })
			if i < 0 {
				return noVersion(p.Name, fmt.Sprint(*number))
			}
			at = &p.Versions[i]
		}
		if err := f(&p, at, p.Versions); err != nil {
			return err
		}
		s.parameters.Put(tx, p)
		return nil
	})
}

// tagged lets f change the tags of a parameter that a tag operation names.
func (s *Service) tagged(ctx context.Context, kind types.ResourceTypeForTagging, id *string, f func([]Tag) []Tag) error {
	if kind != types.ResourceTypeForTaggingParameter {
		return &types.InvalidResourceType{Message: aws.String("The resource type isn't valid: " + string(kind))}
	}
	return s.store.Update(func(tx *store.Tx) error {
		p, err := s.get(tx, scopeOf(ctx), id)
		if err != nil {
			return &types.InvalidResourceId{Message: aws.String("The resource ID isn't valid. Verify that you entered the correct ID and try again.")}
		}
		p.Tags = f(slices.Clone(p.Tags))
		s.parameters.Put(tx, p)
		return nil
	})
}

// AddTagsToResource sets tags of a parameter.
func (s *Service) AddTagsToResource(ctx context.Context, in *ssm.AddTagsToResourceInput) (*ssm.AddTagsToResourceOutput, error) {
	return &ssm.AddTagsToResourceOutput{}, s.tagged(ctx, in.ResourceType, in.ResourceId, func(tags []Tag) []Tag {
		for _, t := range newTags(in.Tags) {
			tags = append(slices.DeleteFunc(tags, func(o Tag) bool { return o.Key == t.Key }), t)
		}
		return tags
	})
}

// RemoveTagsFromResource removes tags of a parameter.
func (s *Service) RemoveTagsFromResource(ctx context.Context, in *ssm.RemoveTagsFromResourceInput) (*ssm.RemoveTagsFromResourceOutput, error) {
	return &ssm.RemoveTagsFromResourceOutput{}, s.tagged(ctx, in.ResourceType, in.ResourceId, func(tags []Tag) []Tag {
		return slices.DeleteFunc(tags, func(t Tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	})
}

// ListTagsForResource lists a parameter's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *ssm.ListTagsForResourceInput) (*ssm.ListTagsForResourceOutput, error) {
	out := &ssm.ListTagsForResourceOutput{TagList: []types.Tag{}}
	return out, s.tagged(ctx, in.ResourceType, in.ResourceId, func(tags []Tag) []Tag {
		for _, t := range tags {
			out.TagList = append(out.TagList, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
		}
		return tags
	})
}

func newTags(in []types.Tag) (out []Tag) {
	for _, t := range in {
		out = append(out, Tag{aws.ToString(t.Key), aws.ToString(t.Value)})
	}
	return out
}
