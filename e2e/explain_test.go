package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// sick has a program for each way to die.
const sick = `images:
  - {image: "good:1", command: [sleep, "600"]}
  - {image: "exit:1", command: [sh, -c, "echo starting; echo no database >&2; exit 3"]}
  - {image: "done:1", command: ["true"]}
  - {image: "typo:1", command: [./no-such-program]}
  - {image: "shell:1", command: [sh, -c, "no-such-command"]}
  - {image: "killed:1", command: [sh, -c, "kill -9 $$"]}
  - {image: "web:1", command: ["%[1]s", sample-web]}
  - {image: "sick:1", command: ["%[1]s", sample-web, -health, "503"]}
  - {image: "slow:1", command: ["%[1]s", sample-web, -slow, 10s]}
  - {image: "alien:1", command: ["%[2]s"]}
`

// alien writes a program for machines that nobody has any more, and gives its path.
func alien(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "alien")
	elf := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	elf[16], elf[18] = 2, 75                               // an executable, for the VAX
	if err := os.WriteFile(path, elf, 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	return path
}

// patient is a service that will not get well.
type patient struct {
	image    string
	cluster  string // one of its own, with an instance; "" is main
	health   string // path of the target group's health check; "" is without a balancer
	define   func(*ecs.RegisterTaskDefinitionInput)
	service  func(*ecs.CreateServiceInput)
	hurt     func(t *testing.T, w *ward, name string) // after the service was made
	root     string                                   // class of what ended it, or holds it up
	first    string                                   // class of what to mend first
	evidence string                                   // is in the output for people
	which    func(w *ward, name string) string        // ARN of the deployment; nil: the newest
}

func breaker(in *ecs.CreateServiceInput) {
	in.DeploymentConfiguration = &types.DeploymentConfiguration{
		DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
	}
}

// sized gives a definition another size.
func sized(cpu, memory string) func(*ecs.RegisterTaskDefinitionInput) {
	return func(in *ecs.RegisterTaskDefinitionInput) { in.Cpu, in.Memory = &cpu, &memory }
}

// neverWell gives a definition a health check that fails, which counts only after most of an hour: however slow
// a machine is, no task of it is taken for healthy before it ends.
func neverWell(in *ecs.RegisterTaskDefinitionInput) {
	in.ContainerDefinitions[0].HealthCheck = &types.HealthCheck{Command: []string{"CMD-SHELL", "exit 1"}, StartPeriod: aws.Int32(300), Interval: aws.Int32(300), Retries: aws.Int32(10)}
}

// uncallable is a hook whose function does not exist.
var uncallable = types.DeploymentLifecycleHook{
	HookTargetArn: aws.String("arn:aws:lambda:us-east-1:123456789012:function:none"), RoleArn: aws.String("arn:aws:iam::123456789012:role/hooks"),
	LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostScaleUp}}

// hooked gives a service a life-cycle hook.
func hooked(h types.DeploymentLifecycleHook) func(*ecs.CreateServiceInput) {
	return func(in *ecs.CreateServiceInput) {
		in.DeploymentConfiguration = &types.DeploymentConfiguration{LifecycleHooks: []types.DeploymentLifecycleHook{h}}
	}
}

func patients() map[string]patient {
	return map[string]patient{
		"image-not-found": {image: "none:1", service: breaker, root: "breaker", first: "image-not-found", evidence: "CannotPullContainerError"},
		"exit-code":       {image: "exit:1", define: func(in *ecs.RegisterTaskDefinitionInput) { logs("/exit", true)(in); neverWell(in) }, service: breaker, root: "breaker", first: "exit-code", evidence: "| no database"},
		"ended-by-itself": {image: "done:1", define: neverWell, service: breaker, root: "breaker", first: "ended-by-itself", evidence: "exit code 0"},
		"command":         {image: "typo:1", service: breaker, root: "breaker", first: "command-not-found", evidence: "no-such-program"},
		"shell":           {image: "shell:1", define: neverWell, service: breaker, root: "breaker", first: "command-not-found", evidence: "127"},
		"killed":          {image: "killed:1", define: neverWell, service: breaker, root: "breaker", first: "killed", evidence: "SIGKILL"},
		"log-group":       {image: "good:1", define: logs("/none", false), service: breaker, root: "breaker", first: "log-group-missing", evidence: "log group does not exist"},
		"secret": {image: "good:1", service: breaker, root: "breaker", first: "secret-missing", evidence: "ResourceInitializationError", define: func(in *ecs.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].Secrets = []types.Secret{{Name: aws.String("DB"), ValueFrom: aws.String("arn:aws:secretsmanager:us-east-1:123456789012:secret:none-AbCdEf")}}
		}},
		"container-health": {image: "good:1", service: breaker, root: "breaker", first: "container-health-check", evidence: "Task failed container health checks", define: func(in *ecs.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].HealthCheck = &types.HealthCheck{Command: []string{"CMD-SHELL", "exit 1"}, Interval: aws.Int32(5), Timeout: aws.Int32(2), Retries: aws.Int32(1)}
		}},
		"dependency": {image: "good:1", service: breaker, root: "breaker", first: "dependency", evidence: "ordering dependency", define: func(in *ecs.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions = append(in.ContainerDefinitions, types.ContainerDefinition{Name: aws.String("late"), Image: aws.String("good:1"), StartTimeout: aws.Int32(10), StopTimeout: aws.Int32(2), Essential: aws.Bool(false)})
			in.ContainerDefinitions[0].DependsOn = []types.ContainerDependency{{ContainerName: aws.String("late"), Condition: types.ContainerConditionComplete}}
		}},
		"health-status":  {image: "sick:1", health: "/health", service: breaker, root: "breaker", first: "health-check-status", evidence: "[503]"},
		"health-timeout": {image: "slow:1", health: "/", service: breaker, root: "breaker", first: "health-check-timeout", evidence: "Request timed out"},
		"port":           {image: "good:1", health: "/health", service: breaker, root: "breaker", first: "port-not-listening", evidence: "8080"},
		"capacity": {image: "good:1", root: "capacity", first: "capacity", evidence: "no container instance", define: sized("8192", "16384"), service: func(in *ecs.CreateServiceInput) {
			in.LaunchType = types.LaunchTypeEc2
		}},
		"quota": {image: "good:1", root: "quota", first: "quota", evidence: "limit on the number of vCPUs", define: sized("16384", "32768")},
		"quota-deploy": {image: "good:1", service: breaker, root: "breaker", first: "quota", evidence: "limit on the number of vCPUs", hurt: func(t *testing.T, w *ward, name string) {
			w.steady(name)
			w.write("large.json", `{"family": "quota-deploy", "networkMode": "awsvpc", "cpu": "16384", "memory": "32768", "containerDefinitions": [{"name": "app", "image": "good:1"}]}`)
			w.deploy(name, "quota", "--task", "large.json")
		}},
		"host-port": {image: "good:1", root: "host-port-taken", first: "host-port-taken", evidence: "already using a port", define: func(in *ecs.RegisterTaskDefinitionInput) {
			in.NetworkMode, in.ContainerDefinitions[0].PortMappings[0].HostPort = types.NetworkModeBridge, aws.Int32(8080)
		}, service: func(in *ecs.CreateServiceInput) {
			in.LaunchType, in.NetworkConfiguration, in.DesiredCount = types.LaunchTypeEc2, nil, aws.Int32(2)
		}},
		"task-stopped": {image: "good:1", root: "task-stopped-by-user", first: "task-stopped-by-user", evidence: "for a change", hurt: func(t *testing.T, w *ward, name string) {
			w.steady(name)
			w.update(name, &ecs.UpdateServiceInput{TaskDefinition: aws.String(w.define(name, patient{image: "good:1", define: neverWell}))})
			task := w.first(name)
			if _, err := w.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: &w.cluster, Task: &task, Reason: aws.String("for a change")}); err != nil {
				t.Fatal(err)
			}
		}},
		"platform": {image: "alien:1", service: breaker, root: "breaker", first: "image-platform", evidence: "exec format error"},
		"interface": {image: "good:1", cluster: "narrow", root: "network-interface", first: "network-interface", evidence: "RESOURCE:ENI", service: func(in *ecs.CreateServiceInput) {
			in.LaunchType, in.DesiredCount = types.LaunchTypeEc2, aws.Int32(3) // its instance has three interfaces, one for itself
		}},
		"spot": {image: "good:1", cluster: "spare", root: "spot-interruption", first: "spot-interruption", evidence: "Your Spot Task was interrupted.", service: func(in *ecs.CreateServiceInput) {
			in.LaunchType, in.CapacityProviderStrategy = "", []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("FARGATE_SPOT"), Weight: 1}}
		}, hurt: func(t *testing.T, w *ward, name string) {
			w.steady(name)
			w.update(name, &ecs.UpdateServiceInput{TaskDefinition: aws.String(w.define(name, patient{image: "good:1", define: neverWell}))})
			if _, _, code := w.slipway(nil, "local", "interrupt", "--data", "data", w.first(name)); code != 0 {
				t.Fatalf("interrupt a task: exit code %d", code)
			}
		}},
		"host-lost": {image: "good:1", cluster: "hosts", root: "host-lost", first: "host-lost", evidence: "deregistration forced", service: func(in *ecs.CreateServiceInput) {
			in.LaunchType = types.LaunchTypeEc2
		}, hurt: func(t *testing.T, w *ward, name string) {
			w.steady(name)
			w.update(name, &ecs.UpdateServiceInput{TaskDefinition: aws.String(w.define(name, patient{image: "good:1", define: neverWell}))})
			w.first(name)
			hosts, err := w.ecs.ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{Cluster: &w.cluster})
			if err != nil || len(hosts.ContainerInstanceArns) != 1 {
				t.Fatalf("the cluster's instance: %+v, %v", hosts, err)
			}
			if _, err := w.ecs.DeregisterContainerInstance(t.Context(), &ecs.DeregisterContainerInstanceInput{Cluster: &w.cluster, ContainerInstance: &hosts.ContainerInstanceArns[0], Force: aws.Bool(true)}); err != nil {
				t.Fatal(err)
			}
		}},
		"hook-timeout": {image: "good:1", root: "hook-timed-out", first: "hook-timed-out", evidence: "POST_SCALE_UP", hurt: func(t *testing.T, w *ward, name string) {
			w.steady(name)
			w.update(name, &ecs.UpdateServiceInput{ForceNewDeployment: true, DeploymentConfiguration: &types.DeploymentConfiguration{LifecycleHooks: []types.DeploymentLifecycleHook{{
				TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostScaleUp},
				TimeoutConfiguration: &types.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: aws.Int32(1), Action: types.DeploymentLifecycleHookActionRollback}}}}})
		}},
		"back-off": {image: "none:1", root: "image-not-found", first: "launches-slowed", evidence: "launches-slowed", service: func(in *ecs.CreateServiceInput) {
			in.DeploymentConfiguration = &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{}}
		}},
		"deadlock": {image: "good:1", root: "percent-deadlock", first: "percent-deadlock", evidence: "leave no room", service: func(in *ecs.CreateServiceInput) {
			in.DeploymentConfiguration = &types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(150)}
		}, hurt: func(t *testing.T, w *ward, name string) {
			w.steady(name)
			w.update(name, &ecs.UpdateServiceInput{ForceNewDeployment: true})
		}},
		"stopped": {image: "good:1", root: "stopped-by-user", first: "stopped-by-user", hurt: func(t *testing.T, w *ward, name string) {
			w.steady(name)
			w.update(name, &ecs.UpdateServiceInput{TaskDefinition: aws.String(w.define(name, patient{image: "good:1", define: neverWell}))})
			w.until("the deployment is listed", func() bool {
				out, err := w.ecs.ListServiceDeployments(t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: aws.String("main"), Service: &name, Status: []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusInProgress}})
				if err != nil || len(out.ServiceDeployments) == 0 {
					return false
				}
				_, err = w.ecs.StopServiceDeployment(t.Context(), &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: out.ServiceDeployments[0].ServiceDeploymentArn})
				return err == nil
			})
		}},
		"waiting": {image: "good:1", root: "waiting-for-approval", first: "waiting-for-approval", evidence: "POST_SCALE_UP", service: hooked(types.DeploymentLifecycleHook{
			TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostScaleUp}})},
		"hook": {image: "good:1", root: "hook-failed", first: "hook-failed", evidence: "the hook none", service: hooked(uncallable)},
		"hook-after": {image: "good:1", root: "hook-not-callable", first: "hook-not-callable", evidence: "function:none", hurt: func(t *testing.T, w *ward, name string) {
			w.steady(name)
			w.update(name, &ecs.UpdateServiceInput{ForceNewDeployment: true, DeploymentConfiguration: &types.DeploymentConfiguration{LifecycleHooks: []types.DeploymentLifecycleHook{uncallable}}})
		}},
		"superseded": {image: "good:1", root: "superseded", first: "superseded", evidence: "took its place", hurt: func(t *testing.T, w *ward, name string) {
			w.steady(name)
			w.update(name, &ecs.UpdateServiceInput{TaskDefinition: aws.String(w.define(name, patient{image: "none:1"}))})
			w.update(name, &ecs.UpdateServiceInput{TaskDefinition: aws.String(w.define(name, patient{image: "good:1"}))})
			w.steady(name)
		}, which: func(w *ward, name string) string {
			out, err := w.ecs.ListServiceDeployments(w.t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: aws.String("main"), Service: &name, Status: []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusStopped}})
			if err != nil || len(out.ServiceDeployments) != 1 {
				w.t.Fatalf("the deployment that was stopped: %+v, %v", out, err)
			}
			return *out.ServiceDeployments[0].ServiceDeploymentArn
		}},
		"protection": {image: "good:1", root: "scale-in-protection", first: "scale-in-protection", evidence: "protection", hurt: func(t *testing.T, w *ward, name string) {
			w.steady(name)
			tasks, err := w.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("main"), ServiceName: &name})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.ecs.UpdateTaskProtection(t.Context(), &ecs.UpdateTaskProtectionInput{Cluster: aws.String("main"), Tasks: tasks.TaskArns, ProtectionEnabled: true, ExpiresInMinutes: aws.Int32(2880)}); err != nil {
				t.Fatal(err)
			}
			w.update(name, &ecs.UpdateServiceInput{ForceNewDeployment: true})
		}},
		"alarm": {image: "good:1", root: "alarm", first: "alarm", evidence: "explain-alarm went into ALARM", service: func(in *ecs.CreateServiceInput) {
			in.DeploymentConfiguration = &types.DeploymentConfiguration{Alarms: &types.DeploymentAlarms{AlarmNames: []string{"explain-alarm"}, Enable: true, Rollback: true}, BakeTimeInMinutes: aws.Int32(60)}
		}, hurt: func(t *testing.T, w *ward, name string) {
			w.until("the alarm is in ALARM", func() bool {
				_, err := w.alarms.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("explain-alarm"), StateValue: cwtypes.StateValueAlarm, StateReason: aws.String("said so")})
				return err == nil && w.describe(name).Deployments[0].RunningCount == 1
			})
		}},
	}
}

func TestExplainNamesWhatReallyHappens(t *testing.T) {
	t.Parallel()
	// The one instance is too small for one, and the quota for another; it does for the others together.
	w := newWard(t, fmt.Sprintf(sick, binary, alien(t)), "--instances", "1", "--fargate-vcpus", "15")
	w.diagnose(t, patients())
}

// diagnose makes each patient's service and holds what explain says of it against what it has.
func (w *ward) diagnose(t *testing.T, all map[string]patient) {
	for name, p := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.of(t)
			if p.cluster != "" {
				w.found(p.cluster)
			}
			w.create(name, p)
			if p.hurt != nil {
				p.hurt(t, w, name)
			}
			var got explanation
			var text string
			w.until("the cause is known, and said with "+p.evidence, func() bool {
				of := []string{"explain", name, "-c", w.cluster}
				if p.which != nil {
					of = []string{"explain", p.which(w, name)}
				}
				out, _, code := w.slipway(nil, append(of, "-o", "json")...)
				if code != 0 || json.Unmarshal([]byte(out), &got) != nil || got.Cause.Class != p.root || !got.Cause.has(p.first) {
					return false
				}
				text, _, _ = w.slipway(nil, of...)
				return strings.Contains(text, p.evidence)
			})
			if c := got.Cause.find(p.first); c.Do == "" || c.Text == "" {
				t.Errorf("no word of what to do about %+v", c)
			}
			if strings.Contains(text, "[unclassified]") {
				t.Errorf("leaves words unclassified:\n%s", text)
			}
		})
	}
}

// deploy deploys and wants ECS to roll back, with a verdict that names a class of cause and what to
// do about it.
func (w *ward) deploy(name, class string, args ...string) {
	w.t.Helper()
	out, _, code := w.slipway(nil, append([]string{"deploy", name, "-c", "main", "-o", "json"}, args...)...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var end struct {
		Outcome struct {
			Verdict string
			Why     cause
		}
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &end); err != nil || code != 3 || end.Outcome.Verdict != "rolled back" {
		w.t.Fatalf("exit code %d, verdict %q, %v", code, end.Outcome.Verdict, err)
	}
	if c := end.Outcome.Why.find(class); c.Class != class || c.Text == "" || c.Do == "" {
		w.t.Errorf("the verdict does not tell of %s: %+v", class, end.Outcome.Why)
	}
}

// explanation is what explain prints as JSON, as far as a script would read it.
type explanation struct {
	Verdict string
	Cause   cause
}

type cause struct {
	Class, Text, Do string
	Because         []cause
}

func (c cause) has(class string) bool { return c.find(class).Class == class }

func (c cause) find(class string) cause {
	if c.Class == class {
		return c
	}
	for _, b := range c.Because {
		if f := b.find(class); f.Class == class {
			return f
		}
	}
	return cause{}
}

func logs(group string, create bool) func(*ecs.RegisterTaskDefinitionInput) {
	return func(in *ecs.RegisterTaskDefinitionInput) {
		in.ContainerDefinitions[0].LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
			"awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p", "awslogs-create-group": fmt.Sprint(create)}}
	}
}

// first waits for a task of a service's newest deployment that its runtime has started, and gives its ARN.
func (w *ward) first(name string) (arn string) {
	w.t.Helper()
	w.until("a task of the deployment runs", func() bool {
		list, err := w.ecs.ListTasks(w.t.Context(), &ecs.ListTasksInput{Cluster: &w.cluster, StartedBy: w.describe(name).Deployments[0].Id})
		if err != nil || len(list.TaskArns) == 0 {
			return false
		}
		arn = list.TaskArns[0]
		out, err := w.ecs.DescribeTasks(w.t.Context(), &ecs.DescribeTasksInput{Cluster: &w.cluster, Tasks: []string{arn}})
		return err == nil && len(out.Tasks) == 1 && aws.ToString(out.Tasks[0].LastStatus) == "RUNNING"
	})
	return arn
}

// until looks until something is so.
func (w *ward) until(what string, so func() bool) {
	w.t.Helper()
	for end := time.Now().Add(deployPatience); !so(); {
		if time.Now().After(end) {
			w.t.Fatalf("after %s not yet: %s", deployPatience, what)
		}
		select {
		case <-w.t.Context().Done():
			w.t.Fatal("the test was ended")
		case <-time.After(300 * time.Millisecond):
		}
	}
}
