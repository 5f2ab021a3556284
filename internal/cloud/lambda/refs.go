package lambda

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/pattern"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// ref is a function as a request names it.
type ref struct {
	scope     names.Scope
	name      string
	qualifier string // "" where none was given
}

// arn is the unqualified ARN.
func (r ref) arn() string { return functionARN(r.scope, r.name) }

// qualified is the ARN with the qualifier, if there is one.
func (r ref) qualified() string {
	if r.qualifier == "" {
		return r.arn()
	}
	return r.arn() + ":" + r.qualifier
}

// refRule is the pattern AWS tells of in its refusals.
const refRule = `(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`

var refForm = pattern.New(`^(?:(?:arn:aws[a-zA-Z-]*:lambda:)?(?:([a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?(?:(\d{12}):)?(?:function:)?)?([a-zA-Z0-9_.-]+)(?::(\$LATEST|[a-zA-Z0-9_-]+))?$`)

// longestName is how many characters a function's own name has at most.
const longestName = 64

// parse reads a name, a partial ARN or an ARN, each with or without qualifier, as the caller's; a
// qualifier given apart must agree.
func parse(here names.Scope, text, qualifier string) (ref, error) {
	m := refForm.FindStringSubmatch(text)
	if m == nil || len(text) > 256 {
		return ref{}, violated(text, "functionName", "Member must satisfy regular expression pattern: "+refRule)
	}
	r := ref{scope: here, name: m[3], qualifier: m[4]}
	if m[1] != "" && m[1] != here.Region {
		return r, missing(fmt.Sprintf("Functions from '%s' are not reachable in this region ('%s')", m[1], here.Region))
	}
	if m[2] != "" {
		r.scope.Account = m[2]
	}
	switch {
	case qualifier == "":
	case r.qualifier != "" && r.qualifier != qualifier:
		return r, invalid("The derived qualifier from the function name does not match the specified qualifier.")
	case len(qualifier) > longestQualifier || !qualifierForm.MatchString(qualifier):
		return r, violated(qualifier, "qualifier", `Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9$_-]+`)
	default:
		r.qualifier = qualifier
	}
	return r, nil
}

// longestQualifier is how many characters an alias or another qualifier has at most.
const longestQualifier = 128

var qualifierForm = pattern.New(`^[a-zA-Z0-9$_-]+$`)

// violated is the framework's refusal of a member's value.
func violated(value, member, rule string) error {
	return &wire.Error{Code: "ValidationException", Message: fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, member, rule)}
}

func scopeOf(ctx context.Context) names.Scope {
	c := wire.CallerOf(ctx)
	return names.Scope{Account: c.Account, Region: c.Region}
}

// refer reads a function's name as the caller's. Functions of other accounts are none of theirs.
func refer(ctx context.Context, text, qualifier *string) (ref, error) {
	r, err := parse(scopeOf(ctx), value(text), value(qualifier))
	if err != nil {
		return r, err
	}
	if c := wire.CallerOf(ctx); r.scope.Account != c.Account {
		return r, &wire.Error{Code: "AccessDeniedException", Status: 403, Message: fmt.Sprintf(
			"User: arn:aws:iam::%s:root is not authorized to access resource: %s because no resource-based policy allows it", c.Account, r.qualified())}
	}
	return r, nil
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// function finds a function, or says that there is none.
func (s *Service) function(tx *store.Tx, r ref) (Function, error) {
	f, ok := s.functions.Get(tx, r.arn())
	if !ok {
		return f, notFound(r.qualified())
	}
	return f, nil
}

func notFound(arn string) error { return missing("Function not found: " + arn) }

// version finds the version a reference means: the unpublished one, a number, or an alias's own.
func (s *Service) version(tx *store.Tx, r ref) (Version, error) {
	if _, err := s.function(tx, r); err != nil {
		return Version{}, err
	}
	number := r.qualifier
	if number == "" {
		number = latest
	}
	if a, ok := s.aliases.Get(tx, r.qualified()); ok && r.qualifier != "" {
		number = a.Version
	}
	v, ok := s.versions.Get(tx, r.arn()+":"+number)
	if !ok {
		return v, notFound(r.qualified())
	}
	return v, nil
}

// changeable finds the unpublished version of a function that is to be changed, if its revision is
// the one the caller means.
func (s *Service) changeable(tx *store.Tx, r ref, revision *string) (Version, error) {
	if r.qualifier != "" && r.qualifier != latest {
		return Version{}, invalid("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	r.qualifier = ""
	v, err := s.version(tx, r)
	if err == nil && revision != nil && *revision != v.Revision {
		return v, stale("GetFunction/GetAlias")
	}
	return v, err
}

// name checks the name of a function to be made.
func checkName(r ref) error {
	if strings.Contains(r.name, ".") || len(r.name) > longestName {
		return violated(r.name, "functionName", "Member must satisfy regular expression pattern: "+refRule)
	}
	return nil
}
