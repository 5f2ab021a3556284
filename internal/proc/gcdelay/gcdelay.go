// Package gcdelay puts the collector's first cycle off until the program has come up.
//
// What packages build before main and what a start needs come to little more than the 4 MiB at
// which the collector begins by itself, so its first cycle fell into every start, marked what all
// stays, and touched hundreds of new pages for its books. Now it begins at 16 MiB, until End.
//
// It imports next to nothing, so as to be ready early; see internal/atonce for the order.
package gcdelay

import "runtime/debug"

const (
	usual   = 100 // GOGC unless the user says otherwise
	delayed = 400 // the first cycle at 4 MiB times this, a hundredth each
)

var before = begin()

// begin delays collections, unless the user has set GOGC: who did knows better.
func begin() int {
	percent := debug.SetGCPercent(delayed)
	if percent != usual {
		debug.SetGCPercent(percent)
	}
	return percent
}

// End has collections begin as the user or Go would have them. A process that stays calls it once,
// when it has come up.
func End() { debug.SetGCPercent(before) }
