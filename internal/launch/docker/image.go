package docker

import (
	"context"
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch"
)

// Pull resolves a container's image: one the engine has is taken as it is, so that images built
// on this machine need no registry; others are pulled. The digest is the manifest's where the
// image came from a registry, else the image's own id.
func (r *Runtime) Pull(ctx context.Context, t launch.Task, name string) (string, error) {
	c, ok := t.Container(name)
	if !ok {
		return "", fmt.Errorf("task %s has no container %q", t.ID, name)
	}
	found, err := r.image(ctx, c)
	if isNotFound(err) {
		if err := r.fetch(ctx, pinned(c)); err != nil {
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			return "", &launch.PullError{Image: c.Image, Msg: fmt.Sprintf(
				"pull image manifest has been retried 1 time(s): failed to resolve ref %s: %s", full(c.Image), strings.TrimSpace(err.Error()))}
		}
		found, err = r.image(ctx, c)
	}
	if err != nil {
		return "", err
	}
	return digestOf(found, c.Image), nil
}

// fetch pulls an image with the login that docker has for its registry.
func (r *Runtime) fetch(ctx context.Context, ref string) error {
	answer, err := r.engine.ImagePull(ctx, ref, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	return answer.Wait(ctx)
}

// image looks an image up: by its digest where one is fixed, else by its name.
func (r *Runtime) image(ctx context.Context, c launch.Container) (client.ImageInspectResult, error) {
	if c.Digest != "" {
		for _, ref := range []string{pinned(c), c.Digest} {
			if found, err := r.engine.ImageInspect(ctx, ref); !isNotFound(err) {
				return found, err
			}
		}
	}
	return r.engine.ImageInspect(ctx, c.Image)
}

// pinned gives the reference to pull by: name and digest where one is fixed.
func pinned(c launch.Container) string {
	named, err := reference.ParseNormalizedNamed(c.Image)
	if err != nil || c.Digest == "" {
		return c.Image
	}
	return reference.TrimNamed(named).String() + "@" + c.Digest
}

// full gives an image's name in full: docker.io/library/nginx:latest.
func full(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return image
	}
	return reference.TagNameOnly(named).String()
}

// digestOf gives the manifest's digest under the image's own repository, any other manifest's
// digest otherwise, and the image's id where it came from no registry.
func digestOf(found client.ImageInspectResult, image string) string {
	repository := ""
	if named, err := reference.ParseNormalizedNamed(image); err == nil {
		repository = named.Name()
	}
	digest := found.ID
	for i, d := range found.RepoDigests {
		name, sum, ok := strings.Cut(d, "@")
		if !ok {
			continue
		}
		named, err := reference.ParseNormalizedNamed(name)
		if i == 0 || err == nil && named.Name() == repository {
			digest = sum
		}
	}
	return digest
}
