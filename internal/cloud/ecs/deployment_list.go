package ecs

import (
	"context"
	"iter"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// noSuchDeployment is what ECS says of an ARN that names no service deployment. Source: ecs.md 6.5.
const noSuchDeployment = "The service deployment does not exist."

// ListServiceDeployments gives a service's deployments in brief, newest first, a page at a time.
// A service deployment is listed as soon as it is begun.
//
// Source: ecs.md 6.3; the order is unconfirmed there.
func (s *Service) ListServiceDeployments(ctx context.Context, in *sdk.ListServiceDeploymentsInput) (*sdk.ListServiceDeploymentsOutput, error) {
	most, err := pageSize(in.MaxResults, deploymentsPage)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeploymentBrief{}}
	err = s.o.Store.View(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scopeOf(ctx), in.Cluster)
		if err != nil {
			return err
		}
		row, err := s.serviceOf(tx, cluster, text(in.Service))
		if err != nil {
			return err
		}
		behind := func(last string) (iter.Seq[Deployment], bool) {
			rest, ok := s.older(tx, row.ARN, last)
			return func(yield func(Deployment) bool) {
				for d := range rest {
					if d.Set == nil && d.listed(tx.Now()) && asked(&d, in) && !yield(d) {
						return
					}
				}
			}, ok
		}
		all, next, err := page.Walk(behind, func(d *Deployment) string { return d.DeploymentID }, text(in.NextToken), most)
		if err != nil {
			return badToken()
		}
		for i := range all {
			out.ServiceDeployments = append(out.ServiceDeployments, brief(&all[i], row.Cluster))
		}
		out.NextToken = orNil(next)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// older gives a service's deployments, the newest first: those behind the one with an id, or all for "".
func (s *Service) older(tx *store.Tx, service, id string) (older iter.Seq[Deployment], ok bool) {
	if id == "" {
		return s.deployments.Down(tx, "service", service), true
	}
	for d := range s.deployments.By(tx, "id", deploymentKey(service, id)) {
		return s.deployments.DownFrom(tx, "service", service, d.Key)
	}
	return nil, false
}

// asked reports whether a list's filters let a deployment through.
func asked(d *Deployment, in *sdk.ListServiceDeploymentsInput) bool {
	if len(in.Status) > 0 && !slices.Contains(in.Status, types.ServiceDeploymentStatus(d.Deploying)) {
		return false
	}
	at := in.CreatedAt
	return at == nil || (at.After == nil || !d.Created.Before(*at.After)) && (at.Before == nil || !d.Created.After(*at.Before))
}

func brief(d *Deployment, cluster string) types.ServiceDeploymentBrief {
	return types.ServiceDeploymentBrief{
		ServiceDeploymentArn: new(d.arn()), ServiceArn: new(d.Service), ClusterArn: new(cluster),
		TargetServiceRevisionArn: new(d.revisionARN(d.Digits)),
		Status:                   types.ServiceDeploymentStatus(d.Deploying), StatusReason: orNil(d.DeployReason),
		CreatedAt: new(d.Created), StartedAt: timeOrNil(d.Started), FinishedAt: timeOrNil(d.Finished),
	}
}

// deploymentOf finds a deployment by the ARN of its service deployment.
func (s *Service) deploymentOf(tx *store.Tx, scope names.Scope, arn string) (Deployment, bool) {
	a, ok := names.ParseARN(arn)
	path := a.Path()
	if !ok || a.Kind() != "service-deployment" || a.Scope() != scope || len(path) != 3 {
		return Deployment{}, false
	}
	found := slices.Collect(s.deployments.By(tx, "id", deploymentKey(scope.Service(path[0], path[1]), path[2])))
	if len(found) == 0 {
		return Deployment{}, false
	}
	return found[0], found[0].listed(tx.Now())
}

// DescribeServiceDeployments describes up to 20 service deployments; those that are not there
// come back in failures.
//
// Source: ecs.md 6.3.
func (s *Service) DescribeServiceDeployments(ctx context.Context, in *sdk.DescribeServiceDeploymentsInput) (*sdk.DescribeServiceDeploymentsOutput, error) {
	if err := checkARNs("serviceDeploymentArns", in.ServiceDeploymentArns); err != nil {
		return nil, err
	}
	out := &sdk.DescribeServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeployment{}, Failures: []types.Failure{}}
	var extras [][]wire.Extra
	err := s.o.Store.View(func(tx *store.Tx) error {
		for _, arn := range in.ServiceDeploymentArns {
			d, ok := s.deploymentOf(tx, scopeOf(ctx), arn)
			if !ok {
				out.Failures = append(out.Failures, missing(arn))
				continue
			}
			out.ServiceDeployments = append(out.ServiceDeployments, s.serviceDeploymentView(tx, &d))
			extras = append(extras, below(decodeExtras(d.Extras), "deploymentConfiguration"))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	echoAll(ctx, "serviceDeployments", extras)
	return out, nil
}

// checkARNs refuses a list of ARNs that is empty or too long.
func checkARNs(member string, arns []string) error {
	if len(arns) == 0 || len(arns) > mostDeployments {
		return invalid("%s must have between 1 and %d elements.", member, mostDeployments)
	}
	return nil
}

// serviceDeploymentView gives a deployment as DescribeServiceDeployments shows it: with counts of
// now while it goes on, and as they were at its end afterwards.
//
// Source: ecs.md 6.3, 6.4.
func (s *Service) serviceDeploymentView(tx *store.Tx, d *Deployment) types.ServiceDeployment {
	scope, cluster, _ := d.serviceParts()
	v := types.ServiceDeployment{
		ServiceDeploymentArn: new(d.arn()), ServiceArn: new(d.Service), ClusterArn: new(scope.Cluster(cluster)),
		CreatedAt: new(d.Created), StartedAt: timeOrNil(d.Started), FinishedAt: timeOrNil(d.Finished),
		StoppedAt: timeOrNil(d.Stopped), UpdatedAt: new(d.Updated),
		Status: types.ServiceDeploymentStatus(d.Deploying), StatusReason: orNil(d.DeployReason),
		DeploymentConfiguration:  cloud.Kept[*types.DeploymentConfiguration](d.Config),
		DeploymentCircuitBreaker: breakerView(d), Alarms: alarmsView(d),
		SourceServiceRevisions: []types.ServiceRevisionSummary{},
	}
	v.LifecycleHookDetails = hooksView(d)
	if !d.over() {
		v.LifecycleStage = types.ServiceDeploymentLifecycleStage(d.Plan.At(d.State))
	}
	counts := d.Final
	if !d.over() {
		counts = s.counts(tx, d)
	}
	for _, c := range counts {
		summary := types.ServiceRevisionSummary{
			Arn: new(d.revisionARN(c.Digits)), RequestedTaskCount: int32(c.Requested),
			RunningTaskCount: int32(c.Running), PendingTaskCount: int32(c.Pending),
		}
		if d.Shifting {
			summary.RequestedTestTrafficWeight, summary.RequestedProductionTrafficWeight = new(percent(c.Test)), new(percent(c.Production))
		}
		switch {
		case c.Digits == d.Digits:
			v.TargetServiceRevision = &summary
		case slices.Contains(d.Sources, c.Digits):
			v.SourceServiceRevisions = append(v.SourceServiceRevisions, summary)
		}
	}
	if d.BackTo != "" {
		v.Rollback = &types.Rollback{Reason: new(d.BackReason), StartedAt: new(d.RollbackBegan), ServiceRevisionArn: new(d.revisionARN(d.BackTo))}
	}
	return v
}

// breakerView gives the circuit breaker of a deployment as it stands. Source: ecs.md 5.5.
func breakerView(d *Deployment) *types.ServiceDeploymentCircuitBreaker {
	return &types.ServiceDeploymentCircuitBreaker{
		Status:       monitor(d, d.Plan.Breaker.Enabled, rollout.ByBreaker),
		FailureCount: int32(d.Failures.Count), Threshold: int32(d.Plan.Breaker.Limit(d.Plan.Desired)),
	}
}

// alarmsView gives the alarms of a deployment as they stand. Where they are ignored for its whole
// length their status is DISABLED (unconfirmed). Source: ecs.md 5.7.
func alarmsView(d *Deployment) *types.ServiceDeploymentAlarms {
	v := &types.ServiceDeploymentAlarms{Status: monitor(d, len(d.Plan.Guards) > 0, rollout.ByAlarm), TriggeredAlarmNames: d.Triggered}
	if c := cloud.Kept[*types.DeploymentConfiguration](d.Config); c != nil {
		v.AlarmNames = guardsOf(c)
	}
	return v
}

// monitor gives the status of what watches over a deployment.
func monitor(d *Deployment, on bool, cause rollout.Cause) types.ServiceDeploymentRollbackMonitorsStatus {
	switch {
	case !on:
		return types.ServiceDeploymentRollbackMonitorsStatusDisabled
	case d.State.Cause == cause:
		return types.ServiceDeploymentRollbackMonitorsStatusTriggered
	case d.underWay():
		return types.ServiceDeploymentRollbackMonitorsStatusMonitoring
	}
	return types.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete
}

// DescribeServiceRevisions describes up to 20 service revisions; those that are not there come
// back in failures.
//
// Source: ecs.md 6.1, 6.3.
func (s *Service) DescribeServiceRevisions(ctx context.Context, in *sdk.DescribeServiceRevisionsInput) (*sdk.DescribeServiceRevisionsOutput, error) {
	if err := checkARNs("serviceRevisionArns", in.ServiceRevisionArns); err != nil {
		return nil, err
	}
	out := &sdk.DescribeServiceRevisionsOutput{ServiceRevisions: []types.ServiceRevision{}, Failures: []types.Failure{}}
	err := s.o.Store.View(func(tx *store.Tx) error {
		for _, arn := range in.ServiceRevisionArns {
			a, _ := names.ParseARN(arn)
			path := a.Path()
			var d Deployment
			ok := a.Kind() == "service-revision" && a.Scope() == scopeOf(ctx) && len(path) == 3
			if ok {
				d, ok = s.deployments.Get(tx, deploymentKey(a.Scope().Service(path[0], path[1]), path[2]))
			}
			if !ok || d.Set != nil {
				out.Failures = append(out.Failures, missing(arn))
				continue
			}
			out.ServiceRevisions = append(out.ServiceRevisions, s.revisionView(tx, &d))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// revisionView gives the service revision of a deployment. Its resolved configuration is there as
// long as it is active.
//
// Source: ecs.md 6.1, 6.3, 2.8.
func (s *Service) revisionView(tx *store.Tx, d *Deployment) types.ServiceRevision {
	scope, cluster, _ := d.serviceParts()
	w := &d.Work
	v := types.ServiceRevision{
		ServiceRevisionArn: new(d.revisionARN(d.Digits)), ServiceArn: new(d.Service), ClusterArn: new(scope.Cluster(cluster)),
		TaskDefinition: new(w.TaskDefinition), CreatedAt: new(d.Created),
		LaunchType: types.LaunchType(w.LaunchType), CapacityProviderStrategy: cloud.Kept[[]types.CapacityProviderStrategyItem](w.Providers),
		PlatformVersion: platformOf(w), PlatformFamily: s.platformFamily(tx, w),
		NetworkConfiguration:        cloud.Kept[*types.NetworkConfiguration](w.Network),
		LoadBalancers:               cloud.Kept[[]types.LoadBalancer](w.LoadBalancers),
		ServiceRegistries:           cloud.Kept[[]types.ServiceRegistry](w.Registries),
		ServiceConnectConfiguration: cloud.Kept[*types.ServiceConnectConfiguration](w.ServiceConnect),
		VolumeConfigurations:        cloud.Kept[[]types.ServiceVolumeConfiguration](w.Volumes),
		VpcLatticeConfigurations:    cloud.Kept[[]types.VpcLatticeConfiguration](w.Lattices),
		Monitoring:                  cloud.Kept[*types.MonitoringConfiguration](w.Monitoring),
		GatewayConnectors:           cloud.Kept[[]types.GatewayConnector](w.Gateways),
	}
	for _, image := range d.Images {
		v.ContainerImages = append(v.ContainerImages, types.ContainerImage{
			ContainerName: new(image.Container), Image: new(image.Image), ImageDigest: orNil(image.Digest),
		})
	}
	if d.liveOf() == "" {
		return v
	}
	resolved := &types.ResolvedConfiguration{}
	groups := d.groups()
	for i, b := range v.LoadBalancers {
		r := types.ServiceRevisionLoadBalancer{TargetGroupArn: new(groups[i])}
		if b.AdvancedConfiguration != nil {
			r.ProductionListenerRule = b.AdvancedConfiguration.ProductionListenerRule
		}
		resolved.LoadBalancers = append(resolved.LoadBalancers, r)
	}
	if len(resolved.LoadBalancers) > 0 {
		v.ResolvedConfiguration = resolved
	}
	return v
}

// StopServiceDeployment rolls back a service deployment that goes on, whether or not a rollback
// was configured. Asking again is harmless.
//
// Source: ecs.md 6.5; ABORT and the words for a terminal one are unconfirmed there.
func (s *Service) StopServiceDeployment(ctx context.Context, in *sdk.StopServiceDeploymentInput) (*sdk.StopServiceDeploymentOutput, error) {
	arn := text(in.ServiceDeploymentArn)
	if in.StopType != "" && in.StopType != types.StopServiceDeploymentStopTypeRollback {
		return nil, invalid("Invalid stopType: %s. The valid value is ROLLBACK.", in.StopType)
	}
	err := s.o.Store.Update(func(tx *store.Tx) error {
		d, ok := s.deploymentOf(tx, scopeOf(ctx), arn)
		switch {
		case !ok:
			return &types.ServiceDeploymentNotFoundException{Message: new(noSuchDeployment)}
		case d.over():
			return &types.ConflictException{Message: new("The service deployment is in a terminal state: " + d.Deploying + "."), ResourceIds: []string{arn}}
		case d.Deploying == deployPending || d.Deploying == deployInProgress:
			d.Deploying, d.Updated = deployRollbackRequested, tx.Now()
			d.Commands = append(slices.Clone(d.Commands), rollout.Abort)
			s.deployments.Put(tx, d)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sdk.StopServiceDeploymentOutput{ServiceDeploymentArn: new(arn)}, nil
}
