package proc

import "time"

// Usage is what a program and all it started use.
type Usage struct {
	CPU    time.Duration // used so far, also by what has ended since
	Memory int64         // resident bytes; pages that processes share count for each of them
}
