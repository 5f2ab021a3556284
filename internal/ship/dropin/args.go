package dropin

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/pattern"
)

// Options are the words of one call. A value of "" or "false" counts as not given: "false" is the
// original's own word for that.
type Options struct {
	AccessKey, SecretKey string // static credentials; "" are the chain's
	Region, Profile      string
	AssumeRole           string // ARN
	Cluster              string
	Service              string // service mode; excludes TaskDefinition
	TaskDefinition       string // family, family:revision or ARN
	Image                string
	DesiredCount         string // whole numbers, checked late; "" leaves the service's alone
	Min, Max             string // percents, likewise
	Timeout              string // seconds; what is no number is over at once
	TagVar               string // name of the environment variable that has the tag
	TagOnly              string // new tag for every image
	MaxDefinitions       string // a whole number; up to 0 nothing is pruned
	File                 string // base of the new revision, in describe's shape
	LaunchType           string
	PlatformVersion      string
	Network              string // awsvpc configuration, shorthand or JSON
	Rollback             bool
	UseLatest            bool
	Force                bool
	SkipDeploymentsCheck bool
	RunTask              bool
	WaitForSuccess       bool
	CopyTags             bool
	Verbose              bool
	Strict               bool // go on with a warning where the original went on in silence
}

// Exit codes of the original, and one of ours.
const (
	ExitDone      = 0
	ExitFailed    = 1
	ExitUsage     = 3
	ExitBadImage  = 13
	ExitNoMatch   = 14  // ours: no image of the definition is of the repository asked for
	ExitBadValue  = 252 // as of the aws program: a value it does not take
	ExitNoAccess  = 253 // likewise: no credentials or no region
	ExitRefused   = 254 // likewise: the service answered with an error
	ExitOther     = 255 // likewise: no answer came
	ExitInterrupt = 130
)

// interfaceVersion is the original's version whose interface this is; scripts compare it.
const interfaceVersion = "3.10.22"

// ended is an end that parsing or checking came to.
type ended struct{ code int }

// values are the flags that take the next word, and where they put it.
func (o *Options) values() map[string]*string {
	return map[string]*string{
		"-k": &o.AccessKey, "--aws-access-key": &o.AccessKey,
		"-s": &o.SecretKey, "--aws-secret-key": &o.SecretKey,
		"-r": &o.Region, "--region": &o.Region,
		"-p": &o.Profile, "--profile": &o.Profile,
		"-a": &o.AssumeRole, "--aws-assume-role": &o.AssumeRole,
		"-c": &o.Cluster, "--cluster": &o.Cluster,
		"-n": &o.Service, "--service-name": &o.Service,
		"-d": &o.TaskDefinition, "--task-definition": &o.TaskDefinition,
		"-i": &o.Image, "--image": &o.Image,
		"-D": &o.DesiredCount, "--desired-count": &o.DesiredCount,
		"-m": &o.Min, "--min": &o.Min,
		"-M": &o.Max, "--max": &o.Max,
		"-t": &o.Timeout, "--timeout": &o.Timeout,
		"-e": &o.TagVar, "--tag-env-var": &o.TagVar,
		"-to": &o.TagOnly, "--tag-only": &o.TagOnly,
		"--max-definitions":       &o.MaxDefinitions,
		"--task-definition-file":  &o.File,
		"--launch-type":           &o.LaunchType,
		"--platform-version":      &o.PlatformVersion,
		"--network-configuration": &o.Network,
	}
}

// switches are the flags that stand alone.
func (o *Options) switches() map[string]*bool {
	return map[string]*bool{
		"--enable-rollback":           &o.Rollback,
		"--use-latest-task-def":       &o.UseLatest,
		"--force-new-deployment":      &o.Force,
		"--skip-deployments-check":    &o.SkipDeploymentsCheck,
		"--run-task":                  &o.RunTask,
		"--wait-for-success":          &o.WaitForSuccess,
		"--copy-task-definition-tags": &o.CopyTags,
		"-v":                          &o.Verbose,
		"--verbose":                   &o.Verbose,
		"--compat=strict":             &o.Strict,
	}
}

// parse reads the words as the original does: flag and value are two words, empty words in a
// flag's place are passed over, the last of repeated flags wins, any other word is answered with
// the usage. What it has to say of flags it says at once. end is nil where the run goes on.
func parse(args []string, stdout, stderr io.Writer) (o Options, end *ended) {
	o = Options{Timeout: "90", MaxDefinitions: "0", Image: "false"}
	values, switches := o.values(), o.switches()
	if len(args) == 0 {
		io.WriteString(stdout, usage)
		return o, &ended{ExitUsage}
	}
	for i := 0; i < len(args); i++ {
		word := args[i]
		switch into := values[word]; {
		case into != nil && i+1 == len(args):
			fmt.Fprintf(stderr, "ecs-deploy: %s needs a value\n", word)
			return o, &ended{ExitFailed}
		case into != nil:
			i++
			*into = args[i]
		case switches[word] != nil:
			*switches[word] = true
		case word == "--aws-instance-profile":
			fmt.Fprintln(stdout, "--aws-instance-profile is not yet in use")
		case word == "--version":
			fmt.Fprintln(stdout, interfaceVersion)
			return o, &ended{ExitDone}
		case word != "":
			io.WriteString(stdout, usage)
			return o, &ended{ExitUsage}
		}
	}
	return o, nil
}

// given reports whether a value counts as given.
func given(v string) bool { return v != "" && v != "false" }

var wholeNumber = pattern.New(`^-?[0-9]+$`)

// check gives the first thing that is wrong, as the original says it, and its exit code; the
// order is part of the interface.
func (o Options) check() (message string, code int) {
	switch {
	case !given(o.Service) && !given(o.TaskDefinition):
		return "One of SERVICE or TASK DEFINITION is required. You can pass the value using -n / --service-name for a service, or -d / --task-definition for a task", 5
	case given(o.Service) && given(o.TaskDefinition):
		return "Only one of SERVICE or TASK DEFINITION may be specified, but you supplied both", 6
	case given(o.Service) && !given(o.Cluster):
		return "CLUSTER is required. You can pass the value using -c or --cluster", 7
	case o.Image == "false" && !o.Force:
		return "IMAGE is required. You can pass the value using -i or --image", 8
	case !wholeNumber.MatchString(o.MaxDefinitions):
		return "MAX_DEFINITIONS must be numeric, or not defined.", 9
	case o.RunTask:
		return "", ExitDone
	case given(o.LaunchType):
		return "LAUNCH TYPE requires setting RUN TASK argument. You can set it using --run-task flag.", 10
	case given(o.Network):
		return "NETWORK CONFIGURATION requires setting RUN TASK argument. You can set it using --run-task flag.", 11
	case o.WaitForSuccess:
		return "WAIT FOR SUCCESS requires setting RUN TASK argument. You can set it using --run-task flag.", 11
	case given(o.PlatformVersion):
		return "PLATFORM VERSION requires setting RUN TASK argument. You can set it using --run-task flag.", 12
	}
	return "", ExitDone
}

// mostPatience stands for all that is longer.
const mostPatience = 10 * 365 * 24 * time.Hour

// patience is how long one phase may wait. What is no whole number above 0 is no time at all.
func (o Options) patience() time.Duration {
	n, err := strconv.ParseInt(strings.TrimSpace(o.Timeout), 10, 64)
	if n < 0 || err != nil && !errors.Is(err, strconv.ErrRange) { // out of range it is the most there is
		return 0
	}
	return time.Duration(min(n, int64(mostPatience/time.Second))) * time.Second
}

// keep gives how many active revisions to keep; 0 keeps all.
func (o Options) keep() int {
	n, err := strconv.Atoi(o.MaxDefinitions)
	if err != nil || n < 0 {
		return 0 // check lets only whole numbers through; what is left is out of any range
	}
	return n
}
