// Package sts is the local cloud's AWS STS: it says who calls, and gives credentials for roles.
//
// Nothing is checked against policies: roles are inert records in this cloud. Credentials it
// gives lead back to the account they were given in. Read AssumeRole first.
//
// Source: alarms-and-hooks.md 7.1.
package sts

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Options make the room.
type Options struct {
	// Issue makes an access key of an account for a session, with a token that lasts so long on the
	// wall; the same session gets the same key.
	Issue func(account, session string, lasts time.Duration) (id, secret, token string)
	// Lengthen gives how long d of the wall is in internal time; nil is the same. Credentials
	// last as long as clients see them last, however fast AWS's waits pass.
	Lengthen func(d time.Duration) time.Duration
}

// Session is the row of an assumed role's session, by access key id. It lasts until it expires.
type Session struct {
	Key, ARN, UserID string
	Expires          time.Time
}

// Service is the room.
type Service struct {
	o        Options
	store    *store.Store
	sessions *store.Table[Session]
}

// New makes the room; Attach gives it its store.
func New(o Options) *Service {
	if o.Lengthen == nil {
		o.Lengthen = func(d time.Duration) time.Duration { return d }
	}
	return &Service{o: o, sessions: store.NewTable("sts.sessions", func(s *Session) string { return s.Key })}
}

// Attach gives the room the store that was opened with its tables.
func (s *Service) Attach(st *store.Store) { s.store = st }

// Name is the signing name.
func (s *Service) Name() string { return "sts" }

// Tables are the room's tables.
func (s *Service) Tables() []store.Any { return []store.Any{s.sessions} }

// Keepers let sessions end.
func (s *Service) Keepers() []cloud.Keeper { return []cloud.Keeper{&sessionKeeper{s}} }

// Wire has the operations served.
func (s *Service) Wire() *wire.Service {
	w := wire.NewQuery("sts", "2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/")
	wire.Op(w, s.GetCallerIdentity)
	wire.Op(w, s.AssumeRole)
	wire.Op(w, s.AssumeRoleWithWebIdentity)
	wire.Op(w, s.GetSessionToken)
	return w
}

const (
	leastSession   = 15 * time.Minute // DurationSeconds from 900 …
	mostSession    = 12 * time.Hour   // … to 43200
	defaultSession = time.Hour
	defaultToken   = 12 * time.Hour // of GetSessionToken
)

const shortestSession, longestSession = 2, 64 // characters of a RoleSessionName

var sessionName = names.Text{Min: shortestSession, Max: longestSession, Of: "_A-Za-z0-9+=,.@-"}

// GetCallerIdentity says whose access key signed the request.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	c := wire.CallerOf(ctx)
	out := &sts.GetCallerIdentityOutput{Account: &c.Account}
	err := s.store.View(func(tx *store.Tx) error {
		if session, ok := s.sessions.Get(tx, c.AccessKeyID); ok {
			out.Arn, out.UserId = &session.ARN, &session.UserID
			return nil
		}
		user := "local"
		if c.AccessKeyID != "" && c.AccessKeyID != c.Account {
			user = c.AccessKeyID
		}
		out.Arn = aws.String(fmt.Sprintf("arn:%s:iam::%s:user/%s", scope(c).Partition(), c.Account, user))
		out.UserId = aws.String("AIDA" + mark(c.Account+user))
		return nil
	})
	return out, err
}

// AssumeRole gives credentials of a role's account for a session.
func (s *Service) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	user, credentials, err := s.assume(ctx, aws.ToString(in.RoleArn), aws.ToString(in.RoleSessionName), in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleOutput{AssumedRoleUser: user, Credentials: credentials}, nil
}

// AssumeRoleWithWebIdentity gives credentials for a token, which is not checked: nobody here
// could have signed it.
func (s *Service) AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	user, credentials, err := s.assume(ctx, aws.ToString(in.RoleArn), aws.ToString(in.RoleSessionName), in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleWithWebIdentityOutput{AssumedRoleUser: user, Credentials: credentials}, nil
}

// GetSessionToken gives temporary credentials of the caller's own account.
func (s *Service) GetSessionToken(ctx context.Context, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	c := wire.CallerOf(ctx)
	lasts, err := duration(in.DurationSeconds, defaultToken, 36*time.Hour)
	if err != nil {
		return nil, err
	}
	arn := fmt.Sprintf("arn:%s:iam::%s:user/local", scope(c).Partition(), c.Account)
	credentials, err := s.issue(c.Account, "token", arn, "AIDA"+mark(arn), lasts)
	if err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{Credentials: credentials}, nil
}

func (s *Service) assume(ctx context.Context, role, session string, seconds *int32) (*types.AssumedRoleUser, *types.Credentials, error) {
	arn, ok := names.ParseARN(role)
	if !ok || arn.Service != "iam" || arn.Kind() != "role" || len(arn.Account) != 12 {
		return nil, nil, invalid(fmt.Sprintf("%s is invalid", role))
	}
	switch n := utf8.RuneCountInString(session); {
	case n < shortestSession:
		return nil, nil, invalid(fmt.Sprintf("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to %d", session, shortestSession))
	case n > longestSession:
		return nil, nil, invalid(fmt.Sprintf("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must have length less than or equal to %d", session, longestSession))
	}
	if !sessionName.MatchString(session) {
		return nil, nil, invalid(fmt.Sprintf("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*", session))
	}
	lasts, err := duration(seconds, defaultSession, mostSession)
	if err != nil {
		return nil, nil, err
	}
	name := names.Last(arn.Resource)
	assumed := fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", arn.Partition, arn.Account, name, session)
	id := "AROA" + mark(role) + ":" + session
	credentials, err := s.issue(arn.Account, role+"/"+session, assumed, id, lasts)
	if err != nil {
		return nil, nil, err
	}
	return &types.AssumedRoleUser{Arn: &assumed, AssumedRoleId: &id}, credentials, nil
}

// issue gives credentials and remembers who they stand for.
func (s *Service) issue(account, session, arn, user string, lasts time.Duration) (*types.Credentials, error) {
	id, secret, token := s.o.Issue(account, session, lasts)
	var expires time.Time
	err := s.store.Update(func(tx *store.Tx) error {
		expires = tx.Now().Add(s.o.Lengthen(lasts))
		s.sessions.Put(tx, Session{Key: id, ARN: arn, UserID: user, Expires: expires})
		return nil
	})
	return &types.Credentials{AccessKeyId: &id, SecretAccessKey: &secret, SessionToken: &token, Expiration: &expires}, err
}

func duration(seconds *int32, otherwise, most time.Duration) (time.Duration, error) {
	if seconds == nil {
		return otherwise, nil
	}
	d := time.Duration(*seconds) * time.Second
	if d < leastSession || d > most {
		return 0, invalid(fmt.Sprintf("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between %d and %d",
			*seconds, int(leastSession.Seconds()), int(most.Seconds())))
	}
	return d, nil
}

func invalid(message string) error {
	return &wire.Error{Code: "ValidationError", Message: message, Status: 400}
}

func scope(c wire.Caller) names.Scope { return names.Scope{Account: c.Account, Region: c.Region} }

// mark gives 17 characters that are always the same for a name, as ids of users and roles have.
func mark(of string) string {
	sum := sha256.Sum256([]byte(of))
	return strings.ToUpper(base32.StdEncoding.EncodeToString(sum[:])[:17])
}

// sessionKeeper forgets sessions once they have expired.
type sessionKeeper struct{ *Service }

// Name is for logs.
func (k *sessionKeeper) Name() string { return "sts.session" }

// Watches says that each session is kept by its key.
func (k *sessionKeeper) Watches() []cloud.Watch {
	return []cloud.Watch{cloud.On(k.sessions, func(s *Session) string { return s.Key })}
}

// Keep removes an expired session.
func (k *sessionKeeper) Keep(tx *store.Tx, key string) (cloud.Result, error) {
	session, ok := k.sessions.Get(tx, key)
	if ok && !session.Expires.After(tx.Now()) {
		k.sessions.Delete(tx, key)
		return cloud.Result{}, nil
	}
	return cloud.Result{Wake: session.Expires}, nil
}
