package process

import (
	"strconv"

	"github.com/slipway-ecs/slipway/internal/launch"
)

// fromHost lists the variables of the host that reach a task. No other does, AWS_* least of all.
var fromHost = [...]string{"PATH", "HOME", "TMPDIR", "LANG"}

// environment gives a container's variables: the host's few, what keeps SDKs from the host's own
// AWS settings, $HOST and $PORT, then the container's, which win. Each name stands once.
func environment(host []string, n launch.Network, c launch.Container) []string {
	var all []launch.KeyValue
	for _, key := range fromHost {
		if v, ok := get(host, key); ok {
			all = append(all, launch.KeyValue{Key: key, Value: v})
		}
	}
	all = append(all,
		launch.KeyValue{Key: "AWS_CONFIG_FILE", Value: "/dev/null"},
		launch.KeyValue{Key: "AWS_SHARED_CREDENTIALS_FILE", Value: "/dev/null"},
		launch.KeyValue{Key: "AWS_EC2_METADATA_DISABLED", Value: "true"},
		launch.KeyValue{Key: "HOST", Value: n.Address},
	)
	if port, ok := firstPortOf(c, n); ok {
		all = append(all, launch.KeyValue{Key: "PORT", Value: strconv.Itoa(port)})
	}
	all = append(all, c.Env...)

	last := map[string]int{}
	for i, kv := range all {
		last[kv.Key] = i
	}
	env := make([]string, 0, len(last))
	for i, kv := range all {
		if last[kv.Key] == i {
			env = append(env, kv.Key+"="+kv.Value)
		}
	}
	return env
}

// firstPortOf gives the port the container's first mapping is served on.
func firstPortOf(c launch.Container, n launch.Network) (int, bool) {
	if len(c.Ports) == 0 {
		return 0, false
	}
	for _, at := range n.Ports {
		if at.Container == c.Ports[0].Container {
			return at.Port, true
		}
	}
	return c.Ports[0].Container, true
}
