package ecs

import (
	"context"
	"errors"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Sizes of calls and pages. Source: ecs.md 9.4.
const (
	mostServices    = 10 // of one DescribeServices
	servicesAPage   = 10 // of ListServices, unless asked otherwise
	mostDeployments = 20 // of one DescribeServiceDeployments or DescribeServiceRevisions
	deploymentsPage = 20
)

// serviceOf finds a service of a cluster by name or ARN, whatever its status.
//
// Errors: ServiceNotFoundException; see elsewhere.
func (s *Service) serviceOf(tx *store.Tx, cluster Cluster, ref string) (ServiceRow, error) {
	if err := elsewhere(cluster, ref); err != nil {
		return ServiceRow{}, err
	}
	row, ok := s.services.Get(tx, serviceARN(cluster, ref))
	if !ok || row.Cluster != cluster.ARN {
		return ServiceRow{}, &types.ServiceNotFoundException{Message: new("Service not found.")}
	}
	return row, nil
}

// serviceARN gives the ARN a reference to a service of a cluster means. The old form of ARNs has
// no cluster in it.
func serviceARN(cluster Cluster, ref string) string {
	if a, ok := names.ParseARN(ref); ok && len(a.Path()) > 1 {
		return ref
	} else if ok {
		ref = names.Last(ref)
	}
	return names.ScopeOf(cluster.ARN).Service(cluster.Name, ref)
}

// DescribeServices describes up to 10 services of a cluster; those that are not there come back
// in failures.
//
// Source: ecs.md 3.3.
func (s *Service) DescribeServices(ctx context.Context, in *sdk.DescribeServicesInput) (*sdk.DescribeServicesOutput, error) {
	switch {
	case len(in.Services) == 0:
		return nil, invalid("Services cannot be empty.")
	case len(in.Services) > mostServices:
		return nil, invalid("Services cannot have more than %d elements.", mostServices)
	}
	out := &sdk.DescribeServicesOutput{Services: []types.Service{}, Failures: []types.Failure{}}
	tags := slices.Contains(in.Include, types.ServiceFieldTags)
	var extras [][]wire.Extra
	err := s.o.Store.View(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scopeOf(ctx), in.Cluster)
		if err != nil {
			return err
		}
		for _, ref := range in.Services {
			row, err := s.serviceOf(tx, cluster, ref)
			if _, unknown := errors.AsType[*types.ServiceNotFoundException](err); err != nil && !unknown {
				return err
			}
			if err != nil {
				out.Failures = append(out.Failures, missing(serviceARN(cluster, ref)))
				continue
			}
			out.Services = append(out.Services, *s.serviceView(tx, &row, tags))
			extras = append(extras, decodeExtras(row.Extras))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	echoAll(ctx, "services", extras)
	return out, nil
}

// ListServices gives the ARNs of a cluster's ACTIVE services in order, a page at a time.
//
// Source: ecs.md 3.1, 9.4.
func (s *Service) ListServices(ctx context.Context, in *sdk.ListServicesInput) (*sdk.ListServicesOutput, error) {
	most, err := pageSize(in.MaxResults, servicesAPage)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListServicesOutput{ServiceArns: []string{}}
	err = s.o.Store.View(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scopeOf(ctx), in.Cluster)
		if err != nil {
			return err
		}
		var arns []string
		for row := range s.services.By(tx, "cluster", cluster.ARN) {
			if row.Status == serviceActive &&
				in.ResourceManagementType != types.ResourceManagementTypeEcs && // all of ours are the customer's
				(in.LaunchType == "" || string(in.LaunchType) == row.Work.launchType()) &&
				(in.SchedulingStrategy == "" || string(in.SchedulingStrategy) == row.Settings.Scheduling) {
				arns = append(arns, row.ARN)
			}
		}
		from, to, next, err := page.Of(arns, text(in.NextToken), most)
		if err != nil {
			return badToken()
		}
		out.ServiceArns, out.NextToken = append(out.ServiceArns, arns[from:to]...), orNil(next)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListServicesByNamespace gives the ARNs of the ACTIVE services, of all clusters, whose Service
// Connect configuration names a namespace.
func (s *Service) ListServicesByNamespace(ctx context.Context, in *sdk.ListServicesByNamespaceInput) (*sdk.ListServicesByNamespaceOutput, error) {
	most, err := pageSize(in.MaxResults, servicesAPage)
	if err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	out := &sdk.ListServicesByNamespaceOutput{ServiceArns: []string{}}
	err = s.o.Store.View(func(tx *store.Tx) error {
		var arns []string
		for row := range s.services.Prefix(tx, scope.ARN("ecs", "service/")) {
			c := cloud.Kept[types.ServiceConnectConfiguration](row.Work.ServiceConnect)
			if row.Status == serviceActive && c.Enabled && text(c.Namespace) == text(in.Namespace) {
				arns = append(arns, row.ARN)
			}
		}
		from, to, next, err := page.Of(arns, text(in.NextToken), most)
		if err != nil {
			return badToken()
		}
		out.ServiceArns, out.NextToken = append(out.ServiceArns, arns[from:to]...), orNil(next)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteService ends a service: it is DRAINING until its tasks are gone, and then INACTIVE.
//
// Source: ecs.md 3.1.
func (s *Service) DeleteService(ctx context.Context, in *sdk.DeleteServiceInput) (*sdk.DeleteServiceOutput, error) {
	var out *types.Service
	err := s.o.Store.Update(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scopeOf(ctx), in.Cluster)
		if err != nil {
			return err
		}
		row, err := s.serviceOf(tx, cluster, text(in.Service))
		if err != nil {
			return err
		}
		switch row.Status {
		case serviceInactive:
			return &types.ServiceNotFoundException{Message: new("Service not found.")}
		case serviceActive:
			if err := s.endService(tx, &row, in.Force != nil && *in.Force); err != nil {
				return err
			}
		}
		out = s.serviceView(tx, &row, len(row.Tags) > 0)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sdk.DeleteServiceOutput{Service: out}, nil
}

// endService makes an ACTIVE service DRAINING, or INACTIVE where it has no tasks. A daemon, whose
// count nobody can lower, needs no force.
//
// Source: ecs.md 3.1; the API model's force of DeleteService. The wording for active deployments is unconfirmed.
func (s *Service) endService(tx *store.Tx, row *ServiceRow, force bool) error {
	force = force || row.Settings.daemon()
	if !force && row.Desired > 0 {
		return invalid("The service cannot be stopped while it is scaled above 0.")
	}
	live := s.live(tx, row.ARN)
	for _, d := range live {
		if !force && d.Key != row.Primary && d.Want > 0 {
			return invalid("The service cannot be stopped while deployments are active.")
		}
	}
	for _, d := range live {
		if d.Want = 0; !d.over() {
			s.finish(tx, &d, deployStopped, "Service deployment stopped because the service was deleted.")
		}
		s.deployments.Put(tx, d)
	}
	row.Status, row.Desired = serviceDraining, 0
	s.services.Put(tx, *row)
	s.drain(tx, row)
	return nil
}
