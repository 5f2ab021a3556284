package demo

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Event is one thing that happened in the demo; its JSON form is stable.
type Event struct {
	At      time.Time `json:"at"`
	Kind    Kind      `json:"kind"`
	Phase   string    `json:"phase,omitempty"`
	Text    string    `json:"text,omitempty"`    // for people
	Look    *Look     `json:"look,omitempty"`    // KindLook
	Verdict *Verdict  `json:"verdict,omitempty"` // KindVerdict
	Promise *Promise  `json:"promise,omitempty"` // KindPromise
	Result  *Result   `json:"result,omitempty"`  // KindResult
	Share   *Share    `json:"share,omitempty"`   // KindShare
}

// Kind says what an event tells of.
type Kind string

// The kinds of events, in the order in which a demo first shows them.
const (
	KindNote    Kind = "note"    // something was made or said
	KindPhase   Kind = "phase"   // a part of the story begins
	KindLook    Kind = "look"    // how things stand
	KindVerdict Kind = "verdict" // a deployment ended
	KindPromise Kind = "promise" // what was promised, and whether it held
	KindResult  Kind = "result"  // what became of one version's requests in one phase
	KindShare   Kind = "share"   // what a new version answered at one share of the traffic
)

// Look is how things stand at a moment.
type Look struct {
	Revisions []Revision `json:"revisions"`
	Healthy   int        `json:"healthyTargets"`
	Targets   int        `json:"targets"`
	Traffic   []Traffic  `json:"traffic"`
	Share     *float64   `json:"sharePercent,omitempty"` // that the listener gives the new version; nil where it shifts none
	Requests  int        `json:"requests"`               // since the start
	Failures  int        `json:"failures"`
}

// Revision is a task definition revision with its tasks.
type Revision struct {
	Name    string `json:"name"` // web:2
	Status  string `json:"status"`
	Running int    `json:"running"`
	Pending int    `json:"pending"`
	Desired int    `json:"desired"`
}

// Traffic is a version's part of the requests answered since the last look.
type Traffic struct {
	Version string  `json:"version"`
	Percent float64 `json:"percent"`
}

// Verdict is how a deployment ended.
type Verdict struct {
	Image      string        `json:"image"`
	Status     string        `json:"status"` // succeeded, rolled back, failed, …
	Cause      string        `json:"cause,omitempty"`
	Deployment string        `json:"deployment,omitempty"` // service deployment ARN
	Took       time.Duration `json:"-"`
	TookMillis int64         `json:"tookMillis"`
}

// Promise is what the demo said would hold.
type Promise struct {
	Text string `json:"text"`
	Held bool   `json:"held"`
	Seen string `json:"seen"` // what was seen
}

// Line gives how things stand in one line, with requests since the start.
func (l Look) Line() string {
	return fmt.Sprintf("%s · %d sent, %d failed", l.Where(), l.Requests, l.Failures)
}

// wobble is by how many points a version's part of the traffic may differ from one look to the
// next without anything having changed: lots are drawn for each request.
const wobble = 8

// Differs reports whether something else runs, or traffic goes elsewhere, than at an earlier look.
func (l Look) Differs(from Look) bool {
	now, then := l, from
	now.Traffic, then.Traffic = nil, nil
	if now.Where() != then.Where() {
		return true
	}
	had := map[string]float64{}
	for _, t := range from.Traffic {
		had[t.Version] = t.Percent
	}
	for _, t := range l.Traffic {
		if math.Abs(t.Percent-had[t.Version]) > wobble {
			return true
		}
		delete(had, t.Version)
	}
	for _, percent := range had {
		if percent > wobble {
			return true
		}
	}
	return false
}

// Where gives in one line what runs and where traffic goes, without the requests so far, which
// grow when nothing else changes.
func (l Look) Where() string {
	var tasks []string
	for _, r := range l.Revisions {
		s := fmt.Sprintf("%s %d", r.Name, r.Running)
		if r.Pending > 0 {
			s += fmt.Sprintf(" (%d pending)", r.Pending)
		}
		tasks = append(tasks, s)
	}
	parts := []string{"tasks " + strings.Join(tasks, ", "), fmt.Sprintf("%d of %d healthy", l.Healthy, l.Targets)}
	if l.Share != nil {
		parts = append(parts, fmt.Sprintf("share %g %%", *l.Share))
	}
	var shares []string
	for _, t := range l.Traffic {
		shares = append(shares, fmt.Sprintf("%s %.0f %%", t.Version, t.Percent))
	}
	if len(shares) > 0 {
		parts = append(parts, "traffic "+strings.Join(shares, ", "))
	}
	return strings.Join(parts, " · ")
}
