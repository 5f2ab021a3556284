package look

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

const (
	describes = 20 // service deployments or revisions one call describes
	listing   = 100
)

// Deployment is one service deployment, or deployment of CodeDeploy's, past or present.
type Deployment struct {
	ARN      string            `json:"arn"`               // CodeDeploy's have an id
	Status   string            `json:"status"`            // ECS's, or CodeDeploy's
	Verdict  ship.Verdict      `json:"verdict,omitempty"` // empty while it runs
	Stage    string            `json:"stage,omitempty"`
	Cause    string            `json:"cause,omitempty"`    // one line, as far as the deployment itself tells
	Revision string            `json:"revision,omitempty"` // family:revision
	Images   []Image           `json:"images,omitempty"`
	From     []string          `json:"from,omitempty"` // service revisions it began with, ids
	To       string            `json:"to"`             // the service revision's id
	Strategy string            `json:"strategy,omitempty"`
	Who      string            `json:"who,omitempty"`        // registered the definition
	Tags     map[string]string `json:"provenance,omitempty"` // of the definition, those that tell where it comes from
	Created  *time.Time        `json:"createdAt,omitempty"`
	Finished *time.Time        `json:"finishedAt,omitempty"`
	Millis   int64             `json:"tookMillis,omitempty"`
	Hooks    []Hook            `json:"hooks,omitempty"`
	Events   []Step            `json:"events,omitempty"` // CodeDeploy's, of one that is looked at closer
	Breaker  *Breaker          `json:"breaker,omitempty"`

	raw types.ServiceDeployment
}

// Image is what a container runs.
type Image struct {
	Container string `json:"container"`
	Ref       string `json:"ref"`
	Digest    string `json:"digest,omitempty"` // as ECS resolved it
}

// Hook is a life-cycle hook of the present stage.
type Hook struct {
	ID      string     `json:"id"`
	Type    string     `json:"type"` // AWS_LAMBDA or PAUSE
	Target  string     `json:"target,omitempty"`
	Status  string     `json:"status"`
	Expires *time.Time `json:"expiresAt,omitempty"`
	Action  string     `json:"timeoutAction,omitempty"` // what happens then
}

// Step is a life-cycle event of CodeDeploy's.
type Step struct {
	Name   string     `json:"name"`
	Status string     `json:"status"`
	Began  *time.Time `json:"startedAt,omitempty"`
	Ended  *time.Time `json:"endedAt,omitempty"`
}

// Breaker is how far the circuit breaker is.
type Breaker struct {
	Status    string `json:"status"`
	Failures  int    `json:"failures"`
	Threshold int    `json:"threshold"`
}

// deployments lists service deployments, newest first, and describes them.
func (l *Looker) deployments(ctx context.Context, p Place, limit int) ([]Deployment, error) {
	briefs, err := pages(limit, func(token *string) ([]types.ServiceDeploymentBrief, *string, error) {
		n := listing
		if limit > 0 {
			n = min(n, limit)
		}
		out, err := l.ECS.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{
			Cluster: cluster(p), Service: &p.Service, MaxResults: aws.Int32(int32(n)), NextToken: token,
		})
		if err != nil {
			return nil, nil, err
		}
		return out.ServiceDeployments, out.NextToken, nil
	})
	if err != nil {
		return nil, err
	}
	arns := make([]string, 0, len(briefs))
	for _, b := range briefs {
		arns = append(arns, text(b.ServiceDeploymentArn))
	}
	return l.describe(ctx, arns)
}

// describe gives service deployments by ARN, newest first, each with what its revision runs.
func (l *Looker) describe(ctx context.Context, arns []string) ([]Deployment, error) {
	var all []Deployment
	err := batches(arns, describes, func(some []string) error {
		out, err := l.ECS.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: some})
		if err != nil {
			return err
		}
		for _, d := range out.ServiceDeployments {
			all = append(all, deployment(d))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b Deployment) int { return aws.ToTime(b.Created).Compare(aws.ToTime(a.Created)) })
	for i := range all {
		if i > 0 && all[i].Verdict == ship.Stopped && all[i].Finished != nil && !aws.ToTime(all[i-1].Created).After(*all[i].Finished) {
			all[i].Verdict, all[i].Cause = ship.Superseded, "a newer deployment took its place"
		}
	}
	return all, nil
}

// revised fills in what the service revisions of deployments run.
func (l *Looker) revised(ctx context.Context, all []Deployment) error {
	var arns []string
	for _, d := range all {
		if r := d.raw.TargetServiceRevision; r != nil && !slices.Contains(arns, text(r.Arn)) {
			arns = append(arns, text(r.Arn))
		}
	}
	return batches(arns, describes, func(some []string) error {
		out, err := l.ECS.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: some})
		if err != nil {
			return err
		}
		for _, r := range out.ServiceRevisions {
			for i := range all {
				if t := all[i].raw.TargetServiceRevision; t == nil || text(t.Arn) != text(r.ServiceRevisionArn) {
					continue
				}
				all[i].Revision = last(text(r.TaskDefinition))
				all[i].Images = nil
				for _, c := range r.ContainerImages {
					all[i].Images = append(all[i].Images, Image{text(c.ContainerName), text(c.Image), text(c.ImageDigest)})
				}
			}
		}
		return nil
	})
}

// deployment takes from a service deployment what we show.
func deployment(d types.ServiceDeployment) Deployment {
	out := Deployment{ARN: text(d.ServiceDeploymentArn), Status: string(d.Status), Stage: string(d.LifecycleStage), Created: at(d.CreatedAt), Finished: at(d.FinishedAt), raw: d}
	if out.Finished == nil {
		out.Finished = at(d.StoppedAt)
	}
	var ended bool
	out.Verdict, ended = ship.VerdictOf(d.Status)
	if out.Created != nil && out.Finished != nil {
		out.Millis = out.Finished.Sub(*out.Created).Milliseconds()
	}
	if !ended || out.Verdict != ship.Succeeded {
		if c := explain.Of(explain.Facts{Deployment: explain.FromDeployment(d)}); c.Class != explain.Nothing {
			out.Cause = c.Text
		}
	}
	if r := d.TargetServiceRevision; r != nil {
		out.To = last(text(r.Arn))
	}
	for _, r := range d.SourceServiceRevisions {
		out.From = append(out.From, last(text(r.Arn)))
	}
	if c := d.DeploymentConfiguration; c != nil {
		out.Strategy = string(c.Strategy)
	}
	for _, h := range d.LifecycleHookDetails {
		out.Hooks = append(out.Hooks, Hook{ID: text(h.HookId), Type: string(h.TargetType), Target: text(h.TargetArn), Status: string(h.Status), Expires: at(h.ExpiresAt), Action: string(h.TimeoutAction)})
	}
	if b := d.DeploymentCircuitBreaker; b != nil && b.Status != "" && b.Status != "DISABLED" {
		out.Breaker = &Breaker{string(b.Status), int(b.FailureCount), int(b.Threshold)}
	}
	return out
}

// find gives the deployment a name means: an ARN, its last part, or "" for the newest.
func (l *Looker) find(ctx context.Context, p Place, s *types.Service, name string) (*Deployment, error) {
	all, err := l.past(ctx, p, s, listing)
	if err != nil {
		return nil, sdk.Explain(err, "list the deployments of service "+last(p.Service))
	}
	for i := range all {
		if d := &all[i]; name == "" || d.ARN == name || last(d.ARN) == name || d.To == last(name) {
			return d, nil
		}
	}
	if name == "" {
		return nil, nil
	}
	return nil, fail.New("deployment.not_found", "`slipway history` lists them", "service %q has no deployment %q", last(p.Service), name)
}
