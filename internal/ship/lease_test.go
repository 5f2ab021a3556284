package ship_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// leased is request with a lease.
func leased(busy ship.Busy) ship.Request {
	r := request()
	r.Lease = &ship.Lease{Owner: "me", Reason: "a test", Busy: busy}
	return r
}

// other puts somebody else's lease on the service, until so long from the server's now.
func other(f *fakeECS, left time.Duration) {
	f.marks["slipway:lease-owner"] = "them"
	f.marks["slipway:lease-reason"] = "migrating"
	now := f.now
	if now.IsZero() {
		now = time.Now()
	}
	f.marks["slipway:lease-until"] = now.Add(left).UTC().Format(time.RFC3339)
}

func TestALeaseIsTakenNotedAndGivenBack(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = succeeds()
	var during map[string]string
	step := f.script[0]
	f.script[0] = func(f *fakeECS) { during = map[string]string{"owner": f.marks["slipway:lease-owner"]}; step(f) }
	out, _, err := deploy(t, f, leased(""))
	want(t, out, err, ship.Succeeded)
	if during["owner"] != "me" {
		t.Errorf("while it deploys the lease is %v", during)
	}
	if len(f.marks) != 1 || f.marks["slipway:good"] != "web:2" {
		t.Errorf("afterwards the service has the tags %v, want what succeeded alone", f.marks)
	}
}

func TestABusyServiceIsWaitedForReplacedOrRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		busy   ship.Busy
		left   time.Duration
		force  bool
		code   string
		waits  bool
		writes int
	}{
		{ship.BusyRefuse, time.Hour, false, "lease.busy", false, 0},
		{ship.BusyRefuse, -time.Hour, false, "", false, 1}, // it has expired
		{ship.BusyReplace, time.Hour, false, "", false, 1},
		{ship.BusyWait, 20 * time.Second, false, "", true, 1}, // by the server's time
		{"", 20 * time.Second, false, "", true, 1},
		{ship.BusyRefuse, time.Hour, true, "", false, 1},
	} {
		f := newFake()
		f.script, f.now = succeeds(), time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		other(f, c.left)
		r := leased(c.busy)
		r.Lease.Force, r.Timeout = c.force, 1000*time.Hour
		out, events, err := deploy(t, f, r)
		waited := slices.ContainsFunc(events, func(e ship.Event) bool {
			return e.Kind == ship.KindLease && strings.Contains(e.Text, "waiting: them (migrating)")
		})
		switch {
		case c.code != "":
			if !fail.Is(err, c.code) || !strings.Contains(err.Error(), "them (migrating)") {
				t.Errorf("%+v: %v", c, err)
			}
		default:
			want(t, out, err, ship.Succeeded)
		}
		if waited != c.waits || f.calls["UpdateService"] != c.writes {
			t.Errorf("%+v: waited %t, %d updates", c, waited, f.calls["UpdateService"])
		}
	}
}

func TestALeaseLostBeforeTheUpdateDeploysNothing(t *testing.T) {
	t.Parallel()
	f := newFake()
	r := leased("")
	r.Images["app"] = "repo/app:3"
	d := &ship.Deployer{ECS: f.serve(t), Clock: &instant{now: time.Unix(1000, 0)}}
	_, err := d.Deploy(t.Context(), r, func(e ship.Event) {
		if e.Kind == ship.KindRegistered {
			f.mu.Lock()
			other(f, time.Hour)
			f.mu.Unlock()
		}
	})
	if !fail.Is(err, "lease.lost") || !strings.Contains(err.Error(), "them") {
		t.Errorf("got %v, want lease.lost", err)
	}
	if f.calls["UpdateService"] != 0 || f.marks["slipway:lease-owner"] != "them" {
		t.Errorf("calls %v, tags %v", f.calls, f.marks)
	}
}

func TestWhoWantsWhatIsBeingDeployedFollowsWithoutALease(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.update(object{"taskDefinition": arns + "task-definition/web:1", "forceNewDeployment": true})
	f.script = succeeds()
	f.script[2] = func(f *fakeECS) {
		f.deployments(f.side(newID, "web:1", "PRIMARY", "COMPLETED", 200))
		f.status("SUCCESSFUL", "")
	}
	other(f, time.Hour)
	r := leased(ship.BusyRefuse)
	r.Images = nil
	r.Hooks = []ship.Hook{{At: ship.PointBefore, Run: []string{"false"}}, {At: ship.PointRegistered, Run: []string{"false"}}} // theirs ran
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Succeeded)
	if f.calls["TagResource"]+f.calls["UpdateService"] != 0 {
		t.Errorf("calls %v", f.calls)
	}
}

func TestAServiceThatCannotBeTaggedIsDeployedWithoutALease(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script, f.refuse["TagResource"] = succeeds(), "AccessDeniedException"
	out, events, err := deploy(t, f, leased(ship.BusyRefuse))
	want(t, out, err, ship.Succeeded)
	if !slices.ContainsFunc(events, func(e ship.Event) bool {
		return e.Kind == ship.KindWarning && strings.Contains(e.Text, "without a lease")
	}) {
		t.Error("nobody is told")
	}
}

func TestALeaseIsRenewedWhileTheDeploymentGoesOn(t *testing.T) {
	t.Parallel()
	f := newFake()
	r := leased("")
	r.Timeout = 5 * time.Minute // nothing ever happens
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Unknown, "watched for 5m0s")
	if n := f.calls["TagResource"]; n < 10 || n > 17 { // each 20 s of 300, and a turn or two late
		t.Errorf("the lease was written %d times in 5 minutes", n)
	}
}

func TestASavedPlanIsStaleThoughTheServiceMovesOnOnlyWhileWeWaitOrRegister(t *testing.T) {
	t.Parallel()
	for kind, registers := range map[ship.Kind]int{ship.KindLease: 0, ship.KindRegistered: 1} {
		f := newFake()
		r := leased(ship.BusyWait)
		p, err := ship.Propose(t.Context(), live(t, f), r, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		r.Plan = ship.NewPlan(p, ship.Facts{})
		if kind == ship.KindLease {
			other(f, time.Hour)
		}
		d := &ship.Deployer{ECS: f.serve(t), Clock: &instant{now: time.Unix(1000, 0)}}
		_, err = d.Deploy(t.Context(), r, func(e ship.Event) {
			if e.Kind == kind {
				f.mu.Lock()
				f.service["desiredCount"] = 7
				if kind == ship.KindLease {
					clear(f.marks)
				}
				f.mu.Unlock()
			}
		})
		if !fail.Is(err, "plan.stale") || f.calls["UpdateService"] != 0 || f.calls["RegisterTaskDefinition"] != registers {
			t.Errorf("moved on at %s: ended with %v, calls %v", kind, err, f.calls)
		}
		if f.marks["slipway:lease-owner"] != "" {
			t.Errorf("moved on at %s: the lease is still there: %v", kind, f.marks)
		}
	}
}
