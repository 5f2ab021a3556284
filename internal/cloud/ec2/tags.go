package ec2

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// The bounds of tags.
const (
	mostTags  = 50
	mostKey   = 128 // characters
	mostValue = 256 // characters
)

// tagsOf gives the tags that a new thing of a kind is to have.
func tagsOf(in []types.TagSpecification, kind types.ResourceType) (tags []Tag, err error) {
	for _, spec := range in {
		if spec.ResourceType != kind {
			return nil, invalid("'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
		if tags, err = merge(tags, spec.Tags); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

// merge gives tags, by key, with more in place of those of the same keys.
func merge(tags []Tag, more []types.Tag) ([]Tag, error) {
	all := slices.Clone(tags)
	for _, t := range more {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		switch {
		case key == "" || len([]rune(key)) > mostKey:
			return nil, invalid("Tag key cannot be empty or exceed the maximum length of 128 characters")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, invalid("Tag keys starting with 'aws:' are reserved for internal use")
		case len([]rune(value)) > mostValue:
			return nil, invalid("Tag value exceeds the maximum length of 256 characters")
		}
		all = append(slices.DeleteFunc(all, func(o Tag) bool { return o.Key == key }), Tag{key, value})
	}
	if len(all) > mostTags {
		return nil, refuse("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	slices.SortFunc(all, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	return all, nil
}

// viewTags gives tags where an answer leaves out an empty list, listTags where it has one.
func viewTags(tags []Tag) (out []types.Tag) {
	for _, t := range tags {
		out = append(out, types.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out
}

func listTags(tags []Tag) []types.Tag { return append([]types.Tag{}, viewTags(tags)...) }

// taggable is what tags need of a kind of things, whatever its type.
type taggable interface {
	has(id string) bool
	retag(tx *store.Tx, scope names.Scope, id string, f func([]Tag) ([]Tag, error)) error
	things(tx *store.Tx, scope names.Scope) []Thing
	resource() string
}

func (s *Service) taggables() []taggable {
	return []taggable{s.gateways, s.acls, s.tables, s.groups, s.subnets, s.vpcs}
}

func (h shelf[T, P]) has(id string) bool { return strings.HasPrefix(id, h.prefix+"-") }
func (h shelf[T, P]) resource() string   { return h.kind }

func (h shelf[T, P]) retag(tx *store.Tx, scope names.Scope, id string, f func([]Tag) ([]Tag, error)) error {
	v, err := h.get(tx, scope, id)
	if err != nil {
		return err
	}
	t := P(&v).thing()
	if t.Tags, err = f(t.Tags); err == nil {
		h.put(tx, v)
	}
	return err
}

func (h shelf[T, P]) things(tx *store.Tx, scope names.Scope) (list []Thing) {
	for _, v := range h.all(tx, scope) {
		list = append(list, *P(&v).thing())
	}
	return list
}

// retag changes the tags of several things, or of none where one cannot be changed.
func (s *Service) retag(ctx context.Context, ids []string, f func([]Tag) ([]Tag, error)) error {
	return s.store.Update(func(tx *store.Tx) error {
		for _, id := range ids {
			all := s.taggables()
			i := slices.IndexFunc(all, func(k taggable) bool { return k.has(id) })
			if i < 0 {
				return refuse("InvalidID", "The ID '%s' is not valid", id)
			}
			if err := all[i].retag(tx, scopeOf(ctx), id, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// CreateTags sets tags of several things at once.
func (s *Service) CreateTags(ctx context.Context, in *ec2.CreateTagsInput) (*ec2.CreateTagsOutput, error) {
	return &ec2.CreateTagsOutput{}, s.retag(ctx, in.Resources, func(tags []Tag) ([]Tag, error) { return merge(tags, in.Tags) })
}

// DeleteTags removes tags of several things: all of them where none is named, and one that is
// named with a value only where it has that value.
func (s *Service) DeleteTags(ctx context.Context, in *ec2.DeleteTagsInput) (*ec2.DeleteTagsOutput, error) {
	return &ec2.DeleteTagsOutput{}, s.retag(ctx, in.Resources, func(tags []Tag) ([]Tag, error) {
		if len(in.Tags) == 0 {
			return nil, nil
		}
		return slices.DeleteFunc(slices.Clone(tags), func(t Tag) bool {
			return slices.ContainsFunc(in.Tags, func(d types.Tag) bool {
				return aws.ToString(d.Key) == t.Key && (d.Value == nil || *d.Value == t.Value)
			})
		}), nil
	})
}

// DescribeTags lists tags, kind by kind.
func (s *Service) DescribeTags(ctx context.Context, in *ec2.DescribeTagsInput) (*ec2.DescribeTagsOutput, error) {
	out := &ec2.DescribeTagsOutput{}
	return out, s.store.View(func(tx *store.Tx) error {
		list := []types.TagDescription{}
		for _, kind := range s.taggables() {
			for _, t := range kind.things(tx, scopeOf(ctx)) {
				for _, tag := range t.Tags {
					d := types.TagDescription{ResourceId: &t.ID, ResourceType: types.ResourceType(kind.resource()), Key: &tag.Key, Value: &tag.Value}
					keep, err := tagWanted(d, in.Filters)
					if err != nil {
						return err
					}
					if keep {
						list = append(list, d)
					}
				}
			}
		}
		var err error
		out.Tags, out.NextToken, err = cut(list, func(d *types.TagDescription) string { return *d.ResourceId + " " + *d.Key }, query{max: in.MaxResults, token: in.NextToken})
		return err
	})
}

func tagWanted(d types.TagDescription, filters []types.Filter) (bool, error) {
	for _, f := range filters {
		var has string
		name := aws.ToString(f.Name)
		switch key, ok := strings.CutPrefix(name, "tag:"); {
		case ok && key == *d.Key, name == "value":
			has = *d.Value
		case ok:
			return false, nil
		case name == "key", name == "tag-key":
			has = *d.Key
		case name == "resource-id":
			has = *d.ResourceId
		case name == "resource-type":
			has = string(d.ResourceType)
		default:
			return false, invalid("The filter '%s' is invalid", name)
		}
		if !anyMatch(f.Values, []string{has}) {
			return false, nil
		}
	}
	return true, nil
}
