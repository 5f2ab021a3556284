// Package explain names why a deployment went wrong: from what was seen of it, as plain data, to
// a tree of causes, each with what to do.
//
// It decides and asks nobody; who has the facts hands them in. What no rule knows is called
// unclassified and shown as it was said. Read Facts, Of and the tables in rules.go.
package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Facts are what was seen of one deployment. What is missing is unknown, not fine.
type Facts struct {
	Service    string
	Deployment *Deployment
	Superseded string   // what took the deployment's place: family:revision; empty where nothing did
	Events     []Event  // of the service while the deployment ran, oldest first
	Tasks      []Task   // of the new revision that stopped, oldest first
	Targets    []Target // of the service's target groups, as they are now
	Alarms     []Alarm  // those the deployment watches
}

// Deployment is a service deployment's own word.
type Deployment struct {
	Status    string // IN_PROGRESS, ROLLBACK_SUCCESSFUL, …
	Reason    string // statusReason
	Rollback  string // rollback.reason
	Stage     string
	Breaker   string // MONITORING, TRIGGERED, …
	Failures  int    // failed tasks the breaker has counted
	Threshold int    // at which it trips
	Triggered []string
	Hooks     []Hook

	// What CodeDeploy says of one that ended badly.
	Code     string   // ALARM_ACTIVE, …
	Event    string   // the life-cycle event that failed
	Function string   // that was its hook
	Log      []string // the function's last lines
}

// Hook is a life-cycle hook of the present stage.
type Hook struct{ ID, Type, Target, Status string }

// Event is a message of the service.
type Event struct {
	At   time.Time
	Text string
}

// Task is a task that stopped.
type Task struct {
	ID         string
	StopCode   string
	Reason     string
	Containers []Container
}

// Container is how a container of a stopped task ended.
type Container struct {
	Name   string
	Exit   *int // nil: it never ran, or ended unseen
	Reason string
	Log    []string // the last lines, oldest first
}

// Target is a target's health.
type Target struct{ Group, ID, State, Reason, Text string }

// Alarm is an alarm's state.
type Alarm struct{ Name, State, Reason string }

// Cause is a knot of the tree: what happened, and below it why.
type Cause struct {
	Class   Class    `json:"class"`
	Text    string   `json:"text"`          // what happened, one line
	Do      string   `json:"do,omitempty"`  // what to do about it
	Raw     []string `json:"raw,omitempty"` // the words this was read from, as AWS said them
	Log     []string `json:"log,omitempty"` // the last lines of the container it is about
	Seen    int      `json:"seen"`          // how often
	Because []Cause  `json:"because,omitempty"`
}

// scaledDown begins the reason of tasks that a deployment itself or a smaller count stopped: an
// effect, not a cause.
const scaledDown = "Scaling activity initiated by"

// maxRaw and maxLog are how many words and log lines a cause keeps.
const (
	maxRaw = 3
	maxLog = 10
)

// Of gives the tree. Its root is what ended the deployment, or holds it up, as the deployment
// itself says; below stands what the tasks, targets, events and alarms say of why. A root
// without anything known has class Nothing.
func Of(f Facts) Cause {
	root := surface(f)
	under := list{}
	for _, t := range f.Tasks {
		under.task(t)
	}
	for _, e := range f.Events {
		under.event(e.Text)
	}
	for _, t := range f.Targets {
		under.target(t)
	}
	for _, a := range f.Alarms {
		if a.State == "ALARM" {
			c := knot(Alarmed, fmt.Sprintf("alarm %s is in ALARM: %s", a.Name, a.Reason), a.Reason)
			under.add(c)
		}
	}
	for _, c := range under.nest() {
		if c.Class != root.Class {
			root.Because = append(root.Because, c)
			continue
		}
		root.Raw = join(root.Raw, c.Raw)
	}
	return lift(root)
}

// lift puts the one known cause in the place of a root that says nothing.
func lift(root Cause) Cause {
	known := slices.IndexFunc(root.Because, func(c Cause) bool { return c.Class != Unclassified })
	if root.Class == Nothing && known >= 0 {
		up := root.Because[known]
		up.Because = append(up.Because, slices.Delete(slices.Clone(root.Because), known, known+1)...)
		return up
	}
	if root.Class == Nothing && len(root.Because) > 0 {
		up := root.Because[0]
		up.Because = append(up.Because, root.Because[1:]...)
		return up
	}
	return root
}

// First gives the deepest cause that is known: what to mend first. Knots come in the order of
// their rank: what explains most comes first.
func (c Cause) First() Cause {
	for _, b := range c.Because {
		if b.Class != Unclassified {
			return b.First()
		}
	}
	return c
}

// All gives the cause and all below it, each before what lies below it.
func (c Cause) All() []Cause {
	all := []Cause{c}
	for _, b := range c.Because {
		all = append(all, b.All()...)
	}
	return all
}

// Line gives the cause and the first that lies below it, in one line.
func (c Cause) Line() string {
	if first := c.First(); first.Class != c.Class {
		return c.Text + ": " + first.Text
	}
	return c.Text
}

// surface reads what the deployment says of itself.
func surface(f Facts) Cause {
	d := f.Deployment
	if d == nil {
		for _, e := range f.Events {
			switch {
			case strings.Contains(e.Text, "deployment failed: tasks failed to start"):
				return knot(Breaker, "the circuit breaker ended it: too many tasks failed", e.Text)
			case strings.Contains(e.Text, "deployment failed: alarm detected"):
				return knot(Alarmed, "an alarm went into ALARM during the deployment", e.Text)
			}
		}
		return Cause{Class: Nothing, Text: "nothing is known of the deployment itself", Seen: 1}
	}
	if d.Code != "" {
		return coded(d)
	}
	raw := strings.TrimSpace(d.Reason)
	if strings.HasPrefix(raw, "No rollback candidate") {
		switch { // the sentence hides what ended it
		case d.Breaker == "TRIGGERED":
			return knot(Breaker, fmt.Sprintf("the circuit breaker ended it (%d of %d tasks failed), and there is no earlier deployment to go back to", d.Failures, d.Threshold), raw)
		case len(d.Triggered) > 0:
			return knot(Alarmed, "alarm "+strings.Join(d.Triggered, ", ")+" went into ALARM, and there is no earlier deployment to go back to", raw)
		}
		if k, ok := hooked(d, raw); ok && k.Class != Waiting {
			k.Text += ", and there is no earlier deployment to go back to"
			return k
		}
	}
	if raw == "" || strings.HasPrefix(raw, "No rollback candidate") && d.Rollback != "" {
		raw = strings.TrimSpace(strings.TrimSpace(d.Rollback) + " " + raw)
	}
	if r := match(deploymentRules(), raw); r != nil {
		c := knot(r.class, r.says(raw), raw)
		if r.class == Alarmed && len(d.Triggered) > 0 {
			c.Text = "alarm " + strings.Join(d.Triggered, ", ") + " went into ALARM during the deployment"
		}
		if r.class == Breaker && d.Threshold > 0 {
			c.Text = fmt.Sprintf("the circuit breaker ended it: %d of %d tasks failed", d.Failures, d.Threshold)
		}
		return c
	}
	switch {
	case d.Breaker == "TRIGGERED":
		return knot(Breaker, fmt.Sprintf("the circuit breaker ended it: %d of %d tasks failed", d.Failures, d.Threshold), raw)
	case len(d.Triggered) > 0:
		return knot(Alarmed, "alarm "+strings.Join(d.Triggered, ", ")+" went into ALARM during the deployment", raw)
	case f.Superseded != "":
		return knot(Superseded, "a newer deployment, of "+f.Superseded+", took its place", raw)
	}
	if k, ok := hooked(d, raw); ok {
		return k
	}
	switch {
	case d.Status == "SUCCESSFUL":
		return Cause{Class: Nothing, Text: "the deployment succeeded", Seen: 1}
	case raw != "":
		return Cause{Class: Unclassified, Text: raw, Raw: []string{raw}, Seen: 1}
	}
	return Cause{Class: Nothing, Text: "the deployment is " + d.Status + " and gives no reason", Seen: 1}
}

// hooked reads the state of a deployment's hooks.
func hooked(d *Deployment, raw string) (Cause, bool) {
	of := ""
	if d.Stage != "" {
		of = " of stage " + d.Stage
	}
	for _, h := range d.Hooks {
		switch h.Status {
		case "FAILED":
			return knot(HookFailed, "the hook "+named(h)+of+" failed", raw), true
		case "TIMED_OUT":
			return knot(HookTimedOut, "the hook "+named(h)+of+" took too long", raw), true
		case "AWAITING_ACTION":
			return knot(Waiting, fmt.Sprintf("it waits at stage %s for somebody to continue or to refuse", d.Stage), raw), true
		}
	}
	return Cause{}, false
}

func named(h Hook) string {
	if h.Target != "" {
		return h.Target[strings.LastIndexByte(h.Target, ':')+1:]
	}
	return h.ID
}

// knot makes a cause of a class, with what to do.
func knot(c Class, text, raw string) Cause {
	k := Cause{Class: c, Text: text, Do: advice[c], Seen: 1}
	if raw != "" {
		k.Raw = []string{raw}
	}
	return k
}

func join(have, more []string) []string {
	for _, m := range more {
		if len(have) < maxRaw && !slices.Contains(have, m) {
			have = append(have, m)
		}
	}
	return have
}

func tail(lines []string) []string { return lines[max(0, len(lines)-maxLog):] }
