package ec2

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// query is what all Describe calls ask.
type query struct {
	ids     []string
	filters []types.Filter
	max     *int32
	token   *string
}

// The bounds of MaxResults, and the code for a token of nobody (unconfirmed).
const (
	leastResults = 5
	badToken     = "InvalidNextToken"
)

// pick gives the page of things of a scope that a query asks for. values gives what a thing has
// for the filter of a name; ok is false where there is no such filter. Filters on tags are known
// for every kind.
func pick[T any, P thinged[T]](tx *store.Tx, h shelf[T, P], scope names.Scope, q query, values func(v *T, filter string) ([]string, bool)) (list []T, next *string, err error) {
	for _, id := range q.ids {
		if _, err := h.get(tx, scope, id); err != nil {
			return nil, nil, err
		}
	}
	for _, f := range q.filters {
		var none T
		if _, ok := lookup(P(&none), f, values); !ok {
			return nil, nil, invalid("The filter '%s' is invalid", aws.ToString(f.Name))
		}
	}
	for _, v := range h.all(tx, scope) {
		if len(q.ids) > 0 && !slices.Contains(q.ids, P(&v).thing().ID) {
			continue
		}
		if !slices.ContainsFunc(q.filters, func(f types.Filter) bool {
			has, _ := lookup(P(&v), f, values)
			return !anyMatch(f.Values, has)
		}) {
			list = append(list, v)
		}
	}
	return cut(list, func(v *T) string { return P(v).thing().ID }, q)
}

// cut gives the page of a list that a query asks for.
func cut[T any](list []T, key func(*T) string, q query) ([]T, *string, error) {
	if q.max != nil && *q.max < leastResults {
		return nil, nil, invalid("Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than %d.", *q.max, leastResults)
	}
	part, next, err := page.Cut(list, key, aws.ToString(q.token), int(aws.ToInt32(q.max)))
	if err != nil {
		return nil, nil, refuse(badToken, "The specified NextToken is not valid.")
	}
	if next == "" {
		return part, nil, nil
	}
	return part, &next, nil
}

func lookup[T any, P thinged[T]](v P, f types.Filter, values func(*T, string) ([]string, bool)) ([]string, bool) {
	t, name := v.thing(), aws.ToString(f.Name)
	if key, ok := strings.CutPrefix(name, "tag:"); ok {
		for _, tag := range t.Tags {
			if tag.Key == key {
				return []string{tag.Value}, true
			}
		}
		return nil, true
	}
	switch name {
	case "tag-key":
		var keys []string
		for _, tag := range t.Tags {
			keys = append(keys, tag.Key)
		}
		return keys, true
	case "owner-id":
		return []string{t.Scope.Account}, true
	}
	return values((*T)(v), name)
}

// anyMatch says that one of the values matches one of the patterns.
func anyMatch(patterns, values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return balance.WildcardEscaped(p, v) })
	})
}

func one(s string) ([]string, bool)   { return []string{s}, true }
func claim(b bool) ([]string, bool)   { return one(strconv.FormatBool(b)) }
func number(n int64) ([]string, bool) { return one(strconv.FormatInt(n, 10)) }
func nothing() ([]string, bool)       { return nil, true }
func unknownFilter() ([]string, bool) { return nil, false }
