package process_test

import (
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
)

func TestUsageCountsTheProgramAndAllItStarted(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	busy := start(t, r, task("busy", "(while :; do :; done) & wait"))
	idle := start(t, r, task("idle", "exec sleep 100"))
	ended := start(t, r, task("ended", "exit 0"))
	watch(t, r, ended)
	all := []launch.Handle{busy, idle, ended}
	usages := func() map[string]launch.Usage {
		u, err := r.Usages(bounded(t), all)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}

	eventually(t, "the busy one's child used 200 ms", func() bool { return usages()[busy.ID].CPU >= 200*time.Millisecond })

	u := usages()
	if got := u[idle.ID]; got.Memory == 0 || got.CPU >= 200*time.Millisecond {
		t.Errorf("the idle one uses %+v", got)
	}
	if _, ok := u[ended.ID]; ok || len(u) != 2 {
		t.Errorf("got %v, want the two that run", u)
	}
	kill(t, busy.Pid) // what it used is not asked for any more
	watch(t, r, busy)
	if _, ok := usages()[busy.ID]; ok {
		t.Error("one that was killed still has a usage")
	}
}
