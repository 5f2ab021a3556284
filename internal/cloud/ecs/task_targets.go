package ecs

import (
	"slices"
	"time"
)

const (
	// registerTick is how long a task that could be registered waits for others of its
	// deployment, so that they are registered together as ECS's scheduler does. ECS's own tick
	// is not published (unconfirmed); captures show seconds.
	registerTick = 500 * time.Millisecond
	// registerWait is how long it waits where others of its deployment are still on their way.
	registerWait = 5 * time.Second
	// registerAgain is the pause after a load balancer refused a target.
	registerAgain = 30 * time.Second
)

// enrolled says that the task waits for no load balancer to take it.
func (c *care) enrolled() bool {
	return !slices.ContainsFunc(c.t.Targets, func(g Target) bool { return !g.Registered && !g.Refused })
}

// targets makes the task a target of its groups, together with those of its deployment that are
// as far, and notes what the load balancers say of it.
//
// Source: ecs.md 3.7 (the event's words, without a full stop).
func (c *care) targets() {
	t, now := c.t, c.tx.Now()
	for i := range t.Targets {
		g := &t.Targets[i]
		if g.Registered {
			id, port := c.address(g)
			c.note(g, id, port)
		}
	}
	if !slices.ContainsFunc(t.Targets, func(g Target) bool { return !g.Registered }) {
		return
	}
	pause := registerTick
	for range c.tasks.By(c.tx, "boarding", coming+t.crew()) {
		pause = registerWait
		break
	}
	if at := t.assembled().Add(pause); now.Before(at) {
		c.res.Sooner(at)
		return
	}
	var groups []string // one element for each target, in the order of registration
	c.enrol(&groups)
	for other := range c.tasks.By(c.tx, "boarding", waiting+t.crew()) {
		if other.ARN == t.ARN {
			continue
		}
		if o := (&care{Service: c.Service, tx: c.tx, t: &other, d: c.d}); !o.enrolled() {
			other.Targets = slices.Clone(other.Targets)
			o.enrol(&groups)
			c.tasks.Put(c.tx, other)
		}
	}
	for len(groups) > 0 {
		group, all := groups[0], len(groups)
		groups = slices.DeleteFunc(groups, func(g string) bool { return g == group })
		c.say(c.tx, t.Service, "registered %d targets in (target-group %s)", all-len(groups), group)
	}
}

// What the index "boarding" finds tasks of a deployment by that shall be targets, while they are not:
// those whose containers have not all been started yet, and those that wait for the others.
const (
	coming  = "coming "
	waiting = "waiting "
)

// boarding is under what the index has the task; "" while it is neither.
func (t *Task) boarding() string {
	switch {
	case len(t.Targets) == 0 || t.Desired != "RUNNING":
		return ""
	case t.assembled().IsZero():
		return coming + t.crew()
	case t.Last == "ACTIVATING":
		return waiting + t.crew()
	}
	return ""
}

// crew is what tasks of the same deployment share.
func (t *Task) crew() string { return t.Service + " " + t.Deployment }

// enrol registers the task with those of its groups that do not have it, and adds them to groups.
func (c *care) enrol(groups *[]string) {
	t := c.t
	for i := range t.Targets {
		g := &t.Targets[i]
		if g.Registered {
			continue
		}
		id, port := c.address(g)
		target := BalancerTarget{ID: id, Port: port, Zone: t.Zone, Owner: t.ARN, Dial: c.o.Runtime.Reach(c.launchTask(), t.Place, g.Port)}
		if err := c.o.Balancer.Register(c.tx, g.Group, target); err != nil {
			g.Refused = true
			c.complain(c.tx, t.Service, "failed to register targets in (target-group %s) with (error %s)", g.Group, err)
			c.res.Sooner(c.tx.Now().Add(registerAgain))
			continue
		}
		g.Registered = true
		*groups = append(*groups, g.Group)
		c.note(g, id, port)
	}
}

// assembled says when the last of the task's containers started; zero while some have not.
func (t *Task) assembled() (at time.Time) {
	for _, x := range t.Containers {
		if x.Last == "PENDING" {
			return time.Time{}
		}
		if x.Started.After(at) {
			at = x.Started
		}
	}
	return at
}

// note copies a target's state; it reports whether the target is still there.
func (c *care) note(g *Target, id string, port int) bool {
	state, reason, description, ok := c.o.Balancer.Target(c.tx, g.Group, id, port)
	if !ok {
		return false
	}
	if g.State, g.Reason = state, description; g.Reason == "" {
		g.Reason = reason
	}
	return true
}

// address says where a target of the task is registered: its address and port, or in a group of
// instances that of its instance.
func (c *care) address(g *Target) (id string, at int) {
	id, at = c.t.Place.Address, g.Port
	if g.EC2 != "" {
		at = g.Host
	}
	for _, p := range c.t.Place.Ports {
		if p.Container == g.Port {
			id, at = p.Host, p.Port
		}
	}
	if g.EC2 != "" {
		id = g.EC2
	}
	return id, at
}
