package reconcile_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/rollout"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fit is a healthy task that started i minutes after others of a lower number.
func fit(i int, change ...func(*reconcile.Task)) reconcile.Task {
	t := reconcile.Task{
		ID: strconv.Itoa(i), Revision: "v1", Phase: reconcile.Running, Wanted: true,
		Created: noon.Add(time.Duration(i-100) * time.Minute), Since: noon.Add(-time.Minute),
		Check: reconcile.CheckHealthy,
	}
	for _, c := range change {
		c(&t)
	}
	return t
}

func sick(t *reconcile.Task)  { t.Check = reconcile.CheckUnhealthy }
func fresh(t *reconcile.Task) { t.Phase, t.Check = reconcile.Starting, reconcile.CheckUnknown }
func protected(t *reconcile.Task) {
	t.ProtectedUntil = noon.Add(time.Hour)
}

func zone(z string) func(*reconcile.Task) { return func(t *reconcile.Task) { t.Zone = z } }
func moving(t *reconcile.Task)            { t.Moving = true }
func of(r string) func(*reconcile.Task)   { return func(t *reconcile.Task) { t.Revision = r } }

// The table of ecs.md 5.1.
func TestATaskIsHealthyAsTheTableOfECSHasIt(t *testing.T) {
	t.Parallel()
	targets := func(states ...reconcile.TargetState) func(*reconcile.Task) {
		return func(t *reconcile.Task) {
			for _, s := range states {
				t.Targets = append(t.Targets, reconcile.Target{Group: "g", State: s})
			}
		}
	}
	check := func(c reconcile.Check) func(*reconcile.Task) {
		return func(t *reconcile.Task) { t.Check = c }
	}
	runs := func(d time.Duration) func(*reconcile.Task) {
		return func(t *reconcile.Task) { t.Since = noon.Add(-d) }
	}
	none := check(reconcile.NoCheck)
	for name, c := range map[string]struct {
		task reconcile.Task
		want bool
		in   time.Duration // until it will be healthy by itself; 0 for never
	}{
		"no check, 39 s after RUNNING":                   {fit(1, none, runs(39*time.Second)), false, time.Second},
		"no check, 40 s after RUNNING":                   {fit(1, none, runs(40*time.Second)), true, 0},
		"no check, not running":                          {fit(1, none, fresh), false, 0},
		"container check passed, just running":           {fit(1, runs(0)), true, 0},
		"container check pending, long running":          {fit(1, check(reconcile.CheckUnknown)), false, 0},
		"container check failed":                         {fit(1, sick), false, 0},
		"target healthy, just running":                   {fit(1, none, runs(0), targets(reconcile.TargetHealthy)), true, 0},
		"target initial, long running":                   {fit(1, none, targets(reconcile.TargetInitial)), false, 0},
		"one of two targets unhealthy":                   {fit(1, none, targets(reconcile.TargetHealthy, reconcile.TargetUnhealthy)), false, 0},
		"target draining":                                {fit(1, none, targets(reconcile.TargetDraining)), false, 0},
		"both checks, container passed, target not":      {fit(1, targets(reconcile.TargetInitial)), false, 0},
		"both checks, target healthy, container pending": {fit(1, check(reconcile.CheckUnknown), targets(reconcile.TargetHealthy)), false, 0},
		"both checks passed":                             {fit(1, targets(reconcile.TargetHealthy)), true, 0},
		"target unused, 39 s after RUNNING":              {fit(1, none, runs(39*time.Second), targets(reconcile.TargetUnused)), false, time.Second},
		"target unused, 40 s after RUNNING":              {fit(1, none, runs(40*time.Second), targets(reconcile.TargetUnused)), true, 0},
		"told to stop":                                   {fit(1, func(t *reconcile.Task) { t.Wanted = false }), false, 0},
	} {
		got, at := reconcile.Healthy(c.task, noon)
		var in time.Duration
		if !at.IsZero() {
			in = at.Sub(noon)
		}
		if got != c.want || in != c.in {
			t.Errorf("%s: got %v, in %s; want %v, in %s", name, got, in, c.want, c.in)
		}
	}
}

func TestATaskIsSickOnlyAfterItsGracePeriod(t *testing.T) {
	t.Parallel()
	task := fit(1, sick, func(t *reconcile.Task) { t.GraceUntil = noon.Add(time.Minute) })
	if is, at := reconcile.Sick(task, noon); is || !at.Equal(task.GraceUntil) {
		t.Errorf("in the grace period: got %v at %s, want false until its end", is, at)
	}
	if is, _ := reconcile.Sick(task, noon.Add(time.Minute)); !is {
		t.Errorf("at the end of the grace period: want sick")
	}
	if is, _ := reconcile.Sick(fit(1), noon); is {
		t.Errorf("a healthy task is called sick")
	}
	unwell := fit(1, func(t *reconcile.Task) {
		t.Targets = []reconcile.Target{{"a", reconcile.TargetHealthy}, {"b", reconcile.TargetUnhealthy}}
	})
	if is, _ := reconcile.Sick(unwell, noon); !is || reconcile.Ailment(unwell) != (reconcile.Ill{Group: "b"}) {
		t.Errorf("one unhealthy target: got %v, %+v, want sick of group b", is, reconcile.Ailment(unwell))
	}
}

func TestTasksAreStartedAndStopped(t *testing.T) {
	t.Parallel()
	start := func(revision string, zones ...string) (out []reconcile.Start) {
		for _, z := range zones {
			out = append(out, reconcile.Start{Revision: revision, Zone: z})
		}
		return out
	}
	stop := func(why reconcile.Why, ids ...string) (out []reconcile.Stop) {
		for _, id := range ids {
			out = append(out, reconcile.Stop{ID: id, Why: why})
		}
		return out
	}
	v1 := func(n int) []reconcile.Goal { return []reconcile.Goal{{Revision: "v1", Want: n}} }
	for name, c := range map[string]struct {
		goals []reconcile.Goal
		have  []reconcile.Task
		upper int
		start []reconcile.Start
		stop  []reconcile.Stop
		wake  time.Duration
	}{
		"nothing to do":                  {v1(2), []reconcile.Task{fit(1), fit(2)}, 4, nil, nil, 0},
		"missing ones spread over zones": {v1(4), nil, 8, start("v1", "a", "b", "c", "a"), nil, 0},
		"a new one goes where there are fewest": {
			v1(3), []reconcile.Task{fit(1, zone("a")), fit(2, zone("c"))}, 8, start("v1", "b"), nil, 0,
		},
		"no more than there is room for": {
			[]reconcile.Goal{{Revision: "v1", Want: 4}, {Revision: "v0", Want: 1}},
			[]reconcile.Task{fit(1, of("v0"), zone("a"))}, 3, start("v1", "a", "b"), nil, 0,
		},
		"the first goal takes the room": {
			[]reconcile.Goal{{Revision: "v2", Want: 2}, {Revision: "v1", Want: 2}}, nil, 3,
			append(start("v2", "a", "b"), start("v1", "a")...), nil, 0,
		},
		"back-off holds starts until it ends": {
			[]reconcile.Goal{{Revision: "v1", Want: 1, NotBefore: noon.Add(time.Minute)}}, nil, 2, nil, nil, time.Minute,
		},
		"too many: the sick first, then the new, then the oldest": {
			v1(1), []reconcile.Task{fit(1), fit(2), fit(3, fresh), fit(4, sick)}, 8, nil,
			stop(reconcile.Surplus, "4", "3", "1"), 0,
		},
		"too many: from the zone with most": {
			v1(2), []reconcile.Task{fit(1, zone("a")), fit(2, zone("b")), fit(3, zone("b"))}, 8, nil,
			stop(reconcile.Surplus, "2"), 0,
		},
		"too many: the protected never": {
			v1(0), []reconcile.Task{fit(1, protected), fit(2)}, 8, nil, stop(reconcile.Surplus, "2"), time.Hour,
		},
		"too many: no healthy one in place of a protected sick one": {
			v1(1), []reconcile.Task{fit(1, protected, sick), fit(2)}, 8, nil, nil, time.Hour,
		},
		"sick with room: the replacement first": {
			v1(2), []reconcile.Task{fit(1, zone("a")), fit(2, sick, zone("b"))}, 4, start("v1", "c"), nil, 0,
		},
		"sick and its replacement not healthy yet: wait": {
			v1(2), []reconcile.Task{fit(1), fit(2, sick), fit(3, fresh)}, 4, nil, nil, 0,
		},
		"sick and its replacement healthy: the sick one goes": {
			v1(2), []reconcile.Task{fit(1), fit(2, sick), fit(3)}, 4, nil, stop(reconcile.Surplus, "2"), 0,
		},
		"sick and its replacement sick too: one goes, one comes": {
			v1(2), []reconcile.Task{fit(1, zone("a")), fit(2, sick, zone("a")), fit(3, sick, zone("b"))}, 4,
			start("v1", "c"), stop(reconcile.Surplus, "2"), 0,
		},
		"sick without room: one at a time goes": {
			v1(3), []reconcile.Task{fit(1), fit(2, sick), fit(3, sick)}, 3, nil, stop(reconcile.Replaced, "2"), 0,
		},
		"sick without room while another is coming: wait": {
			v1(3), []reconcile.Task{fit(1), fit(2, sick), fit(3, fresh)}, 3, nil, nil, 0,
		},
		"an old task is replaced by its own revision": {
			[]reconcile.Goal{{Revision: "v2", Want: 1}, {Revision: "v1", Want: 1}},
			[]reconcile.Task{fit(1, sick, zone("a")), fit(2, of("v2"))}, 4, start("v1", "b"), nil, 0,
		},
		"a revision nobody wants goes": {
			v1(1), []reconcile.Task{fit(1), fit(2, of("v0"))}, 4, nil, stop(reconcile.Surplus, "2"), 0,
		},
		"tasks on their way out take no room": {
			v1(2), []reconcile.Task{fit(1, func(t *reconcile.Task) { t.Wanted = false; t.Phase = reconcile.Leaving }), fit(2, zone("a"))}, 2,
			start("v1", "b"), nil, 0,
		},
		"to move with room: the replacement first": {
			v1(2), []reconcile.Task{fit(1, zone("a")), fit(2, moving, zone("b"))}, 4, start("v1", "c"), nil, 0,
		},
		"to move and its replacement on the way: wait": {
			v1(2), []reconcile.Task{fit(1), fit(2, moving), fit(3, fresh)}, 4, nil, nil, 0,
		},
		"to move and its replacement healthy: it goes": {
			v1(2), []reconcile.Task{fit(1), fit(2, moving), fit(3)}, 4, nil, stop(reconcile.Surplus, "2"), 0,
		},
		"to move and not running yet: it goes at once, another comes": {
			v1(2), []reconcile.Task{fit(1, zone("a")), fit(2, moving, fresh, zone("b"))}, 4, start("v1", "c"), stop(reconcile.Replaced, "2"), 0,
		},
		"to move without room: as many as the bounds allow": {
			v1(3), []reconcile.Task{fit(1, moving), fit(2, moving), fit(3, moving)}, 3, nil, stop(reconcile.Replaced, "1", "2"), 0,
		},
		"to move without room: a protected one stays": {
			v1(2), []reconcile.Task{fit(1, moving, protected), fit(2)}, 2, nil, nil, time.Hour,
		},
		"too many and some to move: those first": {
			v1(1), []reconcile.Task{fit(1), fit(2, moving)}, 4, nil, stop(reconcile.Surplus, "2"), 0,
		},
		"a task that settles wakes when it has": {
			v1(1), []reconcile.Task{fit(1, func(t *reconcile.Task) { t.Check = reconcile.NoCheck; t.Since = noon })}, 2, nil, nil, reconcile.Settle,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			starts, stops, wake := reconcile.Tasks(c.goals, c.have, reconcile.Room{Upper: c.upper, Lower: 1, Zones: []string{"a", "b", "c"}}, noon)
			if diff := cmp.Diff(c.start, starts); diff != "" {
				t.Errorf("starts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.stop, stops); diff != "" {
				t.Errorf("stops (-want +got):\n%s", diff)
			}
			if got := wake.Sub(noon); c.wake == 0 && !wake.IsZero() || c.wake != 0 && got != c.wake {
				t.Errorf("wake %s, want in %s", wake, c.wake)
			}
		})
	}
}

func TestWhatOneRevisionMovesTakesNoRoomOfAnother(t *testing.T) {
	t.Parallel()
	both := []reconcile.Goal{{Revision: "v1", Want: 2}, {Revision: "v2", Want: 2}}
	moved := []reconcile.Task{fit(3, of("v2"), moving), fit(4, of("v2"), moving), fit(5, of("v2"), fresh), fit(6, of("v2"), fresh)}
	room := reconcile.Room{Upper: 4, Lower: 2, Each: 4}
	starts, stops, _ := reconcile.Tasks(both, append(moved, fit(1)), room, noon)
	if diff := cmp.Diff([]reconcile.Start{{Revision: "v1"}}, starts); diff != "" || len(stops) > 0 {
		t.Errorf("a task of v1 is gone: starts (-want +got):\n%s\nstops %v, want none", diff, stops)
	}
	starts, stops, _ = reconcile.Tasks(both, append(moved, fit(1), fit(2, sick)), reconcile.Room{Upper: 5, Lower: 2, Each: 4}, noon)
	if diff := cmp.Diff([]reconcile.Start{{Revision: "v1"}}, starts); diff != "" || len(stops) > 0 {
		t.Errorf("a task of v1 is sick and there is room for another: starts (-want +got):\n%s\nstops %v, want none", diff, stops)
	}
}

func TestTasksToMoveKeepTheBoundsOfTheirOwnRevision(t *testing.T) {
	t.Parallel()
	both := []reconcile.Goal{{Revision: "v1", Want: 2}, {Revision: "v2", Want: 2}}
	have := []reconcile.Task{fit(1), fit(2), fit(3, of("v2"), moving, zone("a")), fit(4, of("v2"), moving, zone("b"))}
	for name, c := range map[string]struct {
		room  reconcile.Room
		start []reconcile.Start
		stop  []reconcile.Stop
	}{
		"of all together: those of v1 answer too": {
			reconcile.Room{Upper: 4, Lower: 2}, nil, []reconcile.Stop{{ID: "3", Why: reconcile.Replaced}, {ID: "4", Why: reconcile.Replaced}},
		},
		"of each, with room: the replacements first": {
			reconcile.Room{Upper: 4, Lower: 2, Each: 4}, []reconcile.Start{{Revision: "v2"}, {Revision: "v2"}}, nil,
		},
		"of each, with room for one": {
			reconcile.Room{Upper: 4, Lower: 2, Each: 3}, []reconcile.Start{{Revision: "v2"}}, nil,
		},
		"of each, without room: as many as its bound allows": {
			reconcile.Room{Upper: 4, Lower: 1, Each: 2}, nil, []reconcile.Stop{{ID: "3", Why: reconcile.Replaced}},
		},
		"of each, without room and without leave": {
			reconcile.Room{Upper: 4, Lower: 2, Each: 2}, nil, nil,
		},
	} {
		starts, stops, _ := reconcile.Tasks(both, have, c.room, noon)
		if diff := cmp.Diff(c.start, starts); diff != "" {
			t.Errorf("%s: starts (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(c.stop, stops); diff != "" {
			t.Errorf("%s: stops (-want +got):\n%s", name, diff)
		}
	}
}

func TestTasksKeepTheBoundAndSpareTheProtectedAndHealthyOnesStillWanted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var have []reconcile.Task
		healthy, live, well, movers := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
		for i := range rapid.IntRange(0, 12).Draw(t, "tasks") {
			task := fit(i, of(rapid.SampledFrom([]string{"v1", "v2", "v3"}).Draw(t, "revision")), zone(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone")))
			switch rapid.IntRange(0, 5).Draw(t, "how") {
			case 0:
				sick(&task)
			case 1:
				fresh(&task)
			case 2:
				protected(&task)
			case 3:
				task.Wanted = false
			case 4:
				moving(&task)
			}
			have = append(have, task)
			if task.Wanted {
				live[task.Revision]++
			}
			if task.Wanted && task.Moving {
				movers[task.Revision]++
			}
			if is, _ := reconcile.Healthy(task, noon); is {
				well[task.Revision]++
				if !task.Moving {
					healthy[task.Revision]++
				}
			}
		}
		want := map[string]int{"v1": rapid.IntRange(0, 6).Draw(t, "v1"), "v2": rapid.IntRange(0, 6).Draw(t, "v2")}
		room := reconcile.Room{Upper: rapid.IntRange(0, 14).Draw(t, "upper"), Lower: rapid.IntRange(0, 6).Draw(t, "lower"),
			Each: rapid.IntRange(0, 8).Draw(t, "each"), Zones: []string{"a", "b"}}
		// counted gives the tasks that there is to be room for: with Each not those in place of others that are to move.
		counted := func() (n int) {
			for r, has := range live {
				n += has
				if room.Each > 0 {
					n -= max(0, min(movers[r], has-want[r]))
				}
			}
			return n
		}
		before := counted()
		starts, stops, _ := reconcile.Tasks([]reconcile.Goal{{Revision: "v1", Want: want["v1"]}, {Revision: "v2", Want: want["v2"]}}, have, room, noon)

		for _, s := range starts {
			live[s.Revision]++
		}
		left, seen, made := map[string]int{}, map[string]bool{}, map[string]bool{}
		for r, n := range healthy {
			left[r] = n
		}
		for _, s := range stops {
			i := slices.IndexFunc(have, func(t reconcile.Task) bool { return t.ID == s.ID })
			if i < 0 || seen[s.ID] || !have[i].Wanted || noon.Before(have[i].ProtectedUntil) {
				t.Fatalf("stopped %q, which is unknown, stopped already or protected", s.ID)
			}
			seen[s.ID] = true
			live[have[i].Revision]--
			if have[i].Moving {
				movers[have[i].Revision]--
			}
			if is, _ := reconcile.Healthy(have[i], noon); is {
				well[have[i].Revision]--
				if !have[i].Moving {
					left[have[i].Revision]--
				}
				made[have[i].Revision] = made[have[i].Revision] || s.Why == reconcile.Replaced
			}
		}
		above := before
		if room.Each == 0 {
			above = 0
		}
		if n := counted(); len(starts) > 0 && n > max(room.Upper, above) {
			t.Fatalf("%d started, %d stopped, %d are there: above %d", len(starts), len(stops), n, room.Upper)
		}
		for _, s := range starts {
			if n := live[s.Revision]; room.Each > 0 && n > max(room.Each, room.Upper, want[s.Revision]) {
				t.Fatalf("%d of %s: above %d and %d", n, s.Revision, room.Each, room.Upper)
			}
		}
		all := 0
		for _, n := range well {
			all += n
		}
		for r, is := range made {
			n := all
			if room.Each > 0 {
				n = well[r]
			}
			if is && n < room.Lower {
				t.Fatalf("made healthy tasks of %s move below %d: %d are left", r, room.Lower, n)
			}
		}
		for r, n := range healthy {
			if left[r] < min(n, want[r]) {
				t.Fatalf("revision %s wants %d and keeps %d of %d healthy", r, want[r], left[r], n)
			}
		}
	})
}

func TestSplitTakesTheUnhealthyFirstAndThenTheOldest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want    int
		sources []reconcile.Source
		shares  []int
	}{
		{4, []reconcile.Source{{4, 4}}, []int{4}},
		{3, []reconcile.Source{{2, 2}, {2, 1}}, []int{2, 1}},
		{2, []reconcile.Source{{2, 2}, {2, 1}}, []int{1, 1}},
		{0, []reconcile.Source{{2, 2}, {2, 1}}, []int{0, 0}},
		{6, []reconcile.Source{{2, 2}, {2, 1}}, []int{2, 4}},
		{2, []reconcile.Source{{2, 0}, {2, 0}}, []int{0, 2}},
	} {
		if diff := cmp.Diff(c.shares, reconcile.Split(c.want, c.sources)); diff != "" {
			t.Errorf("%d of %v (-want +got):\n%s", c.want, c.sources, diff)
		}
	}
	if got := reconcile.Split(3, nil); got != nil {
		t.Errorf("no sources: got %v, want none", got)
	}
}

func TestSplitGivesExactlyWhatIsWanted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var sources []reconcile.Source
		for range rapid.IntRange(1, 4).Draw(t, "sources") {
			n := rapid.IntRange(0, 5).Draw(t, "want")
			sources = append(sources, reconcile.Source{Want: n, Healthy: rapid.IntRange(0, n).Draw(t, "healthy")})
		}
		want, sum := rapid.IntRange(0, 20).Draw(t, "total"), 0
		for _, n := range reconcile.Split(want, sources) {
			if n < 0 {
				t.Fatalf("a share of %d", n)
			}
			sum += n
		}
		if sum != want {
			t.Fatalf("shares sum to %d, want %d", sum, want)
		}
	})
}

func TestFailuresAreCountedInTwoStages(t *testing.T) {
	t.Parallel()
	type f = reconcile.Failures
	never, crashed := reconcile.End{}, reconcile.End{Ran: true}
	ill := reconcile.End{Ran: true, Healthy: true, Sick: true, Asked: true}
	for name, c := range map[string]struct {
		do   func(f) f
		want f
	}{
		"launches that never run count":           {func(x f) f { return x.Ended(never).Ended(never) }, f{Count: 2, Launches: 2}},
		"once one ran, those no longer count":     {func(x f) f { return x.Started().Ended(never) }, f{Ran: true, Launches: 1}},
		"running alone resets nothing but launch": {func(x f) f { return x.Ended(never).Started() }, f{Count: 1, Ran: true}},
		"an exit before it was ever healthy":      {func(x f) f { return x.Started().Ended(crashed) }, f{Count: 1, Ran: true}},
		"an exit of one that was healthy":         {func(x f) f { return x.Started().Ended(reconcile.End{Ran: true, Healthy: true}) }, f{Ran: true}},
		"one replaced for its health":             {func(x f) f { return x.Started().Ended(ill) }, f{Count: 1, Ran: true}},
		"one stopped because fewer are wanted":    {func(x f) f { return x.Ended(reconcile.End{Asked: true}) }, f{}},
		"a healthy one resets":                    {func(x f) f { return x.Ended(never).Started().Healthy(true) }, f{Ran: true}},
		"a healthy one need not reset":            {func(x f) f { return x.Ended(never).Started().Healthy(false) }, f{Count: 1, Ran: true}},
	} {
		if got := c.do(f{}); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestBackoffDoublesFromTheThirdFailedLaunchUpTo27Minutes(t *testing.T) {
	t.Parallel()
	for launches, want := range map[int]time.Duration{
		0: 0, 1: 0, 2: 0, 3: 40 * time.Second, 4: 80 * time.Second, 8: 1280 * time.Second, 9: 27 * time.Minute, 1000: 27 * time.Minute,
	} {
		if got := reconcile.Backoff(launches); got != want {
			t.Errorf("after %d launches: got %s, want %s", launches, got, want)
		}
	}
}

func TestCountSaysHowARevisionStands(t *testing.T) {
	t.Parallel()
	have := []reconcile.Task{
		fit(1), fit(2, sick), fit(3, fresh), fit(4, of("v2")),
		fit(5, func(t *reconcile.Task) { t.Wanted, t.Phase = false, reconcile.Leaving }),
		fit(6, func(t *reconcile.Task) { t.Wanted, t.Phase = false, reconcile.Stopped }),
	}
	is := func(r string) bool { return r == "v1" }
	if got, want := reconcile.Count(2, have, is, noon), (rollout.Count{Want: 3, Running: 2, Healthy: 1, Leaving: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := reconcile.Count(5, have, is, noon).Want; got != 5 {
		t.Errorf("5 asked for: got %d wanted", got)
	}
}
