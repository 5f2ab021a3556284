// Package ssm is the local cloud's Parameter Store, the part of AWS Systems Manager that deployments
// use: parameters with versions, labels, paths and tags.
//
// Values lie in the store as they were given; SecureString is a promise about reading, not about the
// disk. Nothing expires and no policy is obeyed.
//
// Source: Systems Manager API reference and user guide, "Parameter Store". Read Parameter, then find.
package ssm

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Tag is a tag as a row keeps it.
type Tag struct{ Key, Value string }

// Version is one version of a parameter.
type Version struct {
	Number                                       int64
	Type, Value, KeyID                           string
	Description, Pattern, Tier, DataType, Author string
	Policies                                     string
	Labels                                       []string
	Modified                                     time.Time
}

// Parameter is the row of a parameter, by scope and name.
type Parameter struct {
	Key, Name string
	Scope     names.Scope
	Versions  []Version // oldest first, never empty
	Tags      []Tag
}

// latest is the version that names without a selector mean.
func (p *Parameter) latest() *Version { return &p.Versions[len(p.Versions)-1] }

// arn names the parameter; a leading slash of its name is not doubled.
func (p *Parameter) arn() string {
	return p.Scope.ARN("ssm", "parameter/"+strings.TrimPrefix(p.Name, "/"))
}

// Service is the room "ssm". Make one with New.
type Service struct {
	store      *store.Store
	parameters *store.Table[Parameter]
}

// New makes the room; Attach gives it its store.
func New() *Service {
	return &Service{parameters: store.NewTable("ssm.parameters", func(p *Parameter) string { return p.Key })}
}

// Attach gives the room the store that was opened with its tables.
func (s *Service) Attach(st *store.Store) { s.store = st }

// Name is the signing name.
func (s *Service) Name() string { return "ssm" }

// Tables are the room's tables.
func (s *Service) Tables() []store.Any { return []store.Any{s.parameters} }

// Keepers are none: nothing happens to a parameter by itself.
func (s *Service) Keepers() []cloud.Keeper { return nil }

// Wire has the operations served.
func (s *Service) Wire() *wire.Service {
	w := wire.NewJSON("ssm", "AmazonSSM", "1.1")
	w.Unlisted(func(u wire.Unlisted) error { return invalid("%s", u.Words()) })
	wire.Op(w, s.PutParameter)
	wire.Op(w, s.GetParameter)
	wire.Op(w, s.GetParameters)
	wire.Op(w, s.GetParametersByPath)
	wire.Op(w, s.GetParameterHistory)
	wire.Op(w, s.DescribeParameters)
	wire.Op(w, s.DeleteParameter)
	wire.Op(w, s.DeleteParameters)
	wire.Op(w, s.LabelParameterVersion)
	wire.Op(w, s.UnlabelParameterVersion)
	wire.Op(w, s.AddTagsToResource)
	wire.Op(w, s.RemoveTagsFromResource)
	wire.Op(w, s.ListTagsForResource)
	return w
}

func rows(scope names.Scope) string { return scope.Account + "/" + scope.Region + "/" }

// find gives the parameter and version that a reference means: a name or an ARN, with ":3" or
// ":label" behind it or without. selector is that part, with its colon.
//
// Errors: ParameterNotFound, ParameterVersionNotFound.
func (s *Service) find(tx *store.Tx, scope names.Scope, ref string) (p Parameter, v Version, selector string, err error) {
	name, selector := ref, ""
	if a, ok := names.ParseARN(ref); ok {
		if a.Service != "ssm" || a.Account != scope.Account || a.Region != scope.Region {
			return p, v, "", missing()
		}
		name = strings.TrimPrefix(a.Resource, "parameter")
	}
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		name, selector = name[:i], name[i:]
	}
	p, ok := s.parameters.Get(tx, rows(scope)+name)
	if !ok && strings.HasPrefix(ref, "arn:") { // the ARN of "a" begins as that of "/a"
		p, ok = s.parameters.Get(tx, rows(scope)+strings.TrimPrefix(name, "/"))
	}
	if !ok {
		return p, v, selector, missing()
	}
	if selector == "" {
		return p, *p.latest(), "", nil
	}
	n, bad := strconv.ParseInt(selector[1:], 10, 64)
	for _, v := range p.Versions {
		for _, l := range v.Labels {
			if l == selector[1:] {
				return p, v, selector, nil
			}
		}
		if bad == nil && v.Number == n {
			return p, v, selector, nil
		}
	}
	return p, v, selector, noVersion(p.Name, selector[1:])
}

// get finds a parameter by its bare name.
func (s *Service) get(tx *store.Tx, scope names.Scope, name *string) (Parameter, error) {
	ref := aws.ToString(name)
	if strings.HasPrefix(ref, "arn:") {
		p, _, _, err := s.find(tx, scope, ref)
		return p, err
	}
	p, ok := s.parameters.Get(tx, rows(scope)+ref)
	if !ok {
		return p, missing()
	}
	return p, nil
}

// missing has no words, as AWS's has none.
func missing() error { return &types.ParameterNotFound{} }

func noVersion(name, which string) error {
	return &types.ParameterVersionNotFound{Message: aws.String(fmt.Sprintf("Systems Manager could not find version %s of %s. Verify the version and try again.", which, name))}
}

func invalid(format string, args ...any) error {
	return &wire.Error{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}

// Value gives what a reference means, a name or an ARN with a selector or without; ok is false where
// there is no such parameter or version. It is a port for ECS.
func (s *Service) Value(scope names.Scope, ref string) (value string, ok bool) {
	if a := names.ScopeOf(ref); a != (names.Scope{}) {
		scope = a
	}
	_ = s.store.View(func(tx *store.Tx) error { // an error means that it is not there
		_, v, _, err := s.find(tx, scope, ref)
		value, ok = v.Value, err == nil
		return nil
	})
	return value, ok
}
