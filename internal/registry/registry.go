// Package registry asks image registries what a reference stands for: its digest, and the platforms
// it is there for. ECR is asked by its API, all others by the OCI distribution protocol with docker's
// own credentials.
//
// It pulls nothing and knows no ECS. Read Client.Find first.
package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/pattern"
)

// Ref is an image reference taken apart.
type Ref struct {
	Host   string // registry-1.docker.io for what names none
	Name   string // repository
	Tag    string // latest where neither is there
	Digest string // sha256:…; counts before the tag
}

// Parse takes a reference apart, as docker reads it.
func Parse(image string) (Ref, error) {
	var r Ref
	rest, digest, pinned := strings.Cut(image, "@")
	r.Digest = digest
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		rest, r.Tag = rest[:i], rest[i+1:]
	}
	host, name, found := strings.Cut(rest, "/")
	switch {
	case found && (strings.ContainsAny(host, ".:") || host == "localhost"):
		r.Host, r.Name = host, name
	case found:
		r.Host, r.Name = dockerHub, rest
	default:
		r.Host, r.Name = dockerHub, "library/"+rest
	}
	if r.Host == "docker.io" || r.Host == "index.docker.io" {
		r.Host = dockerHub
	}
	if r.Tag == "" && !pinned {
		r.Tag = "latest"
	}
	if r.Name == "" || strings.HasSuffix(r.Name, "/") || pinned && !strings.HasPrefix(digest, "sha256:") || strings.ToLower(r.Name) != r.Name {
		return r, fail.New("image.reference", "write [HOST/]NAME[:TAG][@sha256:…]", "%q is no image reference", image)
	}
	return r, nil
}

const dockerHub = "registry-1.docker.io"

// version gives what is asked for: the digest, or the tag.
func (r Ref) version() string {
	if r.Digest != "" {
		return r.Digest
	}
	return r.Tag
}

// Image is what a reference stands for.
type Image struct {
	Digest    string
	Platforms []string // linux/amd64, …; empty where the registry does not say
}

// Has reports whether the image is there for a platform, as far as that is known.
func (i Image) Has(platform string) bool {
	return len(i.Platforms) == 0 || slices.Contains(i.Platforms, platform)
}

// Client asks registries.
type Client struct {
	ECR interface { // nil: ECR is asked as others are
		BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error)
		GetDownloadUrlForLayer(context.Context, *ecr.GetDownloadUrlForLayerInput, ...func(*ecr.Options)) (*ecr.GetDownloadUrlForLayerOutput, error)
	}
	HTTP        *http.Client // nil is the default
	Credentials Credentials  // nil asks as nobody
}

// Credentials give a user and a password for a registry's host; "" and "" for none.
type Credentials func(ctx context.Context, host string) (user, password string, err error)

// kinds are the manifests we read.
var kinds = []string{"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}

// private is a host of Amazon ECR.
var private = pattern.New(`^([0-9]{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)(?::[0-9]+)?$`)

// Find gives what a reference stands for. Errors have the codes "image.reference", "image.missing",
// "image.denied" and "image.unreachable".
func (c *Client) Find(ctx context.Context, image string) (Image, error) {
	found, configured, err := c.manifest(ctx, image)
	if err == nil && configured != nil {
		found.Platforms = configured()
	}
	return found, err
}

// Digest gives the digest of what a reference stands for, by its manifest alone. Errors are Find's.
func (c *Client) Digest(ctx context.Context, image string) (string, error) {
	found, _, err := c.manifest(ctx, image)
	return found.Digest, err
}

// manifest gives what an image's manifest says. configured, where it is not nil, asks for the
// configuration of an image of one platform, which alone tells that platform.
func (c *Client) manifest(ctx context.Context, image string) (found Image, configured func() []string, err error) {
	r, err := Parse(image)
	if err != nil {
		return Image{}, nil, err
	}
	if m := private.FindStringSubmatch(r.Host); m != nil && c.ECR != nil {
		return c.ecr(ctx, m[1], m[2], r)
	}
	return c.oci(ctx, r)
}

func missing(r Ref) error {
	return fail.New("image.missing", "push it, or name another", "%s/%s has no %s", r.Host, r.Name, r.version())
}

// ecr asks ECR in the account and region that a host names.
func (c *Client) ecr(ctx context.Context, account, region string, r Ref) (found Image, configured func() []string, err error) {
	there := func(o *ecr.Options) { o.Region = region }
	id := types.ImageIdentifier{ImageTag: &r.Tag}
	if r.Digest != "" {
		id = types.ImageIdentifier{ImageDigest: &r.Digest}
	}
	out, err := c.ECR.BatchGetImage(ctx, &ecr.BatchGetImageInput{RegistryId: &account, RepositoryName: &r.Name,
		ImageIds: []types.ImageIdentifier{id}, AcceptedMediaTypes: kinds}, there)
	if err != nil {
		return Image{}, nil, fail.Wrap(err, "image.denied", "check the repository's name, its region and ecr:BatchGetImage", "ask ECR for %s", r.Name)
	}
	if len(out.Images) == 0 || out.Images[0].ImageId == nil || out.Images[0].ImageId.ImageDigest == nil {
		return Image{}, nil, missing(r)
	}
	found = Image{Digest: *out.Images[0].ImageId.ImageDigest}
	if m := out.Images[0].ImageManifest; m != nil {
		all, config := platforms([]byte(*m))
		if len(all) == 0 && config != "" {
			configured = func() []string {
				return c.configured(ctx, &ecr.GetDownloadUrlForLayerInput{RegistryId: &account, RepositoryName: &r.Name, LayerDigest: &config}, there)
			}
		}
		found.Platforms = all
	}
	return found, configured, nil
}

// configured gives the platform that an image's configuration names, as ECR hands it out; nil where it
// cannot be read, which says nothing of the image.
func (c *Client) configured(ctx context.Context, in *ecr.GetDownloadUrlForLayerInput, there func(*ecr.Options)) []string {
	out, err := c.ECR.GetDownloadUrlForLayer(ctx, in, there)
	if err != nil || out.DownloadUrl == nil {
		return nil
	}
	status, text, _, err := (&session{c: c}).send(ctx, *out.DownloadUrl, "")
	if err != nil || status != http.StatusOK {
		return nil
	}
	return platformOf(text)
}

// platformOf reads an image's configuration.
func platformOf(config []byte) []string {
	var one struct{ OS, Architecture string }
	if json.Unmarshal(config, &one) != nil || one.OS == "" {
		return nil
	}
	return []string{one.OS + "/" + one.Architecture}
}

// platforms reads an index's platforms; config is the digest of the configuration of a manifest that
// is for one platform.
func platforms(manifest []byte) (all []string, config string) {
	var m struct {
		Manifests []struct {
			Platform struct{ OS, Architecture string }
		}
		Config struct{ Digest string }
	}
	if json.NewDecoder(bytes.NewReader(manifest)).Decode(&m) != nil {
		return nil, ""
	}
	for _, one := range m.Manifests {
		if p := one.Platform; p.OS != "" && p.OS != "unknown" {
			all = append(all, fmt.Sprintf("%s/%s", p.OS, p.Architecture))
		}
	}
	return all, m.Config.Digest
}
