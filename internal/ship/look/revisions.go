package look

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// Revision is a revision of the family that a service runs.
type Revision struct {
	Name       string     `json:"revision"` // family:revision
	ARN        string     `json:"arn"`
	State      string     `json:"status"` // ACTIVE or INACTIVE
	Runs       []string   `json:"runs"`   // services and tasks that are of it: "service main/web", "task 0123"
	LastGood   bool       `json:"lastGood"`
	Rollback   bool       `json:"rollback"`          // what a rollback now would go back to
	Verdict    string     `json:"verdict,omitempty"` // of its newest deployment here
	Deployed   *time.Time `json:"deployedAt,omitempty"`
	Registered *time.Time `json:"registeredAt,omitempty"` // where it was asked for
	Images     []Image    `json:"images,omitempty"`
	Number     int        `json:"number"`
}

// Held reports whether a revision must stay: something is of it, it is the last good one, or a
// rollback would go back to it.
func (r Revision) Held() bool { return len(r.Runs) > 0 || r.LastGood || r.Rollback }

// Revisions gives the revisions of a service's family, newest first, at most limit of them; a
// limit of 0 is none. What of the cluster is of them is looked for among this service's
// deployments and the family's tasks and services in that cluster.
func (l *Looker) Revisions(ctx context.Context, p Place, limit int) ([]Revision, error) {
	s, err := l.service(ctx, p)
	if err != nil {
		return nil, err
	}
	all, err := l.family(ctx, family(text(s.TaskDefinition)))
	if err != nil {
		return nil, err
	}
	if err := l.mark(ctx, p, s, all); err != nil {
		return nil, err
	}
	if limit > 0 {
		all = all[:min(limit, len(all))]
	}
	for some := range slices.Chunk(indexes(min(len(all), maxImages)), atOnce) {
		calls := make([]func() error, len(some))
		for i, n := range some {
			calls[i] = func() error {
				out, err := l.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &all[n].ARN})
				if err != nil {
					return sdk.Explain(err, "describe task definition "+all[n].Name)
				}
				all[n].Images, all[n].Registered = imagesOf(out.TaskDefinition), at(out.TaskDefinition.RegisteredAt)
				return nil
			}
		}
		if err := sideBySide(calls...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// maxImages is for how many revisions images are asked for.
const maxImages = 50

// family gives the family of a definition's ARN or family:revision.
func family(definition string) string {
	name, _, _ := strings.Cut(last(definition), ":")
	return name
}

// family lists a family's revisions, newest first.
func (l *Looker) family(ctx context.Context, name string) ([]Revision, error) {
	var all []Revision
	for _, state := range []types.TaskDefinitionStatus{types.TaskDefinitionStatusActive, types.TaskDefinitionStatusInactive} {
		arns, err := pages(0, func(token *string) ([]string, *string, error) {
			out, err := l.ECS.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{FamilyPrefix: &name, Status: state, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.TaskDefinitionArns, out.NextToken, nil
		})
		if err != nil {
			return nil, sdk.Explain(err, "list the revisions of "+name)
		}
		for _, arn := range arns {
			_, number, _ := strings.Cut(last(arn), ":")
			n, err := strconv.Atoi(number)
			if err != nil || family(arn) != name {
				continue
			}
			all = append(all, Revision{Name: last(arn), ARN: arn, State: string(state), Number: n, Runs: []string{}})
		}
	}
	slices.SortFunc(all, func(a, b Revision) int { return cmp.Compare(b.Number, a.Number) })
	return all, nil
}

// mark says of each revision what holds it.
func (l *Looker) mark(ctx context.Context, p Place, s *types.Service, all []Revision) error {
	by := map[string]*Revision{}
	for i := range all {
		by[all[i].Name] = &all[i]
	}
	hold := func(definition, why string) {
		if r := by[last(definition)]; r != nil && !slices.Contains(r.Runs, why) {
			r.Runs = append(r.Runs, why)
		}
	}
	us := "service " + last(text(s.ClusterArn)) + "/" + text(s.ServiceName)
	hold(text(s.TaskDefinition), us)
	for _, d := range s.Deployments {
		hold(text(d.TaskDefinition), us)
	}
	for _, set := range s.TaskSets {
		hold(text(set.TaskDefinition), us)
	}
	var u unread
	var history []Deployment
	err := sideBySide(func() (err error) {
		history, err = l.past(ctx, p, s, listing)
		if err == nil && l.driver(s) == nil {
			err = l.revised(ctx, history)
		}
		if fail.Is(err, NoGroup) {
			return nil // then nothing was deployed but what runs
		}
		return u.pass(err, "describe service deployments")
	})
	if err != nil {
		return err
	}
	good := false
	for _, d := range history {
		r := by[d.Revision]
		if r != nil && r.Deployed == nil {
			r.Deployed, r.Verdict = d.Created, string(d.Verdict)
			if d.Verdict == "" {
				r.Verdict = "in progress"
			}
		}
		if r != nil && d.Verdict == ship.Succeeded && !good {
			good, r.LastGood = true, true
		}
		if d.Verdict == "" {
			hold(d.Revision, us)
		}
	}
	arn, err := l.good(ctx, s)
	if err != nil {
		return err
	}
	if r := by[last(arn)]; r != nil {
		r.Rollback = true
	}
	return nil
}
