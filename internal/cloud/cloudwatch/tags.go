package cloudwatch

import (
	"context"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// tagged gives tags with others set, in the order in which keys first came. It leaves what it was
// given as it is.
func tagged(tags []tag, set []types.Tag) []tag {
	tags = slices.Clone(tags)
	for _, t := range set {
		one := tag{val(t.Key), val(t.Value)}
		if i := slices.IndexFunc(tags, func(o tag) bool { return o.Key == one.Key }); i >= 0 {
			tags[i] = one
			continue
		}
		tags = append(tags, one)
	}
	return tags
}

// own gives the alarm a request names by ARN. Nothing of another account or region is visible.
func (s *Service) own(ctx context.Context, tx *store.Tx, arn *string) (alarmRow, bool) {
	if names.ScopeOf(val(arn)) != scopeOf(ctx) {
		return alarmRow{}, false
	}
	return s.alarms.Get(tx, *arn)
}

// retag changes the tags of the alarm a request names.
func (s *Service) retag(ctx context.Context, arn *string, change func([]tag) []tag) error {
	var bad constraints
	bad.needs("resourceARN", arn != nil)
	if err := bad.err(); err != nil {
		return err
	}
	return s.store.Update(func(tx *store.Tx) error {
		a, ok := s.own(ctx, tx, arn)
		if !ok {
			return &types.ResourceNotFoundException{Message: new("Resource not found: " + *arn), ResourceId: arn}
		}
		a.Tags = change(a.Tags)
		if len(a.Tags) > tagsEach {
			return invalid("The number of tags exceeds the limit of %d.", tagsEach)
		}
		s.alarms.Put(tx, a)
		return nil
	})
}

// TagResource sets tags of an alarm.
func (s *Service) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	return &sdk.TagResourceOutput{}, s.retag(ctx, in.ResourceARN, func(tags []tag) []tag { return tagged(tags, in.Tags) })
}

// UntagResource takes tags off an alarm; keys it does not have do no harm.
func (s *Service) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	return &sdk.UntagResourceOutput{}, s.retag(ctx, in.ResourceARN, func(tags []tag) []tag {
		return slices.DeleteFunc(slices.Clone(tags), func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	})
}

// ListTagsForResource gives an alarm's tags; an alarm that is gone has none, as was seen on AWS.
func (s *Service) ListTagsForResource(ctx context.Context, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	var bad constraints
	bad.needs("resourceARN", in.ResourceARN != nil)
	if err := bad.err(); err != nil {
		return nil, err
	}
	out := &sdk.ListTagsForResourceOutput{Tags: []types.Tag{}}
	return out, s.store.View(func(tx *store.Tx) error {
		a, _ := s.own(ctx, tx, in.ResourceARN)
		for _, t := range a.Tags {
			out.Tags = append(out.Tags, types.Tag{Key: &t.Key, Value: &t.Value})
		}
		return nil
	})
}
