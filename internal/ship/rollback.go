package ship

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

const (
	revisionBatch = 20 // service revisions that DescribeServiceRevisions takes
	historyPages  = 5  // of a hundred service deployments each
)

// Rollback deploys a revision that ran before: to is a revision's number, family:number, or ""
// or "last-good" for the last one that succeeded and is not what runs. While a deployment is in
// progress it is aborted instead, since ECS goes back faster than a new deployment does; aborted
// says so. r's images and environment do not count.
func (d *Deployer) Rollback(ctx context.Context, r Request, to string, tell func(Event)) (out Outcome, aborted bool, err error) {
	w := d.work(r, tell)
	if err := w.look(ctx); err != nil {
		return w.out, false, sdk.Explain(err, fmt.Sprintf("describe service %q in cluster %q", r.Service, r.Cluster))
	}
	if p := primary(w.live); p != nil && p.RolloutState == types.DeploymentRolloutStateInProgress {
		out, err := d.Watch(ctx, Pursuit{Cluster: r.Cluster, Service: r.Service, Abort: true, Timeout: r.Timeout, Ask: r.Ask, Hooks: r.Hooks}, tell)
		return out, true, err
	}
	if k := controllerOf(w.live); k != types.DeploymentControllerTypeEcs && d.Engines[k] != nil {
		w.out.Previous = runs(w.live)
		active, good, err := d.Engines[k].Earlier(ctx, w.start(""))
		switch {
		case err != nil:
			return w.out, false, err
		case active != "":
			out, err := d.Watch(ctx, Pursuit{Cluster: r.Cluster, Service: r.Service, Deployment: active, Abort: true, Timeout: r.Timeout, Ask: r.Ask, Hooks: r.Hooks}, tell)
			return out, true, err
		case (to == "" || to == "last-good") && good == "":
			return w.out, false, noneGood(w.live, w.out.Previous)
		case to == "" || to == "last-good":
			to = last(good)
		}
	}
	if to == "" || to == "last-good" {
		r.Revision, err = LastGood(ctx, d.ECS, w.live)
	} else {
		r.Revision, err = numbered(w.out.Previous, to)
	}
	if err != nil {
		return w.out, false, err
	}
	r.Task, r.Images, r.Env, r.Tag, r.Create = nil, nil, nil, "", nil
	out, err = d.Deploy(ctx, r, tell)
	return out, false, err
}

// numbered gives the ARN of a revision by number, in the family of another revision.
func numbered(current, to string) (string, error) {
	family, _, _ := strings.Cut(last(current), ":")
	name := to
	if _, err := strconv.Atoi(to); err == nil {
		name = family + ":" + to
	}
	f, number, ok := strings.Cut(name, ":")
	if _, err := strconv.Atoi(number); err != nil || !ok || f == "" {
		return "", fail.New("usage.flag", "write --to 41, --to web:41 or --to last-good", "--to %q is no revision", to)
	}
	return strings.TrimSuffix(current, last(current)) + name, nil
}

// History is what looking for earlier deployments needs of Amazon ECS.
type History interface {
	ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error)
	DescribeServiceRevisions(context.Context, *ecs.DescribeServiceRevisionsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error)
}

// LastGood gives the ARN of the definition of the last deployment of a service that succeeded
// with another definition than the service has now: by its service deployments, or, where those
// cannot be asked for or are gone, by what our deployments noted on the service. Errors have code
// "rollback.none".
func LastGood(ctx context.Context, api History, s *types.Service) (string, error) {
	current := aws.ToString(s.TaskDefinition)
	good, err := succeeded(ctx, api, s, current)
	if err != nil {
		return "", err
	}
	if good != "" {
		return good, nil
	}
	for _, name := range strings.Fields(tagsOf(s)[tagGood]) {
		if name != last(current) {
			return strings.TrimSuffix(current, last(current)) + name, nil
		}
	}
	return "", noneGood(s, current)
}

func noneGood(s *types.Service, current string) error {
	return fail.New("rollback.none", "name a revision: --to N; `slipway revisions` lists them",
		"no other revision than %s is known to have succeeded on service %q", last(current), aws.ToString(s.ServiceName))
}

// succeeded looks through service deployments, newest first.
func succeeded(ctx context.Context, api History, s *types.Service, current string) (string, error) {
	var list []types.ServiceDeploymentBrief
	var next *string
	for range historyPages {
		out, err := api.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{
			Cluster: s.ClusterArn, Service: s.ServiceArn, MaxResults: aws.Int32(100), NextToken: next,
			Status: []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusSuccessful},
		})
		if sdk.Denied(err) || sdk.Unsupported(err) {
			return "", nil
		}
		if err != nil {
			return "", sdk.Explain(err, "list the deployments of service "+aws.ToString(s.ServiceName))
		}
		list = append(list, out.ServiceDeployments...)
		if next = out.NextToken; next == nil {
			break
		}
	}
	slices.SortStableFunc(list, func(a, b types.ServiceDeploymentBrief) int {
		return aws.ToTime(b.CreatedAt).Compare(aws.ToTime(a.CreatedAt))
	})
	var arns []string
	for _, d := range list {
		if d.Status == types.ServiceDeploymentStatusSuccessful && d.TargetServiceRevisionArn != nil {
			arns = append(arns, *d.TargetServiceRevisionArn)
		}
	}
	for batch := range slices.Chunk(arns, revisionBatch) {
		out, err := api.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: batch})
		if sdk.Denied(err) || sdk.Unsupported(err) {
			return "", nil
		}
		if err != nil {
			return "", sdk.Explain(err, "describe service revisions")
		}
		definitions := map[string]string{}
		for _, r := range out.ServiceRevisions {
			definitions[aws.ToString(r.ServiceRevisionArn)] = aws.ToString(r.TaskDefinition)
		}
		for _, arn := range batch {
			if d := definitions[arn]; d != "" && d != current {
				return d, nil
			}
		}
	}
	return "", nil
}

// restore takes a revision just as it is; one that was deregistered is registered anew, since ECS
// refuses to deploy it.
func (w *work) restore(ctx context.Context) error {
	definition, tags, err := w.api.Definition(ctx, w.r.Revision)
	if sdk.Code(err) == "ClientException" {
		return fail.New("rollback.no_revision", "`slipway revisions` lists those there are", "there is no task definition %s", last(w.r.Revision))
	}
	if err != nil {
		return sdk.Explain(err, "describe task definition "+last(w.r.Revision))
	}
	w.definition = clean(definition, tags)
	w.arn = text(definition["taskDefinitionArn"])
	if status := text(definition["status"]); status != "ACTIVE" {
		w.say(Event{Kind: KindWarning, Revision: last(w.arn), Text: fmt.Sprintf("%s is %s: registering it anew", last(w.arn), status)})
		if w.arn, err = w.register(ctx, w.out.Previous); err != nil {
			return err
		}
	}
	w.out.Revision = w.arn
	return nil
}
