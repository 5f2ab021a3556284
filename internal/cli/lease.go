package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// leaseFlags are the flags of verbs that change a service for longer than a call.
type leaseFlags struct {
	busy   string
	force  bool
	none   bool
	length time.Duration
	reason string
}

func (o *leaseFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.busy, "if-busy", "", "`WHAT` to do where somebody else deploys the service: wait, replace or refuse\n"+
		"(default: wait for who holds the lease, replace a deployment nobody holds it for)")
	f.BoolVar(&o.force, "force-lease", false, "take the lease on the service whoever holds it")
	f.BoolVar(&o.none, "no-lease", false, "take no lease and write no tags on the service")
	f.DurationVar(&o.length, "lease-for", 0, "how long the lease outlives us if we die (default 1m)")
	f.StringVar(&o.reason, "reason", "", "what for, shown to those who wait")
}

// lease gives what the flags say; nil takes none.
func (o *leaseFlags) lease(app *App, what string) (*ship.Lease, error) {
	busy := ship.Busy(o.busy)
	switch busy {
	case "", ship.BusyWait, ship.BusyReplace, ship.BusyRefuse:
	default:
		return nil, fail.New("usage.flag", "write wait, replace or refuse", "--if-busy %q is none of them", o.busy)
	}
	if o.length < 0 {
		return nil, fail.New("usage.flag", "write --lease-for 1m", "--lease-for %s is no time", o.length)
	}
	if o.none {
		return nil, nil
	}
	if o.reason != "" {
		what = o.reason
	}
	return &ship.Lease{Owner: app.who() + " " + unique(), Reason: what, For: o.length, Busy: busy, Force: o.force}, nil
}
