package host

import (
	"log/slog"
	"sync"
)

// mostUnbuilt bounds the names that are remembered: a client may ask for any.
const mostUnbuilt = 1000

// unbuilt tells of operations that clients ask for and nobody built, of each once: some clients
// ask again and again.
type unbuilt struct {
	log *slog.Logger

	mu   sync.Mutex // guards told
	told map[string]bool
}

func (u *unbuilt) tell(service, operation string) {
	u.mu.Lock()
	name := service + "." + operation
	fresh := !u.told[name] && len(u.told) < mostUnbuilt
	if fresh {
		u.told[name] = true
	}
	u.mu.Unlock()
	if fresh {
		u.log.Warn("not built: answered with the service's own error", "service", service, "operation", operation)
	}
}
