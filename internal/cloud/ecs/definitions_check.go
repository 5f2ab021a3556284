package ecs

import (
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Limits of a task definition (ecs.md 2.7).
const (
	maxDefinition = 64 << 10
	maxContainers = 10
	maxEnvFiles   = 10
	maxPlacement  = 10
)

// The words of refusals whose exact text is unconfirmed (ecs.md 2.5). Clients match the code.
const (
	wordTooLarge       = "Actual length: '%d'. Max allowed length is '%d' bytes."
	wordNoDefinition   = "The specified task definition does not exist."
	wordNoRevision     = "The specified task definition identifier is invalid. Specify a valid name or ARN and try again."
	wordNoLaunch       = "Invalid requiresCompatibilities value: %s."
	wordStillActive    = "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
	wordFamily         = "Invalid family: family names must have 1 to 255 letters, numbers, hyphens and underscores."
	wordName           = "Invalid container name '%s': names must have 1 to 255 letters, numbers, hyphens and underscores."
	wordReservation    = "Invalid setting for container '%s'. 'memory' must be greater than 'memoryReservation'."
	wordHostPort       = "Invalid 'portMappings' setting for container '%s'. When networkMode=%s, the host ports and container ports in port mappings must match."
	wordNoPorts        = "Invalid 'portMappings' setting for container '%s'. Port mappings are not supported when networkMode=none."
	wordPortProtocols  = "Invalid 'portMappings' setting for container '%s'. Container port %d is mapped more than once."
	wordNoEssential    = "At least one container in the task definition must be essential."
	wordTwice          = "Container names must be unique within a task definition: '%s'."
	wordUnknown        = "Container '%s' refers to container '%s', which is not in the task definition."
	wordCycle          = "Container dependencies have a cycle at container '%s'."
	wordEnds           = "Container '%s' is essential and cannot be a dependency with condition %s."
	wordUnchecked      = "Container '%s' has no health check and cannot be a dependency with condition HEALTHY."
	wordNoVolume       = "Unknown volume '%s' in a mount point of container '%s'."
	wordFargateNetwork = "Fargate only supports network mode ‘awsvpc’."
	wordFargateNeeds   = "Fargate requires that '%s' be defined at the task level."
	wordCPU            = "Invalid 'cpu' setting for task."
	wordMemory         = "Invalid 'memory' setting for task."
	wordCheck          = "Invalid 'healthCheck' setting for container '%s': %s."
)

// checkDefinition refuses a definition ECS would refuse, and normalises its cpu and memory. It
// looks in the order of ecs.md 2.1: required members, names, sizes, network, containers' relations.
func checkDefinition(d *types.TaskDefinition) error {
	if !nameRule.MatchString(text(d.Family)) {
		return refused(wordFamily)
	}
	if len(d.ContainerDefinitions) == 0 {
		return refused("Container definitions should not be null or empty.")
	}
	for i := range d.ContainerDefinitions {
		c := &d.ContainerDefinitions[i]
		switch {
		case text(c.Name) == "":
			return refused("Container.name should not be null or empty.")
		case text(c.Image) == "":
			return refused("Container.image should not be null or empty.")
		case !nameRule.MatchString(*c.Name):
			return refused(wordName, *c.Name)
		}
	}
	if err := checkValues(d); err != nil {
		return err
	}
	for _, x := range d.RequiresCompatibilities {
		if !slices.Contains(x.Values(), x) {
			return refused(wordNoLaunch, x)
		}
	}
	if len(d.ContainerDefinitions) > maxContainers {
		return refused("Task definitions can have at most %d container definitions.", maxContainers)
	}
	if len(d.PlacementConstraints) > maxPlacement {
		return refused("Task definitions can have at most %d placement constraints.", maxPlacement)
	}
	for _, c := range d.PlacementConstraints {
		if why := badQuery(text(c.Expression)); why != "" {
			return refused("%s", why)
		}
	}
	if err := checkSizes(d); err != nil {
		return err
	}
	for i := range d.ContainerDefinitions {
		if err := checkPorts(d.NetworkMode, &d.ContainerDefinitions[i]); err != nil {
			return err
		}
		if err := checkHealth(&d.ContainerDefinitions[i]); err != nil {
			return err
		}
	}
	return checkRelations(d)
}

// checkSizes refuses sizes out of range and writes the task's cpu and memory as plain numbers.
func checkSizes(d *types.TaskDefinition) error {
	taskCPU, taskMemory := 0, 0
	if v := text(d.Cpu); v != "" {
		n, ok := cpuUnits(v)
		if !ok || n < 128 || n > 196608 {
			return refused(wordCPU)
		}
		taskCPU, d.Cpu = n, new(strconv.Itoa(n))
	} else {
		d.Cpu = nil
	}
	if v := text(d.Memory); v != "" {
		n, ok := memoryMiB(v)
		if !ok || n < 4 {
			return refused(wordMemory)
		}
		taskMemory, d.Memory = n, new(strconv.Itoa(n))
	} else {
		d.Memory = nil
	}
	if e := d.EphemeralStorage; e != nil && (e.SizeInGiB < 21 || e.SizeInGiB > 200) {
		return refused("Ephemeral storage must be between 21 and 200 GiB.")
	}
	cpu := 0
	for _, c := range d.ContainerDefinitions {
		cpu += int(c.Cpu)
		switch {
		case c.Cpu < 0:
			return refused("Invalid 'cpu' setting for container '%s'.", text(c.Name))
		case c.Memory != nil && *c.Memory < 4 || c.MemoryReservation != nil && *c.MemoryReservation < 4:
			return refused("Invalid setting for container '%s'. 'memory' and 'memoryReservation' must be at least 4.", text(c.Name))
		case c.Memory == nil && c.MemoryReservation == nil && taskMemory == 0:
			return refused("Invalid setting for container '%s'. At least one of 'memory' or 'memoryReservation' must be specified.", text(c.Name))
		case c.Memory != nil && c.MemoryReservation != nil && *c.Memory <= *c.MemoryReservation:
			return refused(wordReservation, text(c.Name))
		case c.Memory != nil && taskMemory != 0 && int(*c.Memory) > taskMemory:
			return refused("The 'memory' setting for container '%s' is greater than for the task.", text(c.Name))
		case len(c.EnvironmentFiles) > maxEnvFiles:
			return refused("Invalid setting for container '%s'. At most %d environment files can be specified.", text(c.Name), maxEnvFiles)
		}
		if r := c.RestartPolicy; r != nil {
			if p := r.RestartAttemptPeriod; p != nil && (*p < 60 || *p > 1800) || len(r.IgnoredExitCodes) > 50 {
				return refused("Invalid 'restartPolicy' setting for container '%s'.", text(c.Name))
			}
		}
	}
	if taskCPU != 0 && cpu > taskCPU {
		return refused("The total of the containers' 'cpu' must not exceed the task's: %d > %d.", cpu, taskCPU)
	}
	return nil
}

func checkPorts(mode types.NetworkMode, c *types.ContainerDefinition) error {
	if mode == types.NetworkModeNone && len(c.PortMappings) > 0 {
		return refused(wordNoPorts, text(c.Name))
	}
	seen := map[int32]bool{}
	for _, p := range c.PortMappings {
		if p.ContainerPort == nil {
			if p.ContainerPortRange == nil {
				return refused("Invalid 'portMappings' setting for container '%s'. 'containerPort' is required.", text(c.Name))
			}
			continue
		}
		port := *p.ContainerPort
		if port < 1 || port > 65535 || p.HostPort != nil && (*p.HostPort < 0 || *p.HostPort > 65535) {
			return refused("Invalid 'portMappings' setting for container '%s'. Ports must be between 1 and 65535.", text(c.Name))
		}
		if (mode == types.NetworkModeAwsvpc || mode == types.NetworkModeHost) && p.HostPort != nil && *p.HostPort != port {
			return refused(wordHostPort, text(c.Name), mode)
		}
		if seen[port] {
			return refused(wordPortProtocols, text(c.Name), port)
		}
		seen[port] = true
	}
	return nil
}

func checkHealth(c *types.ContainerDefinition) error {
	if n := c.StopTimeout; n != nil && *n < 0 {
		return refused("Invalid 'stopTimeout' setting for container '%s'.", text(c.Name))
	}
	h := c.HealthCheck
	if h == nil {
		return nil
	}
	within := func(v *int32, lo, hi int32) bool { return v == nil || *v >= lo && *v <= hi }
	switch {
	case len(h.Command) < 2 || h.Command[0] != "CMD" && h.Command[0] != "CMD-SHELL":
		return refused(wordCheck, text(c.Name), "the command must begin with CMD or CMD-SHELL")
	case !within(h.Interval, 5, 300):
		return refused(wordCheck, text(c.Name), "interval must be between 5 and 300 seconds")
	case !within(h.Timeout, 2, 60):
		return refused(wordCheck, text(c.Name), "timeout must be between 2 and 60 seconds")
	case !within(h.Retries, 1, 10):
		return refused(wordCheck, text(c.Name), "retries must be between 1 and 10")
	case !within(h.StartPeriod, 0, 300):
		return refused(wordCheck, text(c.Name), "startPeriod must be between 0 and 300 seconds")
	}
	return nil
}

// checkRelations refuses containers that do not fit together.
func checkRelations(d *types.TaskDefinition) error {
	by := map[string]*types.ContainerDefinition{}
	essential := false
	for i := range d.ContainerDefinitions {
		c := &d.ContainerDefinitions[i]
		if by[*c.Name] != nil {
			return refused(wordTwice, *c.Name)
		}
		by[*c.Name] = c
		essential = essential || *c.Essential
	}
	if !essential {
		return refused(wordNoEssential)
	}
	volumes := map[string]bool{}
	for _, v := range d.Volumes {
		volumes[text(v.Name)] = true
	}
	for _, c := range d.ContainerDefinitions {
		for _, dep := range c.DependsOn {
			on := by[text(dep.ContainerName)]
			switch {
			case on == nil:
				return refused(wordUnknown, *c.Name, text(dep.ContainerName))
			case (dep.Condition == types.ContainerConditionComplete || dep.Condition == types.ContainerConditionSuccess) && *on.Essential:
				return refused(wordEnds, *on.Name, dep.Condition)
			case dep.Condition == types.ContainerConditionHealthy && on.HealthCheck == nil:
				return refused(wordUnchecked, *on.Name)
			case !slices.Contains(dep.Condition.Values(), dep.Condition):
				return refused("Invalid dependency condition of container '%s'.", *c.Name)
			}
		}
		for _, l := range c.Links {
			if name, _ := cutLink(l); by[name] == nil {
				return refused(wordUnknown, *c.Name, name)
			}
		}
		for _, v := range c.VolumesFrom {
			if by[text(v.SourceContainer)] == nil {
				return refused(wordUnknown, *c.Name, text(v.SourceContainer))
			}
		}
		for _, m := range c.MountPoints {
			if !volumes[text(m.SourceVolume)] {
				return refused(wordNoVolume, text(m.SourceVolume), *c.Name)
			}
		}
	}
	if name, ok := cycle(d); ok {
		return refused(wordCycle, name)
	}
	return nil
}

func cutLink(link string) (name, alias string) {
	for i, r := range link {
		if r == ':' {
			return link[:i], link[i+1:]
		}
	}
	return link, link
}

// cycle finds a container that waits for itself.
func cycle(d *types.TaskDefinition) (name string, found bool) {
	const open, closed = 1, 2
	state := map[string]int{}
	var visit func(name string) bool
	visit = func(name string) bool {
		switch state[name] {
		case open:
			return true
		case closed:
			return false
		}
		state[name] = open
		for _, c := range d.ContainerDefinitions {
			if text(c.Name) != name {
				continue
			}
			for _, dep := range c.DependsOn {
				if visit(text(dep.ContainerName)) {
					return true
				}
			}
		}
		state[name] = closed
		return false
	}
	for _, c := range d.ContainerDefinitions {
		if visit(text(c.Name)) {
			return text(c.Name), true
		}
	}
	return "", false
}

// fargateSizes are the pairs Fargate has: cpu units, then memory in MiB from, to, and its step.
//
// Source: the table of ecs.md 2.6; 256 units take 512 MiB besides whole GiB.
var fargateSizes = []struct{ cpu, from, to, step int }{
	{256, 512, 512, 512}, {256, 1024, 2048, 1024}, {512, 1024, 4096, 1024}, {1024, 2048, 8192, 1024},
	{2048, 4096, 16384, 1024}, {4096, 8192, 30720, 1024}, {8192, 16384, 61440, 4096}, {16384, 32768, 122880, 8192},
}

// fargateProblem says why Fargate cannot run a definition; nil where it can.
func fargateProblem(d *types.TaskDefinition) error {
	if d.NetworkMode != types.NetworkModeAwsvpc {
		return refused(wordFargateNetwork)
	}
	if d.PidMode != "" && d.PidMode != types.PidModeTask {
		return refused("Tasks using the Fargate launch type do not support pidMode '%s'. The supported value for pidMode is 'task'.", d.PidMode)
	}
	if text(d.Cpu) == "" {
		return refused(wordFargateNeeds, "cpu")
	}
	if text(d.Memory) == "" {
		return refused(wordFargateNeeds, "memory")
	}
	if err := checkFargateSize(*d.Cpu, *d.Memory); err != nil {
		return err
	}
	return checkFargateValues(d)
}

// checkFargateSize refuses a task's cpu and memory that Fargate has not together.
func checkFargateSize(taskCPU, taskMemory string) error {
	cpu, _ := cpuUnits(taskCPU)
	memory, _ := memoryMiB(taskMemory)
	for _, f := range fargateSizes {
		if cpu == f.cpu && memory >= f.from && memory <= f.to && (memory-f.from)%f.step == 0 {
			return nil
		}
	}
	return refused("No Fargate configuration exists for given values: %d CPU, %d memory", cpu, memory)
}

// missingSurroundings says whether all Fargate misses of a definition is what a machine of one's
// own does not need: cpu, memory, the network mode.
func missingSurroundings(d *types.TaskDefinition) bool {
	full := *d
	if full.NetworkMode == "" {
		full.NetworkMode = types.NetworkModeAwsvpc
	}
	if text(full.Cpu) == "" || text(full.Memory) == "" {
		full.Cpu, full.Memory = new("256"), new("512")
	}
	return fargateProblem(&full) == nil
}
