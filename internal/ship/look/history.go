package look

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// History gives a service's deployments, newest first, at most limit of them, each with what it
// brought, who registered that, and how it ended.
func (l *Looker) History(ctx context.Context, p Place, limit int) ([]Deployment, error) {
	s, err := l.service(ctx, p)
	if err != nil {
		return nil, err
	}
	all, err := l.past(ctx, p, s, limit)
	if err != nil {
		return nil, sdk.Explain(err, "list the deployments of service "+last(p.Service))
	}
	if err := l.revised(ctx, all); err != nil && !sdk.Denied(err) {
		return nil, sdk.Explain(err, "describe the revisions of service "+last(p.Service))
	}
	var refs []string
	for _, d := range all {
		if d.Revision != "" && !slices.Contains(refs, d.Revision) {
			refs = append(refs, d.Revision)
		}
	}
	known := make([]*ecs.DescribeTaskDefinitionOutput, len(refs))
	for some := range slices.Chunk(indexes(len(refs)), atOnce) {
		calls := make([]func() error, len(some))
		for i, n := range some {
			calls[i] = func() error {
				out, err := l.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &refs[n], Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}})
				if err == nil {
					known[n] = out
				}
				if sdk.Code(err) == "ClientException" || sdk.Denied(err) { // it was deleted, or is none of ours to read
					return nil
				}
				return err
			}
		}
		if err := sideBySide(calls...); err != nil {
			return nil, sdk.Explain(err, "describe task definitions")
		}
	}
	for i := range all {
		n := slices.Index(refs, all[i].Revision)
		if n < 0 || known[n] == nil {
			continue
		}
		out := known[n]
		all[i].Who = who(text(out.TaskDefinition.RegisteredBy))
		all[i].Tags = provenance(out.Tags)
		if len(all[i].Images) == 0 {
			all[i].Images = imagesOf(out.TaskDefinition)
		}
	}
	return all, nil
}

// atOnce is how many definitions are described at the same time.
const atOnce = 8

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// who gives the name part of a principal: a user, or a role with its session.
func who(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return arn
	}
	name := parts[5]
	for _, kind := range []string{"assumed-role/", "user/", "role/"} {
		name = strings.TrimPrefix(name, kind)
	}
	return name
}

// provenance keeps the tags that tell where a definition comes from.
func provenance(tags []types.Tag) map[string]string {
	out := map[string]string{}
	for _, t := range tags {
		if k, ok := strings.CutPrefix(text(t.Key), "slipway:"); ok {
			out[k] = text(t.Value)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
