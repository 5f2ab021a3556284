package lambda

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/slipway-ecs/slipway/internal/pattern"
)

// What a function has where nothing else is said. Source: Lambda API reference, CreateFunction.
const (
	usualTimeout   = 3
	usualMemory    = 128
	usualEphemeral = 512
)

// reserved are the variables that Lambda keeps to itself. Source: Lambda developer guide, "Defined
// runtime environment variables".
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
	"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}

// mostVariables is how many bytes a function's variables have together at most.
const mostVariables = 4096

var (
	variableForm = pattern.New(`^[a-zA-Z][a-zA-Z0-9_]*$`) // AWS wants two characters; one does no harm
	roleForm     = pattern.New(`^arn:aws[a-zA-Z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$`)
	handlerForm  = pattern.New(`^[^\s]+$`)
)

// retired are runtimes that AWS makes no functions for any more.
var retired = []types.Runtime{
	types.RuntimeGo1x, types.RuntimeNodejs, types.RuntimeNodejs43, types.RuntimeNodejs610, types.RuntimeNodejs810, types.RuntimeNodejs10x,
	types.RuntimeNodejs12x, types.RuntimeNodejs43edge, types.RuntimePython27, types.RuntimePython36,
}

// served says that we have something that runs a runtime.
func served(runtime string) bool {
	for _, prefix := range []string{"provided", "python3.", "nodejs"} {
		if strings.HasPrefix(runtime, prefix) {
			return true
		}
	}
	return false
}

func checkRuntime(runtime types.Runtime) error {
	known := runtime.Values()
	if slices.Contains(retired, runtime) {
		return invalid(fmt.Sprintf("The runtime parameter of %s is no longer supported for creating or updating AWS Lambda functions. "+
			"We recommend you use a supported runtime while creating or updating functions.", runtime))
	}
	if !slices.Contains(known, runtime) {
		var names []string
		for _, k := range known {
			if !slices.Contains(retired, k) {
				names = append(names, string(k))
			}
		}
		return invalid(fmt.Sprintf("Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [%s] or be a valid ARN", runtime, strings.Join(names, ", ")))
	}
	if !served(string(runtime)) {
		return invalid(fmt.Sprintf("The runtime %s is not served by this cloud; provided.*, python3.* and nodejs* are.", runtime))
	}
	return nil
}

// checkConfig refuses a configuration as AWS does.
func checkConfig(c Config) error {
	switch {
	case !roleForm.MatchString(c.Role):
		return violated(c.Role, "role", `Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`)
	case c.Handler != "" && (!handlerForm.MatchString(c.Handler) || len(c.Handler) > 128):
		return violated(c.Handler, "handler", `Member must satisfy regular expression pattern: [^\s]+`)
	case c.Timeout < 1:
		return violated(fmt.Sprint(c.Timeout), "timeout", "Member must have value greater than or equal to 1")
	case c.Timeout > 900:
		return violated(fmt.Sprint(c.Timeout), "timeout", "Member must have value less than or equal to 900")
	case c.MemorySize < 128:
		return violated(fmt.Sprint(c.MemorySize), "memorySize", "Member must have value greater than or equal to 128")
	case c.MemorySize > 10240:
		return violated(fmt.Sprint(c.MemorySize), "memorySize", "Member must have value less than or equal to 10240")
	case c.Ephemeral < 512:
		return violated(fmt.Sprint(c.Ephemeral), "ephemeralStorage.size", "Member must have value greater than or equal to 512")
	case c.Ephemeral > 10240:
		return violated(fmt.Sprint(c.Ephemeral), "ephemeralStorage.size", "Member must have value less than or equal to 10240")
	case len(c.Description) > 256:
		return violated(c.Description, "description", "Member must have length less than or equal to 256")
	case len(c.Layers) > 0:
		return invalid("Layers are not served by this cloud; put what they have into the function's zip file.")
	}
	return checkVariables(c.Env)
}

func checkVariables(env map[string]string) error {
	var taken []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		if slices.Contains(reserved, k) {
			taken = append(taken, k)
		} else if !variableForm.MatchString(k) {
			return violated(fmt.Sprintf("{%s=%s}", k, env[k]), "environment.variables", "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]")
		}
	}
	if len(taken) > 0 {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. " +
			"Reserved keys used in this request: " + strings.Join(taken, ", "))
	}
	text, err := json.Marshal(env)
	if err != nil {
		return err
	}
	if len(env) > 0 && len(text) > mostVariables {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: " + string(text))
	}
	return nil
}
