package ecs

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
	"github.com/slipway-ecs/slipway/internal/store"
)

func TestTasksGoOnWhileTheCloudIsDeadAndAreAdopted(t *testing.T) {
	in(t, always(fake.Script{StartDelay: 5 * time.Second}), func(t *testing.T, w *taskWorld) {
		w.register(nil)
		runs, starts := *w.run(nil).TaskArn, ""
		time.Sleep(10 * time.Second)
		h := w.handle("app")
		starts = *w.run(nil).TaskArn
		time.Sleep(2 * time.Second)
		w.stop() // in the middle of a start
		if len(w.runtime.Running()) != 1 {
			t.Fatalf("while the cloud is dead %v run, want one", w.runtime.Running())
		}
		w.runtime.End(h, launch.Exit{Code: 4})
		if _, err := w.runtime.Prepare(t.Context(), launch.Task{ID: "unknown"}); err != nil {
			t.Fatal(err)
		}
		if err := w.s.Adopt(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.start()
		time.Sleep(10 * time.Second)
		if v := w.task(runs); text(v.LastStatus) != "STOPPED" || *v.Containers[0].ExitCode != 4 {
			t.Errorf("the task that ended meanwhile: %s, %v", *v.LastStatus, v.Containers[0].ExitCode)
		}
		if v := w.task(starts); text(v.LastStatus) != "RUNNING" {
			t.Errorf("the task whose start was cut off: %s", *v.LastStatus)
		}
		places, err := w.runtime.Find(t.Context())
		if err != nil || len(places) != 1 || "arn:aws:ecs:us-east-1:123456789012:task/default/"+places[0].Task.ID != starts {
			t.Errorf("places left: %v, %v; want the running task's alone", places, err)
		}
	})
}

func TestAnOrderlyEndStopsAllAndTheNextStartFinishesThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTaskWorld(t, each(map[string]fake.Script{"app": {StartDelay: time.Second / 2, StopDelay: 3 * time.Second}}))
		w.start()
		task := w.serve(w.register(withLogs("app", false)))
		alone := *w.run(nil).TaskArn
		time.Sleep(time.Second)
		cut := w.serve(w.register(nil))
		time.Sleep(time.Second / 4)
		w.stop() // while a hand starts the third
		began := time.Now()
		if err := w.s.StopAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("StopAll took %v, want the 3 s that each task takes, at once", took)
		}
		if n := len(w.runtime.Running()); n != 0 {
			t.Errorf("%d containers run after StopAll", n)
		}
		if err := w.s.Adopt(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.start()
		defer func() { w.stop() }()
		time.Sleep(time.Second)
		if n := w.runtime.Calls("Start", w.row(cut.ARN).ID, "app"); n != 1 {
			t.Errorf("the container whose start was cut off was asked to start %d times, want once", n)
		}
		row := w.row(task.ARN)
		if row.Last != "STOPPED" || row.StopCode != "ServiceSchedulerInitiated" || row.StopReason != "slipway local was stopped" || *row.Containers[0].Exit != 143 {
			t.Errorf("the service's task: %s, %s, %q", row.Last, row.StopCode, row.StopReason)
		}
		if row := w.row(alone); row.Last != "STOPPED" || row.StopCode != "TerminationNotice" {
			t.Errorf("the task somebody ran: %s, %s", row.Last, row.StopCode)
		}
	})
}

func TestATaskReadsItsMetadata(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		arn := *w.run(definedTwice(w)).TaskArn
		time.Sleep(time.Second)
		token := w.row(arn).Containers[0].Token
		get := func(path string) (int, map[string]any) {
			r := httptest.NewRecorder()
			w.s.MetadataHandler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, path, nil))
			var v map[string]any
			if r.Code == http.StatusOK {
				if err := json.Unmarshal(r.Body.Bytes(), &v); err != nil {
					t.Fatal(err)
				}
			}
			return r.Code, v
		}
		if code, v := get("/v4/" + token); code != 200 || v["Name"] != "app" || v["KnownStatus"] != "RUNNING" || v["ContainerARN"] == "" {
			t.Errorf("container: %d, %v", code, v)
		}
		code, v := get("/v4/" + token + "/task")
		if code != 200 || v["TaskARN"] != arn || v["Family"] != "web" || v["Revision"] != "2" || len(v["Containers"].([]any)) != 1 {
			t.Errorf("task: %d, %v", code, v)
		}
		if code, _ := get(MetadataPath + "/v4/" + token); code != 200 {
			t.Errorf("with the host's path before it: %d", code)
		}
		for _, path := range []string{"/" + token, "/v4/" + token + "/stats", "/v4/nobody", "/v4/", "/v4/" + token[:32]} {
			if code, _ := get(path); code != http.StatusNotFound {
				t.Errorf("GET %s: got %d, want 404", path, code)
			}
		}
	})
}

func TestAServiceTasksTagsTargetsAndNames(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		task := w.serve(w.register(nil))
		time.Sleep(time.Second)
		v := w.task(task.ARN)
		if text(v.Group) != "service:web" || text(v.StartedBy) != "ecs-svc/1234567890123456789" || !w.row(task.ARN).GraceUntil.Equal(v.StartedAt.Add(time.Minute)) {
			t.Errorf("group %s, startedBy %s", text(v.Group), text(v.StartedBy))
		}
		if a := v.Attachments[0]; text(a.Type) != "ElasticNetworkInterface" || text(a.Status) != "ATTACHED" || text(a.Details[0].Value) != "subnet-a" {
			t.Errorf("attachment: %+v", a)
		}
		if n := v.Containers[0].NetworkInterfaces; len(n) != 1 || text(n[0].AttachmentId) != text(v.Attachments[0].Id) || text(n[0].PrivateIpv4Address) == "" {
			t.Errorf("network interfaces: %+v", n)
		}
		var target taskTarget
		err := w.s.o.Store.View(func(tx *store.Tx) error {
			for x := range w.targets.table.All(tx) {
				target = x
			}
			return nil
		})
		if err != nil || target.Owner != task.ARN || target.Dial.Address != text(v.Containers[0].NetworkInterfaces[0].PrivateIpv4Address)+":8080" {
			t.Errorf("target: %+v, %v", target, err)
		}
	})
}

func TestServicesComeBackAfterAnOrderlyEndAndNothingCountsAsFailed(t *testing.T) {
	inHarbour(t, map[string]fake.Script{"v1": {StopDelay: time.Second}}, func(h *harbour) {
		h.create(balanced(serviceAsk(h.register("v1"), 3)))
		h.steady()
		h.stop()
		if err := h.room.StopAll(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		if n := len(h.runtime.Running()); n != 0 {
			h.t.Errorf("%d containers run after the end", n)
		}
		time.Sleep(time.Hour)
		if err := h.room.Adopt(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		h.start()
		h.steady()
		if n := len(h.runtime.Running()); n != 3 {
			h.t.Errorf("%d containers run after the next start, want 3", n)
		}
		d := h.service().Deployments
		if len(d) != 1 || d[0].FailedTasks != 0 || d[0].RolloutState != "COMPLETED" || len(h.deployments()) != 1 {
			h.t.Errorf("deployments: %+v", d)
		}
		for _, task := range h.tasks() {
			if task.Desired == "STOPPED" && (task.Last != "STOPPED" || task.StopReason != "slipway local was stopped") {
				h.t.Errorf("a task from before: %s, %q", task.Last, task.StopReason)
			}
		}
	})
}
