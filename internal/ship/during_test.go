package ship_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// pausesAt is a step after which ECS waits for answers at a stage.
func pausesAt(stage string, ids ...string) func(*fakeECS) {
	return func(f *fakeECS) {
		f.status("IN_PROGRESS", "")
		f.deployment["lifecycleStage"] = stage
		var list []any
		for _, id := range ids {
			list = append(list, object{"hookId": id, "targetType": "PAUSE", "status": "AWAITING_ACTION", "timeoutAction": "ROLLBACK", "expiresAt": 9e9})
		}
		f.deployment["lifecycleHookDetails"] = list
	}
}

// untilAnswered repeats a step until so many answers came.
func untilAnswered(n int, step func(*fakeECS), then ...func(*fakeECS)) []func(*fakeECS) {
	var self func(*fakeECS)
	self = func(f *fakeECS) {
		if len(f.answers) < n {
			f.script = append([]func(*fakeECS){nil, self}, f.script[1:]...) // step drops the first
			if len(f.deployment) > 0 && f.deployment["lifecycleHookDetails"] == nil {
				step(f)
			}
		}
	}
	return append([]func(*fakeECS){self}, then...)
}

func blueGreen(*types.Service) (*types.DeploymentConfiguration, []types.LoadBalancer, error) {
	return &types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen}, nil, nil
}

func deployer(t *testing.T, f *fakeECS) *ship.Deployer {
	return &ship.Deployer{ECS: f.serve(t), Clock: &instant{now: time.Unix(1000, 0)}}
}

func TestUntilAPointECSIsHeldThereAndWeLeave(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = []func(*fakeECS){pausesAt("POST_TEST_TRAFFIC_SHIFT", "ecs-PAUSE-1")}
	r := leased("")
	r.Manner, r.Until = blueGreen, ship.PointTestTraffic
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Reached)
	if out.Point != ship.PointTestTraffic || len(out.Pauses) != 1 || !strings.Contains(out.Next, "slipway continue arn:") {
		t.Errorf("outcome %+v", out)
	}
	sent, err := json.Marshal(f.updates[0]["deploymentConfiguration"])
	if err != nil || !strings.Contains(string(sent), `"lifecycleStages":["POST_TEST_TRAFFIC_SHIFT"],"targetType":"PAUSE"`) || !strings.Contains(string(sent), "BLUE_GREEN") {
		t.Errorf("sent %s", sent)
	}
}

func TestARollingDeploymentDoesNotStopWhereItNeverComes(t *testing.T) {
	t.Parallel()
	f := newFake()
	r := request()
	r.Until = ship.PointTestTraffic
	if _, _, err := deploy(t, f, r); !fail.Is(err, "usage.until") {
		t.Errorf("got %v", err)
	}
	if f.calls["RegisterTaskDefinition"] != 0 {
		t.Error("something was registered all the same")
	}
}

func TestPausesThatADeployAddedAreTakenAwayByTheNext(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = succeeds()
	f.marks["slipway:pauses"] = "POST_TEST_TRAFFIC_SHIFT"
	pause := func(stage string) object { return object{"targetType": "PAUSE", "lifecycleStages": []any{stage}} }
	f.service["deploymentConfiguration"] = object{"strategy": "BLUE_GREEN", "lifecycleHooks": []any{pause("POST_TEST_TRAFFIC_SHIFT"), pause("POST_SCALE_UP")}}
	out, _, err := deploy(t, f, leased(""))
	want(t, out, err, ship.Succeeded)
	sent, err := json.Marshal(f.updates[0]["deploymentConfiguration"])
	if err != nil || strings.Contains(string(sent), "POST_TEST") || !strings.Contains(string(sent), "POST_SCALE_UP") {
		t.Errorf("sent %s, want the pause that is not ours kept, ours gone", sent)
	}
	if f.marks["slipway:pauses"] != "" {
		t.Error("the note of ours is still there")
	}
}

func TestASecondDeployPausesOnceAsTheFirstDid(t *testing.T) {
	t.Parallel()
	for _, leases := range []bool{true, false} {
		f := newFake()
		r := request()
		if leases {
			r = leased("")
		}
		r.Manner, r.Until = blueGreen, ship.PointTestTraffic
		for range 2 {
			f.script = []func(*fakeECS){pausesAt("POST_TEST_TRAFFIC_SHIFT", "ecs-PAUSE-1")}
			out, _, err := deploy(t, f, r)
			want(t, out, err, ship.Reached)
			c := f.updates[len(f.updates)-1]["deploymentConfiguration"].(object)
			f.service["deploymentConfiguration"] = c
			if n := len(c["lifecycleHooks"].([]any)); n != 1 {
				t.Errorf("with a lease %t: %d pauses were sent, want 1", leases, n)
			}
			f.deployments(f.side(oldID, "web:2", "PRIMARY", "COMPLETED", 100))
			f.deployment = nil
			r.Images["app"] = "repo/app:3"
		}
	}
}

func TestOurHooksRunWhileECSIsHeldAndThenItGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFake()
	f.script = untilAnswered(1, pausesAt("POST_TEST_TRAFFIC_SHIFT", "ecs-PAUSE-1"), succeeds()...)
	r := request()
	r.Manner = blueGreen
	says := func(p ship.Point) ship.Hook {
		return ship.Hook{At: p, Shell: true, Run: []string{"echo $SLIPWAY_POINT $SLIPWAY_REVISION $SLIPWAY_SERVICE $SLIPWAY_VERDICT >>" + filepath.Join(dir, "log")}}
	}
	for _, p := range []ship.Point{ship.PointBefore, ship.PointRegistered, ship.PointTestTraffic, ship.PointSucceeded, ship.PointFailed} {
		r.Hooks = append(r.Hooks, says(p))
	}
	d := &ship.Deployer{ECS: f.serve(t)} // the wall's time: hooks are real
	out, err := d.Deploy(t.Context(), r, func(ship.Event) {})
	want(t, out, err, ship.Succeeded)
	if !slices.Equal(f.answers, []string{"ecs-PAUSE-1 CONTINUE"}) {
		t.Errorf("answers %v", f.answers)
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if got := string(log); err != nil || got != "before web\nregistered web:2 web\ntest-traffic web:2 web\nsucceeded web:2 web succeeded\n" {
		t.Errorf("the hooks said %q", got)
	}
}

func TestAHookThatFailsAtAPauseRollsBack(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = untilAnswered(1, pausesAt("POST_TEST_TRAFFIC_SHIFT", "ecs-PAUSE-1"), rollsBack()[2:]...)
	r := request()
	r.Manner = blueGreen
	r.Hooks = []ship.Hook{{At: ship.PointTestTraffic, Run: []string{"sh", "-c", "echo no cart; exit 3"}}}
	d := &ship.Deployer{ECS: f.serve(t)}
	var told []string
	out, err := d.Deploy(t.Context(), r, func(e ship.Event) { told = append(told, e.Text) })
	want(t, out, err, ship.RolledBack)
	if !slices.Equal(f.answers, []string{"ecs-PAUSE-1 ROLLBACK"}) {
		t.Errorf("answers %v", f.answers)
	}
	if all := strings.Join(told, "\n"); !strings.Contains(all, "no cart") || !strings.Contains(all, "exit code 3") {
		t.Errorf("told\n%s", all)
	}
	if !strings.HasPrefix(out.Cause, "hook at test-traffic: ") || !strings.Contains(out.Cause, "exit code 3: ") {
		t.Errorf("the cause does not begin with the hook: %s", out.Cause)
	}
}

func TestAHookThatFailsBeforeTheUpdateDeploysNothing(t *testing.T) {
	t.Parallel()
	f := newFake()
	r := request()
	r.Hooks = []ship.Hook{{At: ship.PointRegistered, Run: []string{"false"}}}
	d := &ship.Deployer{ECS: f.serve(t)}
	if _, err := d.Deploy(t.Context(), r, func(ship.Event) {}); !fail.Is(err, "hook.failed") {
		t.Errorf("got %v", err)
	}
	if f.calls["UpdateService"] != 0 {
		t.Error("the service was updated all the same")
	}
}

func TestAPauseThatIsNotOursIsToldAndWaitedFor(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = []func(*fakeECS){pausesAt("POST_TEST_TRAFFIC_SHIFT", "ecs-PAUSE-9")}
	r := request()
	r.Timeout = 2 * time.Minute
	out, events, err := deploy(t, f, r)
	want(t, out, err, ship.Waiting, "test-traffic")
	told := 0
	for _, e := range events {
		if e.Kind == ship.KindPause && e.Pause.ID == "ecs-PAUSE-9" && strings.Contains(e.Text, "slipway approve arn:") {
			told++
		}
	}
	if told != 1 || len(f.answers) != 0 {
		t.Errorf("told %d times, answers %v", told, f.answers)
	}
}

func TestAnAnswerReachesThePauseWithItsReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ids    []string
		answer ship.Answer
		code   string
		want   []string
	}{
		{[]string{"p1"}, ship.Answer{GoOn: true}, "", []string{"p1 CONTINUE"}},
		{[]string{"p1"}, ship.Answer{Reason: "the cart is empty", By: "me"}, "", []string{"p1 ROLLBACK"}},
		{[]string{"p1", "p2"}, ship.Answer{GoOn: true}, "pause.several", nil},
		{[]string{"p1", "p2"}, ship.Answer{GoOn: true, Pause: "p2"}, "", []string{"p2 CONTINUE"}},
		{[]string{"p1", "p2"}, ship.Answer{GoOn: true, All: true}, "", []string{"p1 CONTINUE", "p2 CONTINUE"}},
		{[]string{"p1"}, ship.Answer{GoOn: true, Pause: "p7"}, "pause.over", nil},
		{nil, ship.Answer{GoOn: true}, "pause.none", nil},
	} {
		f := newFake()
		f.update(object{"taskDefinition": arns + "task-definition/web:2"})
		pausesAt("POST_SCALE_UP", c.ids...)(f)
		c.answer.Cluster, c.answer.Service = "main", "web"
		err := deployer(t, f).Answer(t.Context(), c.answer, func(ship.Event) {})
		if c.code == "" && err != nil || c.code != "" && !fail.Is(err, c.code) {
			t.Errorf("%+v: %v", c, err)
		}
		if !slices.Equal(f.answers, c.want) {
			t.Errorf("%+v: answers %v", c, f.answers)
		}
		if c.answer.Reason != "" && f.marks["slipway:answer"] != "reject p1 by me: the cart is empty" {
			t.Errorf("noted %v", f.marks)
		}
	}
}

func TestARefusalsReasonIsInTheVerdict(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = append([]func(*fakeECS){
		pausesAt("POST_TEST_TRAFFIC_SHIFT", "ecs-PAUSE-9"), func(*fakeECS) {}, func(*fakeECS) {},
		func(f *fakeECS) { f.marks["slipway:answer"] = "reject ecs-PAUSE-9 by them: the cart is empty" },
	}, rollsBack()[2:]...)
	out, _, err := deploy(t, f, request())
	want(t, out, err, ship.RolledBack, "rejected by them: the cart is empty")
}

func TestAbortStopsTheNewestDeploymentOnceAndFollowsItsRollback(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.update(object{"taskDefinition": arns + "task-definition/web:1", "forceNewDeployment": true})
	f.status("IN_PROGRESS", "")
	f.onStop = func(f *fakeECS) { f.script = rollsBack()[2:] }
	f.drop["StopServiceDeployment"] = 1 // asking again is harmless
	out, err := deployer(t, f).Watch(t.Context(), ship.Pursuit{Cluster: "main", Service: "web", Abort: true}, func(ship.Event) {})
	want(t, out, err, ship.RolledBack)
	f.status("SUCCESSFUL", "")
	if _, err := deployer(t, f).Watch(t.Context(), ship.Pursuit{Cluster: "main", Service: "web", Abort: true}, func(ship.Event) {}); !fail.Is(err, "deployment.over") {
		t.Errorf("of one that has ended: %v", err)
	}
}

func TestAnInterruptAsksOnceAndMayAbort(t *testing.T) {
	t.Parallel()
	for choice, verdict := range map[ship.Choice]ship.Verdict{ship.Leave: ship.Interrupted, ship.Abort: ship.RolledBack, ship.GoOn: ship.Succeeded} {
		f := newFake()
		f.onStop = func(f *fakeECS) { f.script = rollsBack()[2:] }
		ctx, cancel := context.WithCancel(t.Context())
		r := request()
		asked := 0
		r.Ask = func(ctx context.Context) (ship.Choice, context.Context) {
			asked++
			if choice == ship.GoOn {
				f.mu.Lock()
				f.script = succeeds()
				f.mu.Unlock()
			}
			return choice, ctx
		}
		out, err := deployer(t, f).Deploy(ctx, r, func(e ship.Event) {
			if e.Kind == ship.KindFollowing {
				cancel()
			}
		})
		cancel()
		want(t, out, err, verdict)
		if asked != 1 {
			t.Errorf("%s: asked %d times", choice, asked)
		}
	}
}

// remember gives a service a history: revisions by the deployments that ended so, newest first.
func remember(f *fakeECS, ends ...string) {
	for i, e := range ends {
		revision, status, _ := strings.Cut(e, " ")
		arn := fmt.Sprintf("%sservice-revision/main/web/%d", arns, i)
		f.revisions[arn] = revision
		f.history = append([]any{object{"serviceDeploymentArn": fmt.Sprintf("%sservice-deployment/main/web/h%d", arns, i), "targetServiceRevisionArn": arn,
			"status": status, "createdAt": 50.0 - float64(i)}}, f.history...)
	}
}

// definition adds a definition as web:N.
func definition(f *fakeECS, n int, image, status string) {
	for len(f.definitions) < n {
		f.definitions = append(f.definitions, object{"family": "web", "revision": len(f.definitions) + 1,
			"taskDefinitionArn": fmt.Sprintf("%stask-definition/web:%d", arns, len(f.definitions)+1), "status": "ACTIVE",
			"containerDefinitions": []any{object{"name": "app", "image": "unused"}}})
	}
	f.definitions[n-1]["status"] = status
	f.definitions[n-1]["containerDefinitions"] = []any{object{"name": "app", "image": image}}
}

func TestRollbackTakesTheLastThatSucceededAndNotTheNumberBefore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, to, status, want string
		listed                 bool
		registered             int
	}{
		{"by service deployments", "", "ACTIVE", "web:2", true, 0},
		{"by a number", "3", "ACTIVE", "web:3", true, 0},
		{"deregistered", "last-good", "INACTIVE", "web:6", true, 1},
		{"by what was noted", "last-good", "ACTIVE", "web:2", false, 0},
	} {
		f := newFake()
		definition(f, 2, "repo/app:2", c.status)
		definition(f, 3, "repo/app:3", "ACTIVE")
		definition(f, 5, "repo/app:5", "ACTIVE")
		f.service["taskDefinition"] = arns + "task-definition/web:5"
		f.deployments(f.side(oldID, "web:5", "PRIMARY", "COMPLETED", 100))
		remember(f, "web:5 SUCCESSFUL", "web:4 ROLLBACK_SUCCESSFUL", "web:3 STOPPED", "web:2 SUCCESSFUL")
		if !c.listed {
			f.refuse["ListServiceDeployments"] = "AccessDeniedException"
			f.marks["slipway:good"] = "web:5 web:2 web:1"
		}
		before := len(f.definitions)
		f.script = []func(*fakeECS){func(f *fakeECS) {
			f.deployments(f.side(newID, c.want, "PRIMARY", "COMPLETED", 200))
			f.status("SUCCESSFUL", "")
			f.history = append(f.history, object{"serviceDeploymentArn": arns + "service-deployment/main/web/abc", "status": "SUCCESSFUL",
				"targetServiceRevisionArn": arns + "service-revision/main/web/" + strings.TrimPrefix(newID, "ecs-svc/")})
		}}
		out, aborted, err := deployer(t, f).Rollback(t.Context(), ship.Request{Cluster: "main", Service: "web"}, c.to, func(ship.Event) {})
		want(t, out, err, ship.Succeeded)
		if got := f.service["taskDefinition"]; got != arns+"task-definition/"+c.want || aborted {
			t.Errorf("%s: the service runs %v, aborted %t", c.name, got, aborted)
		}
		if n := len(f.definitions) - before; n != c.registered {
			t.Errorf("%s: %d definitions were registered, want %d", c.name, n, c.registered)
		}
	}
}

func TestRollbackWithNothingToGoBackToSaysSo(t *testing.T) {
	t.Parallel()
	f := newFake()
	remember(f, "web:1 SUCCESSFUL")
	_, _, err := deployer(t, f).Rollback(t.Context(), ship.Request{Cluster: "main", Service: "web"}, "", func(ship.Event) {})
	if !fail.Is(err, "rollback.none") {
		t.Errorf("got %v", err)
	}
}

func TestRollbackDuringADeploymentAbortsIt(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.update(object{"taskDefinition": arns + "task-definition/web:1", "forceNewDeployment": true})
	f.status("IN_PROGRESS", "")
	f.onStop = func(f *fakeECS) { f.script = rollsBack()[2:] }
	out, aborted, err := deployer(t, f).Rollback(t.Context(), ship.Request{Cluster: "main", Service: "web"}, "", func(ship.Event) {})
	want(t, out, err, ship.RolledBack)
	if !aborted || f.calls["UpdateService"] != 0 {
		t.Errorf("aborted %t, calls %v", aborted, f.calls)
	}
}

func TestDetachedItSaysTheDeploymentAndLeaves(t *testing.T) {
	t.Parallel()
	f := newFake()
	r := request()
	r.Detach = true
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Detached)
	if !strings.HasSuffix(out.Deployment, "service-deployment/main/web/abc") {
		t.Errorf("deployment %q", out.Deployment)
	}
}

func TestFollowingAsksOnceASecondAtMostAndOnceInFiveWhenNothingMoves(t *testing.T) {
	t.Parallel()
	f := newFake()
	r := leased("")
	r.Timeout = 10 * time.Minute
	c := &instant{now: time.Unix(1000, 0)}
	d := &ship.Deployer{ECS: f.serve(t), Clock: c}
	var began time.Time
	before := 0
	total := func() (n int) {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, k := range f.calls {
			n += k
		}
		return n
	}
	out, err := d.Deploy(t.Context(), r, func(e ship.Event) {
		if e.Kind == ship.KindUpdated {
			began, before = e.At, total()
		}
	})
	want(t, out, err, ship.Unknown)
	seconds := c.Now().Sub(began).Seconds()
	// 30 s of one a second, then one in five; of the lease two calls in twenty seconds; two at the end.
	if most := 35 + int(seconds/5) + 2*int(seconds/20) + 4; total()-before > most {
		t.Errorf("%d calls in %.0f s, want at most %d", total()-before, seconds, most)
	}
}

func TestADeploymentThatOthersFollowedIsNotSaidToRun(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.update(object{"taskDefinition": arns + "task-definition/web:1", "forceNewDeployment": true})
	revision := arns + "service-revision/main/web/" + strings.TrimPrefix(newID, "ecs-svc/")
	f.deployment["targetServiceRevision"], f.deployment["finishedAt"], f.revisions[revision] = object{"arn": revision}, 210.0, "web:1"
	f.status("SUCCESSFUL", "")
	f.deployments(f.side("ecs-svc/3000000000000000003", "web:3", "PRIMARY", "COMPLETED", 300))
	f.service["events"] = []any{object{"id": "later", "createdAt": 300.0, "message": "of another"}, object{"id": "ours", "createdAt": 205.0, "message": "of ours"}}
	var told []string
	out, err := deployer(t, f).Watch(t.Context(), ship.Pursuit{Deployment: arns + "service-deployment/main/web/abc"}, func(e ship.Event) { told = append(told, e.Text) })
	want(t, out, err, ship.Succeeded)
	if got := told[len(told)-1]; got != "succeeded: deployment abc of web:1; the service has been deployed again since" {
		t.Errorf("the end is %q", got)
	}
	if !slices.Contains(told, "of ours") || slices.Contains(told, "of another") {
		t.Errorf("told %q", told)
	}
}
