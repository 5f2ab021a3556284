package crash_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/demo"
)

const (
	// killsEach is how often the daemon is killed during each thing that happens to the service.
	killsEach = 3
	// livesFor and deadFor are the longest that it lives before a kill and is dead after it.
	livesFor, deadFor = 900 * time.Millisecond, 300 * time.Millisecond
	// patience is how long anything may take with the daemon killed again and again.
	patience = 90 * time.Second
)

// storm kills the daemon again and again while something goes on, and looks after each start
// that no task was started twice.
func storm(t *testing.T, l *local, r *rand.Rand, goesOn func()) {
	t.Helper()
	var kills sync.WaitGroup
	var failed error
	kills.Go(func() {
		for range killsEach {
			rest(t, upTo(r, livesFor))
			if failed = l.crash(r, deadFor); failed != nil {
				return
			}
			if failed = twice(t, l); failed != nil {
				return
			}
		}
	})
	goesOn()
	kills.Wait()
	if failed != nil {
		t.Fatal(failed)
	}
}

// twice tells of tasks that run more than one program.
func twice(t *testing.T, l *local) error {
	programs := map[string][]process{}
	for _, p := range processesOf(t, l.dir) {
		if p.role == "program" {
			programs[p.task] = append(programs[p.task], p)
		}
	}
	for task, all := range programs {
		if len(all) > 1 {
			return fmt.Errorf("task %s runs %d programs, want one: %v", task, len(all), all)
		}
	}
	return nil
}

// runsExactly waits until the programs that run are those of the service's running tasks, one
// each, with a shim each, and one daemon and one data plane.
func (s *shop) runsExactly(l *local, desired int) {
	s.t.Helper()
	until(s.t, patience, "what runs is what should", func() (bool, string) {
		out, err := s.ecs.ListTasks(s.t.Context(), &ecs.ListTasksInput{Cluster: aws.String(cluster)})
		if err != nil {
			return false, err.Error()
		}
		want := map[string]int{}
		for _, arn := range out.TaskArns {
			want[arn[strings.LastIndexByte(arn, '/')+1:]]++
		}
		all := processesOf(s.t, l.dir)
		programs, shims := map[string]int{}, map[string]int{}
		for _, p := range all {
			switch p.role {
			case "program":
				programs[p.task]++
			case "shim":
				shims[p.task]++
			}
		}
		ok := len(want) == desired && maps.Equal(programs, want) && maps.Equal(shims, want) && count(all, "daemon") == 1 && count(all, "lb") == 1
		return ok, fmt.Sprintf("%d tasks listed of %d: %v; processes %v", len(want), desired, want, all)
	})
}

func TestKilledDuringAnythingTheCloudEndsWhatItWasDoing(t *testing.T) {
	t.Parallel()
	r := chance(t)
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	v1 := s.register("v1")

	t.Log("create-service")
	storm(t, l, r, func() {
		s.create(v1, 4)
		s.steady(patience, v1, 4)
	})
	s.runsExactly(l, 4)

	load := &demo.Load{URL: s.url, PerSec: 50}
	traffic, stop := context.WithCancel(t.Context())
	var going sync.WaitGroup
	going.Go(func() { load.Run(traffic) })
	defer going.Wait()
	defer stop()

	for round := range *roundsFlag {
		t.Log("a rolling update")
		good := s.register(fmt.Sprintf("v%d", 2+round%20))
		storm(t, l, r, func() {
			s.update(good)
			if status, reason := s.deployment(patience); status != ecstypes.ServiceDeploymentStatusSuccessful {
				t.Fatalf("the deployment ended as %s: %s", status, reason)
			}
			s.steady(patience, good, 4)
		})
		s.runsExactly(l, 4)

		t.Log("a version that fails its health checks, and the breaker")
		sick := s.register("sick")
		storm(t, l, r, func() {
			s.update(sick)
			status, reason := s.deployment(patience)
			if status != ecstypes.ServiceDeploymentStatusRollbackSuccessful || !strings.Contains(reason, "circuit breaker") {
				t.Fatalf("the deployment ended as %s: %s", status, reason)
			}
			s.steady(patience, good, 4)
		})
		s.runsExactly(l, 4)

		t.Log("scaling out and in")
		for _, desired := range []int32{7, 4} {
			storm(t, l, r, func() {
				s.scale(desired)
				s.steady(patience, good, desired)
			})
			s.runsExactly(l, int(desired))
		}
	}

	stop()
	going.Wait()
	if requests, failures := load.Sum(); failures > 0 || requests == 0 {
		t.Errorf("%d of %d requests failed, want none: %+v", failures, requests, load.Results(nil))
	}

	t.Log("delete-service")
	storm(t, l, r, func() {
		if _, err := s.ecs.DeleteService(t.Context(), &ecs.DeleteServiceInput{Cluster: aws.String(cluster), Service: aws.String(service), Force: aws.Bool(true)}); err != nil {
			t.Fatal(err)
		}
		until(t, patience, "the service is inactive", func() (bool, string) {
			svc, err := s.describe()
			return err == nil && aws.ToString(svc.Status) == "INACTIVE" && svc.RunningCount == 0, fmt.Sprint(aws.ToString(svc.Status), svc.RunningCount, err)
		})
	})
	s.runsExactly(l, 0)
}

func TestAcknowledgedWritesAreThereAfterAnyKill(t *testing.T) {
	t.Parallel()
	r := chance(t)
	l := newLocal(t)
	s := newShop(t, l)
	other, err := s.elb.CreateTargetGroup(t.Context(), &elasticloadbalancingv2.CreateTargetGroupInput{
		Name: aws.String("other"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(port), VpcId: s.vpc, TargetType: elbtypes.TargetTypeEnumIp,
	})
	if err != nil {
		t.Fatal(err)
	}
	otherGroup := *other.TargetGroups[0].TargetGroupArn

	var revisions []string
	var weight int32
	for range 4 * *roundsFlag {
		storm(t, l, r, func() {
			deadline := time.NewTimer(killsEach * livesFor / 2)
			defer deadline.Stop()
			for going := true; going; {
				revisions = append(revisions, s.register("v1"))
				weight = (weight + 1) % 100
				s.weigh(otherGroup, weight)
				select {
				case <-deadline.C:
					going = false
				default:
				}
			}
		})
		for i, arn := range revisions {
			if i > 0 && arn == revisions[i-1] {
				t.Errorf("two calls were answered with %s", arn)
			}
		}
		var there []string
		pages := ecs.NewListTaskDefinitionsPaginator(s.ecs, &ecs.ListTaskDefinitionsInput{FamilyPrefix: aws.String(service)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			there = append(there, page.TaskDefinitionArns...)
		}
		for _, arn := range revisions {
			if !slices.Contains(there, arn) {
				t.Errorf("%s was acknowledged and is lost", arn)
			}
		}
		if got := s.weightOf(otherGroup); got != weight {
			t.Errorf("got weight %d, want %d, which was acknowledged last", got, weight)
		}
	}
	t.Logf("%d revisions and as many weights", len(revisions))
}

func TestTasksThatEndWhileTheDaemonIsDeadKeepTheirExitCodes(t *testing.T) {
	t.Parallel()
	r := chance(t)
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	out, err := s.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("job"), NetworkMode: ecstypes.NetworkModeAwsvpc, RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		Cpu: aws.String("256"), Memory: aws.String("512"),
		ContainerDefinitions: []ecstypes.ContainerDefinition{{
			Name: aws.String("job"), Image: aws.String("none"), EntryPoint: []string{"/bin/sh", "-c"}, Command: []string{"exit 99"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int32{} // by task
	storm(t, l, r, func() {
		for i := range int32(20) {
			run, err := s.ecs.RunTask(t.Context(), &ecs.RunTaskInput{
				Cluster: aws.String(cluster), TaskDefinition: out.TaskDefinition.TaskDefinitionArn, ClientToken: aws.String(fmt.Sprint("job", i)),
				LaunchType:           ecstypes.LaunchTypeFargate,
				NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: s.subnets}},
				Overrides: &ecstypes.TaskOverride{ContainerOverrides: []ecstypes.ContainerOverride{{
					Name: aws.String("job"), Command: []string{fmt.Sprintf("sleep %.2f; exit %d", r.Float64()*2, i)},
				}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(run.Tasks) != 1 {
				t.Fatalf("got %d tasks, failures %v", len(run.Tasks), run.Failures)
			}
			want[*run.Tasks[0].TaskArn] = i
		}
	})
	if len(want) != 20 {
		t.Errorf("got %d tasks for 20 client tokens", len(want))
	}
	until(t, patience, "all jobs have stopped with their codes", func() (bool, string) {
		got, err := s.ecs.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String(cluster), Tasks: slices.Collect(maps.Keys(want))})
		if err != nil {
			return false, err.Error()
		}
		for _, task := range got.Tasks {
			c := task.Containers[0]
			if aws.ToString(task.LastStatus) != "STOPPED" {
				return false, fmt.Sprint(aws.ToString(task.TaskArn), " is ", aws.ToString(task.LastStatus))
			}
			if c.ExitCode == nil || *c.ExitCode != want[*task.TaskArn] || task.StopCode != ecstypes.TaskStopCodeEssentialContainerExited {
				t.Fatalf("task %s: exit code %v, %q, %s %q; want %d", *task.TaskArn, aws.ToInt32(c.ExitCode), aws.ToString(c.Reason), task.StopCode, aws.ToString(task.StoppedReason), want[*task.TaskArn])
			}
		}
		return len(got.Tasks) == len(want), fmt.Sprint(len(got.Tasks), " tasks, failures ", got.Failures)
	})
	s.runsExactly(l, 0)
}
