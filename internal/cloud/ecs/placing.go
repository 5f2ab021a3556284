package ecs

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/place"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Tasks are placed on instances by internal/place; here rows become what it looks at.

// firstDynamic is where dynamic host ports begin: the usual ephemeral range of Linux.
//
// Source: ECS Developer Guide, portMappings: 32768 to 61000 is usual.
const firstDynamic = 32768

// standing is a cluster's instances while tasks are placed on them.
type standing struct {
	rows []Instance
	all  []place.Instance // by the same index: as they stand
	soon []place.Instance // as they will once the tasks that are leaving have left
}

// standing looks at a cluster's instances. A task takes its part of one until it has stopped.
func (s *Service) standing(tx *store.Tx, cluster string) *standing {
	st := &standing{}
	for x := range s.instances.By(tx, "cluster", cluster) {
		if x.Status == instanceInactive {
			continue
		}
		now := x.fresh()
		soon := now
		for t := range s.tasks.By(tx, "instance", x.ARN) {
			need := s.needOfTask(tx, &t)
			now.Take(need)
			if t.Last == "RUNNING" {
				now.Running++
			}
			if t.Desired != taskStopped {
				soon.Take(need)
				now.Groups[t.Group]++ // the map is soon's too: only wanted tasks count
			}
		}
		st.rows, st.all, st.soon = append(st.rows, x), append(st.all, now), append(st.soon, soon)
	}
	return st
}

// pick places a task. Where it finds no instance it says what is lacking; waits then tells that
// one will do once a task that is leaving has left.
func (st *standing) pick(n place.Need, r place.Rules, chance func(int) int) (res place.Result, waits bool) {
	res = place.Pick(st.all, n, r, chance)
	if res.At < 0 {
		r.Order = nil
		waits = place.Pick(st.soon, n, r, chance).At >= 0
	}
	return res, waits
}

// index gives where an instance is; -1 if it is not.
func (st *standing) index(arn string) int {
	return slices.IndexFunc(st.rows, func(x Instance) bool { return x.ARN == arn })
}

// take has an instance give a task its part.
func (st *standing) take(i int, n place.Need) {
	st.all[i].Take(n)
	st.soon[i].Take(n)
	st.all[i].Groups[n.Group]++
}

// mark gives a number that differs when what the instances can take does.
func (st *standing) mark(resources bool) uint64 {
	h := fnv.New64a()
	for i, x := range st.all {
		h.Write([]byte(x.ID + st.rows[i].Status)) // a hash never fails
		for _, a := range st.rows[i].Attributes {
			h.Write([]byte(a.Name + "=" + a.Value + "\n"))
		}
		if !resources {
			continue
		}
		for _, n := range []int{x.CPU, x.MemoryMiB, x.GPUs, x.Interfaces, x.Running, len(x.Taken)} {
			h.Write([]byte(strconv.Itoa(n) + "\n"))
		}
	}
	return h.Sum64()
}

// drains reports whether an instance is to be emptied.
func (st *standing) drains() bool {
	return slices.ContainsFunc(st.all, func(x place.Instance) bool { return x.Draining })
}

// chance gives a random number below n.
func (s *Service) chance(n int) int { return int(s.o.IDs.Uint64() % uint64(n)) }

// needOf gives what a task of a definition takes of an instance, its fixed ports included.
func needOf(d *types.TaskDefinition, o *types.TaskOverride) place.Need {
	var n place.Need
	cpu, memory := 0, 0
	for _, c := range d.ContainerDefinitions {
		var over types.ContainerOverride
		if o != nil {
			over = overrideOf(*o, text(c.Name))
		}
		cpu += int(*or(over.Cpu, c.Cpu))
		soft, hard := c.MemoryReservation, c.Memory
		if over.Memory != nil {
			soft, hard = nil, over.Memory
		}
		if over.MemoryReservation != nil {
			soft = over.MemoryReservation
		}
		memory += int(*or(soft, *or(hard, 0)))
		n.GPUs += gpusOf(&c, &over)
		for _, p := range fixedPorts(d.NetworkMode, &c) {
			n.Ports = append(n.Ports, place.Port{Number: p.Host, UDP: p.UDP})
		}
	}
	n.CPU, n.MemoryMiB = cmp.Or(whole(text(d.Cpu)), cpu), cmp.Or(whole(text(d.Memory)), memory)
	if o != nil {
		if units, ok := cpuUnits(text(o.Cpu)); ok {
			n.CPU = units
		}
		if mib, ok := memoryMiB(text(o.Memory)); ok {
			n.MemoryMiB = mib
		}
	}
	if d.NetworkMode == types.NetworkModeAwsvpc {
		n.Interfaces = 1
	}
	for _, a := range d.RequiresAttributes {
		n.Attributes = append(n.Attributes, text(a.Name))
	}
	return n
}

// needOfTask gives what a task takes of its instance; dynamic ports are among its ports.
func (s *Service) needOfTask(tx *store.Tx, t *Task) place.Need {
	d, ok := s.definition(tx, t.Definition)
	if !ok {
		panic("ecs: task " + t.ARN + " has a definition that is not there")
	}
	overrides := cloud.Kept[types.TaskOverride](t.Overrides)
	n := needOf(d, &overrides)
	n.Ports, n.Group = nil, t.Group
	for _, p := range t.HostPorts {
		n.Ports = append(n.Ports, place.Port{Number: p.Host, UDP: p.UDP})
	}
	return n
}

// gpusOf gives how many GPUs a container takes.
func gpusOf(c *types.ContainerDefinition, o *types.ContainerOverride) (n int) {
	all := c.ResourceRequirements
	if len(o.ResourceRequirements) > 0 {
		all = o.ResourceRequirements
	}
	for _, r := range all {
		if r.Type == types.ResourceTypeGpu {
			n += whole(text(r.Value))
		}
	}
	return n
}

// fixedPorts gives the ports of its instance that a container must have. A task with a network of
// its own takes none.
func fixedPorts(mode types.NetworkMode, c *types.ContainerDefinition) (all []HostPort) {
	for _, p := range hostPorts(mode, c) {
		if !p.Dynamic {
			all = append(all, p)
		}
	}
	return all
}

// hostPorts gives the ports of its instance that a container has; Host of dynamic ones is open.
func hostPorts(mode types.NetworkMode, c *types.ContainerDefinition) (all []HostPort) {
	if mode == types.NetworkModeAwsvpc || mode == types.NetworkModeNone {
		return nil
	}
	for _, p := range c.PortMappings {
		if p.ContainerPort == nil {
			continue
		}
		host := int(*or(p.HostPort, 0))
		all = append(all, HostPort{
			Container: text(c.Name), Port: int(*p.ContainerPort), Host: host, UDP: p.Protocol == types.TransportProtocolUdp, Dynamic: host == 0,
		})
	}
	return all
}

// berth is a place on an instance that a new task gets.
type berth struct {
	instance string // ARN
	ec2      string
	zone     string
	ports    []HostPort
	gpus     []string
}

// berth takes a place on an instance for a task of a definition.
func (s *Service) berth(tx *store.Tx, st *standing, i int, d *types.TaskDefinition, n place.Need) *berth {
	b := &berth{instance: st.rows[i].ARN, ec2: st.rows[i].EC2, zone: st.rows[i].Zone}
	next := map[bool]int{false: firstDynamic, true: firstDynamic} // by whether UDP
	for k := range d.ContainerDefinitions {
		for _, p := range hostPorts(d.NetworkMode, &d.ContainerDefinitions[k]) {
			if p.Dynamic {
				for slices.Contains(st.all[i].Taken, place.Port{Number: next[p.UDP], UDP: p.UDP}) {
					next[p.UDP]++
				}
				p.Host = next[p.UDP]
				next[p.UDP]++
				n.Ports = append(slices.Clip(n.Ports), place.Port{Number: p.Host, UDP: p.UDP})
			}
			b.ports = append(b.ports, p)
		}
	}
	if n.GPUs > 0 {
		free := slices.Clone(st.rows[i].GPUs)
		for t := range s.tasks.By(tx, "instance", b.instance) {
			free = slices.DeleteFunc(free, func(id string) bool { return slices.Contains(t.GPUs, id) })
		}
		b.gpus = free[:min(n.GPUs, len(free))]
	}
	st.take(i, n)
	return b
}

// The words for placement that cannot be are ours but for the first two (unconfirmed).
const (
	wordNoConstraints = "Placement constraints are not supported with FARGATE launch type."
	wordNoStrategies  = "Placement strategies are not supported with FARGATE launch type."
	wordQuery         = "Invalid cluster query language expression: %s."
)

// checkPlacement refuses placement constraints and strategies that mean nothing.
func checkPlacement(fargate bool, constraints []types.PlacementConstraint, strategies []types.PlacementStrategy) error {
	switch {
	case len(constraints) > maxPlacement:
		return invalid("placement constraints can have at most %d items.", maxPlacement)
	case len(strategies) > mostStrategies:
		return invalid("placement strategy can have at most %d items.", mostStrategies)
	case fargate && len(constraints) > 0:
		return invalid(wordNoConstraints)
	case fargate && len(strategies) > 0:
		return invalid(wordNoStrategies)
	}
	for _, c := range constraints {
		switch c.Type {
		case types.PlacementConstraintTypeDistinctInstance:
			if text(c.Expression) != "" {
				return invalid("The distinctInstance placement constraint does not take an expression.")
			}
		case types.PlacementConstraintTypeMemberOf:
			if why := badQuery(text(c.Expression)); why != "" {
				return invalid("%s", why)
			}
		default:
			return invalid("Invalid placement constraint type: %s", c.Type)
		}
	}
	for _, x := range strategies {
		field := strings.ToLower(text(x.Field))
		switch x.Type {
		case types.PlacementStrategyTypeRandom:
			if field != "" {
				return invalid("The random placement strategy does not take a field.")
			}
		case types.PlacementStrategyTypeBinpack:
			if field != "cpu" && field != "memory" {
				return invalid("Invalid field for the binpack placement strategy: %s", text(x.Field))
			}
		case types.PlacementStrategyTypeSpread:
			if field == "" {
				return invalid("The spread placement strategy needs a field.")
			}
		default:
			return invalid("Invalid placement strategy type: %s", x.Type)
		}
	}
	return nil
}

// mostStrategies is how many placement strategies there may be. Source: ecs.md 3.2.
const mostStrategies = 5

// badQuery says what is wrong with the expression of a memberOf constraint; "" for nothing.
func badQuery(expression string) (why string) {
	if strings.TrimSpace(expression) == "" {
		return "The memberOf placement constraint needs an expression."
	}
	if _, err := place.ParseQuery(expression); err != nil {
		return fmt.Sprintf(wordQuery, err)
	}
	return ""
}

// rulesOf gives the rules of placement that a service or a run and its definition make.
func rulesOf(d *types.TaskDefinition, constraints []types.PlacementConstraint, strategies []types.PlacementStrategy, usual place.Strategy) place.Rules {
	var r place.Rules
	where := func(expression *string) {
		if q, err := place.ParseQuery(text(expression)); err == nil { // it was checked when it was stored
			r.Where = append(r.Where, q)
		}
	}
	for _, c := range d.PlacementConstraints {
		where(c.Expression)
	}
	for _, c := range constraints {
		if c.Type == types.PlacementConstraintTypeDistinctInstance {
			r.Distinct = true
			continue
		}
		where(c.Expression)
	}
	for _, x := range strategies {
		kind := map[types.PlacementStrategyType]place.Kind{
			types.PlacementStrategyTypeSpread: place.Spread, types.PlacementStrategyTypeBinpack: place.Binpack,
		}[x.Type]
		field := strings.TrimPrefix(text(x.Field), "attribute:")
		if kind == place.Binpack {
			field = strings.ToLower(field)
		}
		r.Order = append(r.Order, place.Strategy{Kind: kind, Field: field})
	}
	if len(r.Order) == 0 {
		r.Order = []place.Strategy{usual}
	}
	return r
}

// overZones is how services place tasks that say nothing of it.
var overZones = place.Strategy{Kind: place.Spread, Field: "ecs.availability-zone"}
