package explain

import (
	"regexp"
	"strings"
	"sync"
)

// rule knows one kind of words. The first that matches counts.
type rule struct {
	class Class
	what  *regexp.Regexp
	text  string  // what happened; $1… are groups of what; empty says the words themselves
	after []Class // events: left out where one of these is known, which says it better
}

func (r *rule) says(words string) string {
	if r.text == "" {
		return strings.TrimSpace(words)
	}
	m := r.what.FindStringSubmatchIndex(words)
	return string(r.what.ExpandString(nil, r.text, words, m))
}

func match(rules []rule, words string) *rule {
	for i := range rules {
		if rules[i].what.MatchString(words) {
			return &rules[i]
		}
	}
	return nil
}

// re compiles when a table is first asked for: no start of the program pays for it.
func re(s string) *regexp.Regexp { return regexp.MustCompile(`(?is)` + s) }

// deploymentRules read statusReason and rollback.reason.
//
// Source: reasons of service deployments in the ECS Developer Guide and in captures; those of
// alarms and of requests are unconfirmed, so their key words are matched.
var deploymentRules = sync.OnceValue(func() []rule {
	return []rule{
		{class: Breaker, what: re(`circuit breaker`), text: "the circuit breaker ended it: too many tasks failed"},
		{class: HookTimedOut, what: re(`because (\w+) .*hook.*timed? ?out`), text: "a hook of stage $1 took too long"},
		{class: HookUncalled, what: re(`because (\w+) lifecycle hook\(s\) failed\. ECS was unable to (invoke hook target|assume role|parse the response from) (\S+)(.*)`), text: "ECS could not $2 $3 at stage $1$4"},
		{class: HookFailed, what: re(`because (\w+) lifecycle hook\(s\) failed\.? ?(.*)`), text: "a hook of stage $1 refused: $2"},
		{class: StageTimedOut, what: re(`timed? ?out`)},
		{class: Alarmed, what: re(`\balarm`), text: "an alarm went into ALARM during the deployment"},
		{class: BadNetwork, what: re(`invalid networking configuration[.:]? ?(.*)`), text: "the networking configuration is invalid: $1"},
		{class: UserStopped, what: re(`user request|requested by|StopServiceDeployment|stopped by (a )?user`), text: "somebody asked for the deployment to be stopped"},
		{class: Superseded, what: re(`newer deployment|new deployment|superseded|replaced by`), text: "a newer deployment took its place"},
		{class: NoCandidate, what: re(`no rollback candidate`), text: "it failed, and there is no earlier deployment that completed to go back to"},
	}
})

// taskRules read a container's reason, or a stopped task's.
//
// Source: the ECS Developer Guide's pages on stopped-task errors; the names are those of the
// ECS agent's source.
var taskRules = sync.OnceValue(func() []rule {
	return []rule{
		{class: PullLimited, what: re(`CannotPull.*(toomanyrequests|too many requests|pull rate limit|rate exceeded)`), text: "the registry refused the pull for its rate limit"},
		{class: ImagePlatform, what: re(`CannotPull.*(descriptor matching platform|no matching manifest|does not match.*platform)`), text: "the image has no variant for the task's platform"},
		{class: PullDenied, what: re(`CannotPull.*(not authorized|access ?denied|no basic auth|unauthorized|authorization failed|authentication required|forbidden|\b40[13]\b)`), text: "the registry did not allow the pull"},
		{class: DiskFull, what: re(`no space left on device`), text: "the disk is full"},
		{class: ImageNotFound, what: re(`CannotPull.*(not found|manifest unknown|does not exist|no such image|name unknown|\b404\b|no image)`), text: "the image does not exist in its registry"},
		{class: RegistryLost, what: re(`CannotPull.*(timeout|timed out|dial tcp|connection refused|no such host|deadline|TLS|network|unreachable|client\.timeout)`), text: "the registry could not be reached"},
		{class: PullFailed, what: re(`CannotPull`), text: "the image could not be pulled"},

		{class: RegistryLost, what: re(`(secrets? (or|from)|registry auth|from ssm).*(RequestError|send request failed|dial tcp|i/o timeout|deadline exceeded)`), text: "what it needs could not be fetched: AWS was not reached from its subnets"},
		{class: PullDenied, what: re(`registry auth.*(AccessDenied|not authorized).*ecr:`), text: "the execution role may not log in to the registry"},
		{class: LogGroupMissing, what: re(`(log group|log stream|logger args|awslogs).*(does not exist|ResourceNotFound|failed to (create|validate))`), text: "its log group does not exist"},
		{class: RoleUnassumable, what: re(`(unable to assume|not assume|assume the role|AssumeRole)`), text: "its role cannot be assumed"},
		{class: SecretDenied, what: re(`(secret|ssm|parameter|asm).*(AccessDenied|not authorized|access denied|kms:Decrypt)`), text: "the execution role may not read a secret"},
		{class: SecretMissing, what: re(`(unable to pull secrets|unable to retrieve secret|invalid ssm parameters|secretsmanager|secrets manager|did not contain json key|ParameterNotFound|can't find the specified secret).*`), text: "a secret or parameter it needs is missing"},
		{class: Interface, what: re(`network interface|\bENI\b|insufficient ?free ?addresses|subnet`), text: "its network interface could not be made"},
		{class: Volume, what: re(`InvalidVolumeError|\bEFS\b|mount\.nfs|failed to invoke EFS|volume`), text: "a volume could not be attached"},
		{class: InitFailed, what: re(`ResourceInitializationError:? ?(.*)`), text: "ECS could not prepare it: $1"},

		{class: OutOfMemory, what: re(`OutOfMemory|out of memory|due to memory usage|OOM`), text: "it was killed for using more memory than it may"},
		{class: Dependency, what: re(`dependency graph|ordering dependency|dependency.*(timed out|not|fail)`), text: "a container it depends on was not ready"},
		{class: StartTimeout, what: re(`DockerTimeoutError|could not transition to (\w+)`), text: "the container runtime did not answer in time"},
		{class: ImagePlatform, what: re(`exec format error`), text: "the program is of another CPU architecture"},
		{class: CommandNotFound, what: re(`Cannot(Start|Create).*(executable file not found|no such file or directory|not found|permission denied|no command)`), text: "its command cannot be run: there is no such file, or it may not be executed"},
		{class: PortTaken, what: re(`port is already allocated|address already in use|bind.*in use`), text: "a host port is taken"},
		{class: StartFailed, what: re(`Cannot(Start|Create|Inspect)ContainerError:? ?(.*)|HostConfigError:? ?(.*)`), text: "the container could not be started"},

		{class: ContainerHealth, what: re(`failed container health checks`), text: "its container health check failed"},
		{class: TargetHealth, what: re(`failed ELB health checks in \(target-group ([^)]*)\)`), text: "it failed the load balancer's health checks"},
		{class: Spot, what: re(`spot (task|instance|interruption)`), text: "its Spot capacity was taken back"},
		{class: HostLost, what: re(`Host EC2|instance.*terminated|deregistration forced`), text: "its host is gone"},
		{class: Capacity, what: re(`capacity is unavailable|no container instance|RESOURCE:`), text: "there is no capacity for it"},
	}
})

// targetCauses are the classes by which a failed health check of a target is known better.
var targetCauses = []Class{HealthStatus, HealthTimeout, PortClosed}

// dead are the classes of tasks that do not live long enough to be served anything.
var dead = []Class{ImageNotFound, PullDenied, PullLimited, ImagePlatform, RegistryLost, PullFailed, SecretMissing, SecretDenied, InitFailed, OutOfMemory, CommandNotFound, StartFailed, ExitAtStart, ExitZero, Killed}

// eventRules read service events; what is routine has class Nothing.
//
// Source: "Service event messages" of the ECS Developer Guide.
var eventRules = sync.OnceValue(func() []rule {
	return []rule{
		{class: Nothing, what: re(`has (started|stopped) \d+|registered \d+ |has begun draining|steady state\.?$|deployment completed|deployment failed|rolling back to deployment`)},
		{class: HealthStatus, what: re(`\(port (\d+)\) is unhealthy in .*?targetgroup/([^/)]+).*due to \(reason (Health checks failed with these codes: \[[^\]]*\])`), text: "the health check of target group $2 got a wrong status from port $1: $3"},
		{class: HealthTimeout, what: re(`\(port (\d+)\) is unhealthy in .*?targetgroup/([^/)]+).*due to \(reason Request timed out`), text: "the health check of target group $2 got no answer from port $1 in time"},
		{class: PortClosed, what: re(`\(port (\d+)\) is unhealthy in .*?targetgroup/([^/)]+).*due to \(reason Health checks failed\b`), text: "the health check of target group $2 could not connect to port $1", after: dead},
		{class: TargetHealth, what: re(`is unhealthy in `), after: targetCauses},
		{class: ContainerHealth, what: re(`failed container health checks`), text: "tasks failed their container health check"},
		{class: Quota, what: re(`limit on the number of vCPUs|provisioning capacity limit|quota|limit (was )?exceeded|You've reached`)},
		{class: PortTaken, what: re(`already using a port`), text: "no instance has the task's host port free"},
		{class: AgentLost, what: re(`encountered error "AGENT"`), text: "the ECS agent of the nearest instance does not answer"},
		{class: Interface, what: re(`network interface|\bENI\b|subnet|insufficient ?free ?addresses`)},
		{class: RoleUnassumable, what: re(`unable to assume|assume the role`)},
		{class: Capacity, what: re(`no container instance|capacity is unavailable|insufficient (CPU|memory)|met all of its requirements`)},
		{class: PercentDeadlock, what: re(`because of the service deployment configuration`), text: "minimumHealthyPercent and maximumPercent leave no room to start or to stop a task"},
		{class: Protection, what: re(`unable to scale in.*protected tasks`), text: "tasks with scale-in protection are in the way"},
		{class: Throttled, what: re(`operations are being throttled`), text: "ECS is throttled by other services' limits"},
		{class: BackOff, what: re(`unable to consistently start tasks`), text: "tasks fail one after the other, so ECS waits longer before each new one"},
		{class: RegisterFailed, what: re(`failed to register targets in \(target-group ([^)]*)\)`), text: "targets could not be registered in $1"},
		{class: PlacementUnknown, what: re(`unable to place a task|could not launch|failed to launch a task`), after: dead},
	}
})

// targetRules read the reason of a target's health as it is now.
//
// Source: TargetHealth of the Elastic Load Balancing v2 API.
var targetRules = sync.OnceValue(func() []rule {
	return []rule{
		{class: HealthStatus, what: re(`Target\.ResponseCodeMismatch`)},
		{class: HealthTimeout, what: re(`Target\.Timeout`)},
		{class: PortClosed, what: re(`Target\.FailedHealthChecks`)},
		{class: TargetUnused, what: re(`Target\.(NotInUse|InvalidState|IpUnusable)`)},
		{class: TargetHealth, what: re(`Elb\.InternalError`)},
	}
})
