package dropin

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// outdated gives which revisions to deregister so that keep remain, oldest first: never one that
// is in use, though more than keep remain then.
func outdated(oldestFirst []string, keep int, used []string) []string {
	var out []string
	for _, arn := range oldestFirst[:max(len(oldestFirst)-keep, 0)] {
		if !slices.Contains(used, arn) {
			out = append(out, arn)
		}
	}
	return out
}

// prune deregisters outdated revisions of the family that the service ran. It comes last, and
// spares what a rollback would need.
func (r *run) prune(ctx context.Context) error {
	family := familyOf(r.base)
	var all []string
	in := &ecs.ListTaskDefinitionsInput{FamilyPrefix: &family, Status: types.TaskDefinitionStatusActive, Sort: types.SortOrderAsc}
	for more := true; more; more = in.NextToken != nil {
		r.trace("list-task-definitions", "--family-prefix", family, "--status", "ACTIVE", "--sort", "ASC")
		out, err := r.api.ListTaskDefinitions(ctx, in)
		if err != nil {
			return sdk.Explain(err, "list task definitions of family "+family)
		}
		all, in.NextToken = append(all, out.TaskDefinitionArns...), out.NextToken
	}
	all = slices.DeleteFunc(all, func(arn string) bool { return familyOf(arn) != family })
	used := []string{r.arn, r.base, aws.ToString(r.service.TaskDefinition)}
	tasks, err := r.running(ctx, &ecs.ListTasksInput{Cluster: &r.o.Cluster, Family: &family})
	if err != nil {
		r.note("warning: revisions that only tasks of others run are not known, and not spared: %v", err)
	}
	for _, t := range tasks {
		used = append(used, aws.ToString(t.TaskDefinitionArn))
	}
	for _, arn := range outdated(all, r.o.keep(), used) {
		r.out("Deregistering outdated task revision: %s", arn)
		r.trace("deregister-task-definition", "--task-definition", arn)
		if _, err := r.api.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &arn}); err != nil {
			return sdk.Explain(err, "deregister "+arn)
		}
	}
	return nil
}

// familyOf gives the family of a revision's ARN.
func familyOf(arn string) string {
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	if colon := strings.LastIndexByte(name, ':'); colon >= 0 {
		name = name[:colon]
	}
	return name
}
