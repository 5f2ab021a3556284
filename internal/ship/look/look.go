// Package look reads a service as it is and as it was, and changes nothing: status, history,
// tasks, events, logs, revisions, and the facts that explain takes causes from.
//
// It meets the cloud only at the AWS wire. Each look makes its calls side by side; what the
// caller may not read is named in the answer and does not end it. Read Looker and Status first.
package look

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// ECS is what looking needs of Amazon ECS; *sdk.ECS is it.
type ECS interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error)
	DescribeServiceDeployments(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error)
	DescribeServiceRevisions(context.Context, *ecs.DescribeServiceRevisionsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error)
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
	ListTaskDefinitions(context.Context, *ecs.ListTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error)
}

// ELB is what looking needs of load balancers.
type ELB interface {
	DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error)
	DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error)
	DescribeListeners(context.Context, *elb.DescribeListenersInput, ...func(*elb.Options)) (*elb.DescribeListenersOutput, error)
	DescribeRules(context.Context, *elb.DescribeRulesInput, ...func(*elb.Options)) (*elb.DescribeRulesOutput, error)
}

// Logs is what looking needs of CloudWatch Logs.
type Logs interface {
	GetLogEvents(context.Context, *cloudwatchlogs.GetLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error)
	FilterLogEvents(context.Context, *cloudwatchlogs.FilterLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error)
}

// Alarms is what looking needs of CloudWatch.
type Alarms interface {
	DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
}

// Looker looks at services.
type Looker struct {
	ECS    ECS
	ELB    ELB
	Logs   Logs
	Alarms Alarms
	// Drivers know the deployments of services with another controller than ECS; may be nil.
	Drivers map[types.DeploymentControllerType]Driver
	Clock   clock.Clock // of real time; nil is the wall's
}

// Place is a service in its cluster, names or ARNs.
type Place struct{ Cluster, Service string }

func (l *Looker) clock() clock.Clock {
	if l.Clock == nil {
		return clock.Real{}
	}
	return l.Clock
}

// sideBySide runs functions at once, waits for all, and gives the first error in their order.
func sideBySide(all ...func() error) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// unread collects what could not be read, in sorted words.
type unread struct {
	mu    sync.Mutex
	words []string
}

// pass takes an answer that the caller may do without: one that AWS denied or does not have is
// noted, anything else is an error.
func (u *unread) pass(err error, act string) error {
	if err == nil || !sdk.Denied(err) && !sdk.Unsupported(err) && !sdk.Missing(err) {
		return sdk.Explain(err, act)
	}
	u.add(act + ": " + sdk.Code(err))
	return nil
}

func (u *unread) add(word string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !slices.Contains(u.words, word) {
		u.words = append(u.words, word)
		slices.Sort(u.words)
	}
}

// service describes a service, with its tags.
func (l *Looker) service(ctx context.Context, p Place) (*types.Service, error) {
	out, err := l.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: cluster(p), Services: []string{p.Service}, Include: []types.ServiceField{types.ServiceFieldTags},
	})
	if err != nil {
		return nil, sdk.Explain(err, fmt.Sprintf("describe service %q in cluster %q", p.Service, last(p.Cluster)))
	}
	if len(out.Services) == 0 {
		return nil, fail.New("service.not_found", "check the names and the region", "service %q is not in cluster %q", p.Service, last(p.Cluster))
	}
	return &out.Services[0], nil
}

// cluster leaves the cluster out where it is not said, so that AWS takes its default.
func cluster(p Place) *string {
	if p.Cluster == "" {
		return nil
	}
	return &p.Cluster
}

// pages reads a list to its end, or to limit entries; a limit of 0 is none.
func pages[T any](limit int, page func(token *string) ([]T, *string, error)) ([]T, error) {
	var all []T
	var token *string
	for {
		some, next, err := page(token)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if limit > 0 && len(all) >= limit {
			return all[:limit], nil
		}
		if next == nil || *next == "" {
			return all, nil
		}
		token = next
	}
}

// batches calls f with at most n of all at a time, one after the other.
func batches(all []string, n int, f func([]string) error) error {
	for some := range slices.Chunk(all, n) {
		if err := f(some); err != nil {
			return err
		}
	}
	return nil
}

// last gives what follows the last slash of an ARN: a name, an id, family:revision.
func last(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// groupName gives a target group's name from its ARN.
func groupName(arn string) string {
	parts := strings.Split(arn, "/")
	if len(parts) < 3 {
		return arn
	}
	return parts[len(parts)-2]
}

// at gives a time, or nil where there is none, for JSON.
func at(t *time.Time) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	return t
}

// canceled reports whether an error is only our own leaving.
func canceled(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ctx.Err()))
}

func text(s *string) string { return aws.ToString(s) }
