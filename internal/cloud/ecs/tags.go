package ecs

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// TagResource adds tags to a cluster, service, task or task definition, or changes their values.
func (s *Service) TagResource(ctx context.Context, in *ecs.TagResourceInput) (*ecs.TagResourceOutput, error) {
	change, err := tagsIn(in.Tags)
	if err != nil {
		return nil, err
	}
	_, err = s.retag(ctx, text(in.ResourceArn), func(have []Tag) ([]Tag, error) {
		out := slices.Clone(have)
		for _, t := range change {
			if i := slices.IndexFunc(out, func(h Tag) bool { return h.Key == t.Key }); i >= 0 {
				out[i] = t
			} else {
				out = append(out, t)
			}
		}
		if len(out) > maxTags {
			return nil, invalid("The number of tags exceeds the maximum of %d.", maxTags)
		}
		return out, nil
	})
	return &ecs.TagResourceOutput{}, err
}

// UntagResource removes tags; keys that are not there are no error.
func (s *Service) UntagResource(ctx context.Context, in *ecs.UntagResourceInput) (*ecs.UntagResourceOutput, error) {
	_, err := s.retag(ctx, text(in.ResourceArn), func(have []Tag) ([]Tag, error) {
		return slices.DeleteFunc(slices.Clone(have), func(h Tag) bool { return slices.Contains(in.TagKeys, h.Key) }), nil
	})
	return &ecs.UntagResourceOutput{}, err
}

// ListTagsForResource lists the tags of a cluster, service, task or task definition.
func (s *Service) ListTagsForResource(ctx context.Context, in *ecs.ListTagsForResourceInput) (*ecs.ListTagsForResourceOutput, error) {
	tags, err := s.retag(ctx, text(in.ResourceArn), nil)
	if err != nil {
		return nil, err
	}
	return &ecs.ListTagsForResourceOutput{Tags: tagsOut(tags)}, nil
}

// retag changes the tags of whatever an ARN names and gives them; a nil change only reads.
func (s *Service) retag(ctx context.Context, arn string, change func([]Tag) ([]Tag, error)) (tags []Tag, err error) {
	a, ok := names.ParseARN(arn)
	if !ok || a.Service != "ecs" || a.Scope() != scopeOf(ctx) {
		return nil, invalid("Invalid resource ARN: %s", arn)
	}
	if kind := a.Kind(); (kind == "service" || kind == "task" || kind == "container-instance") && len(a.Path()) == 1 {
		return nil, invalid("Long arn format must be used for tagging operations")
	}
	apply := func(had []Tag, put func([]Tag)) error {
		if tags = had; change == nil {
			return nil
		}
		if tags, err = change(had); err != nil {
			return err
		}
		put(tags)
		return nil
	}
	err = s.o.Store.Update(func(tx *store.Tx) error {
		switch kind, _, _ := strings.Cut(a.Resource, "/"); kind {
		case "cluster":
			if c, ok := s.clusters.Get(tx, arn); ok {
				if c.Status != "ACTIVE" {
					return invalid("The specified cluster is inactive. Specify an active cluster and try again.")
				}
				return apply(c.Tags, func(t []Tag) { c.Tags = t; s.clusters.Put(tx, c) })
			}
			return &types.ClusterNotFoundException{Message: new("Cluster not found.")}
		case "service":
			if x, ok := s.services.Get(tx, arn); ok {
				if x.Status == "INACTIVE" {
					return invalid("The specified service is inactive. Specify an active service and try again.")
				}
				return apply(x.Tags, func(t []Tag) { x.Tags = t; s.services.Put(tx, x) })
			}
			return &types.ServiceNotFoundException{Message: new("Service not found.")}
		case "task-set":
			return s.retagSet(tx, arn, apply)
		case "task":
			if t, ok := s.tasks.Get(tx, arn); ok && t.Last != "STOPPED" {
				return apply(t.Tags, func(tags []Tag) { t.Tags = tags; s.tasks.Put(tx, t) })
			}
			return invalid("The specified task is inactive. Specify an active task and try again.")
		case "container-instance":
			if x, ok := s.instances.Get(tx, arn); ok && x.Status != instanceInactive {
				return apply(x.Tags, func(t []Tag) { x.Tags = t; s.instances.Put(tx, x) })
			}
			return invalid("The specified container instance is inactive. Specify an active container instance and try again.")
		case "capacity-provider":
			if p, ok := s.providers.Get(tx, arn); ok && p.Status == providerActive {
				return apply(p.Tags, func(t []Tag) { p.Tags = t; s.providers.Put(tx, p) })
			}
			return invalid(wordNoProvider)
		case "task-definition":
			if d, ok := s.definitions.Get(tx, arn); ok {
				return apply(d.Tags, func(t []Tag) { d.Tags = t; s.definitions.Put(tx, d) })
			}
			return invalid("The specified task definition does not exist.")
		}
		return invalid("The specified resource could not be found: %s", arn)
	})
	return tags, err
}
