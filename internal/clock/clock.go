// Package clock is where the house gets the time from.
//
// The local cloud lives in internal time, which may run faster than the wall's (house rule:
// --speed shortens the waits AWS makes, never limits on real work). A Clock tells internal time
// and waits in it; a Timeline translates between the two. Limits on real work use Real.
// Read Clock first, then Timeline.
package clock

import "time"

// Clock tells the time and waits in it. It is safe for use by several goroutines.
type Clock interface {
	// Now gives the present. It never runs backwards.
	Now() time.Time
	// NewTimer starts a timer that fires once d of this clock's time has passed.
	NewTimer(d time.Duration) Timer
}

// Timer fires once.
type Timer interface {
	// C receives the time at which the timer fired.
	C() <-chan time.Time
	// Stop keeps the timer from firing; it reports whether it was in time.
	Stop() bool
}

// Real is the wall's clock. Under testing/synctest it is the bubble's.
type Real struct{}

// Now gives the wall's time, in UTC.
func (Real) Now() time.Time { return time.Now().UTC() }

// NewTimer starts a timer of real time.
func (Real) NewTimer(d time.Duration) Timer { return realTimer{time.NewTimer(d)} }

type realTimer struct{ t *time.Timer }

func (r realTimer) C() <-chan time.Time { return r.t.C }
func (r realTimer) Stop() bool          { return r.t.Stop() }

// Scaled is a clock that follows a Timeline: internal time, at the speed of its last segment.
// Within a process it goes by the time that passes, not by the wall's: whoever sets the wall's
// clock back does not turn internal time back. Make one with NewScaled.
type Scaled struct {
	Line     Timeline
	begun    time.Time // with the process's monotonic reading
	internal time.Time // at begun
}

// NewScaled gives a clock that goes on along a timeline from now.
func NewScaled(line Timeline) Scaled {
	begun := time.Now()
	return Scaled{Line: line, begun: begun, internal: line.Internal(begun)}
}

// Now gives internal time.
func (s Scaled) Now() time.Time {
	return s.internal.Add(times(time.Since(s.begun), s.Line.Speed()))
}

// NewTimer starts a timer of d internal time.
func (s Scaled) NewTimer(d time.Duration) Timer {
	return realTimer{time.NewTimer(s.Line.Shorten(d))}
}
