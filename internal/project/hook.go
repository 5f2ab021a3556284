package project

import (
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/source"
)

// Point is a moment of a deployment, whichever engine drives it.
type Point string

// The points, in the order in which a deployment passes them.
const (
	PointBefore      Point = "before"       // nothing is changed yet
	PointRegistered  Point = "registered"   // the revision is registered, no task of it started
	PointScaled      Point = "scaled"       // its tasks are healthy
	PointTestTraffic Point = "test-traffic" // the test route leads to it
	PointBeforeShift Point = "before-shift" // production traffic is about to move
	PointShifted     Point = "shifted"      // all production traffic is on it
	PointBaked       Point = "baked"        // the bake is over
	PointSucceeded   Point = "succeeded"
	PointFailed      Point = "failed"
	PointRolledBack  Point = "rolled-back"
)

// points are all points in order.
var points = []Point{PointBefore, PointRegistered, PointScaled, PointTestTraffic, PointBeforeShift, PointShifted,
	PointBaked, PointSucceeded, PointFailed, PointRolledBack}

// Hook is one thing to do at a point: exactly one of Task, Run, Probe, Lambda and Approve is there.
type Hook struct {
	Point   Point
	Task    string   // a key of Project.Tasks
	Run     []string // a command: one string for the shell where Shell is set, else words
	Shell   bool
	Probe   *Probe
	Lambda  *Lambda
	Approve string         // the question to a person
	Timeout *time.Duration // nil: left out
	Then    OnTimeout      // what to do when it fails or takes too long; "" is rollback
	Line    int            // of the file, for messages
}

// OnTimeout is what a hook that fails or takes too long leads to.
type OnTimeout string

// What may follow.
const (
	ThenRollback OnTimeout = "rollback"
	ThenContinue OnTimeout = "continue"
)

// Kind names what a hook is: task, run, probe, lambda or approve.
func (h *Hook) Kind() string {
	switch {
	case h.Task != "":
		return "task"
	case len(h.Run) > 0:
		return "run"
	case h.Probe != nil:
		return "probe"
	case h.Lambda != nil:
		return "lambda"
	}
	return "approve"
}

// Client reports whether slipway runs the hook; ECS does the others.
func (h *Hook) Client() bool { return h.Lambda == nil && h.Approve == "" }

// Probe is a request that must be answered well.
type Probe struct {
	Route    string // test or production; "": test where there is a test route
	URL      string // instead of the route's load balancer
	Host     string // the Host header; "": as it comes
	Path     string // "/" where left out
	From, To int    // the statuses that are well
	Contains string // what the answer must hold
	Count    int    // good answers in a row, at least 1
	Every    time.Duration
}

// Lambda is a function that ECS calls.
type Lambda struct {
	ARN     string
	Role    string // "": that of the service's other hooks or load balancers
	Details []byte // JSON; nil: none
}

// The longest times ECS takes for hooks.
const (
	longestLambda = 24 * time.Hour
	longestPause  = 14 * 24 * time.Hour
)

func (d *decoder) hooks(n *source.Node) []Hook {
	var out []Hook
	for _, p := range points {
		list := n.Get(string(p))
		if list == nil {
			continue
		}
		for _, i := range list.Items {
			out = append(out, d.hook(p, i))
		}
	}
	return out
}

func (d *decoder) hook(p Point, n *source.Node) Hook {
	h := Hook{Point: p, Line: n.Line, Task: text(n.Get("task")), Approve: text(n.Get("approve")), Then: OnTimeout(text(n.Get("then")))}
	var kinds []string
	for _, kind := range []string{"task", "run", "probe", "lambda", "approve"} {
		if n.Get(kind) != nil {
			kinds = append(kinds, kind)
		}
	}
	switch len(kinds) {
	case 1:
	case 0:
		d.add(n, "give it task, run, probe, lambda or approve", "this hook does nothing")
		return h
	default:
		d.add(n.Get(kinds[1]), "make each a hook of its own", "one hook does both %s and %s", kinds[0], kinds[1])
		return h
	}
	if run := n.Get("run"); run != nil {
		h.Run, h.Shell = words(run), run.Kind == source.String
	}
	h.Probe, h.Lambda = d.probe(n.Get("probe")), lambda(n.Get("lambda"))
	t := n.Get("timeout")
	switch {
	case h.Approve != "":
		h.Timeout = d.minutes(t, time.Minute, longestPause)
	case h.Lambda != nil:
		h.Timeout = d.minutes(t, time.Minute, longestLambda)
	default:
		if h.Timeout = d.duration(t); h.Timeout != nil && *h.Timeout <= 0 {
			d.add(t, "leave it out for 10m", "%s is no time to run in", t.Text)
		}
	}
	d.ecsPoint(h, n)
	return h
}

// ecsPoint refuses what ECS has no stage for.
func (d *decoder) ecsPoint(h Hook, n *source.Node) {
	if h.Client() {
		return
	}
	instead := map[Point]Point{PointBefore: PointRegistered, PointBaked: PointShifted, PointSucceeded: PointShifted}
	switch h.Point {
	case PointBefore, PointBaked, PointSucceeded, PointFailed, PointRolledBack:
		hint := "use task, run or probe here"
		if other, ok := instead[h.Point]; ok {
			hint += ", or put it at " + string(other)
		}
		d.add(n, hint, "ECS does not hold a deployment at %q, so %s cannot stand there", h.Point, h.Kind())
	}
}

func lambda(n *source.Node) *Lambda {
	switch {
	case n == nil:
		return nil
	case n.Kind == source.String:
		return &Lambda{ARN: n.Text}
	}
	l := &Lambda{ARN: n.Get("arn").Text, Role: text(n.Get("role"))}
	if details := n.Get("details"); details != nil {
		l.Details = details.JSON()
	}
	return l
}

func (d *decoder) probe(n *source.Node) *Probe {
	if n == nil {
		return nil
	}
	p := &Probe{Route: text(n.Get("route")), URL: text(n.Get("url")), Host: text(n.Get("host")), Path: text(n.Get("path")),
		Contains: text(n.Get("contains")), From: 200, To: 399, Count: 1, Every: time.Second}
	if p.Path == "" {
		p.Path = "/"
	}
	if c := d.whole(n.Get("count")); c != nil {
		p.Count = int(*c)
	}
	if e := d.duration(n.Get("every")); e != nil {
		p.Every = *e
	}
	if e := n.Get("expect"); e != nil {
		from, to, ranged := strings.Cut(e.Text, "-")
		if !ranged {
			to = from
		}
		p.From, p.To = status(from), status(to)
		if p.From > p.To {
			d.add(e, fmtRange(p.To, p.From), "the range %s ends before it begins", e.Text)
		}
	}
	return p
}

func fmtRange(from, to int) string { return "write " + strconv.Itoa(from) + "-" + strconv.Itoa(to) }

// status reads three digits that the schema has checked.
func status(s string) int {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic("project: the schema let through a status that is no number: " + s)
	}
	return int(v)
}

// approval gives the hook of 'approve:'.
func (d *decoder) approval(n *source.Node, s *Strategy) []Hook {
	if n == nil {
		return nil
	}
	h := Hook{Point: PointRegistered, Approve: n.Text, Line: n.Line}
	if s != nil && s.Type.Shifts() {
		h.Point = PointTestTraffic
	}
	if n.Kind == source.Map {
		h.Approve, h.Then = n.Get("text").Text, OnTimeout(text(n.Get("then")))
		h.Timeout = d.minutes(n.Get("timeout"), time.Minute, longestPause)
		if at := n.Get("at"); at != nil {
			h.Point = Point(at.Text)
		}
	}
	return []Hook{h}
}
