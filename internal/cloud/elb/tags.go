package elb

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// AddressTag is the tag that says where a listener really answers, when that is not the port
// asked for. It is ours, not AWS's; its prefix is what Terraform leaves alone.
const AddressTag = "aws:slipway:address"

// newTags reads the tags of a request.
func newTags(in []types.Tag) ([]tag, error) { return addTags(nil, in) }

// addTags gives tags after a change, in a list of its own.
func addTags(have []tag, in []types.Tag) ([]tag, error) {
	all := slices.Clone(have)
	given := map[string]bool{}
	for _, t := range in {
		k, v := aws.ToString(t.Key), aws.ToString(t.Value)
		switch {
		case k == "" || len([]rune(k)) > 128:
			return nil, constraint(k, "tags.member.key", "have length between 1 and 128")
		case len([]rune(v)) > 256:
			return nil, constraint(v, "tags.member.value", "have length less than or equal to 256")
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return nil, invalid("The tag key '%s' is invalid: the prefix 'aws:' is reserved", k)
		case given[k]:
			return nil, &types.DuplicateTagKeysException{Message: aws.String("A tag key was specified more than once")}
		}
		given[k] = true
		if i := slices.IndexFunc(all, func(t tag) bool { return t.Key == k }); i >= 0 {
			all[i].Value = v
			continue
		}
		all = append(all, tag{k, v})
	}
	if len(all)-reserved(all) > maxTags {
		return nil, &types.TooManyTagsException{Message: aws.String("You've reached the limit on the number of tags for this resource")}
	}
	return all, nil
}

// reserved is how many tags are AWS's own, and ours, which do not count.
func reserved(tags []tag) (n int) {
	for _, t := range tags {
		if strings.HasPrefix(t.Key, "aws:") {
			n++
		}
	}
	return n
}

// tagged finds a resource by ARN and gives its tags, and a function that writes them.
func (s *Service) tagged(tx *store.Tx, scope names.Scope, arn string) (tags []tag, put func([]tag), err error) {
	a, _ := names.ParseARN(arn)
	switch a.Kind() {
	case "loadbalancer":
		b, err := s.balancer(tx, scope, &arn)
		return b.Tags, func(t []tag) { b.Tags = t; s.balancers.Put(tx, b) }, err
	case "targetgroup":
		g, err := s.group(tx, scope, &arn)
		return g.Tags, func(t []tag) { g.Tags = t; s.groups.Put(tx, g) }, err
	case "listener":
		l, err := s.listener(tx, scope, &arn)
		return l.Tags, func(t []tag) { l.Tags = t; s.listeners.Put(tx, l) }, err
	case "listener-rule":
		r, err := s.rule(tx, scope, &arn)
		return r.Tags, func(t []tag) { r.Tags = t; s.rules.Put(tx, r) }, err
	}
	return nil, nil, invalid("'%s' is not a valid resource ARN", arn)
}

// AddTags sets tags on resources; on all of them or none.
func (s *Service) AddTags(ctx context.Context, in *elbv2.AddTagsInput) (*elbv2.AddTagsOutput, error) {
	err := s.change(ctx, func(tx *store.Tx) error {
		for _, arn := range in.ResourceArns {
			have, put, err := s.tagged(tx, scopeOf(ctx), arn)
			if err != nil {
				return err
			}
			if have, err = addTags(have, in.Tags); err != nil {
				return err
			}
			put(have)
		}
		return nil
	})
	return answer(&elbv2.AddTagsOutput{}, err)
}

// RemoveTags removes tags from resources; keys that are not there do no harm.
func (s *Service) RemoveTags(ctx context.Context, in *elbv2.RemoveTagsInput) (*elbv2.RemoveTagsOutput, error) {
	err := s.change(ctx, func(tx *store.Tx) error {
		for _, arn := range in.ResourceArns {
			have, put, err := s.tagged(tx, scopeOf(ctx), arn)
			if err != nil {
				return err
			}
			put(slices.DeleteFunc(slices.Clone(have), func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) }))
		}
		return nil
	})
	return answer(&elbv2.RemoveTagsOutput{}, err)
}

// DescribeTags gives the tags of resources, in the order asked.
func (s *Service) DescribeTags(ctx context.Context, in *elbv2.DescribeTagsInput) (*elbv2.DescribeTagsOutput, error) {
	// Source: the API reference of DescribeTags: "You can specify up to 20 resources".
	if len(in.ResourceArns) > 20 {
		return nil, invalid("The maximum number of resource ARNs is '20'")
	}
	out := &elbv2.DescribeTagsOutput{TagDescriptions: []types.TagDescription{}}
	err := s.view(func(tx *store.Tx) error {
		for _, arn := range in.ResourceArns {
			tags, _, err := s.tagged(tx, scopeOf(ctx), arn)
			if err != nil {
				return err
			}
			d := types.TagDescription{ResourceArn: aws.String(arn), Tags: []types.Tag{}}
			for _, t := range tags {
				d.Tags = append(d.Tags, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
			}
			out.TagDescriptions = append(out.TagDescriptions, d)
		}
		return nil
	})
	return answer(out, err)
}
