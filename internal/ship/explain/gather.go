package explain

import (
	"fmt"
	"slices"
	"strings"
)

// list is causes, one of each class and text, in the order in which they were first seen; those
// of tasks stand before those of events, which mostly tell of the same from further away.
type list []Cause

func (l *list) add(c Cause) {
	for i := range *l {
		if have := &(*l)[i]; have.Class == c.Class && c.Class != Unclassified {
			have.Seen += c.Seen
			have.Raw = join(have.Raw, c.Raw)
			if len(have.Log) == 0 {
				have.Log = c.Log
			}
			return
		} else if c.Class == Unclassified && have.Class == Unclassified && have.Text == c.Text {
			have.Seen += c.Seen
			return
		}
	}
	*l = append(*l, c)
}

// has reports whether a cause of one of the classes is known already.
func (l *list) has(any ...Class) bool {
	return slices.ContainsFunc(*l, func(c Cause) bool { return slices.Contains(any, c.Class) })
}

// nest puts what a health check met below the health check that failed, and what explains little
// last.
func (l list) nest() list {
	var out, under list
	failed := l.has(TargetHealth)
	for _, c := range l {
		if failed && slices.Contains(targetCauses, c.Class) {
			under = append(under, c)
			continue
		}
		out = append(out, c)
	}
	for i := range out {
		if out[i].Class == TargetHealth {
			out[i].Because = under
		}
	}
	slices.SortStableFunc(out, func(a, b Cause) int { return slices.Index(vague, a.Class) - slices.Index(vague, b.Class) })
	return out
}

// vague are classes that explain less than any other, the least last.
var vague = []Class{TaskStopped, PlacementUnknown, Throttled, BackOff, Unclassified}

// task reads a stopped task: its containers' reasons, then its own, then exit codes.
func (l *list) task(t Task) {
	if strings.HasPrefix(t.Reason, scaledDown) {
		return
	}
	name := "task " + t.ID[:min(8, len(t.ID))]
	for _, c := range t.Containers {
		if c.Reason == "" {
			continue
		}
		if r := match(taskRules(), c.Reason); r != nil {
			k := knot(r.class, fmt.Sprintf("%s, container %s: %s", name, c.Name, r.says(c.Reason)), c.Reason)
			k.Log = tail(c.Log)
			l.add(k)
			return
		}
	}
	if r := match(taskRules(), t.Reason); r != nil {
		k := knot(r.class, name+": "+r.says(t.Reason)+t.ends(), t.Reason)
		for _, c := range t.Containers {
			if len(k.Log) == 0 {
				k.Log = tail(c.Log)
			}
		}
		l.add(k)
		return
	}
	if t.StopCode == "UserInitiated" {
		l.add(knot(TaskStopped, fmt.Sprintf("%s was stopped by hand: %s", name, t.Reason), t.Reason))
		return
	}
	for _, c := range t.Containers {
		if k, ok := exited(name, t, c); ok {
			l.add(k)
			return
		}
	}
	raw := t.Reason
	for _, c := range t.Containers {
		if c.Reason != "" {
			raw += " (" + c.Name + ": " + c.Reason + ")"
		}
	}
	l.add(Cause{Class: Unclassified, Text: name + " stopped: " + raw, Raw: []string{raw}, Seen: 1})
}

// ends tells the codes of the containers that a stop alone does not give, by whichever signal; "" where
// there are none.
func (t Task) ends() (said string) {
	for _, c := range t.Containers {
		if c.Exit != nil && !slices.Contains([]int{0, 130, 131, 137, 143}, *c.Exit) {
			said += fmt.Sprintf("; container %s ended with exit code %d", c.Name, *c.Exit)
		}
	}
	return said
}

// exited reads an exit code. A container that was stopped because another one ended has a code
// of a signal; that is no cause where the other is there.
func exited(name string, t Task, c Container) (Cause, bool) {
	if c.Exit == nil || t.StopCode != "EssentialContainerExited" && t.StopCode != "TaskFailedToStart" {
		return Cause{}, false
	}
	code := *c.Exit
	others := slices.ContainsFunc(t.Containers, func(o Container) bool {
		return o.Name != c.Name && o.Exit != nil && *o.Exit != 143 && *o.Exit != 137
	})
	if (code == 143 || code == 137) && others {
		return Cause{}, false
	}
	raw := fmt.Sprintf("%s: exit code %d", c.Name, code)
	var k Cause
	switch code {
	case 0:
		k = knot(ExitZero, fmt.Sprintf("%s: container %s ended by itself with exit code 0", name, c.Name), raw)
	case 127:
		k = knot(CommandNotFound, fmt.Sprintf("%s: the shell of container %s found no such command (exit code 127)", name, c.Name), raw)
	case 126:
		k = knot(CommandNotFound, fmt.Sprintf("%s: container %s may not run its command (exit code 126)", name, c.Name), raw)
	case 137, 139, 134:
		k = knot(Killed, fmt.Sprintf("%s: container %s was killed by %s (exit code %d)", name, c.Name, signals[code], code), raw)
	default:
		k = knot(ExitAtStart, fmt.Sprintf("%s: container %s ended with exit code %d", name, c.Name, code), raw)
	}
	k.Log = tail(c.Log)
	return k, true
}

var signals = map[int]string{134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV"}

// event reads a service event. What is routine says nothing, and what only repeats what the
// tasks have said better is left out.
func (l *list) event(text string) {
	if r := match(eventRules(), text); r != nil {
		if r.class == Nothing || l.has(r.after...) {
			return
		}
		l.add(knot(r.class, r.says(text), text))
		return
	}
	l.add(Cause{Class: Unclassified, Text: text, Raw: []string{text}, Seen: 1})
}

// target reads a target's health.
func (l *list) target(t Target) {
	r := match(targetRules(), t.Reason)
	if r == nil {
		return
	}
	l.add(knot(r.class, fmt.Sprintf("target %s of %s is %s: %s", t.ID, t.Group, t.State, t.Text), strings.TrimSpace(t.Reason+" "+t.Text)))
}
