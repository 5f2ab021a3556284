package launch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
)

func TestAStartOutlivesItsCallerForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		through, done := launch.Through(ctx)
		defer done()
		time.Sleep(time.Hour)
		if through.Err() != nil {
			t.Error("it ended while its caller waits")
		}
		end()
		time.Sleep(9 * time.Second)
		if through.Err() != nil {
			t.Error("it ended with its caller")
		}
		time.Sleep(2 * time.Second)
		if through.Err() == nil {
			t.Error("it goes on for ever")
		}
	})
}

func TestAStartThatHasEndedHoldsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		through, done := launch.Through(ctx)
		end()
		synctest.Wait()
		done()
		if through.Err() == nil {
			t.Error("it goes on after done")
		}
	})
}
