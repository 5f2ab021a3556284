package demo

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/names"
)

// lookEvery is how often the demo looks how things stand, on the wall.
const lookEvery = 500 * time.Millisecond

// look tells how things stand every now and then until ctx ends.
func (s *stage) look(ctx context.Context, load *Load, tell func(Look)) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last := load.Totals()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l, err := s.stand(ctx)
		if err != nil {
			continue // a look that fails shows nothing; the deployment tells of trouble itself
		}
		now := load.Totals()
		l.Traffic = shares(last, now)
		l.Requests, l.Failures = load.Sum()
		last = now
		tell(l)
	}
}

// stand asks the cloud how the service and its targets stand.
func (s *stage) stand(ctx context.Context) (Look, error) {
	var l Look
	out, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(cluster), Services: []string{service}})
	if err != nil || len(out.Services) == 0 {
		return l, err
	}
	// Deployments come with the newest first; task sets do not.
	slices.SortFunc(out.Services[0].TaskSets, func(a, b ecstypes.TaskSet) int { return aws.ToTime(b.CreatedAt).Compare(aws.ToTime(a.CreatedAt)) })
	for _, set := range out.Services[0].TaskSets {
		l.Revisions = append(l.Revisions, Revision{
			Name: names.Last(*set.TaskDefinition), Status: *set.Status,
			Running: int(set.RunningCount), Pending: int(set.PendingCount), Desired: int(set.ComputedDesiredCount),
		})
	}
	for _, d := range out.Services[0].Deployments {
		l.Revisions = append(l.Revisions, Revision{
			Name: names.Last(*d.TaskDefinition), Status: *d.Status,
			Running: int(d.RunningCount), Pending: int(d.PendingCount), Desired: int(d.DesiredCount),
		})
	}
	for _, g := range s.groups {
		health, err := s.elb.DescribeTargetHealth(ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: &g})
		if err != nil {
			return l, err
		}
		for _, t := range health.TargetHealthDescriptions {
			switch t.TargetHealth.State {
			case elbtypes.TargetHealthStateEnumHealthy:
				l.Healthy++
				l.Targets++
			case elbtypes.TargetHealthStateEnumDraining:
			default:
				l.Targets++
			}
		}
	}
	if s.story.shifts() {
		w, err := s.weights(ctx)
		if err != nil {
			return l, err
		}
		l.Share = &w
	}
	return l, nil
}

// shares gives each version's part of the requests between two totals.
func shares(before, after map[string]int) (out []Traffic) {
	sum := 0
	for v, n := range after {
		sum += n - before[v]
	}
	for _, v := range slices.Sorted(maps.Keys(after)) {
		if n := after[v] - before[v]; n > 0 && v != "" {
			out = append(out, Traffic{Version: v, Percent: 100 * float64(n) / float64(sum)})
		}
	}
	return out
}
