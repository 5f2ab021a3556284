package ecs

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// The agent of every container instance is this cloud: there is no newer one, and no part of it runs
// inside containers. What is asked of agents is refused as ECS refuses it then.

// What ECS says of an agent that is up to date (unconfirmed), of a task in which its agent for
// commands does not run, and of a container that a task does not have (unconfirmed).
const (
	wordNewestAgent = "There is no update available for the container agent of the container instance."
	wordNoExec      = "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. " +
		"Wait and try again or run a new task with execute command enabled and try again."
	wordNoContainer = "The container %s does not exist in the task."
)

// UpdateContainerAgent finds no newer agent than the one an instance has.
//
// Errors: NoUpdateAvailableException; InvalidParameterException for an instance that is not there.
func (s *Service) UpdateContainerAgent(ctx context.Context, in *ecs.UpdateContainerAgentInput) (*ecs.UpdateContainerAgentOutput, error) {
	err := s.o.Store.View(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scopeOf(ctx), in.Cluster)
		if err != nil {
			return err
		}
		if x, ok := s.instanceOf(tx, cluster, text(in.ContainerInstance)); !ok || x.Status == instanceInactive {
			return invalid(noInstanceARN, names.Last(text(in.ContainerInstance)))
		}
		return &types.NoUpdateAvailableException{Message: new(wordNewestAgent)}
	})
	return nil, err
}

// ExecuteCommand refuses to run a command in a container, as ECS does where its agent does not run there.
//
// Errors: InvalidParameterException.
func (s *Service) ExecuteCommand(ctx context.Context, in *ecs.ExecuteCommandInput) (*ecs.ExecuteCommandOutput, error) {
	err := s.o.Store.View(func(tx *store.Tx) error {
		t, err := s.taskNamed(tx, scopeOf(ctx), in.Cluster, in.Task)
		if err != nil {
			return err
		}
		if in.Container != nil && !slices.ContainsFunc(t.Containers, func(x Container) bool { return x.Name == *in.Container }) {
			return invalid(wordNoContainer, *in.Container)
		}
		return invalid(wordNoExec)
	})
	return nil, err
}
