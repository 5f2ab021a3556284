package lb

import (
	"os"
	"runtime"
)

// takeCores has the data plane run on half of the cores that it may use, unless GOMAXPROCS says
// otherwise. The others are for the tasks it routes to, on the same machine. On two cores one is
// faster than both, by far: a request then goes from socket to socket without waking another
// thread for each step (bench/README.md).
func takeCores() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(half(runtime.GOMAXPROCS(0)))
	}
}

func half(cores int) int { return max(1, cores/2) }
