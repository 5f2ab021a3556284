package explain

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func failed(reason string) *Deployment {
	return &Deployment{Status: "ROLLBACK_SUCCESSFUL", Reason: reason}
}

const (
	rolled  = "Service deployment rolled back because "
	group   = "(target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef)"
	atTheLB = "(service web) (task 0123456789abcdef0123456789abcdef) (port 8080) is unhealthy in " + group + " due to (reason "
	hook    = "arn:aws:lambda:eu-west-1:123456789012:function:check"
)

// never is a task whose container never ran.
func never(reason string) Task {
	return Task{ID: "0123456789abcdef", StopCode: "TaskFailedToStart", Reason: "Task failed to start", Containers: []Container{{Name: "app", Reason: reason}}}
}

// unready is a task that ECS could not prepare.
func unready(reason string) Task {
	return Task{ID: "0123456789abcdef", StopCode: "TaskFailedToStart", Reason: reason, Containers: []Container{{Name: "app"}}}
}

func exit(code int, log ...string) Task {
	return Task{ID: "0123456789abcdef", StopCode: "EssentialContainerExited", Reason: "Essential container in task exited",
		Containers: []Container{{Name: "app", Exit: &code, Log: log}, {Name: "side", Exit: new(143)}}}
}

// The words are those of the ECS Developer Guide ("Amazon ECS stopped tasks error messages",
// "Service event messages"), of captures and of the ECS agent's source.
func TestWordsOfAWSAreClassified(t *testing.T) {
	t.Parallel()
	tasks := []struct {
		want Class
		task Task
	}{
		{ImageNotFound, never("CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref docker.io/library/none:1: docker.io/library/none:1: not found")},
		{ImageNotFound, never("CannotPullContainerError: Error response from daemon: manifest for repo/app:9 not found: manifest unknown: manifest unknown")},
		{ImageNotFound, unready("CannotPullContainerError: The task can’t find the image. Check whether the image exists. name unknown: The repository with name 'x' does not exist in the registry")},
		{PullDenied, never("CannotPullContainerError: Error response from daemon: pull access denied for x/y, repository does not exist or may require 'docker login': denied: requested access to the resource is denied")},
		{PullDenied, unready("CannotPullECRContainerError: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/x is not authorized to perform: ecr:GetAuthorizationToken on resource: *")},
		{PullDenied, never("CannotPullContainerError: pull image manifest has been retried 1 time(s): unexpected status from HEAD request to https://r.example/v2/app/manifests/1: 403 Forbidden")},
		{PullLimited, never("CannotPullContainerError: ref pull has been retried 5 time(s): failed to copy: httpReadSeeker: failed open: unexpected status code 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit")},
		{ImagePlatform, never("CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'")},
		{RegistryLost, never("CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to do request: Head https://r.example/v2/: dial tcp 10.0.0.1:443: i/o timeout")},
		{RegistryLost, never("CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref r.example/app:1: failed to do request: Head https://r.example/v2/: dial tcp 10.0.0.1:443: connect: connection refused")},
		{RegistryLost, unready("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send request failed caused by: Post \"https://api.ecr.eu-west-1.amazonaws.com/\": dial tcp 10.0.0.1:443: i/o timeout")},
		{RegistryLost, unready("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 5 time(s): failed to fetch secret arn:x from secrets manager: RequestCanceled: request context canceled caused by: context deadline exceeded")},
		{PullDenied, unready("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/x is not authorized to perform: ecr:GetAuthorizationToken on resource: *")},
		{DiskFull, never("CannotPullContainerError: ref pull has been retried 1 time(s): failed to extract layer: write /var/lib: no space left on device")},
		{PullFailed, never("CannotPullContainerError: something else")},
		{SecretMissing, unready("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:x from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.")},
		{SecretMissing, unready("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters: /app/none")},
		{SecretDenied, unready("ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: AccessDeniedException: User: x is not authorized to perform: secretsmanager:GetSecretValue")},
		{RoleUnassumable, unready("ECS was unable to assume the role 'arn:aws:iam::123456789012:role/exec' that was provided for this task. Please verify that the role being passed has the proper trust relationship")},
		{LogGroupMissing, unready("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1")},
		{Interface, unready("Timeout waiting for network interface provisioning to complete.")},
		{Interface, unready("Unexpected EC2 error while attempting to Create Network Interface with public IP assignment disabled in subnet 'subnet-1': InsufficientFreeAddressesInSubnet")},
		{Volume, unready("ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: Connection timed out")},
		{InitFailed, unready("ResourceInitializationError: something new")},
		{OutOfMemory, Task{ID: "0123456789", StopCode: "EssentialContainerExited", Reason: "Essential container in task exited",
			Containers: []Container{{Name: "app", Exit: new(137), Reason: "OutOfMemoryError: Container killed due to memory usage"}}}},
		{CommandNotFound, never(`CannotStartContainerError: Error response from daemon: failed to create task for container: exec: "bin/none": executable file not found in $PATH: unknown`)},
		{CommandNotFound, exit(127)},
		{CommandNotFound, exit(126)},
		{ImagePlatform, never("CannotStartContainerError: exec /bin/app: exec format error")},
		{StartFailed, never("CannotCreateContainerError: API error (500): devmapper")},
		{StartTimeout, never("DockerTimeoutError: Could not transition to started; timed out after waiting 3m0s")},
		{Dependency, never("dependency graph: container ordering dependency [db HEALTHY] for target [app] has timed out.")},
		{PortTaken, never("CannotStartContainerError: Error response from daemon: driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated")},
		{ExitAtStart, exit(1)},
		{ExitZero, exit(0)},
		{Killed, exit(139)},
		{ContainerHealth, Task{ID: "0123456789", StopCode: "ServiceSchedulerInitiated", Reason: "Task failed container health checks", Containers: []Container{{Name: "app", Exit: new(143)}}}},
		{TargetHealth, Task{ID: "0123456789", StopCode: "ServiceSchedulerInitiated", Reason: "Task failed ELB health checks in " + group}},
		{Spot, Task{ID: "0123456789", StopCode: "SpotInterruption", Reason: "Your Spot Task was interrupted."}},
		{HostLost, Task{ID: "0123456789", Reason: "Host EC2 (instance i-0123) terminated."}},
		{TaskStopped, Task{ID: "0123456789", StopCode: "UserInitiated", Reason: "Task stopped by user", Containers: []Container{{Name: "app", Exit: new(143)}}}},
		{Unclassified, Task{ID: "0123456789", StopCode: "TerminationNotice", Reason: "ECS is performing maintenance on the underlying infrastructure hosting the task."}},
	}
	for _, c := range tasks {
		if got := Of(Facts{Deployment: &Deployment{Status: "IN_PROGRESS"}, Tasks: []Task{c.task}}); got.Class != c.want {
			t.Errorf("task %q %+v is %s, want %s", c.task.Reason, c.task.Containers, got.Class, c.want)
		}
	}
	events := map[string]Class{
		atTheLB + "Health checks failed with these codes: [503]).": HealthStatus,
		atTheLB + "Request timed out).":                            HealthTimeout,
		atTheLB + "Health checks failed).":                         PortClosed,
		atTheLB + "something else).":                               TargetHealth,
		"(service web) was unable to place a task because no container instance met all of its requirements. The closest matching container-instance 1 has insufficient CPU units available.":          Capacity,
		"(service web) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone.":                                          Capacity,
		"(service web) was unable to place a task because no container instance met all of its requirements. The closest matching container-instance 1 is already using a port required by your task.": PortTaken,
		`(service web) was unable to place a task because no container instance met all of its requirements. The closest matching container-instance 1 encountered error "AGENT".`:                     AgentLost,
		"(service web) was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run concurrently.":                                                                  Quota,
		"(service web) was unable to place tasks in your cluster because the tasks provisioning capacity limit was exceeded.":                                                                          Quota,
		"(service web) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.": PercentDeadlock,
		"(service web) was unable to reach steady state because task set (ecs-svc/1) was unable to scale in. Reason: The number of protected tasks are more than the desired count of tasks":           Protection,
		"(service web) (task 0123456789abcdef) failed container health checks.":                                                                                                                        ContainerHealth,
		"(service web) operations are being throttled. Will try again later.":                                                                                                                          Throttled,
		"(service web) is unable to consistently start tasks successfully.":                                                                                                                            BackOff,
		"(service web) failed to register targets in (target-group x) with (error TargetGroupNotFound).":                                                                                               RegisterFailed,
		"(service web) failed to register targets in (target-group x) with (error access denied).":                                                                                                     RegisterFailed,
		`(service web) was unable to place a task because no container instance met all of its requirements. The closest matching container-instance 1 encountered error "RESOURCE:ENI".`:              Interface,
		"(service web) was unable to place a task. Reason: Internal error.":                                                                                                                            PlacementUnknown,
		"(service web) said something that nobody has heard before.":                                                                                                                                   Unclassified,
		"(service web) has started 2 tasks: (task a) (task b).":                                                                                                                                        Nothing,
		"(service web) has reached a steady state.": Nothing,
	}
	for words, want := range events {
		if got := Of(Facts{Deployment: &Deployment{Status: "IN_PROGRESS"}, Events: []Event{{Text: words}}}); got.Class != want {
			t.Errorf("event %q is %s, want %s", words, got.Class, want)
		}
	}
	reasons := map[string]Class{
		rolled + "the circuit breaker threshold was exceeded.":                                                                                       Breaker,
		rolled + "CloudWatch alarm(s) web-5xx went into ALARM.":                                                                                      Alarmed,
		rolled + "POST_SCALE_UP lifecycle hook(s) failed. Lifecycle hook target " + hook + " returned FAILED status.":                                HookFailed,
		rolled + "POST_SCALE_UP lifecycle hook(s) failed. ECS was unable to parse the response from " + hook + " due to HookStatus must not be null": HookUncalled,
		rolled + "PRE_SCALE_UP lifecycle hook(s) failed. ECS was unable to invoke hook target " + hook + " due to AccessDenied":                      HookUncalled,
		rolled + "PRE_SCALE_UP lifecycle hook(s) failed. ECS was unable to assume role arn:aws:iam::123456789012:role/hook":                          HookUncalled,
		rolled + "POST_TEST_TRAFFIC_SHIFT pause hook timed out.":                                                                                     HookTimedOut,
		rolled + "of invalid networking configuration. The listener has no rule":                                                                     BadNetwork,
		rolled + "of a user request.":                          UserStopped,
		"No rollback candidate was found to run the rollback.": NoCandidate,
		"ECS said something new.":                              Unclassified,
	}
	for words, want := range reasons {
		if got := Of(Facts{Deployment: failed(words)}); got.Class != want || got.Text == "" || !slices.Contains(got.Raw, words) {
			t.Errorf("reason %q is %+v, want %s", words, got, want)
		}
	}
	targets := map[string]Class{"Target.ResponseCodeMismatch": HealthStatus, "Target.Timeout": HealthTimeout, "Target.FailedHealthChecks": PortClosed,
		"Target.NotInUse": TargetUnused, "Elb.InitialHealthChecking": Nothing, "Target.DeregistrationInProgress": Nothing}
	for words, want := range targets {
		if got := Of(Facts{Deployment: &Deployment{Status: "IN_PROGRESS"}, Targets: []Target{{Group: "web", ID: "10.0.0.1", State: "unhealthy", Reason: words}}}); got.Class != want {
			t.Errorf("target %q is %s, want %s", words, got.Class, want)
		}
	}
}

func TestTheTreeGoesFromWhatEndedItToWhatToMendFirst(t *testing.T) {
	t.Parallel()
	got := Of(Facts{
		Deployment: &Deployment{Status: "ROLLBACK_SUCCESSFUL", Reason: rolled + "the circuit breaker threshold was exceeded.", Breaker: "TRIGGERED", Failures: 3, Threshold: 3},
		Events: []Event{
			{Text: "(service web) is unable to consistently start tasks successfully."},
			{Text: atTheLB + "Health checks failed with these codes: [503])."},
			{Text: "(service web) (deployment ecs-svc/2) deployment failed: tasks failed to start."},
		},
		Tasks: []Task{
			{ID: "aaaaaaaaaaaa", StopCode: "ServiceSchedulerInitiated", Reason: "Scaling activity initiated by (deployment ecs-svc/2)"},
			{ID: "bbbbbbbbbbbb", StopCode: "ServiceSchedulerInitiated", Reason: "Task failed ELB health checks in " + group},
			{ID: "cccccccccccc", StopCode: "ServiceSchedulerInitiated", Reason: "Task failed ELB health checks in " + group},
		},
	})

	if got.Class != Breaker || len(got.Because) != 2 || got.Because[0].Class != TargetHealth || got.Because[1].Class != BackOff {
		t.Fatalf("tree %+v", got)
	}
	if got.Because[0].Seen != 2 {
		t.Errorf("two failed tasks were seen %d times", got.Because[0].Seen)
	}
	if first := got.First(); first.Class != HealthStatus || first.Do == "" {
		t.Errorf("to mend first: %+v", first)
	}
	want := "the circuit breaker ended it: 3 of 3 tasks failed: the health check of target group web got a wrong status from port 8080: Health checks failed with these codes: [503]"
	if got.Line() != want {
		t.Errorf("line %q, want %q", got.Line(), want)
	}
}

func TestANoCandidateRollbackShowsItsFirstCause(t *testing.T) {
	t.Parallel()
	got := Of(Facts{
		Deployment: &Deployment{Status: "ROLLBACK_FAILED", Reason: "No rollback candidate was found to run the rollback.", Rollback: rolled + "the circuit breaker threshold was exceeded."},
		Tasks:      []Task{exit(3, "listening", "panic: no database")},
	})
	hidden := Of(Facts{Deployment: &Deployment{Status: "ROLLBACK_FAILED", Reason: "No rollback candidate was found to run the rollback.", Breaker: "TRIGGERED", Failures: 3, Threshold: 3}})
	if hidden.Class != Breaker {
		t.Errorf("where only the breaker tells: %+v", hidden)
	}
	if got.Class != Breaker || got.First().Class != ExitAtStart || !slices.Equal(got.First().Log, []string{"listening", "panic: no database"}) {
		t.Errorf("got %+v", got)
	}
}

func TestWithoutServiceDeploymentsEventsSayWhatEndedIt(t *testing.T) {
	t.Parallel()
	got := Of(Facts{Events: []Event{{Text: "(service web) (deployment ecs-svc/2) deployment failed: tasks failed to start."}}, Tasks: []Task{exit(1)}})
	if got.Class != Breaker || got.First().Class != ExitAtStart {
		t.Errorf("got %+v", got)
	}
	if got := Of(Facts{}); got.Class != Nothing {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestUnknownWordsAreShownAsTheyWereSaidAndStandLast(t *testing.T) {
	t.Parallel()
	got := Of(Facts{Deployment: &Deployment{Status: "IN_PROGRESS"},
		Tasks: []Task{{ID: "0123456789", StopCode: "TerminationNotice", Reason: "Something new."}, exit(2)}})
	if got.Class != ExitAtStart || len(got.Because) != 1 || got.Because[0].Class != Unclassified || got.Because[0].Raw[0] != "Something new." {
		t.Errorf("got %+v", got)
	}
}

func TestEveryClassThatCanBeMendedSaysHow(t *testing.T) {
	t.Parallel()
	for _, rules := range [][]rule{deploymentRules(), taskRules(), eventRules(), targetRules()} {
		for _, r := range rules {
			if advice[r.class] == "" && r.class != Nothing {
				t.Errorf("class %s has no advice", r.class)
			}
		}
	}
	if len(advice) < 20 {
		t.Errorf("%d classes", len(advice))
	}
}

func FuzzOf(f *testing.F) {
	f.Add("Essential container in task exited", "CannotPullContainerError: x", "(service web) is unhealthy in ")
	f.Fuzz(func(t *testing.T, reason, container, event string) {
		c := Of(Facts{Deployment: &Deployment{Status: "STOPPED", Reason: event}, Events: []Event{{Text: event}},
			Tasks: []Task{{ID: reason, Reason: reason, Containers: []Container{{Reason: container}}}}, Targets: []Target{{Reason: reason}}})
		if _, err := json.Marshal(c); err != nil || c.Class == "" || strings.TrimSpace(c.Line()) == "" {
			t.Errorf("%+v: %v", c, err)
		}
	})
}

func TestATaskStoppedForItsHealthHasTheCodeItsProgramEndedWith(t *testing.T) {
	t.Parallel()
	sick := func(code int) string {
		one := exit(code)
		one.StopCode, one.Reason = "ServiceSchedulerInitiated", "Task failed ELB health checks in "+group
		return Of(Facts{Deployment: &Deployment{Status: "IN_PROGRESS"}, Tasks: []Task{one}}).First().Text
	}
	if got := sick(1); !strings.HasSuffix(got, "; container app ended with exit code 1") {
		t.Errorf("got %q, want the exit code in it", got)
	}
	for _, stopped := range []int{0, 130, 131, 137, 143} {
		if got := sick(stopped); strings.Contains(got, "exit code") {
			t.Errorf("got %q, though that is what a stop gives", got)
		}
	}
}
