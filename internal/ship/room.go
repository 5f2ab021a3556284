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
)

// Room is what is free on a cluster's container instances. Placement constraints and attributes are not
// looked at: with them it may be less.
type Room struct {
	Instances int  // ACTIVE ones
	Free      int  // more tasks of the definition that they take
	Grows     bool // a capacity provider may add instances
}

// instanceBatch is how many instances DescribeContainerInstances takes.
const instanceBatch = 100

// room looks what is free for the tasks of a proposal, where they run on container instances.
func (a Around) room(ctx context.Context, p *Proposal, f *Facts) error {
	fargate, provider := p.capacity()
	if fargate {
		return nil
	}
	var arns []string
	in := &ecs.ListContainerInstancesInput{Cluster: &p.Cluster, Status: types.ContainerInstanceStatusActive}
	for more := true; more; more = in.NextToken != nil {
		out, err := a.ECS.ListContainerInstances(ctx, in)
		if err != nil {
			return err
		}
		arns, in.NextToken = append(arns, out.ContainerInstanceArns...), out.NextToken
	}
	need, r := p.need(), &Room{Instances: len(arns), Grows: provider != ""}
	for some := range slices.Chunk(arns, instanceBatch) {
		out, err := a.ECS.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{Cluster: &p.Cluster, ContainerInstances: some})
		if err != nil {
			return err
		}
		for _, i := range out.ContainerInstances {
			if i.AgentConnected {
				r.Free += need.fit(i.RemainingResources)
			}
		}
	}
	f.Room = r
	return nil
}

// capacity says where the tasks will run: on Fargate, or on instances, those of a capacity provider
// where one is named.
func (p *Proposal) capacity() (fargate bool, provider string) {
	launch, names := text(p.Update["launchType"]), []string(nil)
	if list, ok := p.Update["capacityProviderStrategy"].([]any); ok {
		for _, s := range list {
			names = append(names, text(member(s, "capacityProvider")))
		}
	}
	if launch == "" && names == nil && p.Live != nil {
		launch = string(p.Live.LaunchType)
		for _, s := range p.Live.CapacityProviderStrategy {
			names = append(names, aws.ToString(s.CapacityProvider))
		}
	}
	for _, n := range names {
		if strings.HasPrefix(n, "FARGATE") {
			return true, ""
		}
		provider = n
	}
	if launch != "" || provider != "" {
		return launch == string(types.LaunchTypeFargate), provider
	}
	list, ok := p.Definition["requiresCompatibilities"].([]any)
	return ok && slices.Contains(list, any("FARGATE")), ""
}

// need is what a task takes of an instance.
type need struct {
	cpu, memory int
	ports, udp  []string // of the instance
}

// need gives what one task of the definition takes.
func (p *Proposal) need() need {
	var n need
	own := text(p.Definition["networkMode"]) == "awsvpc"
	for _, c := range containersOf(p.Definition) {
		n.cpu += number(c["cpu"], 0)
		n.memory += number(c["memoryReservation"], number(c["memory"], 0))
		list, ok := c["portMappings"].([]any)
		if !ok || own {
			continue
		}
		for _, m := range list {
			port := text(member(m, "hostPort"))
			switch {
			case port == "" || port == "0":
			case text(member(m, "protocol")) == "udp":
				n.udp = append(n.udp, port)
			default:
				n.ports = append(n.ports, port)
			}
		}
	}
	n.cpu = number(units(text(p.Definition["cpu"])), n.cpu)
	n.memory = number(units(text(p.Definition["memory"])), n.memory)
	return n
}

// fit gives how many tasks an instance takes with what remains of it.
func (n need) fit(remaining []types.Resource) int {
	fits := -1
	least := func(k int) {
		if fits < 0 || k < fits {
			fits = max(k, 0)
		}
	}
	taken := func(ports, used []string) {
		if len(ports) > 0 {
			least(1)
		}
		if slices.ContainsFunc(ports, func(p string) bool { return slices.Contains(used, p) }) {
			least(0)
		}
	}
	for _, r := range remaining {
		switch aws.ToString(r.Name) {
		case "CPU":
			if n.cpu > 0 {
				least(int(r.IntegerValue) / n.cpu)
			}
		case "MEMORY":
			if n.memory > 0 {
				least(int(r.IntegerValue) / n.memory)
			}
		case "PORTS":
			taken(n.ports, r.StringSetValue)
		case "PORTS_UDP":
			taken(n.udp, r.StringSetValue)
		}
	}
	return max(fits, 0)
}

// more gives how many tasks there will be at the most beside those that run now.
func (e *estimate) more(peak int) int {
	if e.p.Live == nil {
		return peak
	}
	return max(0, peak-int(e.p.Live.RunningCount))
}

// room says whether as many tasks find room.
func (e *estimate) room(peak int) string {
	n := e.p.need()
	each := ""
	if n.cpu > 0 && n.memory > 0 {
		each = fmt.Sprintf(" of %d CPU units and %d MiB", n.cpu, n.memory)
	}
	fargate, provider := e.p.capacity()
	r := e.f.Room
	switch {
	case fargate:
		return fmt.Sprintf("%d tasks%s on Fargate, %s vCPUs in all: the account's quota of them is the only limit", peak, each,
			strconv.FormatFloat(float64(peak*n.cpu)/1024, 'f', -1, 64))
	case r == nil:
		return fmt.Sprintf("%d tasks%s must find room on the cluster's instances beside all else; that was not looked at", peak, each)
	}
	line := fmt.Sprintf("%d tasks%s, %d more than now; there is room for %d more on the cluster's %d instance%s", peak, each, e.more(peak), r.Free, r.Instances, plural(r.Instances))
	switch {
	case r.Free >= e.more(peak):
		return line
	case r.Grows:
		return line + "; capacity provider " + provider + " has to add some"
	case e.stuck():
		return line + ", which is too little"
	}
	return line + ": they do not fit all at once, so that it takes longer"
}

// stuck reports whether the deployment cannot go on for want of room: the tasks that have to be there
// before any old one may go do not fit.
func (e *estimate) stuck() bool {
	r := e.f.Room
	if r == nil || r.Grows || e.desired == 0 {
		return false
	}
	lower, _ := e.bounds()
	if e.p.Live == nil || e.shifts() {
		return r.Free < e.desired
	}
	return r.Free == 0 && lower >= int(e.p.Live.RunningCount)
}
