package code

// What a deployment deploys: the task definition of its revision's AppSpec.

//lint:file-ignore SA1019 Deployments that others began may have String revisions, which AWS deprecates.

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/pattern"
)

func digestOf(d *types.DeploymentInfo) string {
	if d == nil || d.Revision == nil || d.Revision.AppSpecContent == nil {
		return ""
	}
	return aws.ToString(d.Revision.AppSpecContent.Sha256)
}

// deploys gives the task definition that a deployment deploys, or "" where its AppSpec cannot be read:
// one in S3 is not looked at.
func (e *Engine) deploys(ctx context.Context, d *types.DeploymentInfo) string {
	return e.definition(ctx, d.ApplicationName, d.Revision)
}

// before gives the one that it replaced.
func (e *Engine) before(ctx context.Context, d *types.DeploymentInfo) string {
	return e.definition(ctx, d.ApplicationName, d.PreviousRevision)
}

// inYAML finds the definition in an AppSpec that is no JSON.
var inYAML = pattern.New(`(?im)^\s*"?TaskDefinition"?\s*:\s*["']?([^"'\s]+)`)

func (e *Engine) definition(ctx context.Context, app *string, r *types.RevisionLocation) string {
	content := e.content(ctx, app, r)
	if arn := definitionOf([]byte(content)); arn != "" {
		return arn
	}
	if m := inYAML.FindStringSubmatch(content); m != nil {
		return m[1]
	}
	return ""
}

// content gives the text of a revision's AppSpec, or "" where it cannot be read.
func (e *Engine) content(ctx context.Context, app *string, r *types.RevisionLocation) string {
	if r == nil {
		return ""
	}
	if text := contentOf(r); text != "" {
		return text
	}
	out, err := e.CodeDeploy.GetApplicationRevision(ctx, &codedeploy.GetApplicationRevisionInput{ApplicationName: app, Revision: r})
	if err != nil || out.Revision == nil {
		return ""
	}
	return contentOf(out.Revision)
}

func contentOf(r *types.RevisionLocation) string {
	switch {
	case r.AppSpecContent != nil:
		return aws.ToString(r.AppSpecContent.Content)
	case r.String_ != nil:
		return aws.ToString(r.String_.Content)
	}
	return ""
}
