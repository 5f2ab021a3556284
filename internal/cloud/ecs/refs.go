package ecs

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// nameRule is what ECS allows as the name of a cluster, family, container and service (ecs.md 2.1, 3.2).
var nameRule = names.Text{Min: 1, Max: 255, Of: "A-Za-z0-9_-"}

// scopeOf gives the account and region of a call.
func scopeOf(ctx context.Context) names.Scope {
	c := wire.CallerOf(ctx)
	return names.Scope{Account: c.Account, Region: c.Region}
}

// text gives a string's value, "" for nil.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// orNil gives nil for an empty string: members that are absent rather than empty.
func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// clusterARN gives the ARN a reference to a cluster means, whether there is one or not: a name,
// an ARN, or nothing for "default".
func clusterARN(scope names.Scope, ref *string) string {
	switch r := text(ref); {
	case r == "":
		return scope.Cluster("default")
	case strings.HasPrefix(r, "arn:"):
		return r
	default:
		return scope.Cluster(r)
	}
}

// clusterOf finds an ACTIVE cluster by name or ARN.
//
// Errors: ClusterNotFoundException, as every operation but DescribeClusters gives it (ecs.md 9.5).
func (s *Service) clusterOf(tx *store.Tx, scope names.Scope, ref *string) (Cluster, error) {
	c, ok := s.clusters.Get(tx, clusterARN(scope, ref))
	switch {
	case !ok || names.ScopeOf(c.ARN) != scope:
		return Cluster{}, &types.ClusterNotFoundException{Message: new("Cluster not found.")}
	case c.Status != "ACTIVE":
		return Cluster{}, &types.ClusterNotFoundException{Message: new("The referenced cluster was inactive.")}
	}
	return c, nil
}

// elsewhere refuses the ARN of a service or a task of another cluster than the one that a call names.
//
// The words are as callers of ECS report them.
func elsewhere(cluster Cluster, ref string) error {
	a, ok := names.ParseARN(ref)
	if path := a.Path(); ok && len(path) > 1 && a.Scope() == names.ScopeOf(cluster.ARN) && path[0] != cluster.Name {
		return invalid("Invalid identifier: Identifier is for cluster %s. Your cluster is %s", path[0], cluster.Name)
	}
	return nil
}

// familyARN gives the key of the family a task definition ARN belongs to.
func familyARN(arn string) string {
	if i := strings.LastIndexByte(arn, ':'); i > strings.IndexByte(arn, '/') {
		return arn[:i]
	}
	return arn
}

// errNoDefinition says that a reference names no task definition; callers put it in their words.
type errNoDefinition struct{}

func (errNoDefinition) Error() string { return "no such task definition" }

// findDefinition finds a task definition by "family", "family:revision" or ARN. A bare family is
// its newest ACTIVE revision.
//
// Errors: InvalidParameterException for a revision that is no number; errNoDefinition.
func (s *Service) findDefinition(tx *store.Tx, scope names.Scope, ref string) (TaskDefinition, error) {
	family, revision, revisionText := names.TaskDefinitionRef(ref)
	if revisionText != "" && revision == 0 {
		return TaskDefinition{}, invalid("Invalid revision number. Number: %s", revisionText)
	}
	if a, ok := names.ParseARN(ref); ok && a.Scope() != scope {
		return TaskDefinition{}, errNoDefinition{}
	}
	if revision != 0 {
		d, ok := s.definitions.Get(tx, scope.TaskDefinition(family, revision))
		if !ok {
			return TaskDefinition{}, errNoDefinition{}
		}
		return d, nil
	}
	var newest TaskDefinition
	for d := range s.definitions.By(tx, "family", familyARN(scope.TaskDefinition(family, 1))) {
		if d.Status == "ACTIVE" && d.Revision > newest.Revision {
			newest = d
		}
	}
	if newest.Revision == 0 {
		return TaskDefinition{}, errNoDefinition{}
	}
	return newest, nil
}

// definitionRef finds an ACTIVE task definition to create, update or run with.
//
// Errors: ClientException "TaskDefinition not found."; for an INACTIVE one ClientException
// "TaskDefinition is inactive", which RunTask gives as InvalidParameterException (ecs.md 2.5).
func (s *Service) definitionRef(tx *store.Tx, scope names.Scope, ref string) (TaskDefinition, error) {
	d, err := s.findDefinition(tx, scope, ref)
	switch {
	case err == errNoDefinition{}:
		return TaskDefinition{}, refused("TaskDefinition not found.")
	case err != nil:
		return TaskDefinition{}, err
	case d.Status != "ACTIVE":
		return TaskDefinition{}, refused("TaskDefinition is inactive")
	}
	return d, nil
}

// taskOf finds a task of a cluster by id or ARN.
func (s *Service) taskOf(tx *store.Tx, cluster Cluster, ref string) (Task, bool) {
	arn := ref
	if !strings.HasPrefix(ref, "arn:") {
		arn = names.ScopeOf(cluster.ARN).Task(cluster.Name, ref)
	}
	t, ok := s.tasks.Get(tx, arn)
	return t, ok && t.Cluster == cluster.ARN
}

// taskNamed finds the one task that a request names with its cluster.
//
// Errors: ClusterNotFoundException, InvalidParameterException.
func (s *Service) taskNamed(tx *store.Tx, scope names.Scope, cluster, task *string) (Task, error) {
	c, err := s.clusterOf(tx, scope, cluster)
	if err != nil {
		return Task{}, err
	}
	if err := elsewhere(c, text(task)); err != nil {
		return Task{}, err
	}
	t, ok := s.taskOf(tx, c, text(task))
	if !ok {
		return Task{}, invalid(noSuchTask)
	}
	return t, nil
}

// tagsIn takes tags of a request into a row, or refuses them.
//
// Source: ecs.md 2.7 (50 tags, keys of 128, values of 256 characters); "aws:" belongs to AWS.
func tagsIn(in []types.Tag) ([]Tag, error) {
	if len(in) > maxTags {
		return nil, invalid("The number of tags exceeds the maximum of %d.", maxTags)
	}
	tags := make([]Tag, 0, len(in))
	for _, t := range in {
		k, v := text(t.Key), text(t.Value)
		switch {
		case k == "" || len([]rune(k)) > 128:
			return nil, invalid("Tag keys must have between 1 and 128 characters.")
		case len([]rune(v)) > 256:
			return nil, invalid("Tag values must have at most 256 characters.")
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return nil, invalid("Tag keys that begin with 'aws:' are reserved for AWS use.")
		}
		for _, had := range tags {
			if had.Key == k {
				return nil, invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
			}
		}
		tags = append(tags, Tag{k, v})
	}
	return tags, nil
}

const maxTags = 50

// tagsOut gives a row's tags as the API has them; never nil.
func tagsOut(tags []Tag) []types.Tag {
	out := make([]types.Tag, len(tags))
	for i, t := range tags {
		out[i] = types.Tag{Key: new(t.Key), Value: new(t.Value)}
	}
	return out
}

// rootARN names the account's root user, whom everything is done by as long as there are no users.
func rootARN(scope names.Scope) string {
	return names.ARN{Partition: scope.Partition(), Service: "iam", Account: scope.Account, Resource: "root"}.String()
}
