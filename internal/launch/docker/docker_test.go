package docker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch"
)

func TestExitSaysHowTheProgramEnded(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	greedy := task("greedy", "eat")
	greedy.Containers[0].MemoryMiB = 32
	for _, c := range []struct {
		task launch.Task
		want launch.Exit
	}{
		{task("zero", "exit", "0"), launch.Exit{}},
		{task("three", "exit", "3"), launch.Exit{Code: 3}},
		{greedy, launch.Exit{Code: 137, Signal: "SIGKILL", OOM: true}},
	} {
		t.Run(c.task.ID, func(t *testing.T) {
			_, h := start(t, r, c.task, "web")
			got := watch(t, r, h)
			if age := time.Since(got.At); age < -time.Minute || age > 5*time.Minute {
				t.Errorf("it ended at %s", got.At)
			}
			got.At = time.Time{}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("exit (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPublishedPortReachesTheProgram(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	web := task("web", "serve", "8080", "hello")
	web.Containers[0].Ports = []launch.Port{{Container: 8080}}
	web.Containers[0].Env = []launch.KeyValue{{Key: "GREETING", Value: "there"}}
	n, h := start(t, r, web, "web")
	firstLine(t, r, h)

	to := r.Reach(web, n, 8080)

	if !strings.HasPrefix(to.Address, "127.0.0.1:") {
		t.Fatalf("port 8080 is reached at %s", to.Address)
	}
	if got := fetch(t, "http://"+to.Address); got != "hello there" {
		t.Errorf("it answered %q", got)
	}
	if n.Address == "127.0.0.1" || n.Address == "" {
		t.Errorf("the task has no address of its own: %q", n.Address)
	}
}

// fetch asks until there is an answer: a published port takes connections before the program does.
func fetch(t *testing.T, url string) string {
	t.Helper()
	ctx := bounded(t)
	for {
		body, err := get(ctx, url)
		if err == nil {
			return body
		}
		if ctx.Err() != nil {
			t.Fatalf("%s: %v", url, err)
		}
	}
}

func get(ctx context.Context, url string) (string, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(a.Body)
	return string(b), errors.Join(err, a.Body.Close())
}

func TestContainersOfATaskShareLocalhostAndVolumes(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	both := task("both", "serve", "8080", "hello")
	share := []launch.Mount{{Volume: "data", Path: "/data"}}
	for _, c := range []launch.Container{container("peer", "fetch", "http://127.0.0.1:8080"), container("writer", "write", "/data/x", "written"), container("reader", "read", "/data/x")} {
		if c.Name != "peer" {
			c.Mounts = share
		}
		both.Containers = append(both.Containers, c)
	}
	_, web := start(t, r, both, "web")
	firstLine(t, r, web)
	for _, c := range []struct{ name, want string }{{"peer", "200 OK"}, {"writer", ""}, {"reader", "written"}} {
		_, h := start(t, r, both, c.name)
		if e := watch(t, r, h); e.Code != 0 {
			t.Fatalf("%s ended with %d", c.name, e.Code)
		}
		if c.want == "" {
			continue
		}
		if got := firstLine(t, r, h); got != c.want {
			t.Errorf("%s saw %q, want %q", c.name, got, c.want)
		}
	}
}

func TestStopAsksThenKills(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	for _, c := range []struct {
		task  launch.Task
		grace time.Duration
		want  int
	}{
		{task("polite", "serve", "8080", "x"), time.Minute, 0},
		{task("stubborn", "stubborn"), 50 * time.Millisecond, 137},
		{task("now", "stubborn"), 0, 137},
	} {
		t.Run(c.task.ID, func(t *testing.T) {
			_, h := start(t, r, c.task, "web")
			firstLine(t, r, h)
			for range 2 { // stopping what is stopped is harmless
				if err := r.Stop(bounded(t), h, c.grace); err != nil {
					t.Fatal(err)
				}
			}
			if got := watch(t, r, h); got.Code != c.want || got.OOM {
				t.Errorf("exit %+v, want code %d", got, c.want)
			}
		})
	}
}

func TestTheSameAttemptIsStartedOnce(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	once := task("once", "exit", "5")
	_, h := start(t, r, once, "web")
	watch(t, r, h)

	again, err := r.Start(bounded(t), once, "web", 0)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID != h.ID || !again.Started.Equal(h.Started) {
		t.Errorf("started again: %+v, was %+v", again, h)
	}
	next, err := r.Start(bounded(t), once, "web", 1)
	if err != nil {
		t.Fatal(err)
	}
	if next.ID == h.ID || next.Attempt != 1 {
		t.Errorf("the next attempt is %+v", next)
	}
}

// A cloud that ends stops what Find finds: a start that its end overtook is among that.
func TestAStartIsSeenThroughThoughItsContextEnds(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	begun := task("begun", "serve", "on")
	if _, err := r.Prepare(bounded(t), begun); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	h, err := r.Start(ctx, begun, "web", 0)
	if err != nil {
		t.Fatal(err)
	}
	places, err := r.Find(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(places) != 1 || len(places[0].Started) != 1 || places[0].Started[0].ID != h.ID {
		t.Errorf("found %+v, want the one start %s", places, h.ID)
	}
}

func TestALaterRuntimeFindsWhatRunsAndWhatEnded(t *testing.T) {
	t.Parallel()
	owner := t.TempDir()
	first := open(t, owner)
	web, over := task("web", "serve", "8080", "hello"), task("over", "exit", "9")
	web.Containers[0].Ports = []launch.Port{{Container: 8080}}
	n, h := start(t, first, web, "web")
	_, ended := start(t, first, over, "web")
	watch(t, first, ended)

	second := open(t, owner)
	places, err := second.Find(bounded(t))
	if err != nil {
		t.Fatal(err)
	}

	ids := []string{}
	for _, p := range places {
		ids = append(ids, p.Task.ID)
	}
	if diff := cmp.Diff([]string{"over", "web"}, ids); diff != "" {
		t.Fatalf("places (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(launch.Place{Task: web, Network: n, Started: []launch.Handle{h}}, places[1]); diff != "" {
		t.Errorf("the running task (-want +got):\n%s", diff)
	}
	if e := watch(t, second, places[0].Started[0]); e.Code != 9 {
		t.Errorf("the ended one ended with %d", e.Code)
	}
	if others, err := open(t, t.TempDir()).Find(bounded(t)); err != nil || len(others) != 0 {
		t.Errorf("another cloud finds %v, %v", others, err)
	}
}

func TestAProgramThatCannotBeStartedIsAStartError(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	wrong := task("wrong")
	wrong.Containers[0].EntryPoint = []string{"/no-such-program"}
	if _, err := r.Prepare(bounded(t), wrong); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the attempt may be made again
		_, err := r.Start(bounded(t), wrong, "web", 0)
		failed, ok := errors.AsType[*launch.StartError](err)
		if !ok || failed.Code != 127 || !strings.Contains(failed.Msg, "no-such-program") {
			t.Fatalf("got %#v", err)
		}
	}
}

func TestAnImageThatIsNotToBeHadIsAPullError(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	absent := task("absent")
	absent.Containers[0].Image = "127.0.0.1:1/nobody/nothing:1" // refused at once, whatever the network
	_, err := r.Pull(bounded(t), absent, "web")
	failed, ok := errors.AsType[*launch.PullError](err)
	if !ok || !strings.HasPrefix(failed.Error(), "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 127.0.0.1:1/nobody/nothing:1: ") {
		t.Errorf("got %v", err)
	}
}

func TestADigestFixesTheImageWhateverTheNameMeansLater(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	moving := strings.Replace(image, "slipway-test", "slipway-moving", 1)
	if _, err := engine.API.ImageTag(bounded(t), client.ImageTagOptions{Source: image, Target: moving}); err != nil {
		t.Fatal(err)
	}
	fixed := task("fixed", "exit", "4")
	fixed.Containers[0].Image = moving
	var err error
	if fixed.Containers[0].Digest, err = r.Pull(bounded(t), fixed, "web"); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(fixed.Containers[0].Digest, "sha256:") || len(fixed.Containers[0].Digest) != 71 {
		t.Fatalf("digest %q", fixed.Containers[0].Digest)
	}
	if _, err := engine.API.ImageRemove(bounded(t), moving, client.ImageRemoveOptions{}); err != nil { // the name means nothing now
		t.Fatal(err)
	}
	_, h := start(t, r, fixed, "web")
	if e := watch(t, r, h); e.Code != 4 {
		t.Errorf("ended with %d", e.Code)
	}
}

func TestExecGivesCodeAndOutput(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	_, h := start(t, r, task("t", "serve", "8080", "x"), "web")
	firstLine(t, r, h)

	code, _, err := r.Exec(bounded(t), h, []string{"/program", "exit", "6"})
	if err != nil || code != 6 {
		t.Errorf("exit 6 gave %d, %v", code, err)
	}
	if _, out, err := r.Exec(bounded(t), h, []string{"/program", "lines", "1"}); err != nil || string(out) != "line 0\n" {
		t.Errorf("output %q, %v", out, err)
	}
	if code, _, err := r.Exec(bounded(t), h, []string{"/bin/sh", "-c", "true"}); err == nil || code != 126 && code != 127 {
		t.Errorf("a shell that is not there gave %d, %v", code, err)
	}
	cut, done := context.WithTimeout(bounded(t), 300*time.Millisecond)
	defer done()
	if _, _, err := r.Exec(cut, h, []string{"/program", "stubborn"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a command cut short gave %v", err)
	}
	if err := r.Stop(bounded(t), h, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Exec(bounded(t), h, []string{"/program", "exit", "0"}); !errors.Is(err, launch.ErrEnded) {
		t.Errorf("after its end: %v", err)
	}
}

func TestLogsGoOnFromAMark(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	_, h := start(t, r, task("t", "lines", "20"), "web")
	watch(t, r, h)
	var all []launch.Line
	for l, err := range r.Logs(bounded(t), h, 0) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	texts := map[launch.Stream][]string{}
	for _, l := range all {
		texts[l.Stream] = append(texts[l.Stream], l.Text)
	}
	for s, first := range map[launch.Stream]int{launch.Stdout: 0, launch.Stderr: 1} {
		var want []string
		for i := first; i < 20; i += 2 {
			want = append(want, fmt.Sprint("line ", i))
		}
		if diff := cmp.Diff(want, texts[s]); diff != "" {
			t.Errorf("stream %c (-want +got):\n%s", s, diff)
		}
	}
	if !slices.IsSortedFunc(all, func(a, b launch.Line) int { return int(a.Mark - b.Mark) }) {
		t.Error("marks do not rise")
	}
	var rest []launch.Line
	for l, err := range r.Logs(bounded(t), h, all[6].Mark) {
		if err != nil {
			t.Fatal(err)
		}
		rest = append(rest, l)
	}
	if diff := cmp.Diff(all[7:], rest); diff != "" {
		t.Errorf("behind the mark (-want +got):\n%s", diff)
	}
}

func TestARemovedTaskIsGone(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	gone := task("gone", "stubborn")
	_, h := start(t, r, gone, "web")
	for range 2 {
		if err := r.Remove(bounded(t), "gone"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Watch(bounded(t), h); !errors.Is(err, launch.ErrGone) {
		t.Errorf("watching it: %v", err)
	}
	if err := r.Stop(bounded(t), h, time.Minute); err != nil {
		t.Errorf("stopping it: %v", err)
	}
}
