package rollout

import (
	"fmt"
	"time"
)

// Observation is what is true now, never what happened since last time.
type Observation struct {
	Count    [2]Count           // by Side
	Share    [2]Share           // by Route: the new side's part as the world has it, not as we asked
	Gates    map[string]Verdict // by Stage.Gate, Stage.Back and guard; absent is Unknown
	Alarms   []string           // names in ALARM
	Commands []Command          // all so far, in order; State.Seen counts those obeyed
}

// Count is how a side stands.
type Count struct {
	Want    int // tasks asked for or existing with desired status RUNNING, whichever is more
	Running int // tasks that run, of those wanted; a slow world shows fewer than Want, or more
	Healthy int // tasks that are healthy; see reconcile.Healthy
	Leaving int // tasks told to stop that are not gone yet
	Failed  int // failures as ECS counts them for the breaker; see reconcile.Failures
}

// live is the room a side takes.
func (c Count) live(strict bool) int {
	n := max(c.Want, c.Running)
	if strict {
		n += c.Leaving
	}
	return n
}

// healthy is the number of healthy tasks that will stay: one told to stop may still look well.
func (c Count) healthy() int { return min(c.Healthy, c.Want) }

// gone reports whether nothing of a side is left.
func (c Count) gone() bool { return c.Want == 0 && c.Running == 0 && c.Leaving == 0 }

// Verdict is what a gate says. The zero value is "not yet".
type Verdict int

// The verdicts.
const (
	Unknown Verdict = iota
	Pass
	Fail
)

// Command is an order from outside.
type Command int

// The commands.
const (
	Pause  Command = iota + 1 // ask for nothing more; guards and breaker go on watching
	Resume                    // go on after a pause
	Abort                     // end by the policy for aborts, which is to roll back
	Halt                      // end here and leave things as they are
	Skip                      // count the present Hold or Gate as done
)

// Want is what a Step wants done.
type Want struct {
	Actions []Action
	Wake    time.Time // call again by then, even if nothing is seen; zero means no need
	Notes   []Note    // what happened in this Step, for people and events

	// Stuck says that the bounds leave nothing to start, nothing to stop, and that nothing is
	// on its way: ECS's "was unable to stop or start tasks". It stays true as long as that
	// lasts; whoever reports it does so once.
	Stuck bool
}

// Action is a goal, not an order to change by some amount: repeating or losing one is
// harmless, since the next Step asks again as long as the observation differs.
type Action struct {
	Do    Do
	Side  Side   // Scale
	Want  int    // Scale: tasks the side should have
	Route Route  // Move
	Share Share  // Move: the new side's part
	Gate  string // Ask
}

// Do is the kind of an action.
type Do int

// The kinds of actions.
const (
	Scale Do = iota + 1 // make Side want Want tasks
	Move                // give the new side Share of Route
	Ask                 // see to it that Gate comes to a verdict
)

// String gives an action as a transcript writes it.
func (a Action) String() string {
	switch a.Do {
	case Scale:
		return fmt.Sprintf("scale %s %d", a.Side, a.Want)
	case Move:
		return fmt.Sprintf("shift %s %s", a.Route, a.Share)
	case Ask:
		return "ask " + a.Gate
	}
	return fmt.Sprintf("action %d", int(a.Do))
}

// Note is something that happened in a Step.
type Note struct {
	Kind  Noted
	Stage Name   // the stage it happened in
	Cause Cause  // Failing
	Text  string // for people, lower case, with the values
}

// Noted is the kind of a note.
type Noted int

// The kinds of notes.
const (
	Entered Noted = iota + 1 // a stage began
	Failing                  // the rollout failed, for Cause; Text says of what
	Obeyed                   // a command was obeyed
	Ended                    // the rollout is over
)

// String gives the side's name.
func (s Side) String() string { return word([]string{"old", "new"}, int(s)) }

// String gives the route's name.
func (r Route) String() string { return word([]string{"production", "test"}, int(r)) }

// String gives the command's name.
func (c Command) String() string {
	return word([]string{"", "pause", "resume", "abort", "halt", "skip"}, int(c))
}

// String gives the share in percent: "10.5 %".
func (s Share) String() string {
	if s%100 == 0 {
		return fmt.Sprintf("%d %%", int(s)/100)
	}
	if s%10 == 0 {
		return fmt.Sprintf("%d.%d %%", int(s)/100, int(s)%100/10)
	}
	return fmt.Sprintf("%d.%02d %%", int(s)/100, int(s)%100)
}

func word(words []string, i int) string {
	if i < 0 || i >= len(words) {
		return fmt.Sprintf("?%d", i)
	}
	return words[i]
}
