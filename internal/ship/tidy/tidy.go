// Package tidy removes what is no longer needed: revisions that nothing is of, and services.
//
// What decides is choose, over plain data; the rest looks and acts. Read Tidier.Plan first.
package tidy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship/look"
)

// ECS is what tidying needs of Amazon ECS besides looking; *sdk.ECS is it.
type ECS interface {
	look.ECS
	ListClusters(context.Context, *ecs.ListClustersInput, ...func(*ecs.Options)) (*ecs.ListClustersOutput, error)
	ListServices(context.Context, *ecs.ListServicesInput, ...func(*ecs.Options)) (*ecs.ListServicesOutput, error)
	DeregisterTaskDefinition(context.Context, *ecs.DeregisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DeregisterTaskDefinitionOutput, error)
	DeleteTaskDefinitions(context.Context, *ecs.DeleteTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.DeleteTaskDefinitionsOutput, error)
	DeleteService(context.Context, *ecs.DeleteServiceInput, ...func(*ecs.Options)) (*ecs.DeleteServiceOutput, error)
}

// Tidier removes things.
type Tidier struct {
	ECS     ECS
	Drivers map[types.DeploymentControllerType]look.Driver // of services that ECS does not deploy itself; may be nil
	Clock   clock.Clock                                    // of real time; nil is the wall's
}

// Plan is what to prune. Every revision of the family is in one of the three lists, newest first.
type Plan struct {
	Deregister []look.Revision `json:"deregister"` // ACTIVE ones to make INACTIVE
	Delete     []look.Revision `json:"delete"`     // to be deleted for good: those, and INACTIVE ones
	Keep       []look.Revision `json:"keep"`
}

// Plan says what pruning a service's family to keep revisions comes to: the newest keep ACTIVE
// ones stay, and every one that anything in the account's clusters is of, that is the last good
// one, or that a rollback would go back to. With remove, what goes is deleted for good.
func (t *Tidier) Plan(ctx context.Context, p look.Place, keep int, remove bool) (*Plan, error) {
	l := &look.Looker{ECS: t.ECS, Drivers: t.Drivers, Clock: t.Clock}
	all, err := l.Revisions(ctx, p, 0)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return &Plan{}, nil
	}
	if err := t.users(ctx, all); err != nil {
		return nil, err
	}
	return choose(all, keep, remove), nil
}

// choose decides what goes.
func choose(all []look.Revision, keep int, remove bool) *Plan {
	p := &Plan{Deregister: []look.Revision{}, Delete: []look.Revision{}, Keep: []look.Revision{}}
	active := 0
	for _, r := range all {
		if r.State == string(types.TaskDefinitionStatusActive) {
			active++
		}
		switch gone := r.State != string(types.TaskDefinitionStatusActive); {
		case r.Held(), !gone && active <= keep, gone && !remove:
			p.Keep = append(p.Keep, r)
			continue
		case !gone:
			p.Deregister = append(p.Deregister, r)
		}
		if remove {
			p.Delete = append(p.Delete, r)
		}
	}
	return p
}

// users says of each revision which services and tasks of any cluster are of it.
func (t *Tidier) users(ctx context.Context, all []look.Revision) error {
	by := map[string]*look.Revision{}
	for i := range all {
		by[all[i].ARN] = &all[i]
	}
	hold := func(definition *string, why string) {
		if r := by[aws.ToString(definition)]; r != nil && !slices.Contains(r.Runs, why) {
			r.Runs = append(r.Runs, why)
		}
	}
	family, _, _ := strings.Cut(all[0].Name, ":")
	clusters, err := list(func(token *string) ([]string, *string, error) {
		out, err := t.ECS.ListClusters(ctx, &ecs.ListClustersInput{NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.ClusterArns, out.NextToken, nil
	})
	if err != nil {
		return sdk.Explain(err, "list the clusters, to see what else runs revisions of "+family)
	}
	for _, c := range clusters {
		if err := t.clusterUsers(ctx, c, family, hold); err != nil {
			return sdk.Explain(err, "look for what runs revisions of "+family+" in cluster "+last(c))
		}
	}
	return nil
}

// clusterUsers tells the services of a cluster, and its tasks of a family.
func (t *Tidier) clusterUsers(ctx context.Context, cluster, family string, hold func(definition *string, why string)) error {
	services, err := list(func(token *string) ([]string, *string, error) {
		out, err := t.ECS.ListServices(ctx, &ecs.ListServicesInput{Cluster: &cluster, MaxResults: aws.Int32(100), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.ServiceArns, out.NextToken, nil
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(services, 10) {
		out, err := t.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: some})
		if err != nil {
			return err
		}
		for _, s := range out.Services {
			why := "service " + last(cluster) + "/" + aws.ToString(s.ServiceName)
			hold(s.TaskDefinition, why)
			for _, d := range s.Deployments {
				hold(d.TaskDefinition, why)
			}
			for _, set := range s.TaskSets {
				hold(set.TaskDefinition, why)
			}
		}
	}
	tasks, err := list(func(token *string) ([]string, *string, error) {
		out, err := t.ECS.ListTasks(ctx, &ecs.ListTasksInput{Cluster: &cluster, Family: &family, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.TaskArns, out.NextToken, nil
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(tasks, 100) {
		out, err := t.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: some})
		if err != nil {
			return err
		}
		for _, k := range out.Tasks {
			hold(k.TaskDefinitionArn, "task "+last(cluster)+"/"+last(aws.ToString(k.TaskArn)))
		}
	}
	return nil
}

// Done is a revision that was removed.
type Done struct {
	Revision string `json:"revision"`
	Act      string `json:"act"` // deregistered or deleted
}

// Prune does what a plan says, and tells each thing done. Repeating it is harmless.
func (t *Tidier) Prune(ctx context.Context, p *Plan, tell func(Done)) error {
	for _, r := range p.Deregister {
		if _, err := t.ECS.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &r.ARN}); err != nil {
			return sdk.Explain(err, "deregister "+r.Name)
		}
		tell(Done{r.Name, "deregistered"})
	}
	for some := range slices.Chunk(p.Delete, 10) {
		var arns []string
		for _, r := range some {
			arns = append(arns, r.ARN)
		}
		out, err := t.ECS.DeleteTaskDefinitions(ctx, &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: arns})
		if err != nil {
			return sdk.Explain(err, "delete task definitions")
		}
		for _, d := range out.TaskDefinitions {
			tell(Done{last(aws.ToString(d.TaskDefinitionArn)), "deleted"})
		}
		for _, f := range out.Failures {
			return fail.New("definition.not_deleted", "", "%s was not deleted: %s %s", last(aws.ToString(f.Arn)), aws.ToString(f.Reason), aws.ToString(f.Detail))
		}
	}
	return nil
}

const (
	every    = time.Second
	draining = time.Hour // how long a deleted service's tasks may take to end
)

// Delete deletes a service, whatever it runs, and, unless it is to be left, waits until it is
// gone. tell is told how many tasks still run.
func (t *Tidier) Delete(ctx context.Context, p look.Place, leave bool, tell func(text string)) error {
	c := t.Clock
	if c == nil {
		c = clock.Real{}
	}
	var cluster *string
	if p.Cluster != "" {
		cluster = &p.Cluster
	}
	what := fmt.Sprintf("delete service %q of cluster %q", last(p.Service), last(p.Cluster))
	if _, err := t.ECS.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: cluster, Service: &p.Service, Force: aws.Bool(true)}); err != nil && !t.obeyed(ctx, cluster, p.Service) {
		return sdk.Explain(err, what)
	}
	if leave {
		tell("service " + last(p.Service) + " is being deleted")
		return nil
	}
	told := int32(-1)
	for began := c.Now(); c.Now().Sub(began) < draining; {
		out, err := t.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: cluster, Services: []string{p.Service}})
		if err != nil {
			return sdk.Explain(err, what)
		}
		if len(out.Services) == 0 || aws.ToString(out.Services[0].Status) == "INACTIVE" {
			tell("service " + last(p.Service) + " is gone")
			return nil
		}
		if n := out.Services[0].RunningCount; n != told {
			told = n
			tell(fmt.Sprintf("service %s is %s, %d tasks running", last(p.Service), aws.ToString(out.Services[0].Status), n))
		}
		timer := c.NewTimer(every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C():
		}
	}
	return fail.New("unknown.draining", "look with `slipway tasks`", "service %q is still draining after %s", last(p.Service), draining)
}

// obeyed reports whether a service shows that it was deleted, though the answer to that was lost,
// or a second sending of it found nothing left to delete.
func (t *Tidier) obeyed(ctx context.Context, cluster *string, service string) bool {
	out, err := t.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: cluster, Services: []string{service}})
	return err == nil && len(out.Services) == 1 && aws.ToString(out.Services[0].Status) != "ACTIVE"
}

// list reads all pages of a list.
func list(page func(token *string) ([]string, *string, error)) ([]string, error) {
	var all []string
	var token *string
	for {
		some, next, err := page(token)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if token = next; token == nil || *token == "" {
			return all, nil
		}
	}
}

func last(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
