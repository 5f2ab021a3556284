package ecs

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// There are no container instances yet, so there is nothing that attributes could be of; the
// operations answer as ECS does for a cluster without instances.

// PutAttributes sets attributes of container instances.
//
// Errors: TargetNotFoundException, as no instance can be found.
func (s *Service) PutAttributes(ctx context.Context, in *ecs.PutAttributesInput) (*ecs.PutAttributesOutput, error) {
	if len(in.Attributes) == 0 || len(in.Attributes) > 10 {
		return nil, invalid("Attributes must have between 1 and 10 items.")
	}
	return nil, s.noTarget(ctx, in.Cluster, in.Attributes)
}

// DeleteAttributes removes attributes of container instances.
//
// Errors: TargetNotFoundException, as no instance can be found.
func (s *Service) DeleteAttributes(ctx context.Context, in *ecs.DeleteAttributesInput) (*ecs.DeleteAttributesOutput, error) {
	return nil, s.noTarget(ctx, in.Cluster, in.Attributes)
}

func (s *Service) noTarget(ctx context.Context, cluster *string, attributes []types.Attribute) error {
	if err := s.inCluster(ctx, cluster); err != nil {
		return err
	}
	id := ""
	for _, a := range attributes {
		id = text(a.TargetId)
	}
	return &types.TargetNotFoundException{Message: new("The specified target wasn't found: " + id)}
}

// ListAttributes lists attributes of container instances.
func (s *Service) ListAttributes(ctx context.Context, in *ecs.ListAttributesInput) (*ecs.ListAttributesOutput, error) {
	return &ecs.ListAttributesOutput{Attributes: []types.Attribute{}}, s.inCluster(ctx, in.Cluster)
}

// ListContainerInstances lists a cluster's container instances.
func (s *Service) ListContainerInstances(ctx context.Context, in *ecs.ListContainerInstancesInput) (*ecs.ListContainerInstancesOutput, error) {
	return &ecs.ListContainerInstancesOutput{ContainerInstanceArns: []string{}}, s.inCluster(ctx, in.Cluster)
}

// DescribeContainerInstances describes container instances; all are missing.
func (s *Service) DescribeContainerInstances(ctx context.Context, in *ecs.DescribeContainerInstancesInput) (*ecs.DescribeContainerInstancesOutput, error) {
	if len(in.ContainerInstances) == 0 {
		return nil, invalid("Container instances cannot be empty.")
	}
	out := &ecs.DescribeContainerInstancesOutput{ContainerInstances: []types.ContainerInstance{}, Failures: []types.Failure{}}
	for _, ref := range in.ContainerInstances {
		out.Failures = append(out.Failures, missing(instanceARN(clusterARN(scopeOf(ctx), in.Cluster), ref)))
	}
	return out, s.inCluster(ctx, in.Cluster)
}

// instanceARN names a container instance by its id or ARN.
func instanceARN(cluster, ref string) string {
	if strings.HasPrefix(ref, "arn:") {
		return ref
	}
	return names.ScopeOf(cluster).ARN("ecs", "container-instance/"+names.Last(cluster)+"/"+ref)
}

// inCluster gives the error of a cluster that is not there.
func (s *Service) inCluster(ctx context.Context, cluster *string) error {
	return s.o.Store.View(func(tx *store.Tx) error {
		_, err := s.clusterOf(tx, scopeOf(ctx), cluster)
		return err
	})
}
