package crash_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/demo"
)

// task runs a shell script as a task of one container and gives its ARN.
func (s *shop) task(script string) string {
	s.t.Helper()
	out, err := s.ecs.RegisterTaskDefinition(s.t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("job"), NetworkMode: ecstypes.NetworkModeAwsvpc, RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		Cpu: aws.String("256"), Memory: aws.String("512"),
		ContainerDefinitions: []ecstypes.ContainerDefinition{{
			Name: aws.String("job"), Image: aws.String("none"), EntryPoint: []string{"/bin/sh", "-c"}, Command: []string{script}, StopTimeout: aws.Int32(10),
		}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	run, err := s.ecs.RunTask(s.t.Context(), &ecs.RunTaskInput{
		Cluster: aws.String(cluster), TaskDefinition: out.TaskDefinition.TaskDefinitionArn, LaunchType: ecstypes.LaunchTypeFargate,
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: s.subnets}},
	})
	if err != nil || len(run.Tasks) != 1 {
		s.t.Fatalf("got %+v, %v; want one task", run, err)
	}
	return *run.Tasks[0].TaskArn
}

// look gives a task.
func (s *shop) look(arn string) ecstypes.Task {
	s.t.Helper()
	out, err := s.ecs.DescribeTasks(s.t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String(cluster), Tasks: []string{arn}})
	if err != nil || len(out.Tasks) != 1 {
		s.t.Fatalf("got %+v, %v; want task %s", out, err, arn)
	}
	return out.Tasks[0]
}

// ended waits for a task to have stopped and gives it.
func (s *shop) ended(arn string) (task ecstypes.Task) {
	s.t.Helper()
	until(s.t, patience, arn+" has stopped", func() (bool, string) {
		task = s.look(arn)
		return aws.ToString(task.LastStatus) == "STOPPED", aws.ToString(task.LastStatus)
	})
	return task
}

// exists waits for a file.
func exists(t *testing.T, path string) {
	t.Helper()
	until(t, patience, path+" is there", func() (bool, string) {
		_, err := os.Stat(path)
		return err == nil, fmt.Sprint(err)
	})
}

// nothingRuns tells of processes that have to do with the cloud's directory.
func nothingRuns(t *testing.T, l *local) {
	t.Helper()
	if left := processesOf(t, l.dir); len(left) > 0 {
		t.Errorf("the cloud has ended and these still run: %v", left)
	}
}

func TestStoppedByASignalNothingIsLeftAndTheNextStartBringsServicesBack(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			l := newLocal(t, "--speed", "20")
			s := newShop(t, l)
			v1 := s.register("v1")
			s.create(v1, 3)
			s.steady(patience, v1, 3)
			at := filepath.Join(t.TempDir(), "trap")
			job := s.task(fmt.Sprintf("trap 'echo bye > %[1]s.bye; exit 3' TERM; touch %[1]s; while :; do sleep 0.05; done", at))
			exists(t, at)
			before := s.deployments()

			if err := l.stop(sig); err != nil {
				t.Fatalf("the cloud did not end in order: %v; its log:\n%s", err, l.log)
			}

			nothingRuns(t, l)
			exists(t, at+".bye")
			if _, _, err := s.answer(t.Context()); err == nil {
				t.Error("the listener still answers")
			}

			l.start()
			s.steady(patience, v1, 3)
			s.runsExactly(l, 3)
			if status, version, err := s.answer(t.Context()); status != 200 || version != "v1" {
				t.Errorf("the listener answers %d by %q, %v; want 200 by v1", status, version, err)
			}
			if after := s.deployments(); after != before {
				t.Errorf("deployments were %s, are %s", before, after)
			}
			got := s.ended(job)
			if aws.ToInt32(got.Containers[0].ExitCode) != 3 || got.StopCode != ecstypes.TaskStopCodeTerminationNotice {
				t.Errorf("the job: exit code %d, %s: %s; want 3, TerminationNotice", aws.ToInt32(got.Containers[0].ExitCode), got.StopCode, aws.ToString(got.StoppedReason))
			}
		})
	}
}

// deployments tells of the service's deployments what a stop may not change.
func (s *shop) deployments() string {
	s.t.Helper()
	svc, err := s.describe()
	if err != nil {
		s.t.Fatal(err)
	}
	out := ""
	for _, d := range svc.Deployments {
		out += fmt.Sprintf("[%s %s %s %s failed %d]", *d.Id, *d.Status, *d.TaskDefinition, d.RolloutState, d.FailedTasks)
	}
	list, err := s.ecs.ListServiceDeployments(s.t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: aws.String(cluster), Service: aws.String(service)})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, d := range list.ServiceDeployments {
		out += fmt.Sprintf("[%s %s]", *d.ServiceDeploymentArn, d.Status)
	}
	return out
}

func TestADeploymentCutByAStopEndsAfterTheNextStart(t *testing.T) {
	t.Parallel()
	r := chance(t)
	l := newLocal(t, "--speed", "10")
	s := newShop(t, l)
	v1 := s.register("v1")
	s.create(v1, 3)
	s.steady(patience, v1, 3)
	for i := range 2 * *roundsFlag {
		next := s.register(fmt.Sprintf("v%d", 2+i%20))
		s.update(next)
		rest(t, upTo(r, 3*time.Second))

		if err := l.stop(syscall.SIGTERM); err != nil {
			t.Fatalf("the cloud did not end in order: %v; its log:\n%s", err, l.log)
		}
		nothingRuns(t, l)
		l.start()

		if status, reason := s.deployment(patience); status != ecstypes.ServiceDeploymentStatusSuccessful {
			t.Errorf("the deployment ended as %s: %s", status, reason)
		}
		s.steady(patience, next, 3)
		s.runsExactly(l, 3)
		if svc, err := s.describe(); err != nil || svc.Deployments[0].FailedTasks != 0 {
			t.Errorf("got %+v, %v; want no failed tasks", svc.Deployments, err)
		}
	}
}

// slowWeb, as the first argument, makes the test binary a web app whose answers take a second. It makes a
// file in a folder for each request that has reached it.
const slowWeb = "slow-web"

func serveSlowly(dir string) int {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		f, err := os.CreateTemp(dir, "asked")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = f.Close() // nothing was written
		time.Sleep(time.Second)
		w.Header().Set(demo.VersionHeader, "slow")
	})
	err := http.ListenAndServe(net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), mux) //nolint:gosec // of a test
	fmt.Println(err)
	return 1
}

func TestRequestsUnderWayAreAnsweredWhenTheCloudIsStopped(t *testing.T) {
	t.Parallel()
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	slow := s.register("slow")
	s.create(slow, 2)
	s.steady(patience, slow, 2)
	const clients = 8
	var asking sync.WaitGroup
	var mu sync.Mutex // guards wrong
	var wrong []string
	for range clients {
		asking.Go(func() {
			if status, version, err := s.answer(t.Context()); status != 200 || version != "slow" {
				mu.Lock()
				defer mu.Unlock()
				wrong = append(wrong, fmt.Sprint(status, version, err))
			}
		})
	}
	until(t, patience, "all requests have reached the service", func() (bool, string) {
		asked, err := filepath.Glob(filepath.Join(filepath.Dir(l.dir), "asked*"))
		return len(asked) >= clients, fmt.Sprint(asked, err)
	})

	if err := l.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}

	asking.Wait()
	if len(wrong) > 0 {
		t.Errorf("%d of %d requests were cut: %v", len(wrong), clients, wrong)
	}
	nothingRuns(t, l)
}

func TestASecondCloudOnTheSameDirectoryIsRefusedAndHarmsNothing(t *testing.T) {
	t.Parallel()
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	v1 := s.register("v1")
	s.create(v1, 2)
	s.steady(patience, v1, 2)

	for _, more := range [][]string{{}, {"--fresh"}} {
		second := l.command(append([]string{"--listen", fmt.Sprintf("127.0.0.1:%d", freePort(t))}, more...)...)
		out, err := second.CombinedOutput()

		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "end the other `slipway local`") {
			t.Errorf("a second start with %v: %v, and says %q; want exit code 1 and what to do", more, err, out)
		}
	}

	s.runsExactly(l, 2)
	if status, version, err := s.answer(t.Context()); status != 200 {
		t.Errorf("the listener answers %d by %q, %v; want 200", status, version, err)
	}
}

func TestFreshEndsWhatAKilledCloudLeftRunning(t *testing.T) {
	t.Parallel()
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	v1 := s.register("v1")
	s.create(v1, 3)
	s.steady(patience, v1, 3)
	if err := l.kill(); err != nil {
		t.Fatal(err)
	}
	left := processesOf(t, l.dir)
	if count(left, "program") != 3 || count(left, "lb") != 1 {
		t.Fatalf("got %v; want three programs and the data plane to outlive the daemon", left)
	}

	l.start("--fresh")

	if all := processesOf(t, l.dir); len(all) != 1 || all[0].role != "daemon" {
		t.Errorf("got %v, want the daemon alone", all)
	}
	out, err := s.ecs.ListClusters(t.Context(), nil)
	if err != nil || len(out.ClusterArns) != 0 {
		t.Errorf("got clusters %v, %v; want none", out.ClusterArns, err)
	}
}

func TestADataPlaneThatIsKilledIsStartedAgain(t *testing.T) {
	t.Parallel()
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	v1 := s.register("v1")
	s.create(v1, 2)
	s.steady(patience, v1, 2)
	for _, daemonLives := range []bool{true, false} {
		if !daemonLives {
			if err := l.kill(); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range processesOf(t, l.dir) {
			if p.role == "lb" {
				if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !daemonLives {
			l.start()
		}
		until(t, patience, "the listener answers", func() (bool, string) {
			status, version, err := s.answer(t.Context())
			return status == 200 && version == "v1", fmt.Sprint(status, version, err)
		})
		s.steady(patience, v1, 2)
		s.runsExactly(l, 2)
	}
}

func TestTrafficGoesOnWhileTheDaemonIsDeadForLong(t *testing.T) {
	t.Parallel()
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	v1 := s.register("v1")
	s.create(v1, 2)
	s.steady(patience, v1, 2)
	if err := l.kill(); err != nil {
		t.Fatal(err)
	}
	load := &demo.Load{URL: s.url, PerSec: 100}
	traffic, stop := context.WithTimeout(t.Context(), 4*time.Second)
	defer stop()

	load.Run(traffic)

	if requests, failures := load.Sum(); failures > 0 || requests < 300 {
		t.Errorf("%d of %d requests failed; want 300 at least and no failure", failures, requests)
	}
	l.start()
	s.steady(patience, v1, 2)
	s.runsExactly(l, 2)
}

func TestStoppedWhileItComesUpAfterAKillNothingIsLeft(t *testing.T) {
	t.Parallel()
	r := chance(t)
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	v1 := s.register("v1")
	s.create(v1, 2)
	for range 5 * *roundsFlag {
		s.steady(patience, v1, 2)
		s.runsExactly(l, 2)
		if err := l.kill(); err != nil {
			t.Fatal(err)
		}
		for tries, stopped := 1, false; !stopped; tries++ {
			second := l.command()
			if err := second.Start(); err != nil {
				t.Fatal(err)
			}
			rest(t, 20*time.Millisecond+upTo(r, time.Duration(tries)*80*time.Millisecond)) // a slow machine needs longer until it can take a signal
			if err := second.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			err := second.Wait()
			var exit *exec.ExitError
			// A signal that comes before the program can take it ends it as any other does.
			stopped = !errors.As(err, &exit) || exit.Exited()
			if stopped && err != nil {
				t.Errorf("the cloud did not end in order: %v", err)
			}
		}
		nothingRuns(t, l)
		l.start()
	}
}
