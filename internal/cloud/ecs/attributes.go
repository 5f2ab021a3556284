package ecs

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// mostAttributes is how many custom attributes an instance may have, and a call may name.
const mostAttributes = 10

// attributeName and attributeValue are what an attribute may be.
//
// Source: the API model's Attribute.
var (
	attributeName  = names.Text{Min: 1, Max: 128, Of: "A-Za-z0-9_/.-"}
	attributeValue = names.Text{Min: 0, Max: 128, Of: `A-Za-z0-9_./@:\ -`}
)

// PutAttributes sets custom attributes of container instances; one that is there is set anew.
//
// Errors: TargetNotFoundException, AttributeLimitExceededException.
func (s *Service) PutAttributes(ctx context.Context, in *ecs.PutAttributesInput) (*ecs.PutAttributesOutput, error) {
	out := &ecs.PutAttributesOutput{Attributes: []types.Attribute{}}
	err := s.onAttributes(ctx, in.Cluster, in.Attributes, func(x *Instance, a types.Attribute) error {
		i := slices.IndexFunc(x.Attributes, func(h Pair) bool { return h.Name == *a.Name })
		if i >= 0 && !x.Attributes[i].Custom {
			return invalid("The attribute %s is reserved and cannot be set.", *a.Name) // unconfirmed words
		}
		custom := 0
		for _, h := range x.Attributes {
			if h.Custom {
				custom++
			}
		}
		if i < 0 && custom >= mostAttributes {
			return &types.AttributeLimitExceededException{Message: new("You can apply up to 10 custom attributes for each resource.")}
		}
		x.set(Pair{Name: *a.Name, Value: text(a.Value), Custom: true})
		out.Attributes = append(out.Attributes, types.Attribute{Name: a.Name, Value: a.Value, TargetId: new(x.ARN)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteAttributes removes custom attributes of container instances; those that are not there are
// no error.
//
// Errors: TargetNotFoundException.
func (s *Service) DeleteAttributes(ctx context.Context, in *ecs.DeleteAttributesInput) (*ecs.DeleteAttributesOutput, error) {
	out := &ecs.DeleteAttributesOutput{Attributes: []types.Attribute{}}
	err := s.onAttributes(ctx, in.Cluster, in.Attributes, func(x *Instance, a types.Attribute) error {
		i := slices.IndexFunc(x.Attributes, func(h Pair) bool { return h.Name == *a.Name && h.Custom })
		if i >= 0 {
			out.Attributes = append(out.Attributes, types.Attribute{Name: a.Name, Value: orNil(x.Attributes[i].Value), TargetId: new(x.ARN)})
			x.Attributes = slices.Delete(slices.Clone(x.Attributes), i, i+1)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// onAttributes changes the instance that each attribute is of.
func (s *Service) onAttributes(ctx context.Context, cluster *string, all []types.Attribute, f func(*Instance, types.Attribute) error) error {
	if len(all) == 0 || len(all) > mostAttributes {
		return invalid("Attributes must have between 1 and %d items.", mostAttributes)
	}
	return s.o.Store.Update(func(tx *store.Tx) error {
		c, err := s.clusterOf(tx, scopeOf(ctx), cluster)
		if err != nil {
			return err
		}
		for _, a := range all {
			switch {
			case !attributeName.MatchString(text(a.Name)):
				return invalid("Attribute names must have 1 to 128 letters, numbers, hyphens, underscores, forward slashes and periods.")
			case !attributeValue.MatchString(text(a.Value)) || strings.TrimSpace(text(a.Value)) != text(a.Value):
				return invalid("The value of attribute %s is not valid.", *a.Name)
			case a.TargetType != "" && a.TargetType != types.TargetTypeContainerInstance:
				return invalid("Invalid target type: %s", a.TargetType)
			}
			x, ok := s.instanceOf(tx, c, text(a.TargetId))
			if !ok || x.Status == instanceInactive {
				return &types.TargetNotFoundException{Message: new("The specified target wasn't found: " + text(a.TargetId))}
			}
			if err := f(&x, a); err != nil {
				return err
			}
			x.Version++
			s.instances.Put(tx, x)
		}
		return nil
	})
}

// ListAttributes lists attributes of a cluster's instances, by instance and name, of a name and a
// value where those are given.
func (s *Service) ListAttributes(ctx context.Context, in *ecs.ListAttributesInput) (*ecs.ListAttributesOutput, error) {
	if in.TargetType != types.TargetTypeContainerInstance {
		return nil, invalid("Invalid target type: %s", in.TargetType)
	}
	if in.AttributeValue != nil && in.AttributeName == nil {
		return nil, invalid("An attribute name must be specified with an attribute value.")
	}
	n, err := pageSize(in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	var all []types.Attribute
	var keys []string
	err = s.o.Store.View(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scopeOf(ctx), in.Cluster)
		if err != nil {
			return err
		}
		for x := range s.instances.By(tx, "cluster", cluster.ARN) {
			if x.Status == instanceInactive {
				continue
			}
			for _, a := range x.Attributes {
				if in.AttributeName != nil && *in.AttributeName != a.Name || in.AttributeValue != nil && *in.AttributeValue != a.Value {
					continue
				}
				all = append(all, types.Attribute{Name: new(a.Name), Value: orNil(a.Value), TargetId: new(x.ARN)})
				keys = append(keys, x.ARN+" "+a.Name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	from, to, next, err := page.Of(keys, text(in.NextToken), n)
	if err != nil {
		return nil, badToken()
	}
	return &ecs.ListAttributesOutput{Attributes: append([]types.Attribute{}, all[from:to]...), NextToken: orNil(next)}, nil
}

// instanceARN names a container instance by its id or ARN.
func instanceARN(cluster, ref string) string {
	if strings.HasPrefix(ref, "arn:") {
		return ref
	}
	return names.ScopeOf(cluster).ARN("ecs", "container-instance/"+names.Last(cluster)+"/"+ref)
}
