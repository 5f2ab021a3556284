package clock

import (
	"math"
	"time"
)

// Timeline says how internal time went along with the wall's: one segment for each speed
// there has been. The zero Timeline is the wall's time itself.
//
// Invariant: both times of the segments rise, so that internal time never runs backwards.
type Timeline struct{ Segments []Segment }

// Segment is a stretch of constant speed, from Wall and Internal on.
type Segment struct {
	Wall     time.Time
	Internal time.Time
	Speed    float64 // internal seconds a second of the wall; above 0
}

// Continue gives the timeline that goes on from now at speed, starting no earlier than seen,
// the latest internal time anybody was told. A first segment begins with both times equal.
func (l Timeline) Continue(now, seen time.Time, speed float64) Timeline {
	now = now.UTC().Round(0)
	at := l.Internal(now)
	if n := len(l.Segments); n > 0 && l.Segments[n-1].Speed == speed && !seen.After(at) {
		return l
	}
	if seen.After(at) {
		at = seen.UTC()
	}
	next := Timeline{Segments: make([]Segment, len(l.Segments), len(l.Segments)+1)}
	copy(next.Segments, l.Segments)
	next.Segments = append(next.Segments, Segment{Wall: now, Internal: at, Speed: speed})
	return next
}

// Internal gives the internal time at a time of the wall. Times before the first segment are
// the same in both; what is further away than a Duration reaches is the furthest it reaches.
func (l Timeline) Internal(wall time.Time) time.Time {
	for i := len(l.Segments) - 1; i >= 0; i-- {
		if s := l.Segments[i]; !wall.Before(s.Wall) {
			return s.Internal.Add(times(wall.Sub(s.Wall), s.Speed)).UTC()
		}
	}
	return wall.UTC()
}

// times gives d*factor, or the longest Duration there is.
func times(d time.Duration, factor float64) time.Duration {
	if t := float64(d) * factor; t < math.MaxInt64 {
		return time.Duration(t)
	}
	return math.MaxInt64
}

// Wall gives the wall's time at an internal time. Times before the first segment are the same
// in both.
func (l Timeline) Wall(internal time.Time) time.Time {
	for i := len(l.Segments) - 1; i >= 0; i-- {
		s := l.Segments[i]
		if internal.Before(s.Internal) {
			continue
		}
		wall := s.Wall.Add(times(internal.Sub(s.Internal), 1/s.Speed)).UTC()
		if i+1 < len(l.Segments) && wall.After(l.Segments[i+1].Wall) {
			wall = l.Segments[i+1].Wall // internal time leapt here; no moment of the wall had it
		}
		return wall
	}
	return internal.UTC()
}

// Speed is internal seconds a second of the wall, now.
func (l Timeline) Speed() float64 {
	if n := len(l.Segments); n > 0 {
		return l.Segments[n-1].Speed
	}
	return 1
}

// Shorten gives how long d of internal time takes on the wall, at the present speed.
func (l Timeline) Shorten(d time.Duration) time.Duration {
	return times(d, 1/l.Speed())
}
