package elb

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// scopeOf gives the account and region a request is about.
func scopeOf(ctx context.Context) names.Scope {
	c := wire.CallerOf(ctx)
	return names.Scope{Account: c.Account, Region: c.Region}
}

// isARN reports whether s names a thing of ours of a kind: "loadbalancer", "targetgroup",
// "listener", "listener-rule".
func isARN(s, kind string) bool {
	a, ok := names.ParseARN(s)
	return ok && a.Service == "elasticloadbalancing" && a.Kind() == kind
}

// within reports whether a row's ARN lies in the scope: others' rows do not exist for it.
func within(scope names.Scope, arn string) bool { return names.ScopeOf(arn) == scope }

func (s *Service) balancer(tx *store.Tx, scope names.Scope, arn *string) (balancerRow, error) {
	key := aws.ToString(arn)
	if !isARN(key, "loadbalancer") {
		return balancerRow{}, invalid("'%s' is not a valid load balancer ARN", key)
	}
	b, ok := s.balancers.Get(tx, key)
	if !ok || !within(scope, key) {
		return balancerRow{}, noBalancer(key)
	}
	return b, nil
}

func (s *Service) group(tx *store.Tx, scope names.Scope, arn *string) (groupRow, error) {
	key := aws.ToString(arn)
	if !isARN(key, "targetgroup") {
		return groupRow{}, invalid("'%s' is not a valid target group ARN", key)
	}
	g, ok := s.groups.Get(tx, key)
	if !ok || !within(scope, key) {
		return groupRow{}, noGroup(key)
	}
	return g, nil
}

func (s *Service) listener(tx *store.Tx, scope names.Scope, arn *string) (listenerRow, error) {
	key := aws.ToString(arn)
	if !isARN(key, "listener") {
		return listenerRow{}, invalid("'%s' is not a valid listener ARN", key)
	}
	l, ok := s.listeners.Get(tx, key)
	if !ok || !within(scope, key) {
		return listenerRow{}, noListener()
	}
	return l, nil
}

func (s *Service) rule(tx *store.Tx, scope names.Scope, arn *string) (ruleRow, error) {
	key := aws.ToString(arn)
	if !isARN(key, "listener-rule") {
		return ruleRow{}, invalid("'%s' is not a valid listener rule ARN", key)
	}
	r, ok := s.rules.Get(tx, key)
	if !ok || !within(scope, key) {
		return ruleRow{}, noRule()
	}
	return r, nil
}

// PageSize is the most an answer of Describe… lists, and what it lists where nothing is asked.
const PageSize = 400

// cut gives the page that a request asks for; next is nil on the last one.
func cut[T any](items []T, key func(*T) string, marker *string, size *int32) ([]T, *string, error) {
	if err := between(size, "pageSize", 1, PageSize); err != nil {
		return nil, nil, err
	}
	max := int(aws.ToInt32(size))
	if max == 0 {
		max = PageSize
	}
	got, next, err := page.Cut(items, key, aws.ToString(marker), max)
	switch {
	case err != nil:
		return nil, nil, invalid("The marker '%s' is not valid", aws.ToString(marker))
	case next == "":
		return got, nil, nil
	}
	return got, &next, nil
}

// checkName refuses names that ELBv2 refuses; what is "Load balancer" or "Target group".
func checkName(what, name string) error {
	switch {
	case name == "":
		return invalid("%s name '%s' cannot be shorter than '1' characters", what, name)
	case len(name) > 32:
		return invalid("%s name '%s' cannot be longer than '32' characters", what, name)
	case !plain(name):
		return invalid("%s name '%s' can only contain characters that are alphanumeric characters and hyphens(-)", what, name)
	case name[0] == '-' || name[len(name)-1] == '-':
		return invalid("%s name '%s' cannot begin or end with '-'", what, name)
	}
	return nil
}

func plain(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
		default:
			return false
		}
	}
	return true
}
