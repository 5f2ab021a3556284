package launch

import (
	"context"
	"time"
)

// throughPatience is how long a start goes on after its caller has given up. An engine or a shim
// that says nothing for so long does not keep the cloud from ending.
const throughPatience = 10 * time.Second

// Through gives the context of a start that has begun, which outlives ctx: the cloud's end cancels
// its hands and then stops all that Find finds, and a start cut in the middle goes on unseen. Call
// done when the start has ended.
func Through(ctx context.Context) (through context.Context, done context.CancelFunc) {
	through, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		late := time.AfterFunc(throughPatience, cancel)
		context.AfterFunc(through, func() { late.Stop() })
	})
	return through, func() { forget(); cancel() }
}
