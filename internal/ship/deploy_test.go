package ship_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

// request changes the image of one container.
func request() ship.Request {
	return ship.Request{Cluster: "main", Service: "web", Images: map[string]string{"app": "repo/app:2"}}
}

func deploy(t *testing.T, f *fakeECS, r ship.Request) (ship.Outcome, []ship.Event, error) {
	t.Helper()
	var events []ship.Event
	d := &ship.Deployer{ECS: f.serve(t), Clock: &instant{now: time.Unix(1000, 0)}}
	out, err := d.Deploy(t.Context(), r, func(e ship.Event) { events = append(events, e) })
	return out, events, err
}

func want(t *testing.T, out ship.Outcome, err error, v ship.Verdict, cause ...string) {
	t.Helper()
	if err != nil {
		t.Fatalf("Deploy: %v", err)
	}
	if out.Verdict != v {
		t.Errorf("verdict %q (%s), want %q", out.Verdict, out.Cause, v)
	}
	for _, c := range cause {
		if !strings.Contains(out.Cause, c) {
			t.Errorf("cause %q does not speak of %q", out.Cause, c)
		}
	}
}

// succeeds is a script that ends well.
func succeeds() []func(*fakeECS) {
	return []func(*fakeECS){
		func(f *fakeECS) {
			f.status("IN_PROGRESS", "")
			f.event("(service web) has started 2 tasks: (task a) (task b).")
		},
		func(*fakeECS) {},
		func(f *fakeECS) {
			f.deployments(f.side(newID, "web:2", "PRIMARY", "COMPLETED", 200))
			f.status("SUCCESSFUL", "")
			f.event("(service web) has reached a steady state.")
		},
	}
}

// rollsBack is a script whose breaker trips: the old deployment leads again.
func rollsBack() []func(*fakeECS) {
	return []func(*fakeECS){
		func(f *fakeECS) { f.status("IN_PROGRESS", "") },
		func(f *fakeECS) {
			f.service["deployments"].([]any)[0].(object)["failedTasks"] = 1
			f.stopped = []any{
				object{"taskArn": arns + "task/main/feedbeef00", "lastStatus": "STOPPED", "startedBy": newID, "stoppedAt": 210.0,
					"taskDefinitionArn": arns + "task-definition/web:2", "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
					"containers": []any{object{"name": "app", "exitCode": 3}}},
				object{"taskArn": arns + "task/main/other", "lastStatus": "STOPPED", "startedBy": newID, "stoppedAt": 205.0, "stoppedReason": "Scaling activity initiated by (deployment x)"},
			}
		},
		func(f *fakeECS) {
			f.service["taskDefinition"] = arns + "task-definition/web:1"
			f.deployments(f.side(oldID, "web:1", "PRIMARY", "IN_PROGRESS", 100), f.side(newID, "web:2", "ACTIVE", "FAILED", 200))
			f.status("ROLLBACK_IN_PROGRESS", "")
			f.event("(service web) (deployment " + newID + ") deployment failed: tasks failed to start.")
		},
		func(*fakeECS) {},
		func(f *fakeECS) {
			f.deployments(f.side(oldID, "web:1", "PRIMARY", "COMPLETED", 100))
			f.status("ROLLBACK_SUCCESSFUL", "Service deployment rolled back because the circuit breaker threshold was exceeded.")
		},
	}
}

func TestDeployRegistersUpdatesAndFollowsItsOwnDeploymentToSuccess(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = succeeds()
	out, events, err := deploy(t, f, request())
	want(t, out, err, ship.Succeeded)
	if f.calls["RegisterTaskDefinition"] != 1 || f.calls["UpdateService"] != 1 {
		t.Errorf("writes %v, want one of each", f.calls)
	}
	if got := out.Deployment; !strings.HasSuffix(got, "service-deployment/main/web/abc") {
		t.Errorf("followed %q", got)
	}
	var kinds []ship.Kind
	for _, e := range events {
		if len(kinds) == 0 || kinds[len(kinds)-1] != e.Kind {
			kinds = append(kinds, e.Kind)
		}
	}
	for _, k := range []ship.Kind{ship.KindFound, ship.KindChange, ship.KindRegistered, ship.KindUpdated, ship.KindFollowing, ship.KindProgress, ship.KindService} {
		if !slices.Contains(kinds, k) {
			t.Errorf("no event of kind %q in %v", k, kinds)
		}
	}
	if kinds[len(kinds)-1] != ship.KindVerdict {
		t.Errorf("the last event is %q, want the verdict", kinds[len(kinds)-1])
	}
}

func TestUnknownMembersAndTagsSurviveEditing(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = succeeds()
	r := request()
	r.Env = map[string]map[string]string{"app": {"LEVEL": "debug", "NEW": "1"}}
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Succeeded)
	text, err := json.Marshal(f.definitions[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"futureMember":{"keep":12345678901234567}`, `"newerThanUs":true`, `"image":"repo/app:2"`, `"image":"repo/log:7"`,
		`{"name":"LEVEL","value":"debug"},{"name":"NEW","value":"1"}`, `"tags":[{"key":"team","value":"shop"}]`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("registered %s\nlacks %s", text, part)
		}
	}
	if strings.Contains(string(text), "compatibilities") || strings.Contains(string(text), "registeredAt") {
		t.Errorf("registered what only answers have: %s", text)
	}
}

func TestARollbackIsNoSuccessAndNamesTheFirstTaskThatFailed(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = rollsBack()
	out, events, err := deploy(t, f, request())
	want(t, out, err, ship.RolledBack, "circuit breaker", "Essential container in task exited", "exit code 3")
	tasks := 0
	for _, e := range events {
		if e.Kind == ship.KindTask {
			tasks++
		}
	}
	if tasks != 1 {
		t.Errorf("%d tasks told, want the one that stopped by itself", tasks)
	}
}

func TestWithoutServiceDeploymentsTheServiceTellsTheVerdict(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"AccessDeniedException", "UnsupportedFeatureException"} {
		f := newFake()
		f.script, f.refuse["ListServiceDeployments"] = succeeds(), code
		out, _, err := deploy(t, f, request())
		want(t, out, err, ship.Succeeded)

		f = newFake()
		f.script, f.refuse["ListServiceDeployments"] = rollsBack(), code
		out, _, err = deploy(t, f, request())
		want(t, out, err, ship.RolledBack)
	}
}

func TestANewerDeploymentSupersedesOurs(t *testing.T) {
	t.Parallel()
	script := []func(*fakeECS){
		func(f *fakeECS) { f.status("IN_PROGRESS", "") },
		func(*fakeECS) {},
		func(f *fakeECS) {
			f.deployments(f.side("ecs-svc/3", "web:9", "PRIMARY", "IN_PROGRESS", 300), f.side(newID, "web:2", "ACTIVE", "IN_PROGRESS", 200))
			f.status("STOPPED", "")
		},
	}
	f := newFake()
	f.script = slices.Clone(script)
	out, _, err := deploy(t, f, request())
	want(t, out, err, ship.Superseded, "web:9")

	f = newFake()
	f.script, f.refuse["ListServiceDeployments"] = script, "AccessDeniedException"
	out, _, err = deploy(t, f, request())
	want(t, out, err, ship.Superseded, "web:9")
}

func TestAFailureWithoutRollbackIsStopped(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = []func(*fakeECS){func(f *fakeECS) {
		f.deployments(f.side(newID, "web:2", "PRIMARY", "FAILED", 200), f.side(oldID, "web:1", "ACTIVE", "COMPLETED", 100))
		f.status("STOPPED", "the breaker tripped")
	}}
	out, _, err := deploy(t, f, request())
	want(t, out, err, ship.Stopped, "the breaker tripped")
}

func TestAFailedRollbackIsFailed(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = []func(*fakeECS){func(f *fakeECS) { f.status("ROLLBACK_FAILED", "No rollback candidate was found to run the rollback.") }}
	out, _, err := deploy(t, f, request())
	want(t, out, err, ship.Failed, "No rollback candidate")
}

func TestLostAnswersNeverWriteTwice(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = succeeds()
	f.drop["RegisterTaskDefinition"], f.drop["UpdateService"] = 1, 1
	out, _, err := deploy(t, f, request())
	want(t, out, err, ship.Succeeded)
	if len(f.definitions) != 2 || f.count != 1 || f.calls["RegisterTaskDefinition"] != 1 || f.calls["UpdateService"] != 1 {
		t.Errorf("%d definitions, %d deployments, calls %v: a lost answer was sent again", len(f.definitions), f.count, f.calls)
	}
}

func TestLostRequestsAreSentAgainOnceLookingFoundNothing(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = succeeds()
	f.deaf["RegisterTaskDefinition"], f.deaf["UpdateService"] = 1, 1
	out, _, err := deploy(t, f, request())
	want(t, out, err, ship.Succeeded)
	if len(f.definitions) != 2 || f.count != 1 {
		t.Errorf("%d definitions, %d deployments, want 2 and 1", len(f.definitions), f.count)
	}
}

func TestASecondRunFollowsWhatTheFirstBegan(t *testing.T) {
	t.Parallel()
	f := newFake()
	d := &ship.Deployer{ECS: f.serve(t), Clock: &instant{now: time.Unix(1000, 0)}}
	ctx, cancel := context.WithCancel(t.Context())
	out, err := d.Deploy(ctx, request(), func(e ship.Event) {
		if e.Kind == ship.KindFollowing {
			cancel()
		}
	})
	want(t, out, err, ship.Interrupted)
	if !strings.Contains(out.Next, "slipway watch arn:") {
		t.Errorf("next is %q", out.Next)
	}
	f.script = succeeds()
	out, _, err = deploy(t, f, request())
	want(t, out, err, ship.Succeeded)
	if len(f.definitions) != 2 || f.count != 1 || f.calls["UpdateService"] != 1 {
		t.Errorf("%d definitions, %d deployments, calls %v", len(f.definitions), f.count, f.calls)
	}
}

func TestARunThatDiedAfterRegisteringUsesThatRevision(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.refuse["UpdateService"] = "AccessDeniedException"
	_, _, err := deploy(t, f, request())
	if !fail.Is(err, "access.denied") {
		t.Fatalf("got %v, want access.denied", err)
	}
	delete(f.refuse, "UpdateService")
	f.script = succeeds()
	out, _, err := deploy(t, f, request())
	want(t, out, err, ship.Succeeded)
	if len(f.definitions) != 2 {
		t.Errorf("%d definitions, want 2", len(f.definitions))
	}
}

func TestNothingChangedWritesNothing(t *testing.T) {
	t.Parallel()
	f := newFake()
	r := request()
	r.Images["app"] = "repo/app:1"
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Succeeded)
	if f.calls["RegisterTaskDefinition"]+f.calls["UpdateService"] != 0 {
		t.Errorf("calls %v", f.calls)
	}
}

func TestAnUnknownContainerNamesTheCandidates(t *testing.T) {
	t.Parallel()
	f := newFake()
	_, _, err := deploy(t, f, ship.Request{Cluster: "main", Service: "web", Images: map[string]string{"api": "x"}})
	if e := fail.Of(err); e == nil || e.Code != "container.not_found" || !strings.Contains(e.Hint, "app, log") {
		t.Errorf("got %v", err)
	}
	if f.calls["RegisterTaskDefinition"] != 0 {
		t.Error("registered something all the same")
	}
}

func TestATagGoesToTheOnlyEssentialContainer(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = succeeds()
	out, _, err := deploy(t, f, ship.Request{Cluster: "main", Service: "web", Tag: "9"})
	want(t, out, err, ship.Succeeded)
	text, err := json.Marshal(f.definitions[1])
	if err != nil || !strings.Contains(string(text), `"repo/app:9"`) || !strings.Contains(string(text), `"repo/log:7"`) {
		t.Errorf("registered %s", text)
	}
}

func TestATagGoesOnTheImageThatTheFileGives(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = succeeds()
	images := map[string]string{"app": "other/app:3", "log": "repo/log:8"}
	out, _, err := deploy(t, f, ship.Request{Cluster: "main", Service: "web", Tag: "9", Images: images})
	want(t, out, err, ship.Succeeded)
	text, err := json.Marshal(f.definitions[1])
	if err != nil || !strings.Contains(string(text), `"other/app:9"`) || !strings.Contains(string(text), `"repo/log:8"`) {
		t.Errorf("registered %s", text)
	}
	if images["app"] != "other/app:3" {
		t.Errorf("the request's images were written to: %v", images)
	}
}

func TestAMissingServiceIsCreatedFromItsFile(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.service = nil
	r := request()
	if _, _, err := deploy(t, f, r); !fail.Is(err, "service.not_found") {
		t.Errorf("without a file: %v, want service.not_found", err)
	}
	r.Create = []byte(`{"taskDefinition":"web","desiredCount":2,"launchType":"FARGATE"}`)
	f.script = succeeds()
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Succeeded)
	if f.calls["CreateService"] != 1 {
		t.Errorf("calls %v", f.calls)
	}
	f.service = nil
	r.Create = []byte(`{"taskDefinition":"web","desierdCount":2}`)
	if _, _, err := deploy(t, f, r); err == nil || !strings.Contains(err.Error(), "desierdCount") {
		t.Errorf("a mistyped member: %v", err)
	}
}

func TestOnlyTheCountChangedTakesNoDeployment(t *testing.T) {
	t.Parallel()
	f := newFake()
	r := ship.Request{Cluster: "main", Service: "web", Count: new(int32(2))}
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Succeeded)
	r.Count = new(int32(5))
	f.service["runningCount"] = 5
	out, _, err = deploy(t, f, r)
	want(t, out, err, ship.Succeeded)
	if f.count != 0 || f.calls["UpdateService"] != 1 {
		t.Errorf("%d deployments, calls %v", f.count, f.calls)
	}
}

func TestAConnectionThatStaysLostIsUnknown(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = []func(*fakeECS){func(f *fakeECS) { f.deaf["DescribeServices"], f.deaf["DescribeServiceDeployments"] = 1000, 1000 }}
	out, _, err := deploy(t, f, request())
	want(t, out, err, ship.Unknown, "connection was lost")
}

func TestWatchingEndsAtItsLimit(t *testing.T) {
	t.Parallel()
	f := newFake()
	r := request()
	r.Timeout = time.Minute
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Unknown, "1m0s")
	if out.Why != nil {
		t.Errorf("the cause is %+v, though nothing is wrong", out.Why)
	}
}

func TestWatchingThatEndsAtItsLimitTellsWhatTasksDiedOf(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = rollsBack()[:2]
	r := request()
	r.Timeout = time.Minute
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Unknown, "1m0s")
	if out.Why == nil || out.Why.First().Class != explain.ExitAtStart || out.Why.First().Do == "" {
		t.Errorf("the cause is %+v, want the exit code with what to do", out.Why)
	}
	f = newFake()
	f.script = append(rollsBack()[:2], func(*fakeECS) {}, func(*fakeECS) {}, func(f *fakeECS) {
		f.service["deployments"].([]any)[0].(object)["failedTasks"] = 0
	})
	out, _, err = deploy(t, f, r)
	want(t, out, err, ship.Unknown, "1m0s")
	if out.Why != nil {
		t.Errorf("the cause is %+v, though the task that died has its replacement", out.Why)
	}
}

func TestChangesAreAgainstWhatRunsAndNotAgainstTheFile(t *testing.T) {
	t.Parallel()
	const file = `{"family": "web", "futureMember": {"keep": 12345678901234567}, "containerDefinitions": [
		{"name": "app", "image": "repo/app:base", "newerThanUs": true, "environment": [{"name": "LEVEL", "value": "debug"}]},
		{"name": "side", "image": "repo/side:1", "essential": false, "environment": [{"name": "KEY", "value": "a secret"}]}]}`
	f := newFake()
	f.script = succeeds()
	r := ship.Request{Cluster: "main", Service: "web", Task: []byte(file), Images: map[string]string{"app": "repo/app:2"},
		Pin: func(context.Context, string) (string, error) { return "sha256:beef", nil }}
	changes := func() (told []string) {
		t.Helper()
		out, events, err := deploy(t, f, r)
		want(t, out, err, ship.Succeeded)
		for _, e := range events {
			if e.Kind == ship.KindChange {
				told = append(told, e.Text)
			}
			if line, err := json.Marshal(e); err != nil || strings.Contains(string(line), "a secret") {
				t.Errorf("told a variable's value: %s, %v", line, err)
			}
		}
		return told
	}
	if diff := cmp.Diff([]string{
		"container app: environment LEVEL changed", "container app: image repo/app:1 → repo/app:2@sha256:beef", "container log: removed", "container side: added",
	}, changes()); diff != "" {
		t.Errorf("the changes (-want +got):\n%s", diff)
	}
	f.service["taskDefinition"] = arns + "task-definition/web:2"
	if again := changes(); again != nil {
		t.Errorf("the second time it told the changes %q, want none", again)
	}
}

func TestAVerdictNamesWhatEndedItAndTheCauseBelowWithWhatToDo(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.stopped = []any{object{"taskArn": arns + "task/main/0123456789abcdef", "taskDefinitionArn": arns + "task-definition/web:2", "lastStatus": "STOPPED",
		"startedBy": newID, "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited", "stoppedAt": 300.0,
		"containers": []any{object{"name": "app", "exitCode": 3}}}}
	f.script = []func(*fakeECS){func(f *fakeECS) {
		f.status("ROLLBACK_SUCCESSFUL", "Service deployment rolled back because the circuit breaker threshold was exceeded.")
		f.deployment["deploymentCircuitBreaker"] = object{"status": "TRIGGERED", "failureCount": 3, "threshold": 3}
	}}
	out, _, err := deploy(t, f, request())
	want(t, out, err, ship.RolledBack, "circuit breaker", "exit code 3")
	if out.Why == nil || out.Why.Class != explain.Breaker || out.Why.First().Class != explain.ExitAtStart || out.Why.First().Do == "" {
		t.Errorf("the cause is %+v", out.Why)
	}
}

func TestACauseThatNoRuleKnowsIsNotNamed(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.script = []func(*fakeECS){func(f *fakeECS) { f.status("STOPPED", "for a reason of its own") }}
	out, _, err := deploy(t, f, request())
	want(t, out, err, ship.Stopped, "for a reason of its own")
	if out.Why != nil {
		t.Errorf("the cause is %+v", out.Why)
	}
}
