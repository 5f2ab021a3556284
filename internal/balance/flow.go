package balance

import (
	"net/netip"
	"slices"
	"strings"
)

// Draw gives a number for a client's address, the same each time and evenly spread over all of
// uint64; salt makes others for other purposes.
func Draw(source netip.Addr, salt string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	raw := source.As16()
	for _, b := range raw {
		h = (h ^ uint64(b)) * 1099511628211
	}
	for i := range len(salt) {
		h = (h ^ uint64(salt[i])) * 1099511628211
	}
	h ^= h >> 33 // FNV leaves the upper bits of short texts alike
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// PickFlow gives the target a new connection goes to, as Pick does for a request. A group that
// keeps clients by their address gives a client the same target for as long as that takes
// connections. One whose nodes stay in their zones gives each zone that has a target the same
// part, and each target of a zone its part of that.
//
// The turn is a counter, one more at every connection. AWS chooses by a hash of the connection's
// addresses, ports and first sequence number.
//
// Source: Network Load Balancers guide, "Routing", "Cross-zone load balancing", "Sticky sessions".
func (g *Group) PickFlow(turn uint64, source netip.Addr) (Picked, bool) {
	healthy, open, failOpen := g.count(nil)
	if open == 0 {
		return Picked{}, false
	}
	if !g.Flows.BySource && !g.Flows.InZones {
		if failOpen {
			healthy = open
		}
		return Picked{Index: g.nth(int(turn%uint64(healthy)), failOpen, ""), FailOpen: failOpen}, true
	}
	if g.Flows.BySource {
		best, most := -1, uint64(0)
		for i := range g.Targets {
			if t := &g.Targets[i]; t.takes(failOpen) {
				if n := Draw(source, t.ID+"|"+t.Address.Address); best < 0 || n > most {
					best, most = i, n
				}
			}
		}
		return Picked{Index: best, FailOpen: failOpen}, true
	}
	zones := g.zones(failOpen)
	zone := zones[turn%uint64(len(zones))]
	in := 0
	for i := range g.Targets {
		if t := &g.Targets[i]; t.takes(failOpen) && t.within(zone) {
			in++
		}
	}
	return Picked{Index: g.nth(int(turn/uint64(len(zones))%uint64(in)), failOpen, zone), FailOpen: failOpen}, true
}

// FailsOpen reports whether so few targets are healthy that all that are not draining are used.
func (g *Group) FailsOpen() bool {
	_, _, failOpen := g.count(nil)
	return failOpen
}

func (t *Target) takes(failOpen bool) bool { return !t.Draining && (failOpen || t.Healthy) }

// within reports whether a node of a zone reaches the target; an empty zone means all of them.
func (t *Target) within(zone string) bool { return zone == "" || t.Zone == "" || t.Zone == zone }

// zones gives the zones that have a target which takes connections; one without a name where all
// are reached from everywhere.
func (g *Group) zones(failOpen bool) []string {
	var all []string
	for i := range g.Targets {
		if t := &g.Targets[i]; t.takes(failOpen) && t.Zone != "" && !slices.Contains(all, t.Zone) {
			all = append(all, t.Zone)
		}
	}
	if all == nil {
		return []string{""}
	}
	slices.SortFunc(all, strings.Compare)
	return all
}

// nth gives the index of the nth target that takes connections from a zone.
func (g *Group) nth(n int, failOpen bool, zone string) int {
	for i := range g.Targets {
		t := &g.Targets[i]
		if !t.takes(failOpen) || !t.within(zone) {
			continue
		}
		if n == 0 {
			return i
		}
		n--
	}
	panic("balance: fewer targets than were counted")
}
