package function

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// fromHost lists the variables of the host that reach a function. No other does, AWS_* least of all.
var fromHost = [...]string{"PATH", "HOME", "TMPDIR", "LANG"}

// variables gives an environment's variables, sorted: the host's few, what keeps SDKs from the
// host's own AWS settings, the function's own, then those Lambda keeps to itself.
func (e *environment) variables(api string) []string {
	s, o := &e.spec, &e.runner.o
	all := map[string]string{
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
		"TZ": ":UTC", "PYTHONUNBUFFERED": "1", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
	}
	for _, kv := range o.Host {
		if k, v, _ := strings.Cut(kv, "="); slices.Contains(fromHost[:], k) {
			all[k] = v
		}
	}
	if o.Endpoint != nil {
		all["AWS_ENDPOINT_URL"] = o.Endpoint()
	}
	maps.Copy(all, s.Env)
	if o.Credentials != nil {
		all["AWS_ACCESS_KEY_ID"], all["AWS_SECRET_ACCESS_KEY"], all["AWS_SESSION_TOKEN"] = o.Credentials(*s)
	}
	maps.Copy(all, map[string]string{
		"AWS_LAMBDA_RUNTIME_API": api, "_HANDLER": s.Handler,
		"LAMBDA_TASK_ROOT": s.Root, "LAMBDA_RUNTIME_DIR": o.Dir,
		"AWS_REGION": s.Scope.Region, "AWS_DEFAULT_REGION": s.Scope.Region,
		"AWS_EXECUTION_ENV":               "AWS_Lambda_" + s.Runtime,
		"AWS_LAMBDA_FUNCTION_NAME":        s.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     s.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(s.MemoryMiB),
		"AWS_LAMBDA_LOG_GROUP_NAME":       e.stream.Group,
		"AWS_LAMBDA_LOG_STREAM_NAME":      e.stream.Name,
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
	})
	env := make([]string, 0, len(all))
	for _, k := range slices.Sorted(maps.Keys(all)) {
		env = append(env, k+"="+all[k])
	}
	return env
}
