package ecs

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/place"
	"github.com/slipway-ecs/slipway/internal/store"
)

// What ECS says of instances it refuses to change. All but the last are as ECS's callers report
// them; that is unconfirmed.
const (
	busyInstance  = "Found running tasks on the instance."
	badStatus     = "Container instance status should be one of [ACTIVE,DRAINING]"
	noInstanceARN = "Referenced container instance %s not found."
	// forcedOff is the stoppedReason of tasks whose instance was deregistered. Source: ecs.md 4.2.
	forcedOff = "Container instance deregistration forced by user."
	// badDocument is unconfirmed.
	badDocument = "The instance identity document could not be parsed."
)

// identity is what ECS reads of an instance identity document.
type identity struct{ InstanceID, InstanceType, AvailabilityZone, Region, ImageID string }

// RegisterContainerInstance adds a container instance to a cluster, as ECS's agent does. One that is
// there already, by its ARN or its EC2 id, is registered anew. Resources that are left out are
// those of the type in the identity document; an instance without any of an agent's abilities among
// its attributes has all of them, since what runs its tasks is this cloud. The document's
// signature is not checked.
func (s *Service) RegisterContainerInstance(ctx context.Context, in *ecs.RegisterContainerInstanceInput) (*ecs.RegisterContainerInstanceOutput, error) {
	scope := scopeOf(ctx)
	var doc identity
	if text(in.InstanceIdentityDocument) != "" {
		if err := json.Unmarshal([]byte(*in.InstanceIdentityDocument), &doc); err != nil {
			return nil, invalid(badDocument)
		}
	}
	tags, err := tagsIn(in.Tags)
	if err != nil {
		return nil, err
	}
	out := &ecs.RegisterContainerInstanceOutput{}
	err = s.o.Store.Update(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scope, in.Cluster)
		if err != nil {
			return err
		}
		kind, zone := doc.InstanceType, doc.AvailabilityZone
		if _, known := instanceTypes[kind]; !known && kind == "" {
			kind = s.instanceType()
		}
		if zone == "" {
			zone = scope.Region + "a"
		}
		x := s.newInstance(tx, cluster.ARN, kind, zone)
		if _, known := instanceTypes[kind]; !known && len(in.TotalResources) == 0 {
			usual := instanceTypes[s.instanceType()]
			x.CPU, x.MemoryMiB = usual.cpu, usual.memory
		}
		x.Tags = tags
		if doc.InstanceID != "" {
			x.EC2 = doc.InstanceID
		}
		if doc.ImageID != "" {
			x.set(Pair{Name: "ecs.ami-id", Value: doc.ImageID})
		}
		if was, ok := s.registeredBefore(tx, cluster.ARN, text(in.ContainerInstanceArn), doc.InstanceID); ok {
			x.ARN, x.EC2, x.Status, x.Registered, x.Version, x.Own = was.ARN, was.EC2, was.Status, was.Registered, was.Version+1, was.Own
			if len(tags) == 0 {
				x.Tags = was.Tags
			}
			for _, a := range was.Attributes {
				if a.Custom {
					x.set(a)
				}
			}
		} else if ref := text(in.ContainerInstanceArn); ref != "" {
			return invalid(noInstanceARN, names.Last(ref))
		}
		if err := x.provide(in); err != nil {
			return err
		}
		s.instances.Put(tx, x)
		v := s.instanceView(tx, &x, []types.ContainerInstanceField{types.ContainerInstanceFieldTags})
		out.ContainerInstance = &v
		return nil
	})
	return out, err
}

// registeredBefore finds an instance that registers again.
func (s *Service) registeredBefore(tx *store.Tx, cluster, arn, ec2 string) (Instance, bool) {
	for x := range s.instances.By(tx, "cluster", cluster) {
		if x.Status != instanceInactive && (x.ARN == arn || arn == "" && ec2 != "" && x.EC2 == ec2) {
			return x, true
		}
	}
	return Instance{}, false
}

// provide writes what an instance says of itself: resources, attributes, versions.
func (x *Instance) provide(in *ecs.RegisterContainerInstanceInput) error {
	for _, r := range in.TotalResources {
		n := int(r.IntegerValue)
		if n == 0 {
			n = int(r.LongValue)
		}
		var ports []int
		switch name := text(r.Name); name {
		case "CPU":
			x.CPU = n
		case "MEMORY":
			x.MemoryMiB = n
		case "GPU":
			x.GPUs = slices.Clone(r.StringSetValue)
		case "PORTS", "PORTS_UDP":
			for _, p := range r.StringSetValue {
				port, err := strconv.Atoi(p)
				if err != nil {
					return invalid("Invalid port: %s", p)
				}
				ports = append(ports, port)
			}
			if name == "PORTS" {
				x.Ports = ports
			} else {
				x.UDP = ports
			}
		}
		if n < 0 {
			return invalid("The resource %s must not be negative.", text(r.Name))
		}
	}
	for _, d := range in.PlatformDevices {
		if d.Type == types.PlatformDeviceTypeGpu && !slices.Contains(x.GPUs, text(d.Id)) {
			x.GPUs = append(slices.Clone(x.GPUs), text(d.Id))
		}
	}
	able := false
	for _, a := range in.Attributes {
		x.set(Pair{Name: text(a.Name), Value: text(a.Value)})
		able = able || slices.Contains(abilities, text(a.Name))
	}
	if !able {
		x.able()
	}
	if v := in.VersionInfo; v != nil {
		x.Agent, x.Docker = *or(v.AgentVersion, x.Agent), *or(v.DockerVersion, x.Docker)
	}
	return nil
}

// DeregisterContainerInstance takes an instance out of its cluster. With force its tasks end, those
// of services to be replaced elsewhere; without, there must be none.
//
// On AWS the containers of a forced deregistration go on as orphans; here the instance is this
// cloud, so they are stopped.
func (s *Service) DeregisterContainerInstance(ctx context.Context, in *ecs.DeregisterContainerInstanceInput) (*ecs.DeregisterContainerInstanceOutput, error) {
	out := &ecs.DeregisterContainerInstanceOutput{}
	err := s.o.Store.Update(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scopeOf(ctx), in.Cluster)
		if err != nil {
			return err
		}
		x, ok := s.instanceOf(tx, cluster, text(in.ContainerInstance))
		if !ok || x.Status == instanceInactive {
			return invalid(noInstanceARN, names.Last(text(in.ContainerInstance)))
		}
		for t := range s.tasks.By(tx, "instance", x.ARN) {
			if t.Last != "RUNNING" && !started(t.Last) {
				continue // on its way out, and no longer counted as running
			}
			if in.Force == nil || !*in.Force {
				return invalid(busyInstance)
			}
			s.stopTask(tx, t, "", forcedOff)
		}
		x.retire(tx)
		s.instances.Put(tx, x)
		v := s.instanceView(tx, &x, nil)
		out.ContainerInstance = &v
		return nil
	})
	return out, err
}

// retire makes an instance INACTIVE.
func (x *Instance) retire(tx *store.Tx) {
	x.Status, x.Gone = instanceInactive, tx.Now()
	x.Version++
}

// instanceOf finds an instance of a cluster by id or ARN, INACTIVE ones too.
func (s *Service) instanceOf(tx *store.Tx, cluster Cluster, ref string) (Instance, bool) {
	x, ok := s.instances.Get(tx, instanceARN(cluster.ARN, ref))
	return x, ok && x.Cluster == cluster.ARN
}

// DescribeContainerInstances describes up to 100 instances; those that are not there are failures.
func (s *Service) DescribeContainerInstances(ctx context.Context, in *ecs.DescribeContainerInstancesInput) (*ecs.DescribeContainerInstancesOutput, error) {
	switch n := len(in.ContainerInstances); {
	case n == 0:
		return nil, invalid("Container instances cannot be empty.")
	case n > 100:
		return nil, invalid("Container instances can have at most 100 items.")
	}
	out := &ecs.DescribeContainerInstancesOutput{ContainerInstances: []types.ContainerInstance{}, Failures: []types.Failure{}}
	err := s.o.Store.View(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scopeOf(ctx), in.Cluster)
		if err != nil {
			return err
		}
		for _, ref := range in.ContainerInstances {
			if x, ok := s.instanceOf(tx, cluster, ref); ok {
				out.ContainerInstances = append(out.ContainerInstances, s.instanceView(tx, &x, in.Include))
			} else {
				out.Failures = append(out.Failures, missing(instanceARN(cluster.ARN, ref)))
			}
		}
		return nil
	})
	return out, err
}

// ListContainerInstances lists a cluster's instances of a status, or all that are not INACTIVE,
// that a query holds of.
func (s *Service) ListContainerInstances(ctx context.Context, in *ecs.ListContainerInstancesInput) (*ecs.ListContainerInstancesOutput, error) {
	if in.Status != "" && !slices.Contains(in.Status.Values(), in.Status) {
		return nil, invalid("Invalid container instance status: %s", in.Status)
	}
	filter, err := place.ParseQuery(text(in.Filter))
	if err != nil {
		return nil, invalid(wordQuery, err)
	}
	var arns []string
	err = s.o.Store.View(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scopeOf(ctx), in.Cluster)
		if err != nil {
			return err
		}
		st := s.standing(tx, cluster.ARN)
		for i := range st.all {
			if (in.Status == "" || st.rows[i].Status == string(in.Status)) && filter.Holds(&st.all[i]) {
				arns = append(arns, st.rows[i].ARN)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	arns, next, err := pageOf(arns, in.NextToken, in.MaxResults)
	return &ecs.ListContainerInstancesOutput{ContainerInstanceArns: arns, NextToken: next}, err
}

// UpdateContainerInstancesState drains up to 10 instances or takes them back. A draining instance
// gets no new tasks, and those of services on it are replaced as their percents allow.
func (s *Service) UpdateContainerInstancesState(ctx context.Context, in *ecs.UpdateContainerInstancesStateInput) (*ecs.UpdateContainerInstancesStateOutput, error) {
	switch n := len(in.ContainerInstances); {
	case n == 0:
		return nil, invalid("Container instances cannot be empty.")
	case n > 10:
		return nil, invalid("Container instances can have at most 10 items.")
	case in.Status != instanceActive && in.Status != instanceDraining:
		return nil, invalid(badStatus)
	}
	out := &ecs.UpdateContainerInstancesStateOutput{ContainerInstances: []types.ContainerInstance{}, Failures: []types.Failure{}}
	err := s.o.Store.Update(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scopeOf(ctx), in.Cluster)
		if err != nil {
			return err
		}
		for _, ref := range in.ContainerInstances {
			x, ok := s.instanceOf(tx, cluster, ref)
			if !ok {
				out.Failures = append(out.Failures, missing(instanceARN(cluster.ARN, ref)))
				continue
			}
			if x.Status == instanceInactive {
				out.Failures = append(out.Failures, types.Failure{Arn: new(x.ARN), Reason: new(instanceInactive)})
				continue
			}
			if x.Status != string(in.Status) {
				x.Status = string(in.Status)
				x.Version++
				s.instances.Put(tx, x)
			}
			out.ContainerInstances = append(out.ContainerInstances, s.instanceView(tx, &x, nil))
		}
		return nil
	})
	return out, err
}
