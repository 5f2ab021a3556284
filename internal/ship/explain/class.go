package explain

// Class names a kind of cause. Classes are stable.
type Class string

// The classes: what ended a deployment or holds it up, as the deployment says.
const (
	Nothing       Class = "nothing"      // nothing is known to be wrong
	Unclassified  Class = "unclassified" // said, and known by no rule
	Breaker       Class = "breaker"
	Alarmed       Class = "alarm"
	HookFailed    Class = "hook-failed"
	HookTimedOut  Class = "hook-timed-out"
	HookUncalled  Class = "hook-not-callable"
	Waiting       Class = "waiting-for-approval"
	UserStopped   Class = "stopped-by-user"
	Superseded    Class = "superseded"
	NoCandidate   Class = "no-rollback-candidate"
	BadNetwork    Class = "network-configuration"
	StageTimedOut Class = "stage-timed-out"
)

// The classes of what lies below: tasks, targets and the scheduler.
const (
	ImageNotFound    Class = "image-not-found"
	PullDenied       Class = "pull-denied"
	PullLimited      Class = "pull-rate-limit"
	ImagePlatform    Class = "image-platform"
	RegistryLost     Class = "registry-unreachable"
	DiskFull         Class = "disk-full"
	PullFailed       Class = "pull-failed"
	SecretMissing    Class = "secret-missing"
	SecretDenied     Class = "secret-denied"
	RoleUnassumable  Class = "role-not-assumable"
	LogGroupMissing  Class = "log-group-missing"
	Volume           Class = "volume"
	Interface        Class = "network-interface"
	InitFailed       Class = "resource-initialization"
	OutOfMemory      Class = "out-of-memory"
	CommandNotFound  Class = "command-not-found"
	StartFailed      Class = "container-not-started"
	StartTimeout     Class = "start-timed-out"
	Dependency       Class = "dependency"
	ExitAtStart      Class = "exit-code"
	ExitZero         Class = "ended-by-itself"
	Killed           Class = "killed"
	ContainerHealth  Class = "container-health-check"
	HealthStatus     Class = "health-check-status"
	HealthTimeout    Class = "health-check-timeout"
	PortClosed       Class = "port-not-listening"
	TargetHealth     Class = "target-health"
	TargetUnused     Class = "target-unused"
	RegisterFailed   Class = "target-registration"
	Capacity         Class = "capacity"
	PortTaken        Class = "host-port-taken"
	AgentLost        Class = "agent-lost"
	Quota            Class = "quota"
	PercentDeadlock  Class = "percent-deadlock"
	Protection       Class = "scale-in-protection"
	Throttled        Class = "throttled"
	BackOff          Class = "launches-slowed"
	Spot             Class = "spot-interruption"
	HostLost         Class = "host-lost"
	TaskStopped      Class = "task-stopped-by-user"
	PlacementUnknown Class = "placement"
	BadRevision      Class = "revision" // the AppSpec that CodeDeploy was to deploy
)

// advice says what to do, by class; a class without any has none that is true in general.
var advice = map[Class]string{
	Breaker:          "mend what the tasks died of, below, then deploy again",
	Alarmed:          "look at the alarm's metric and at the new revision's logs; a false alarm wants another threshold",
	HookFailed:       "look at the hook's own logs for why it said no",
	HookTimedOut:     "let the hook answer in time, or raise its timeoutInMinutes; a pause wants `slipway approve` before it expires",
	HookUncalled:     "check that the function exists and answers with hookStatus, and that the hook's role may be assumed by ecs.amazonaws.com and invoke it",
	Waiting:          "`slipway approve` goes on, `slipway reject` rolls back",
	UserStopped:      "somebody asked for it; `slipway history` shows what followed",
	Superseded:       "follow the newer deployment with `slipway status`",
	NoCandidate:      "there is no revision to go back to: mend the cause below and deploy again",
	BadNetwork:       "check subnets, security groups and listener rules of the service against its target groups",
	StageTimedOut:    "see below what the stage waited for",
	ImageNotFound:    "check the image's name and tag, and that it was pushed to this registry and region",
	PullDenied:       "give the execution role permission to pull (ecr:GetAuthorizationToken, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer), or the container repositoryCredentials",
	PullLimited:      "pull from a mirror (an ECR pull-through cache), or log in to the registry with repositoryCredentials",
	ImagePlatform:    "build the image for the task's runtimePlatform, or change that",
	RegistryLost:     "give the task's subnets a way to the registry: a NAT gateway, a public address, or VPC endpoints for ECR and S3",
	DiskFull:         "give the task more ephemeralStorage or the host more disk, or make the image smaller",
	PullFailed:       "pull the image by hand with the same role and network to see more",
	SecretMissing:    "create the secret or parameter, or correct its ARN or its JSON key in the task definition",
	SecretDenied:     "give the execution role secretsmanager:GetSecretValue, ssm:GetParameters, and kms:Decrypt for the key",
	RoleUnassumable:  "let the role trust ecs-tasks.amazonaws.com, and check that it exists",
	LogGroupMissing:  "create the log group, or set awslogs-create-group and give the execution role logs:CreateLogGroup",
	Volume:           "check the volume's file system, mount targets, access point and the security groups between",
	Interface:        "check that the subnets have free addresses and that the account may make network interfaces; an instance takes only so many: use a larger type, or the account setting awsvpcTrunking",
	InitFailed:       "read the raw words below: ECS could not prepare what the task needs",
	OutOfMemory:      "raise the memory of the container or the task, or make the program use less",
	CommandNotFound:  "check entryPoint and command against what is in the image",
	StartFailed:      "read the raw words below: the runtime could not start the container",
	StartTimeout:     "look at the host's load and disk; the runtime did not answer in time",
	Dependency:       "look at the container it depends on, or raise its startTimeout",
	ExitAtStart:      "read the container's last log lines; run it alone with `slipway run` or locally",
	ExitZero:         "a service's program must go on serving: check that the command stays in the foreground",
	Killed:           "look at the logs before the end; SIGKILL is mostly memory or a stop that took too long",
	ContainerHealth:  "run the healthCheck's command in the container; raise startPeriod if it needs longer to start",
	HealthStatus:     "let the health check's path answer with a status of the target group's matcher, or correct path and matcher",
	HealthTimeout:    "make the health check's path answer faster, raise the target group's timeout, or let security groups allow the balancer in",
	PortClosed:       "let the program listen on the container port on 0.0.0.0, not on localhost; raise healthCheckGracePeriodSeconds if it starts slowly",
	TargetHealth:     "look at the target group's health checks against what the program answers",
	TargetUnused:     "point a listener rule at the target group",
	RegisterFailed:   "check that the target group exists and that ECS's service-linked role may register targets",
	Capacity:         "add instances or another zone or capacity provider, or ask for less CPU and memory",
	PortTaken:        "use a dynamic host port (hostPort 0) or more instances",
	AgentLost:        "look at the ECS agent on the instance",
	Quota:            "ask for a higher quota in Service Quotas, or run fewer tasks at once",
	PercentDeadlock:  "raise maximumPercent or lower minimumHealthyPercent, so that a task can start before one stops or the other way round",
	Protection:       "end the protection of tasks (UpdateTaskProtection), or wait until it expires",
	Throttled:        "wait: ECS tries again by itself",
	BackOff:          "mend what the tasks die of; a new deployment starts at once again",
	Spot:             "run a part of the tasks on FARGATE or on-demand capacity",
	HostLost:         "look at the instance, or at what scales the cluster in",
	TaskStopped:      "somebody or something called StopTask",
	BadRevision:      "`slipway appspec` prints one that fits the service",
	PlacementUnknown: "read the raw words below",
}
