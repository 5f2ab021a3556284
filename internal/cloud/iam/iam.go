// Package iam is the local cloud's AWS IAM: roles and policies as inert records. Nothing is ever
// allowed or denied by them.
//
// IAM is global: rows belong to an account, not to a region. Read Role first.
//
// Source: alarms-and-hooks.md 7.2.
package iam

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Tag is a tag as a row keeps it.
type Tag struct{ Key, Value string }

// Role is the row of a role, by account + "/" + name in lower case: IAM's names are unique
// without regard to case.
type Role struct {
	Key, Account, Name, Path, ID, ARN string
	Trust                             string // AssumeRolePolicyDocument, as sent
	Description                       string
	Boundary                          string
	MaxSession                        int32    // seconds
	Inline                            []Inline // by name
	Attached                          []string // policy ARNs, as attached
	Tags                              []Tag
	Created                           time.Time
}

// Inline is a policy inside a role.
type Inline struct{ Name, Document string }

// Policy is the row of a managed policy, by ARN.
type Policy struct {
	ARN, Name, Path, ID, Description string
	Document                         string
	Tags                             []Tag
	Created                          time.Time
}

// Options make the room.
type Options struct{ IDs *ids.Source }

// Service is the room.
type Service struct {
	o        Options
	store    *store.Store
	roles    *store.Table[Role]
	policies *store.Table[Policy]
}

// New makes the room; Attach gives it its store.
func New(o Options) *Service {
	return &Service{
		o:        o,
		roles:    store.NewTable("iam.roles", func(r *Role) string { return r.Key }, store.Index[Role]{Name: "policy", Of: func(r *Role) []string { return r.Attached }}),
		policies: store.NewTable("iam.policies", func(p *Policy) string { return p.ARN }),
	}
}

// Attach gives the room the store that was opened with its tables.
func (s *Service) Attach(st *store.Store) { s.store = st }

// Name is the signing name.
func (s *Service) Name() string { return "iam" }

// Tables are the room's tables.
func (s *Service) Tables() []store.Any { return []store.Any{s.roles, s.policies} }

// Keepers are none: nothing happens to a record by itself.
func (s *Service) Keepers() []cloud.Keeper { return nil }

// Wire has the operations served.
func (s *Service) Wire() *wire.Service {
	w := wire.NewQuery("iam", "2010-05-08", "https://iam.amazonaws.com/doc/2010-05-08/")
	w.Unlisted(func(u wire.Unlisted) error { return &wire.Error{Code: "ValidationError", Message: u.Words()} })
	wire.Op(w, s.CreateRole)
	wire.Op(w, s.GetRole)
	wire.Op(w, s.ListRoles)
	wire.Op(w, s.UpdateRole)
	wire.Op(w, s.UpdateAssumeRolePolicy)
	wire.Op(w, s.DeleteRole)
	wire.Op(w, s.TagRole)
	wire.Op(w, s.UntagRole)
	wire.Op(w, s.ListRoleTags)
	wire.Op(w, s.ListInstanceProfilesForRole)
	wire.Op(w, s.CreateServiceLinkedRole)
	wire.Op(w, s.PutRolePolicy)
	wire.Op(w, s.GetRolePolicy)
	wire.Op(w, s.ListRolePolicies)
	wire.Op(w, s.DeleteRolePolicy)
	wire.Op(w, s.CreatePolicy)
	wire.Op(w, s.GetPolicy)
	wire.Op(w, s.GetPolicyVersion)
	wire.Op(w, s.ListPolicies)
	wire.Op(w, s.DeletePolicy)
	wire.Op(w, s.AttachRolePolicy)
	wire.Op(w, s.DetachRolePolicy)
	wire.Op(w, s.ListAttachedRolePolicies)
	return w
}

var (
	nameRule = names.Text{Min: 1, Max: 64, Of: "A-Za-z0-9_+=,.@-"}
	pathRule = names.Text{Min: 1, Max: 512, Of: "!-~"} // and begins and ends with a slash
)

func roleKey(account, name string) string { return account + "/" + strings.ToLower(name) }

// role finds a role, or says that there is none.
func (s *Service) role(tx *store.Tx, account string, name *string) (Role, error) {
	r, ok := s.roles.Get(tx, roleKey(account, aws.ToString(name)))
	if !ok {
		return Role{}, missing("The role with name %s cannot be found.", aws.ToString(name))
	}
	return r, nil
}

func missing(format string, args ...any) error {
	return &types.NoSuchEntityException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// notAllowed says that a member does not keep to its rule, in the words of AWS's framework.
func notAllowed(member, value, rule string) error {
	return &wire.Error{Code: "ValidationError", Status: 400,
		Message: fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, member, rule)}
}

// document checks that a policy is JSON, which is all that is asked of it here.
func document(text string) error {
	var any map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &any) != nil {
		return &types.MalformedPolicyDocumentException{Message: aws.String("This policy contains invalid Json")}
	}
	return nil
}

// quoted is how IAM's answers hold a document: URL-encoded.
func quoted(text string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(text), "+", "%20"))
}

func newTags(in []types.Tag) (out []Tag) {
	for _, t := range in {
		out = append(out, Tag{aws.ToString(t.Key), aws.ToString(t.Value)})
	}
	return out
}

func viewTags(tags []Tag) []types.Tag {
	out := []types.Tag{}
	for _, t := range tags {
		out = append(out, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	return out
}

// id makes an IAM id: a prefix of four letters and 17 characters.
func (s *Service) id(prefix string) string { return prefix + strings.ToUpper(s.o.IDs.Hex(17)) }

// pageSize is how many items a page has unless MaxItems says otherwise. Source: IAM API
// reference, MaxItems.
const pageSize = 100

// cut gives a page of a list and what its answer says of the rest.
func cut[T any](all []T, key func(*T) string, marker *string, most *int32) (part []T, next *string, more bool, err error) {
	size := pageSize
	if most != nil {
		size = int(*most)
	}
	part, token, err := page.Cut(all, key, aws.ToString(marker), size)
	if err != nil {
		return nil, nil, false, notAllowed("marker", aws.ToString(marker), "Member must be a marker that a former page gave")
	}
	if token == "" {
		return part, nil, false, nil
	}
	return part, &token, true, nil
}
