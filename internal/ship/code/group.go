package code

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

const (
	nameShare  = 47  // of a cluster's or a service's name in the console's names
	groupBatch = 100 // groups that BatchGetDeploymentGroups takes
	mostPages  = 100 // of any list
)

// group finds the deployment group that names a service: under the console's names first, then
// among all of the account's. Errors have the codes "codedeploy.none" and "codedeploy.several".
func (e *Engine) group(ctx context.Context, live *ecstypes.Service) (*types.DeploymentGroupInfo, error) {
	cluster, service := last(aws.ToString(live.ClusterArn)), aws.ToString(live.ServiceName)
	suffix := "ECS-" + cluster[:min(len(cluster), nameShare)] + "-" + service[:min(len(service), nameShare)]
	usual, err := e.CodeDeploy.GetDeploymentGroup(ctx, &codedeploy.GetDeploymentGroupInput{ApplicationName: aws.String("App" + suffix), DeploymentGroupName: aws.String("Dgp" + suffix)})
	if err == nil && usual.DeploymentGroupInfo != nil && names(*usual.DeploymentGroupInfo, cluster, service) {
		return usual.DeploymentGroupInfo, nil
	}
	all, err := e.groups(ctx)
	if err != nil {
		return nil, sdk.Explain(err, "look for the deployment group of service "+service)
	}
	var found []types.DeploymentGroupInfo
	var others []string
	for _, g := range all {
		if names(g, cluster, service) {
			found = append(found, g)
		} else if len(g.EcsServices) == 1 {
			s := g.EcsServices[0]
			others = append(others, fmt.Sprintf("%s (for %s in %s)", nameOf(g), last(aws.ToString(s.ServiceName)), last(aws.ToString(s.ClusterName))))
		}
	}
	switch {
	case len(found) == 1:
		return &found[0], nil
	case len(found) > 1:
		var list []string
		for _, g := range found {
			list = append(list, nameOf(g))
		}
		return nil, fail.New("codedeploy.several", "delete all but one", "several deployment groups name service %q: %s", service, strings.Join(list, ", "))
	case len(others) > 0:
		return nil, fail.New("codedeploy.none", "create one, or correct one of those there are: "+strings.Join(others, ", "),
			"no deployment group of CodeDeploy names service %q in cluster %q", service, cluster)
	}
	return nil, fail.New("codedeploy.none", "create an application and a deployment group for it in this account and region: `aws deploy create-deployment-group`",
		"no deployment group of CodeDeploy names service %q in cluster %q", service, cluster)
}

func nameOf(g types.DeploymentGroupInfo) string {
	return aws.ToString(g.ApplicationName) + "/" + aws.ToString(g.DeploymentGroupName)
}

// names reports whether a group is for a service; groups have names or ARNs.
func names(g types.DeploymentGroupInfo, cluster, service string) bool {
	return slices.ContainsFunc(g.EcsServices, func(s types.ECSService) bool {
		return last(aws.ToString(s.ClusterName)) == cluster && last(aws.ToString(s.ServiceName)) == service
	})
}

// groups lists all deployment groups there are.
func (e *Engine) groups(ctx context.Context) ([]types.DeploymentGroupInfo, error) {
	apps, err := pages(func(next *string) ([]string, *string, error) {
		out, err := e.CodeDeploy.ListApplications(ctx, &codedeploy.ListApplicationsInput{NextToken: next})
		if err != nil {
			return nil, nil, err
		}
		return out.Applications, out.NextToken, nil
	})
	if err != nil {
		return nil, err
	}
	var all []types.DeploymentGroupInfo
	for _, app := range apps {
		list, err := pages(func(next *string) ([]string, *string, error) {
			out, err := e.CodeDeploy.ListDeploymentGroups(ctx, &codedeploy.ListDeploymentGroupsInput{ApplicationName: &app, NextToken: next})
			if err != nil {
				return nil, nil, err
			}
			return out.DeploymentGroups, out.NextToken, nil
		})
		if sdk.Code(err) == "ApplicationDoesNotExistException" {
			continue // it was deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		for some := range slices.Chunk(list, groupBatch) {
			out, err := e.CodeDeploy.BatchGetDeploymentGroups(ctx, &codedeploy.BatchGetDeploymentGroupsInput{ApplicationName: &app, DeploymentGroupNames: some})
			if err != nil {
				return nil, err
			}
			all = append(all, out.DeploymentGroupsInfo...)
		}
	}
	return all, nil
}

// pages reads a list whole.
func pages(read func(next *string) ([]string, *string, error)) (all []string, err error) {
	var next *string
	for range mostPages {
		some, token, err := read(next)
		if err != nil {
			return nil, err
		}
		if all = append(all, some...); aws.ToString(token) == "" {
			break
		}
		next = token
	}
	return all, nil
}

// waits are a group's own waits.
type waits struct {
	ready, termination time.Duration
	answer             bool // it waits before production traffic moves until somebody says so
	test               bool // it has a test route
}

func waitsOf(b *types.BlueGreenDeploymentConfiguration, l *types.LoadBalancerInfo) (w waits) {
	if b != nil {
		if t := b.TerminateBlueInstancesOnDeploymentSuccess; t != nil {
			w.termination = time.Duration(t.TerminationWaitTimeInMinutes) * time.Minute
		}
		if r := b.DeploymentReadyOption; r != nil && r.ActionOnTimeout == types.DeploymentReadyActionStopDeployment {
			w.answer, w.ready = true, time.Duration(r.WaitTimeInMinutes)*time.Minute
		}
	}
	if l != nil {
		w.test = slices.ContainsFunc(l.TargetGroupPairInfoList, func(p types.TargetGroupPairInfo) bool {
			return p.TestTrafficRoute != nil && len(p.TestTrafficRoute.ListenerArns) > 0
		})
	}
	return w
}

// Route gives the listener of the group's test or production route.
func (e *Engine) Route(ctx context.Context, s ship.Start, test bool) (string, error) {
	g, err := e.group(ctx, s.Service)
	if err != nil || g.LoadBalancerInfo == nil {
		return "", err
	}
	for _, p := range g.LoadBalancerInfo.TargetGroupPairInfoList {
		route := p.ProdTrafficRoute
		if test {
			route = p.TestTrafficRoute
		}
		if route != nil && len(route.ListenerArns) > 0 {
			return route.ListenerArns[0], nil
		}
	}
	return "", nil
}

// steps gives the shares of traffic a configuration gives the new side, in percent, and the time
// between them.
//
// Source: house reference codedeploy.md 8.4.
func steps(c *types.TrafficRoutingConfig) (shares []int32, every time.Duration) {
	switch {
	case c != nil && c.TimeBasedCanary != nil:
		return []int32{c.TimeBasedCanary.CanaryPercentage, 100}, time.Duration(c.TimeBasedCanary.CanaryInterval) * time.Minute
	case c != nil && c.TimeBasedLinear != nil && c.TimeBasedLinear.LinearPercentage > 0:
		for share := c.TimeBasedLinear.LinearPercentage; share < 100; share += c.TimeBasedLinear.LinearPercentage {
			shares = append(shares, share)
		}
		return append(shares, 100), time.Duration(c.TimeBasedLinear.LinearInterval) * time.Minute
	}
	return []int32{100}, 0
}

func last(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
