package launch

import (
	"context"
	"time"
)

// Meter is what a Runtime may be besides, if it can tell what containers use.
type Meter interface {
	// Usages gives what containers use, by Handle.ID; those that have ended are left out. Where
	// the system does not tell it is errors.ErrUnsupported, and stays so.
	Usages(ctx context.Context, handles []Handle) (map[string]Usage, error)
}

// Usage is what one start of a container uses.
type Usage struct {
	CPU    time.Duration // CPU time used since its start; it rises
	Memory int64         // bytes used now
}
