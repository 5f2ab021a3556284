// Package ecr is the local cloud's Amazon ECR: repositories, the manifests put into them, and the
// password for a registry on the cloud's own port. Layers and the registry itself are not here.
//
// Read Repository first.
//
// Source: runtime.md 2, for names of repositories and the login.
package ecr

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Options make the room.
type Options struct {
	IDs      *ids.Source
	Endpoint func() string                // of the cloud: "http://127.0.0.1:4566"
	Sign     func(parts ...string) []byte // 16 bytes at least, the same for the same parts over restarts
}

// Tag is a tag as a row keeps it.
type Tag struct{ Key, Value string }

// Repository is the row of a repository, by ARN.
type Repository struct {
	ARN, Name         string
	Immutable         bool // tags that are there cannot be moved
	ScanOnPush        bool
	Encryption, Key   string // AES256, or KMS and a key
	Lifecycle, Policy string // as sent; empty for none
	Tags              []Tag
	Created           time.Time
}

// Image is the row of a manifest, by repository's ARN, "@" and digest.
type Image struct {
	Key, Repository, Digest string
	Manifest, MediaType     string
	Size                    int64    // bytes of configuration and layers, as the manifest has them
	Tags                    []string // in the order they were given
	Pushed                  time.Time
}

// Service is the room "ecr". Make one with New.
type Service struct {
	o            Options
	store        *store.Store
	repositories *store.Table[Repository]
	images       *store.Table[Image]
}

// New makes the room; Attach gives it its store.
func New(o Options) *Service {
	return &Service{
		o:            o,
		repositories: store.NewTable("ecr.repositories", func(r *Repository) string { return r.ARN }),
		images:       store.NewTable("ecr.images", func(i *Image) string { return i.Key }),
	}
}

// Attach gives the room the store that was opened with its tables.
func (s *Service) Attach(st *store.Store) { s.store = st }

// Name is the signing name.
func (s *Service) Name() string { return "ecr" }

// Tables are the room's tables.
func (s *Service) Tables() []store.Any { return []store.Any{s.repositories, s.images} }

// Keepers are none: nothing happens to a repository by itself. Lifecycle policies are kept and
// not carried out.
func (s *Service) Keepers() []cloud.Keeper { return nil }

// Wire has the operations served.
func (s *Service) Wire() *wire.Service {
	w := wire.NewJSON("ecr", "AmazonEC2ContainerRegistry_V20150921", "1.1").Required(func(_, member string) error {
		return invalid("Invalid parameter at '%s' failed to satisfy constraint: 'must not be null'", member)
	})
	wire.Op(w, s.GetAuthorizationToken)
	wire.Op(w, s.CreateRepository)
	wire.Op(w, s.DescribeRepositories)
	wire.Op(w, s.DeleteRepository)
	wire.Op(w, s.PutImageTagMutability)
	wire.Op(w, s.PutImageScanningConfiguration)
	wire.Op(w, s.PutLifecyclePolicy)
	wire.Op(w, s.GetLifecyclePolicy)
	wire.Op(w, s.DeleteLifecyclePolicy)
	wire.Op(w, s.SetRepositoryPolicy)
	wire.Op(w, s.GetRepositoryPolicy)
	wire.Op(w, s.DeleteRepositoryPolicy)
	wire.Op(w, s.TagResource)
	wire.Op(w, s.UntagResource)
	wire.Op(w, s.ListTagsForResource)
	wire.Op(w, s.PutImage)
	wire.Op(w, s.BatchGetImage)
	wire.Op(w, s.BatchDeleteImage)
	wire.Op(w, s.ListImages)
	wire.Op(w, s.DescribeImages)
	return w
}

// lifetime is how long a password is good for.
const lifetime = 12 * time.Hour

// GetAuthorizationToken gives the password for the registry on the cloud's own port, as user AWS.
// The password says whose it is and until when, and is signed: none is stored.
func (s *Service) GetAuthorizationToken(ctx context.Context, _ *ecr.GetAuthorizationTokenInput) (*ecr.GetAuthorizationTokenOutput, error) {
	account := wire.CallerOf(ctx).Account
	var expires time.Time
	err := s.store.View(func(tx *store.Tx) error {
		expires = tx.Now().Add(lifetime).Truncate(time.Second)
		return nil
	})
	if err != nil {
		return nil, err
	}
	claim := fmt.Sprintf("%s:%d", account, expires.Unix())
	password := base64.RawURLEncoding.EncodeToString([]byte(claim)) + "." + base64.RawURLEncoding.EncodeToString(s.o.Sign("ecr", claim))
	return &ecr.GetAuthorizationTokenOutput{AuthorizationData: []types.AuthorizationData{{
		AuthorizationToken: aws.String(base64.StdEncoding.EncodeToString([]byte("AWS:" + password))),
		ExpiresAt:          &expires,
		ProxyEndpoint:      aws.String("http://" + s.host()),
	}}}, nil
}

// host is where the registry is for clients: Docker takes plain HTTP of localhost alone.
func (s *Service) host() string {
	u, err := url.Parse(s.o.Endpoint())
	if err != nil || u.Port() == "" {
		return "localhost"
	}
	return "localhost:" + u.Port()
}

// nameRule is what repositories may be called, with 2 to 256 characters.
var nameRule = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func scopeOf(ctx context.Context) names.Scope {
	c := wire.CallerOf(ctx)
	return names.Scope{Account: c.Account, Region: c.Region}
}

func arnOf(scope names.Scope, name string) string { return scope.ARN("ecr", "repository/"+name) }

// repository finds a repository of the caller's registry, which is the only one it can reach.
func (s *Service) repository(ctx context.Context, tx *store.Tx, registry, name *string) (Repository, error) {
	scope := scopeOf(ctx)
	r, ok := s.repositories.Get(tx, arnOf(scope, aws.ToString(name)))
	if id := aws.ToString(registry); !ok || id != "" && id != scope.Account {
		if id == "" {
			id = scope.Account
		}
		return r, &types.RepositoryNotFoundException{Message: aws.String(fmt.Sprintf(
			"The repository with name '%s' does not exist in the registry with id '%s'", aws.ToString(name), id))}
	}
	return r, nil
}

// look shows a repository to f.
func (s *Service) look(ctx context.Context, registry, name *string, f func(tx *store.Tx, r Repository) error) error {
	return s.store.View(func(tx *store.Tx) error {
		r, err := s.repository(ctx, tx, registry, name)
		if err != nil {
			return err
		}
		return f(tx, r)
	})
}

// change lets f change a repository.
func (s *Service) change(ctx context.Context, registry, name *string, f func(tx *store.Tx, r *Repository) error) error {
	return s.store.Update(func(tx *store.Tx) error {
		r, err := s.repository(ctx, tx, registry, name)
		if err != nil {
			return err
		}
		if err := f(tx, &r); err != nil {
			return err
		}
		s.repositories.Put(tx, r)
		return nil
	})
}

func (r Repository) account() string { return names.ScopeOf(r.ARN).Account }

// in is how ECR's errors name a repository.
func (r Repository) in() string {
	return fmt.Sprintf("the repository with name '%s' in the registry with id '%s'", r.Name, r.account())
}

func checkName(name string) error {
	if len(name) >= 2 && len(name) <= 256 && nameRule.MatchString(name) {
		return nil
	}
	return invalid("Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '%s''", strings.Trim(nameRule.String(), "^$"))
}
