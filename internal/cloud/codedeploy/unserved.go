package codedeploy

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"

	"github.com/slipway-ecs/slipway/internal/wire"
)

// unserved declares the operations that belong to other platforms alone. Each answers a refusal
// in CodeDeploy's own codes, never a server's fault, which clients would try again.
//
// Source: codedeploy.md 1, "refuse politely"; 0.1-20.
func (s *Service) unserved(w *wire.Service) {
	noInstances[sdk.GetDeploymentInstanceInput, sdk.GetDeploymentInstanceOutput](w)
	noInstances[sdk.BatchGetDeploymentInstancesInput, sdk.BatchGetDeploymentInstancesOutput](w)
	noInstances[sdk.ListDeploymentInstancesInput, sdk.ListDeploymentInstancesOutput](w)
	noServers[sdk.AddTagsToOnPremisesInstancesInput, sdk.AddTagsToOnPremisesInstancesOutput](w)
	noServers[sdk.RemoveTagsFromOnPremisesInstancesInput, sdk.RemoveTagsFromOnPremisesInstancesOutput](w)
	noServers[sdk.RegisterOnPremisesInstanceInput, sdk.RegisterOnPremisesInstanceOutput](w)
	noServers[sdk.DeregisterOnPremisesInstanceInput, sdk.DeregisterOnPremisesInstanceOutput](w)
	noServers[sdk.GetOnPremisesInstanceInput, sdk.GetOnPremisesInstanceOutput](w)
	noServers[sdk.BatchGetOnPremisesInstancesInput, sdk.BatchGetOnPremisesInstancesOutput](w)
	noServers[sdk.ListOnPremisesInstancesInput, sdk.ListOnPremisesInstancesOutput](w)
	noServers[sdk.ListGitHubAccountTokenNamesInput, sdk.ListGitHubAccountTokenNamesOutput](w)
	noServers[sdk.DeleteGitHubAccountTokenInput, sdk.DeleteGitHubAccountTokenOutput](w)
	noServers[sdk.DeleteResourcesByExternalIdInput, sdk.DeleteResourcesByExternalIdOutput](w)
}

// noInstances declares an operation of the old API of instances.
func noInstances[In, Out any](w *wire.Service) {
	wire.Op(w, func(context.Context, *In) (*Out, error) {
		return nil, refuse("InvalidComputePlatformException", "The compute platform ECS has no deployment instances. Use the operations of deployment targets.")
	})
}

// noServers declares an operation of the platform Server.
func noServers[In, Out any](w *wire.Service) {
	wire.Op(w, func(context.Context, *In) (*Out, error) {
		return nil, refuse("OperationNotSupportedException", "The operation is not supported by this local cloud, which serves the compute platform ECS alone.")
	})
}
