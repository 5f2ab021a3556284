package cli

import (
	"cmp"
	"context"

	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// remote asks AWS for what ${ssm:…} and ${cfn:…} stand for, once a client is needed. over are
// flags, which win over what the file says of AWS.
func remote(over sdk.Options) func(ctx context.Context, where project.AWS, kind, arg string) (string, error) {
	return func(ctx context.Context, where project.AWS, kind, arg string) (string, error) {
		cfg, err := sdk.Load(ctx, laid(where, over))
		if err != nil {
			return "", err
		}
		return sdk.Value(ctx, cfg, kind, arg)
	}
}

// laid gives where and as whom AWS is asked: as a file says, and flags over it.
func laid(where project.AWS, over sdk.Options) sdk.Options {
	return sdk.Options{Region: cmp.Or(over.Region, where.Region), Profile: cmp.Or(over.Profile, where.Profile), Account: where.Account, Role: where.Role, Endpoint: over.Endpoint}
}
