// Package ecr is the local cloud's Amazon ECR: repositories, image manifests as records, and
// tokens for docker login. The registry that docker pushes to is not part of it yet.
//
// Source: runtime.md 2 (what clients ask), client-calls.md (who calls what).
package ecr

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/pattern"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Tag is a tag as a row keeps it.
type Tag struct{ Key, Value string }

// Repository is the row of a repository, by ARN.
type Repository struct {
	ARN, Name  string
	Mutability string   // MUTABLE or IMMUTABLE, or one of them WITH_EXCLUSION
	Exclusions []string // wildcards for the tags that are the other way round
	Scan       bool
	Encryption string // AES256 where empty
	Key        string // of KMS, as it was given
	Lifecycle  string // policy text; empty is none
	Evaluated  time.Time
	Tags       []Tag
	Created    time.Time
}

// Image is the row of an image manifest, by repository ARN + "@" + digest.
type Image struct {
	Key, Repository, Digest string
	Media, Manifest         string
	Tags                    []string // image tags, sorted
	Size                    int64    // bytes of the manifest and what it names
	Pushed                  time.Time
}

// Options make the room.
type Options struct {
	IDs      *ids.Source
	Endpoint func() string                // the cloud's own URL
	Sign     func(parts ...string) []byte // a signature only this cloud can make
	// Lengthen gives how long d of the wall is in internal time; nil is the same.
	Lengthen func(d time.Duration) time.Duration
}

// Service is the room.
type Service struct {
	o            Options
	store        *store.Store
	repositories *store.Table[Repository]
	images       *store.Table[Image]
}

// New makes the room; Attach gives it its store.
func New(o Options) *Service {
	if o.Lengthen == nil {
		o.Lengthen = func(d time.Duration) time.Duration { return d }
	}
	return &Service{
		o:            o,
		repositories: store.NewTable("ecr.repositories", func(r *Repository) string { return r.ARN }),
		images:       store.NewTable("ecr.images", func(i *Image) string { return i.Key }, store.One("repository", func(i *Image) string { return i.Repository })),
	}
}

// Attach gives the room the store that was opened with its tables.
func (s *Service) Attach(st *store.Store) { s.store = st }

// Name is the signing name.
func (s *Service) Name() string { return "ecr" }

// Tables are the room's tables.
func (s *Service) Tables() []store.Any { return []store.Any{s.repositories, s.images} }

// Keepers are none: nothing happens to a record by itself.
func (s *Service) Keepers() []cloud.Keeper { return nil }

// Wire has the operations served.
func (s *Service) Wire() *wire.Service {
	w := wire.NewJSON("ecr", "AmazonEC2ContainerRegistry_V20150921", "1.1")
	w.Required(func(_, member string) error {
		return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf("Invalid parameter at '%s' failed to satisfy constraint: 'must not be null'", member))}
	})
	w.Unlisted(func(u wire.Unlisted) error {
		return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(
			"Invalid parameter at '%s' failed to satisfy constraint: 'Member must satisfy enum value set: [%s]'", u.Member, strings.Join(u.Known, ", ")))}
	})
	wire.Op(w, s.CreateRepository)
	wire.Op(w, s.DescribeRepositories)
	wire.Op(w, s.DeleteRepository)
	wire.Op(w, s.GetAuthorizationToken)
	wire.Op(w, s.PutImageTagMutability)
	wire.Op(w, s.PutImageScanningConfiguration)
	wire.Op(w, s.PutLifecyclePolicy)
	wire.Op(w, s.GetLifecyclePolicy)
	wire.Op(w, s.DeleteLifecyclePolicy)
	wire.Op(w, s.TagResource)
	wire.Op(w, s.UntagResource)
	wire.Op(w, s.ListTagsForResource)
	wire.Op(w, s.PutImage)
	wire.Op(w, s.BatchGetImage)
	wire.Op(w, s.ListImages)
	wire.Op(w, s.DescribeImages)
	wire.Op(w, s.BatchDeleteImage)
	return w
}

// tokenLasts is how long a password for docker login is good. Source: ECR user guide.
const tokenLasts = 12 * time.Hour

// GetAuthorizationToken gives a user and password for docker login at this cloud. Passwords are
// signed, not kept, so they outlive a restart.
func (s *Service) GetAuthorizationToken(ctx context.Context, _ *ecr.GetAuthorizationTokenInput) (*ecr.GetAuthorizationTokenOutput, error) {
	c := wire.CallerOf(ctx)
	var expires time.Time
	if err := s.store.View(func(tx *store.Tx) error { expires = tx.Now().Add(s.o.Lengthen(tokenLasts)); return nil }); err != nil {
		return nil, err
	}
	claim := fmt.Sprintf("%s.%s.%d", c.Account, c.Region, expires.Unix())
	password := claim + "." + base64.RawURLEncoding.EncodeToString(s.o.Sign("ecr", claim))
	return &ecr.GetAuthorizationTokenOutput{AuthorizationData: []types.AuthorizationData{{
		AuthorizationToken: aws.String(base64.StdEncoding.EncodeToString([]byte("AWS:" + password))),
		ExpiresAt:          &expires, ProxyEndpoint: aws.String("http://" + s.registry()),
	}}}, nil
}

// registry is the host and port docker knows this cloud by. It must be localhost or a loopback
// address: only those may be asked without TLS.
func (s *Service) registry() string {
	u, err := url.Parse(s.o.Endpoint())
	if err != nil {
		return "localhost"
	}
	if u.Hostname() == "127.0.0.1" {
		return "localhost:" + u.Port()
	}
	return u.Host
}

var nameRule = pattern.New(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

func arnOf(ctx context.Context, name string) string {
	c := wire.CallerOf(ctx)
	return names.Scope{Account: c.Account, Region: c.Region}.ARN("ecr", "repository/"+name)
}

// repository finds a repository of the caller's registry, or says that there is none.
func (s *Service) repository(ctx context.Context, tx *store.Tx, name *string) (Repository, error) {
	r, ok := s.repositories.Get(tx, arnOf(ctx, aws.ToString(name)))
	if !ok {
		return r, missing(ctx, aws.ToString(name))
	}
	return r, nil
}

func missing(ctx context.Context, name string) error {
	return &types.RepositoryNotFoundException{Message: aws.String(fmt.Sprintf(
		"The repository with name '%s' does not exist in the registry with id '%s'", name, wire.CallerOf(ctx).Account))}
}

func (s *Service) view(r Repository) types.Repository {
	a, _ := names.ParseARN(r.ARN)
	v := types.Repository{
		RepositoryArn: &r.ARN, RepositoryName: &r.Name, RegistryId: &a.Account, CreatedAt: &r.Created,
		RepositoryUri:              aws.String(s.registry() + "/" + r.Name),
		ImageTagMutability:         types.ImageTagMutability(r.Mutability),
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: r.Scan},
		EncryptionConfiguration:    &types.EncryptionConfiguration{EncryptionType: cmp.Or(types.EncryptionType(r.Encryption), types.EncryptionTypeAes256)},
	}
	if r.Key != "" {
		v.EncryptionConfiguration.KmsKey = &r.Key
	}
	v.ImageTagMutabilityExclusionFilters = r.exclusions()
	return v
}

// byARN finds a repository by its ARN, as the tag operations name it.
func (s *Service) byARN(ctx context.Context, tx *store.Tx, arn *string) (Repository, error) {
	r, ok := s.repositories.Get(tx, aws.ToString(arn))
	c := wire.CallerOf(ctx)
	a, _ := names.ParseARN(aws.ToString(arn)) // what is no ARN is no repository's either
	if !ok || a.Account != c.Account || a.Region != c.Region {
		return r, missing(ctx, strings.TrimPrefix(a.Resource, "repository/"))
	}
	return r, nil
}
