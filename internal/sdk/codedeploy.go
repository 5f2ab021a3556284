package sdk

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
)

// CodeDeploy is a CodeDeploy client. Reads are the SDK's own, with retries. The writes below are
// sent once: who gets an error for which Lost is true looks before sending again.
type CodeDeploy struct{ *codedeploy.Client }

// NewCodeDeploy makes a client.
func NewCodeDeploy(cfg aws.Config) *CodeDeploy { return &CodeDeploy{codedeploy.NewFromConfig(cfg)} }

// Create is CreateDeployment, sent once; it gives the deployment's id.
func (c *CodeDeploy) Create(ctx context.Context, in *codedeploy.CreateDeploymentInput) (id string, err error) {
	out, err := c.CreateDeployment(ctx, in, deployOnce)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.DeploymentId), nil
}

// Stop is StopDeployment, sent once.
func (c *CodeDeploy) Stop(ctx context.Context, in *codedeploy.StopDeploymentInput) error {
	_, err := c.StopDeployment(ctx, in, deployOnce)
	return err
}

// Continue is ContinueDeployment, sent once.
func (c *CodeDeploy) Continue(ctx context.Context, in *codedeploy.ContinueDeploymentInput) error {
	_, err := c.ContinueDeployment(ctx, in, deployOnce)
	return err
}

func deployOnce(o *codedeploy.Options) { o.Retryer = aws.NopRetryer{} }
