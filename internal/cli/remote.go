package cli

import (
	"context"

	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// remote asks AWS for what ${ssm:…} and ${cfn:…} stand for, once a client is needed.
func remote(endpoint string) func(ctx context.Context, where project.AWS, kind, arg string) (string, error) {
	return func(ctx context.Context, where project.AWS, kind, arg string) (string, error) {
		cfg, err := sdk.Load(ctx, sdk.Options{Region: where.Region, Profile: where.Profile, Account: where.Account, Role: where.Role, Endpoint: endpoint})
		if err != nil {
			return "", err
		}
		return sdk.Value(ctx, cfg, kind, arg)
	}
}
