package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/registry"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// registries asks for images with docker's credentials, and ECR with AWS's.
func registries(app *App, cfg aws.Config) *registry.Client {
	dir := app.Getenv("DOCKER_CONFIG")
	if home, err := os.UserHomeDir(); dir == "" && err == nil {
		dir = filepath.Join(home, ".docker")
	}
	return &registry.Client{ECR: ecr.NewFromConfig(cfg), Credentials: registry.Docker(dir)}
}

// pulls tells whether images are there for a platform.
type pulls struct{ c *registry.Client }

// Image gives an error that says why an image cannot be run.
func (i pulls) Image(ctx context.Context, ref, platform string) error {
	found, err := i.c.Find(ctx, ref)
	if err != nil {
		return err
	}
	if !found.Has(platform) {
		return fmt.Errorf("it is there for %s, not for %s", strings.Join(found.Platforms, ", "), platform)
	}
	return nil
}

// pin makes a request deploy the digests that its images' tags have now, if the file says so.
func (p *place) pin(app *App, r *ship.Request) {
	if p.Entry == nil || !p.Entry.Pin {
		return
	}
	r.Pin = func(ctx context.Context, ref string) (string, error) {
		cfg, err := p.config(ctx)
		if err != nil {
			return "", err
		}
		digest, err := registries(app, cfg).Digest(ctx, ref)
		if f := fail.Of(err); f != nil {
			f.Hint += "; or take 'pin: digest' away"
		}
		return digest, err
	}
}
