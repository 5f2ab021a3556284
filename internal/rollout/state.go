package rollout

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// State is all a rollout remembers. It is plain data; the zero State is a rollout not begun.
//
//	                    ┌── pause ──► Paused ──┐
//	                    │◄───── resume ────────┤
//	                    │                      │ failure
//	begin ─► Running ───┴── last stage done ───│──────────► Succeeded
//	            │                              │
//	            └── failure ───────────────────┤
//	                                           ├─ policy Stop, or Plan.First ─────► Failed
//	                                           └─ policy Rollback ─► RollingBack
//	                                                                   │    │
//	         RolledBack ◄── traffic and tasks are the old side's ──────┘    │
//	         Failed     ◄── breaker of the old side, deadline, gate, halt ──┘
//
// A failure is a tripped breaker, a firing guard, a gate that says Fail, a deadline, or Abort.
type State struct {
	Status  Status
	Stage   int       // index in Plan.Stages; after a failure the stage it happened in
	Entered time.Time // when the stage, the pause or the rollback began; zero before the first Step
	Held    time.Duration
	Seen    int    // commands obeyed so far
	Cause   Cause  // of the failure; None while there is none
	Reason  string // at most ReasonMax bytes that a tag may hold; the whole story is in the notes
}

// ReasonMax is the length at which a State's reason is cut, in bytes.
const ReasonMax = 100

// Status is where a rollout stands.
type Status int

// The statuses. The last three are final.
const (
	Running Status = iota
	Paused
	RollingBack
	Succeeded
	RolledBack
	Failed
)

// Over reports whether the rollout has ended.
func (s State) Over() bool { return s.Status >= Succeeded }

// Cause is why a rollout failed.
type Cause int

// The causes.
const (
	None Cause = iota
	ByBreaker
	ByAlarm
	ByGate
	ByDeadline
	ByAbort
	ByHalt
)

var (
	statuses = []string{"running", "paused", "rolling-back", "succeeded", "rolled-back", "failed"}
	causes   = []string{"none", "breaker", "alarm", "gate", "deadline", "abort", "halt"}
)

// String gives the status as Encode writes it.
func (s Status) String() string { return word(statuses, int(s)) }

// String gives the cause as Encode writes it.
func (c Cause) String() string { return word(causes, int(c)) }

// form is the first word of a State's text, so that a later form can be told apart.
const form = "r1"

// Encode gives the state as text of fewer than 256 bytes, all of them characters that the
// value of an AWS tag may have. Parse reads it back, exact to the nanosecond.
func (s State) Encode() string {
	entered := "-"
	if !s.Entered.IsZero() {
		entered = strconv.FormatInt(s.Entered.UnixNano(), 10)
	}
	return strings.TrimRight(fmt.Sprintf("%s %s %d %s %d %d %s %s", form,
		s.Status, s.Stage, entered, int64(s.Held), s.Seen, s.Cause, clean(s.Reason)), " ")
}

// Parse reads what Encode wrote. Anything else is an error that quotes the text.
func Parse(text string) (State, error) {
	bad := func(what string) (State, error) {
		return State{}, fmt.Errorf("%q is not a rollout's state: %s", text, what)
	}
	f := strings.SplitN(text, " ", 8)
	if len(f) < 7 || f[0] != form {
		return bad("want the form " + form)
	}
	status, cause := index(statuses, f[1]), index(causes, f[6])
	if status < 0 || cause < 0 {
		return bad("unknown status or cause")
	}
	s := State{Status: Status(status), Cause: Cause(cause)}
	if f[3] != "-" {
		ns, err := strconv.ParseInt(f[3], 10, 64)
		if err != nil {
			return bad("the time is not a number")
		}
		s.Entered = time.Unix(0, ns).UTC()
	}
	held, err := strconv.ParseInt(f[4], 10, 64)
	if err != nil || held < 0 {
		return bad("the time held is not a number")
	}
	s.Held = time.Duration(held)
	if s.Stage, err = strconv.Atoi(f[2]); err != nil || s.Stage < 0 {
		return bad("the stage is not a number")
	}
	if s.Seen, err = strconv.Atoi(f[5]); err != nil || s.Seen < 0 {
		return bad("the number of commands is not a number")
	}
	if len(f) == 8 {
		s.Reason = f[7]
	}
	if s.Reason != clean(s.Reason) {
		return bad("the reason has characters that no tag may have")
	}
	return s, nil
}

// clean makes a text fit for a tag and for State.Reason: other characters become "_", the ends
// are trimmed, the rest is cut at ReasonMax.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9',
			strings.ContainsRune(" _.:/=+-@", r):
			return r
		}
		return '_'
	}, strings.TrimSpace(text))
	if len(text) > ReasonMax {
		text = text[:ReasonMax]
	}
	return strings.Trim(text, " ")
}

func index(words []string, w string) int {
	for i, word := range words {
		if word == w {
			return i
		}
	}
	return -1
}
