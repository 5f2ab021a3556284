package proc

import (
	"runtime/debug"

	"github.com/slipway-ecs/slipway/internal/proc/startup"
)

// Slim ends the haste of coming up, and gives back the memory that only coming up took: free heap,
// and the pages of the binary that every package's initialisation touched. They are clean copies of
// the file, shared by all our processes; those still needed come back from the system's cache when
// they are touched. A process that stays calls it once, when it has come up.
func Slim() {
	startup.Over()
	debug.FreeOSMemory()
	dropBinary()
}
