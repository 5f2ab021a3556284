package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

func newVerifyCmd(app *App) *cobra.Command {
	o := &proposing{unpinned: true} // a tag that is gone is one of its findings
	cmd := &cobra.Command{
		Use:   "verify [SERVICE]",
		Short: "Look whether everything a service needs is there",
		Long: "Look whether each image is there for the platform, the roles are there and trust ECS, secrets, parameters, log\n" +
			"groups, subnets and security groups are there, and target groups fit the container's port: one line each, and\n" +
			"what to do about each miss. Nothing is changed.\n\n" +
			"Exit codes: 0 all is there, 1 something is missing or the command failed, 2 usage, 4 no access.",
		Example: "  slipway verify api --env production\n\n" +
			"  # without a file: what the live service needs, with another image\n" +
			"  slipway verify api -c main --image app=registry.example/api:1.4",
		Args: atMost(1, "at most one service"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.take(cmd, args)
			return o.verify(cmd.Context(), app)
		},
	}
	o.add(cmd)
	return cmd
}

func (o *proposing) verify(ctx context.Context, app *App) error {
	p, place, _, err := o.propose(ctx, app)
	if err != nil {
		return err
	}
	cfg, err := place.config(ctx)
	if err != nil {
		return err
	}
	s := ship.Surroundings{Image: pulls{registries(app, cfg)}, IAM: iam.NewFromConfig(cfg), Logs: cloudwatchlogs.NewFromConfig(cfg),
		EC2: ec2.NewFromConfig(cfg), ELB: elb.NewFromConfig(cfg), Secret: func(ctx context.Context, from string) error { return secret(ctx, cfg, from) }}
	found := s.Verify(ctx, p)
	missed := 0
	for _, f := range found {
		if !f.OK {
			missed++
		}
	}
	if o.output == outputJSON {
		err = writeJSON(app, map[string]any{"ok": missed == 0, "findings": found})
	} else {
		err = writeFindings(app, found, missed)
	}
	if err == nil && missed > 0 {
		return &Exit{Code: ExitFailed}
	}
	return err
}

func writeFindings(app *App, found []ship.Finding, missed int) error {
	var b strings.Builder
	for _, f := range found {
		if f.OK {
			fmt.Fprintf(&b, "✓ %s\n", f.What)
			continue
		}
		fmt.Fprintf(&b, "✗ %s: %s\n  hint: %s\n", f.What, f.Why, f.Hint)
	}
	if missed > 0 {
		fmt.Fprintf(&b, "%d of %d missing\n", missed, len(found))
	} else {
		fmt.Fprintf(&b, "all %d there\n", len(found))
	}
	_, err := app.Stdout.Write([]byte(b.String()))
	return err
}

// secret tells whether a parameter or a secret is there, as valueFrom names it: a parameter's name or
// ARN, or a secret's ARN with what may follow it.
func secret(ctx context.Context, cfg aws.Config, from string) error {
	parts := strings.Split(from, ":")
	if len(parts) >= 6 && parts[0] == "arn" {
		cfg.Region = parts[3]
	}
	if len(parts) >= 7 && parts[2] == "secretsmanager" {
		var found struct{ DeletedDate any }
		id := strings.Join(parts[:7], ":")
		err := sdk.CallJSON(ctx, cfg, "secretsmanager", "secretsmanager.DescribeSecret", map[string]any{"SecretId": id}, &found)
		if err == nil && found.DeletedDate != nil {
			return fail.New("secret.deleted", "restore it: aws secretsmanager restore-secret --secret-id "+id, "it is marked for deletion")
		}
		return sdk.Explain(err, "describe it")
	}
	name := from
	if _, after, found := strings.Cut(from, ":parameter"); found {
		name = after
		if strings.Count(name, "/") == 1 {
			name = strings.TrimPrefix(name, "/") // a name without levels has no slash
		}
	}
	return sdk.Explain(sdk.CallJSON(ctx, cfg, "ssm", "AmazonSSM.GetParameter", map[string]any{"Name": name}, &struct{}{}), "get it")
}
