package launch

import "errors"

// ErrGone is the error for a container or task whose place was removed, or never made.
var ErrGone = errors.New("no such container")

// ErrEnded is the error for asking something of a container that has ended.
var ErrEnded = errors.New("the container has ended")

// PullError is an image that is not to be had. Error begins with ECS's name for that, so it can
// stand in a container's reason as it is.
type PullError struct {
	Image string
	Msg   string // what the registry or the engine said
}

// Error gives the text ECS puts into the container's reason and the task's stopped reason.
func (e *PullError) Error() string { return "CannotPullContainerError: " + e.Msg }

// StartError is a program that cannot be started.
type StartError struct {
	Code int    // what a shell would say: 127 not found, 126 not executable
	Msg  string // what the engine said
}

// Error gives the text ECS puts into the container's reason.
func (e *StartError) Error() string { return "CannotStartContainerError: " + e.Msg }
