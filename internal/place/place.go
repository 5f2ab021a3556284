// Package place decides which container instance a task goes to, and why none takes it.
//
// It works on plain data: instances with what is left of them, what a task needs, and the rules of
// its service or its run. It knows no AWS, starts nothing, and is handed its chance. Read Instance,
// Need and Rules, then Pick; query.go, words.go and compare.go have the cluster query language.
//
// Source: ecs.md 3.7 and 9.1; ECS Developer Guide, "How Amazon ECS places tasks on container
// instances".
package place

import (
	"cmp"
	"slices"
	"time"
)

// Instance is a container instance as it stands now.
type Instance struct {
	ID         string // opaque: what ties are broken by, and what "instanceId" spreads over
	EC2        string // ec2InstanceId
	Zone       string
	Draining   bool // takes no new tasks
	Connected  bool // its agent is
	Agent      string
	Registered time.Time
	Running    int // tasks that run on it

	CPU, MemoryMiB, GPUs int // that are left
	Interfaces           int // network interfaces that are left for tasks; Plenty where nobody counts them
	Taken                []Port
	Attributes           map[string]string // for lookup only; a value may be ""
	Groups               map[string]int    // tasks that are wanted, by their group; for lookup only
}

// Plenty is more network interfaces than tasks ever take.
const Plenty = 1 << 30

// Port is a port of an instance.
type Port struct {
	Number int
	UDP    bool
}

// Need is what a task takes of an instance.
type Need struct {
	CPU, MemoryMiB, GPUs int
	Interfaces           int      // network interfaces: one where the task has a network of its own
	Ports                []Port   // fixed ones; dynamic ports are never short
	Attributes           []string // that its instance must have, of whatever value
	Group                string
}

// Rules are a service's or a run's own.
type Rules struct {
	Distinct bool       // no two tasks of a group on one instance
	Where    []Query    // each must hold
	Order    []Strategy // the first decides, the next among its equals
}

// Strategy is one step of a placement strategy.
type Strategy struct {
	Kind  Kind
	Field string // Spread: "instanceId" or an attribute; Binpack: "cpu" or "memory"
}

// Kind is what a strategy does.
type Kind int

// The kinds of strategies.
const (
	Random Kind = iota
	Spread
	Binpack
)

// Lack is why an instance does not take a task.
type Lack int

// What an instance may lack, in the order in which it is looked at: an instance that lacks a later
// one is the closer match.
const (
	Nothing Lack = iota
	Agent        // its agent is not connected
	CPU
	Memory
	GPU
	Ports
	Interface
	Attribute
	MemberOf
	DistinctInstance
)

// Result is where a task goes. At is an index into the instances, or -1; then Closest is the index
// of the one that came closest, or -1 where there is none, and Lack is what that one lacks.
type Result struct {
	At, Closest int
	Lack        Lack
}

// Pick says where a task goes. chance gives a number from 0 to n-1; it is asked for where a
// strategy is random, and nowhere else. Draining instances are as if they were not there.
//
// An order that decides nothing leaves the instance with the fewest tasks of the group, then with
// the fewest at all, then the first by ID; ECS's choice among equals is random.
func Pick(all []Instance, n Need, r Rules, chance func(n int) int) Result {
	var fit []int
	out := Result{At: -1, Closest: -1}
	for _, i := range byID(all) {
		x := &all[i]
		if x.Draining {
			continue
		}
		lack := x.lacks(n, r)
		if lack == Nothing {
			fit = append(fit, i)
		} else if out.Closest < 0 || lack > out.Lack {
			out.Closest, out.Lack = i, lack
		}
	}
	if len(fit) == 0 {
		return out
	}
	for _, s := range r.Order {
		if s.Kind == Random {
			return Result{At: fit[chance(len(fit))], Closest: -1}
		}
		fit = s.best(all, fit, n)
	}
	slices.SortStableFunc(fit, func(a, b int) int {
		return cmp.Or(cmp.Compare(all[a].Groups[n.Group], all[b].Groups[n.Group]), cmp.Compare(all[a].tasks(), all[b].tasks()))
	})
	return Result{At: fit[0], Closest: -1}
}

// Lacks says why one instance does not take a task whose place is given, as StartTask does: no
// placement constraint is looked at.
func Lacks(x Instance, n Need) Lack { return x.lacks(n, Rules{}) }

// Matches reports whether an instance is one that a daemon belongs on: it keeps the daemon's
// constraints, whatever is left of it.
func Matches(x Instance, n Need, where []Query) bool {
	return x.has(n.Attributes) && all(where, &x)
}

// byID gives the indexes of the instances in the order of their ids.
func byID(all []Instance) []int {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(all[a].ID, all[b].ID) })
	return order
}

// lacks says what an instance lacks first.
func (x *Instance) lacks(n Need, r Rules) Lack {
	switch {
	case !x.Connected:
		return Agent
	case n.CPU > x.CPU:
		return CPU
	case n.MemoryMiB > x.MemoryMiB:
		return Memory
	case n.GPUs > x.GPUs:
		return GPU
	case slices.ContainsFunc(n.Ports, func(p Port) bool { return slices.Contains(x.Taken, p) }):
		return Ports
	case n.Interfaces > x.Interfaces:
		return Interface
	case !x.has(n.Attributes):
		return Attribute
	case !all(r.Where, x):
		return MemberOf
	case r.Distinct && x.Groups[n.Group] > 0:
		return DistinctInstance
	}
	return Nothing
}

func (x *Instance) has(attributes []string) bool {
	return !slices.ContainsFunc(attributes, func(a string) bool { _, ok := x.Attributes[a]; return !ok })
}

func all(where []Query, x *Instance) bool {
	return !slices.ContainsFunc(where, func(q Query) bool { return !q.Holds(x) })
}

// tasks counts the tasks wanted on an instance.
func (x *Instance) tasks() (n int) {
	for _, k := range x.Groups {
		n += k
	}
	return n
}

// best keeps those of some instances that a strategy likes best; they stay in their order.
func (s Strategy) best(all []Instance, fit []int, n Need) []int {
	cost := func(i int) int {
		x := &all[i]
		switch {
		case s.Kind == Binpack && s.Field == "cpu":
			return x.CPU
		case s.Kind == Binpack:
			return x.MemoryMiB
		}
		here := x.part(s.Field)
		sum := 0
		for k := range all { // those that take no more tasks count too: what is there is there
			if all[k].part(s.Field) == here {
				sum += all[k].Groups[n.Group]
			}
		}
		return sum
	}
	var out []int
	least := 0
	for _, i := range fit {
		switch c := cost(i); {
		case len(out) == 0 || c < least:
			out, least = append(out[:0:0], i), c
		case c == least:
			out = append(out, i)
		}
	}
	return out
}

// part gives an instance's place in what a spread goes over.
func (x *Instance) part(field string) string {
	if field == "instanceId" || field == "host" {
		return x.ID
	}
	return x.Attributes[field]
}

// String gives the lack as the reason of a failure has it.
//
// Source: ecs.md 9.1; that of DistinctInstance follows MemberOf's.
func (l Lack) String() string {
	switch l {
	case Agent:
		return "AGENT"
	case CPU:
		return "RESOURCE:CPU"
	case Memory:
		return "RESOURCE:MEMORY"
	case GPU:
		return "RESOURCE:GPU"
	case Ports:
		return "RESOURCE:PORTS"
	case Interface:
		return "RESOURCE:ENI"
	case Attribute:
		return "ATTRIBUTE"
	case MemberOf:
		return "MemberOf placement constraint unsatisfied."
	case DistinctInstance:
		return "DistinctInstance placement constraint unsatisfied."
	}
	return ""
}

// Sentence gives what a service event says of the closest instance, after its id.
//
// Source: ecs.md 3.7. Those of memory and attributes are as users report them; that of GPUs is
// reasoned (unconfirmed).
func (l Lack) Sentence() string {
	switch l {
	case CPU:
		return "has insufficient CPU units available."
	case Memory:
		return "has insufficient memory available."
	case Ports:
		return "is already using a port required by your task."
	case Attribute:
		return "is missing an attribute required by your task."
	}
	return `encountered error "` + l.String() + `".`
}

// Take has an instance give a task what it needs.
func (x *Instance) Take(n Need) {
	x.CPU, x.MemoryMiB, x.GPUs = x.CPU-n.CPU, x.MemoryMiB-n.MemoryMiB, x.GPUs-n.GPUs
	x.Interfaces -= n.Interfaces
	x.Taken = append(slices.Clip(x.Taken), n.Ports...)
}
