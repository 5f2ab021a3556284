// Package secrets is the local cloud's Secrets Manager: secrets with versions and their staging
// labels, deletion with a window to recover, and tags.
//
// Values lie in the store as they were given. Nothing rotates, and nothing is replicated.
//
// Source: Secrets Manager API reference and user guide. Read Secret, then find and stage.
package secrets

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Tag is a tag as a row keeps it.
type Tag struct{ Key, Value string }

// The staging labels that move by themselves.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// Version is one version of a secret's value.
type Version struct {
	ID      string
	Text    *string
	Binary  []byte
	Stages  []string
	Created time.Time
}

// Secret is the row of a secret, by ARN: the name, a dash and six random characters end it, so that a
// new secret of the same name is another one.
type Secret struct {
	ARN, Name           string
	Description, KMSKey string
	Policy              string // a record
	Versions            []Version
	Tags                []Tag
	Created, Changed    time.Time
	Deleted, Purge      time.Time // when it was deleted, and when it goes; zero while it is not
}

// Options make the room.
type Options struct{ IDs *ids.Source }

// Service is the room "secretsmanager". Make one with New.
type Service struct {
	o       Options
	store   *store.Store
	secrets *store.Table[Secret]
}

// New makes the room; Attach gives it its store.
func New(o Options) *Service {
	return &Service{o: o, secrets: store.NewTable("secrets.secrets", func(x *Secret) string { return x.ARN })}
}

// Attach gives the room the store that was opened with its tables.
func (s *Service) Attach(st *store.Store) { s.store = st }

// Name is the signing name.
func (s *Service) Name() string { return "secretsmanager" }

// Tables are the room's tables.
func (s *Service) Tables() []store.Any { return []store.Any{s.secrets} }

// Keepers remove secrets whose recovery window is over.
func (s *Service) Keepers() []cloud.Keeper { return []cloud.Keeper{&purge{s}} }

// Wire has the operations served.
func (s *Service) Wire() *wire.Service {
	w := wire.NewJSON("secretsmanager", "secretsmanager", "1.1")
	w.Unlisted(func(u wire.Unlisted) error { return &wire.Error{Code: "ValidationException", Message: u.Words()} })
	wire.Op(w, s.CreateSecret)
	wire.Op(w, s.PutSecretValue)
	wire.Op(w, s.UpdateSecret)
	wire.Op(w, s.GetSecretValue)
	wire.Op(w, s.BatchGetSecretValue)
	wire.Op(w, s.DescribeSecret)
	wire.Op(w, s.ListSecrets)
	wire.Op(w, s.ListSecretVersionIds)
	wire.Op(w, s.UpdateSecretVersionStage)
	wire.Op(w, s.DeleteSecret)
	wire.Op(w, s.RestoreSecret)
	wire.Op(w, s.TagResource)
	wire.Op(w, s.UntagResource)
	wire.Op(w, s.GetResourcePolicy)
	wire.Op(w, s.PutResourcePolicy)
	wire.Op(w, s.DeleteResourcePolicy)
	wire.Op(w, s.GetRandomPassword)
	return w
}

// purge removes secrets when their recovery window is over. Keys are ARNs.
type purge struct{ *Service }

// Name is for logs.
func (k *purge) Name() string { return "secrets.purge" }

// Watches are the secrets.
func (k *purge) Watches() []cloud.Watch {
	return []cloud.Watch{cloud.On(k.secrets, func(x *Secret) string { return x.ARN })}
}

// Keep removes a secret, or looks again when its time has come.
func (k *purge) Keep(tx *store.Tx, key string) (cloud.Result, error) {
	x, ok := k.secrets.Get(tx, key)
	switch {
	case !ok || x.Purge.IsZero():
		return cloud.Result{}, nil
	case tx.Now().Before(x.Purge):
		return cloud.Result{Wake: x.Purge}, nil
	}
	k.secrets.Delete(tx, key)
	return cloud.Result{}, nil
}

func scopeOf(ctx context.Context) names.Scope {
	c := wire.CallerOf(ctx)
	return names.Scope{Account: c.Account, Region: c.Region}
}

func prefix(scope names.Scope) string { return scope.ARN("secretsmanager", "secret:") }

// find gives the secret that a reference means: a name, an ARN, or an ARN without its last seven
// characters.
func (s *Service) find(tx *store.Tx, scope names.Scope, ref string) (Secret, error) {
	if x, ok := s.secrets.Get(tx, ref); ok && strings.HasPrefix(ref, prefix(scope)) {
		return x, nil
	}
	name := ref
	if strings.HasPrefix(ref, "arn:") {
		name = strings.TrimPrefix(ref, prefix(scope))
	}
	for x := range s.secrets.Prefix(tx, prefix(scope)+name+"-") {
		if x.Name == name {
			return x, nil
		}
	}
	return Secret{}, missing("Secrets Manager can't find the specified secret.")
}

// alive is find for secrets that are not deleted.
func (s *Service) alive(tx *store.Tx, scope names.Scope, ref *string) (Secret, error) {
	x, err := s.find(tx, scope, aws.ToString(ref))
	if err == nil && !x.Deleted.IsZero() {
		err = refused("You can't perform this operation on the secret because it was marked for deletion.")
	}
	return x, err
}

// change lets f change a secret that is not deleted.
func (s *Service) change(ctx context.Context, ref *string, f func(tx *store.Tx, x *Secret) error) error {
	return s.store.Update(func(tx *store.Tx) error {
		x, err := s.alive(tx, scopeOf(ctx), ref)
		if err != nil {
			return err
		}
		x.Versions, x.Tags = slices.Clone(x.Versions), slices.Clone(x.Tags)
		if err := f(tx, &x); err != nil {
			return err
		}
		s.secrets.Put(tx, x)
		return nil
	})
}

func missing(format string, args ...any) error {
	return &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func refused(format string, args ...any) error {
	return &types.InvalidRequestException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}
