package ecs

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
)

// The words of refusals of single values; unconfirmed. Clients match the code.
const (
	wordValue         = "Invalid '%s' setting for task: '%s'."
	wordPortName      = "Invalid 'portMappings' setting for container '%s'. The name '%s' must have at most 64 lower-case letters, numbers, underscores and hyphens, and begin with no hyphen."
	wordPortNameTwice = "Invalid 'portMappings' setting for container '%s'. The name '%s' is used more than once in the task definition."
	wordPortProtocol  = "Invalid 'portMappings' setting for container '%s'. The protocol '%s' is neither tcp nor udp."
	wordLogDriver     = "Invalid 'logConfiguration' setting for container '%s'. Unknown log driver '%s'."
	wordLogGroup      = "Log driver awslogs requires options: awslogs-group"
	wordFargateLogs   = "Fargate does not support the log driver '%s' of container '%s'."
	wordPrivileged    = "Fargate does not support the 'privileged' setting of container '%s'."
)

// portNameRule is that of a port mapping's name, but for its beginning (ecs.md 2.1).
var portNameRule = names.Text{Min: 1, Max: 64, Of: "a-z0-9_-"}

// checkValues refuses single values that ECS does not know.
func checkValues(d *types.TaskDefinition) error {
	switch {
	case d.NetworkMode != "" && !slices.Contains(d.NetworkMode.Values(), d.NetworkMode):
		return refused(wordValue, "networkMode", d.NetworkMode)
	case d.PidMode != "" && !slices.Contains(d.PidMode.Values(), d.PidMode):
		return refused(wordValue, "pidMode", d.PidMode)
	case d.IpcMode != "" && !slices.Contains(d.IpcMode.Values(), d.IpcMode):
		return refused(wordValue, "ipcMode", d.IpcMode)
	}
	portNames := map[string]bool{}
	for i := range d.ContainerDefinitions {
		c := &d.ContainerDefinitions[i]
		if l := c.LogConfiguration; l != nil {
			switch {
			case !slices.Contains(l.LogDriver.Values(), l.LogDriver):
				return refused(wordLogDriver, text(c.Name), l.LogDriver)
			case l.LogDriver == types.LogDriverAwslogs && l.Options["awslogs-group"] == "":
				return refused(wordLogGroup)
			}
		}
		for _, p := range c.PortMappings {
			name := text(p.Name)
			switch {
			case p.Protocol != "" && !slices.Contains(p.Protocol.Values(), p.Protocol):
				return refused(wordPortProtocol, text(c.Name), p.Protocol)
			case name == "":
			case name[0] == '-' || !portNameRule.MatchString(name):
				return refused(wordPortName, text(c.Name), name)
			case portNames[name]:
				return refused(wordPortNameTwice, text(c.Name), name)
			}
			portNames[name] = true
		}
	}
	return nil
}

// fargateLogs are the log drivers that Fargate has. Source: the API model's LogConfiguration.
var fargateLogs = []types.LogDriver{types.LogDriverAwslogs, types.LogDriverSplunk, types.LogDriverAwsfirelens}

// checkFargateValues refuses settings of containers that Fargate does not have (ecs.md 4.3).
func checkFargateValues(d *types.TaskDefinition) error {
	for _, c := range d.ContainerDefinitions {
		for _, wait := range []struct {
			name string
			n    *int32
		}{{"stopTimeout", c.StopTimeout}, {"startTimeout", c.StartTimeout}} {
			if wait.n != nil && (*wait.n < 2 || *wait.n > 120) {
				return refused("Invalid '%s' setting for container '%s'. Fargate takes 2 to 120 seconds.", wait.name, text(c.Name))
			}
		}
		if c.Privileged != nil && *c.Privileged {
			return refused(wordPrivileged, text(c.Name))
		}
		if l := c.LogConfiguration; l != nil && !slices.Contains(fargateLogs, l.LogDriver) {
			return refused(wordFargateLogs, l.LogDriver, text(c.Name))
		}
	}
	return nil
}
