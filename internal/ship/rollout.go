package ship

import (
	"context"
	"slices"
	"time"

	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

// Rollout is a deployment under way, whoever carries it out. Following, aborting and answering
// pauses are written against it, so that another engine needs only another Rollout.
type Rollout interface {
	// Look makes one reading, which is one call as a rule, tells what is new and says how things
	// stand.
	Look(ctx context.Context) (Sight, error)
	// Stop asks for the rollout to be rolled back. Asking again is harmless.
	Stop(ctx context.Context) error
	// Answer ends a pause: the rollout goes on, or is rolled back. A pause that is over already
	// is an error with code "pause.over".
	Answer(ctx context.Context, pause string, goOn bool) error
}

// Sight is how a rollout stands.
type Sight struct {
	Deployment string         // its lasting id, once it is known
	Revision   string         // ARN of what it deploys, where that is known
	Stage      string         // the engine's own word
	Point      Point          // the last point it has passed; "" before the first, and while it goes back
	Pauses     []Pause        // that wait for an answer
	Moved      bool           // something changed, so that looking again soon is worth it
	Again      bool           // it seems to have ended: look again at once
	Due        time.Time      // when something is to happen by itself; zero where that is not known
	Limit      time.Duration  // how long it may take by its own settings; 0 where they say nothing
	Verdict    Verdict        // "" while it goes on
	Serves     string         // ARN of the revision that serves again after a rollback, where that is known
	Past       bool           // it succeeded, and the service has been deployed again since
	Cause      string         // of an end that is no success
	First      string         // the first task that failed, which goes with the cause
	Details    []string       // what was seen that goes with the cause
	Why        *explain.Cause // the cause as a tree, of its end or of what holds it up so far; nil where nothing is known beyond Cause
}

// Pause is a place where a rollout waits for somebody.
type Pause struct {
	ID      string    `json:"id"`
	Point   Point     `json:"point,omitempty"`
	Stage   string    `json:"stage"`
	Expires time.Time `json:"expires,omitzero"`
	Then    string    `json:"then,omitempty"` // what happens when it expires: CONTINUE or ROLLBACK
}

// Point is a place in every rollout, whichever engine carries it out.
type Point string

// The points, in order; the last three are ends.
const (
	PointBefore      Point = "before"       // nothing was changed yet
	PointRegistered  Point = "registered"   // the definition is registered, the service as it was
	PointScaled      Point = "scaled"       // the new side has its tasks
	PointTestTraffic Point = "test-traffic" // the test route leads to the new side
	PointBeforeShift Point = "before-shift" // before each step of production traffic
	PointShifted     Point = "shifted"      // production traffic is on the new side
	PointBaked       Point = "baked"        // the bake is over, the old side is being taken down
	PointSucceeded   Point = "succeeded"
	PointFailed      Point = "failed"
	PointRolledBack  Point = "rolled-back"
	PointApproval    Point = "approval" // wherever somebody is waited for
)

// Points are those that a rollout passes on its way, in order.
var Points = []Point{PointBefore, PointRegistered, PointScaled, PointTestTraffic, PointBeforeShift, PointShifted, PointBaked}

// passed reports whether a rollout that is at a point has come as far as another.
func passed(at, point Point) bool {
	return at != "" && slices.Index(Points, at) >= slices.Index(Points, point) && slices.Contains(Points, point)
}
