package logs

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// mostListed is how many groups or streams a page has, at most and unless asked.
const mostListed = 50

func scopeOf(ctx context.Context) names.Scope {
	c := wire.CallerOf(ctx)
	return names.Scope{Account: c.Account, Region: c.Region}
}

// identified gives the ARN of the group that a request names, or identifies by name or ARN.
func identified(ctx context.Context, name, identifier *string) (string, error) {
	switch {
	case name != nil && identifier != nil:
		return "", invalid("LogGroupName and LogGroupIdentifier cannot be specified together.")
	case name == nil && identifier == nil:
		return "", invalid("Either LogGroupName or LogGroupIdentifier must be specified.")
	case name == nil && strings.HasPrefix(*identifier, "arn:"):
		return owned(ctx, *identifier)
	case name == nil:
		name = identifier
	}
	return groupARN(scopeOf(ctx), *name), checkGroup(*name)
}

// owned gives a group's ARN without the ":*" it may end with; one of another account or region is
// nobody's.
func owned(ctx context.Context, arn string) (string, error) {
	arn = strings.TrimSuffix(arn, ":*")
	if names.ScopeOf(arn) != scopeOf(ctx) {
		return "", missing("group")
	}
	return arn, nil
}

// CreateLogGroup makes a group.
func (s *Service) CreateLogGroup(ctx context.Context, in *logs.CreateLogGroupInput) (*logs.CreateLogGroupOutput, error) {
	name := aws.ToString(in.LogGroupName)
	if err := checkGroup(name); err != nil {
		return nil, err
	}
	tags, err := tagged(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	class := string(in.LogGroupClass)
	if class == "" {
		class = string(types.LogGroupClassStandard)
	}
	return &logs.CreateLogGroupOutput{}, s.store.Update(func(tx *store.Tx) error {
		arn := groupARN(scopeOf(ctx), name)
		if _, taken := s.groups.Get(tx, arn); taken {
			return &types.ResourceAlreadyExistsException{Message: aws.String("The specified log group already exists")}
		}
		s.groups.Put(tx, Group{
			ARN: arn, Name: name, Class: class, KMSKey: aws.ToString(in.KmsKeyId), Tags: tags, Created: tx.Now(),
			Protected: aws.ToBool(in.DeletionProtectionEnabled), Swept: tx.Now(),
		})
		return nil
	})
}

// DeleteLogGroup removes a group, its streams and their events.
func (s *Service) DeleteLogGroup(ctx context.Context, in *logs.DeleteLogGroupInput) (*logs.DeleteLogGroupOutput, error) {
	var files []string
	err := s.store.Update(func(tx *store.Tx) error {
		g, err := s.group(tx, groupARN(scopeOf(ctx), aws.ToString(in.LogGroupName)))
		if err != nil {
			return err
		}
		if g.Protected {
			return &types.ValidationException{Message: aws.String("The log group has deletion protection enabled and cannot be deleted.")}
		}
		for m := range s.streams.Prefix(tx, g.ARN+streamPart) {
			files = append(files, m.File)
			s.streams.Delete(tx, m.ARN)
		}
		s.groups.Delete(tx, g.ARN)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.tapes.drop(files)
	return &logs.DeleteLogGroupOutput{}, nil
}

// DescribeLogGroups lists groups by name.
func (s *Service) DescribeLogGroups(ctx context.Context, in *logs.DescribeLogGroupsInput) (*logs.DescribeLogGroupsOutput, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	limit, err := limitOf(in.Limit, mostListed)
	if err != nil {
		return nil, err
	}
	var identified []string
	for _, id := range in.LogGroupIdentifiers {
		if !strings.HasPrefix(id, "arn:") {
			id = groupARN(scopeOf(ctx), id)
		}
		identified = append(identified, strings.TrimSuffix(id, ":*"))
	}
	pattern := strings.ToLower(aws.ToString(in.LogGroupNamePattern))
	out := &logs.DescribeLogGroupsOutput{LogGroups: []types.LogGroup{}}
	return out, s.store.View(func(tx *store.Tx) error {
		var list []Group
		for g := range s.groups.Prefix(tx, groupARN(scopeOf(ctx), aws.ToString(in.LogGroupNamePrefix))) {
			if strings.Contains(strings.ToLower(g.Name), pattern) && (in.LogGroupClass == "" || string(in.LogGroupClass) == g.Class) &&
				(identified == nil || slices.Contains(identified, g.ARN)) {
				list = append(list, g)
			}
		}
		part, next, err := page.Cut(list, func(g *Group) string { return g.Name }, aws.ToString(in.NextToken), limit)
		if err != nil {
			return invalid(badToken)
		}
		for _, g := range part {
			v, err := s.view(tx, g)
			if err != nil {
				return err
			}
			out.LogGroups = append(out.LogGroups, v)
		}
		if next != "" {
			out.NextToken = &next
		}
		return nil
	})
}

func (s *Service) view(tx *store.Tx, g Group) (types.LogGroup, error) {
	v := types.LogGroup{
		LogGroupName: &g.Name, Arn: aws.String(g.ARN + ":*"), LogGroupArn: &g.ARN, CreationTime: aws.Int64(g.Created.UnixMilli()),
		LogGroupClass: types.LogGroupClass(g.Class), MetricFilterCount: aws.Int32(0), StoredBytes: aws.Int64(0), DeletionProtectionEnabled: &g.Protected,
	}
	if g.RetentionDays > 0 {
		v.RetentionInDays = &g.RetentionDays
	}
	if g.KMSKey != "" {
		v.KmsKeyId = &g.KMSKey
	}
	for m := range s.streams.Prefix(tx, g.ARN+streamPart) {
		size, err := s.tapes.size(m.File)
		if err != nil {
			return v, err
		}
		*v.StoredBytes += size
	}
	return v, nil
}

// badToken is what Logs says of a token that it never gave.
const badToken = "The specified nextToken is invalid."

func limitOf(limit *int32, most int) (int, error) {
	if limit == nil {
		return most, nil
	}
	if *limit < 1 {
		return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", *limit)
	}
	if int(*limit) > most {
		return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value less than or equal to %d", *limit, most)
	}
	return int(*limit), nil
}

// change lets f change a group.
func (s *Service) change(arn string, f func(*Group) error) error {
	return s.store.Update(func(tx *store.Tx) error {
		g, err := s.group(tx, arn)
		if err != nil {
			return err
		}
		if err := f(&g); err != nil {
			return err
		}
		s.groups.Put(tx, g)
		return nil
	})
}

// PutLogGroupDeletionProtection says whether a group may be deleted.
func (s *Service) PutLogGroupDeletionProtection(ctx context.Context, in *logs.PutLogGroupDeletionProtectionInput) (*logs.PutLogGroupDeletionProtectionOutput, error) {
	arn, err := identified(ctx, nil, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	return &logs.PutLogGroupDeletionProtectionOutput{}, s.change(arn, func(g *Group) error {
		g.Protected = aws.ToBool(in.DeletionProtectionEnabled)
		return nil
	})
}

// The bounds of a group's tags.
const mostTags = 50

// tagged gives tags with more of them.
func tagged(tags, more map[string]string) (map[string]string, error) {
	all := maps.Clone(tags)
	if all == nil {
		all = map[string]string{}
	}
	for key, value := range more {
		if key == "" || len(key) > 128 || len(value) > 256 {
			return nil, invalid("1 validation error detected: Value at 'tags' failed to satisfy constraint: Map keys must have length from 1 to 128 and map values at most 256")
		}
		all[key] = value
	}
	if len(all) > mostTags {
		return nil, &types.TooManyTagsException{Message: aws.String("The maximum number of tags for a resource is 50.")}
	}
	return all, nil
}

func (s *Service) tag(arn string, tags map[string]string) error {
	return s.change(arn, func(g *Group) (err error) {
		g.Tags, err = tagged(g.Tags, tags)
		return err
	})
}

func (s *Service) untag(arn string, keys []string) error {
	return s.change(arn, func(g *Group) error {
		g.Tags = maps.Clone(g.Tags)
		maps.DeleteFunc(g.Tags, func(k, _ string) bool { return slices.Contains(keys, k) })
		return nil
	})
}

func (s *Service) tagsOf(arn string) (tags map[string]string, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		g, err := s.group(tx, arn)
		if tags = maps.Clone(g.Tags); tags == nil {
			tags = map[string]string{}
		}
		return err
	})
	return tags, err
}

// TagResource sets tags of a group.
func (s *Service) TagResource(ctx context.Context, in *logs.TagResourceInput) (*logs.TagResourceOutput, error) {
	arn, err := owned(ctx, aws.ToString(in.ResourceArn))
	if err == nil {
		err = s.tag(arn, in.Tags)
	}
	return &logs.TagResourceOutput{}, err
}

// UntagResource removes tags of a group.
func (s *Service) UntagResource(ctx context.Context, in *logs.UntagResourceInput) (*logs.UntagResourceOutput, error) {
	arn, err := owned(ctx, aws.ToString(in.ResourceArn))
	if err == nil {
		err = s.untag(arn, in.TagKeys)
	}
	return &logs.UntagResourceOutput{}, err
}

// ListTagsForResource lists a group's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *logs.ListTagsForResourceInput) (*logs.ListTagsForResourceOutput, error) {
	arn, err := owned(ctx, aws.ToString(in.ResourceArn))
	if err != nil {
		return nil, err
	}
	tags, err := s.tagsOf(arn)
	return &logs.ListTagsForResourceOutput{Tags: tags}, err
}

// TagLogGroup is the older TagResource.
func (s *Service) TagLogGroup(ctx context.Context, in *logs.TagLogGroupInput) (*logs.TagLogGroupOutput, error) {
	return &logs.TagLogGroupOutput{}, s.tag(groupARN(scopeOf(ctx), aws.ToString(in.LogGroupName)), in.Tags)
}

// UntagLogGroup is the older UntagResource.
func (s *Service) UntagLogGroup(ctx context.Context, in *logs.UntagLogGroupInput) (*logs.UntagLogGroupOutput, error) {
	return &logs.UntagLogGroupOutput{}, s.untag(groupARN(scopeOf(ctx), aws.ToString(in.LogGroupName)), in.Tags)
}

// ListTagsLogGroup is the older ListTagsForResource.
func (s *Service) ListTagsLogGroup(ctx context.Context, in *logs.ListTagsLogGroupInput) (*logs.ListTagsLogGroupOutput, error) {
	tags, err := s.tagsOf(groupARN(scopeOf(ctx), aws.ToString(in.LogGroupName)))
	return &logs.ListTagsLogGroupOutput{Tags: tags}, err
}
