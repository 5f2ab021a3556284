package balance

import (
	"fmt"
	"net/netip"
	"testing"
)

// flowGroup has healthy targets in the zones.
func flowGroup(zones ...string) *Group {
	g := &Group{Protocol: "TCP"}
	for i, z := range zones {
		id := fmt.Sprintf("10.0.0.%d", i+1)
		g.Targets = append(g.Targets, Target{ID: id, Port: 80, Zone: z, Healthy: true, Address: Address{"tcp", id + ":80"}})
	}
	return g
}

// shares counts which targets take so many connections of a client.
func shares(t *testing.T, g *Group, connections int, source string) map[int]int {
	t.Helper()
	seen := map[int]int{}
	for turn := range connections {
		p, ok := g.PickFlow(uint64(turn), netip.MustParseAddr(source))
		if !ok {
			t.Fatal("no target")
		}
		seen[p.Index]++
	}
	return seen
}

func TestConnectionsGoToHealthyTargetsInTurns(t *testing.T) {
	t.Parallel()
	g := flowGroup("a", "a", "b", "b")
	g.Targets[1].Healthy = false
	g.Targets[2].Draining = true
	if got := shares(t, g, 100, "10.9.9.9"); got[0] != 50 || got[3] != 50 {
		t.Errorf("got %v, want 50 for the first and the last", got)
	}
}

func TestAGroupWithoutHealthyTargetsFailsOpenForConnections(t *testing.T) {
	t.Parallel()
	g := flowGroup("a", "a")
	g.Targets[0].Healthy, g.Targets[1].Healthy = false, false
	p, ok := g.PickFlow(0, netip.MustParseAddr("10.9.9.9"))
	if !ok || !p.FailOpen || !g.FailsOpen() {
		t.Errorf("got %+v %v", p, ok)
	}
	if _, ok := (&Group{}).PickFlow(0, netip.MustParseAddr("10.9.9.9")); ok {
		t.Error("an empty group has a target")
	}
}

func TestZonesShareAlikeWhereNodesStayInThem(t *testing.T) {
	t.Parallel()
	g := flowGroup("a", "b", "b", "b", "b")
	g.Flows.InZones = true
	got := shares(t, g, 800, "10.9.9.9")
	if got[0] != 400 {
		t.Errorf("the one target of its zone took %d of 800, want half", got[0])
	}
	for i := 1; i < 5; i++ {
		if got[i] != 100 {
			t.Errorf("target %d took %d of 800, want 100", i, got[i])
		}
	}
	g.Targets[0].Healthy = false // its zone leaves DNS
	if got := shares(t, g, 800, "10.9.9.9"); got[0] != 0 || got[1] != 200 {
		t.Errorf("without a healthy target in its zone: %v", got)
	}
	if got := shares(t, flowGroup("", ""), 10, "10.9.9.9"); got[0] != 5 {
		t.Errorf("targets without zones: %v", got)
	}
}

func TestAClientStaysWithItsTargetByItsAddress(t *testing.T) {
	t.Parallel()
	g := flowGroup("", "", "")
	g.Flows.BySource = true
	clients := map[int]int{}
	for c := range 300 {
		source := fmt.Sprintf("10.%d.7.%d", c%7, c%250)
		seen := shares(t, g, 5, source)
		if len(seen) != 1 {
			t.Fatalf("%s went to %v", source, seen)
		}
		for i := range seen {
			clients[i]++
		}
	}
	for i := range 3 {
		if clients[i] < 60 {
			t.Errorf("target %d has %d of 300 clients: %v", i, clients[i], clients)
		}
	}
	before := shares(t, g, 1, "10.1.7.1")
	for i := range g.Targets {
		if before[i] == 0 {
			g.Targets[i].Healthy = false // another target's health is none of its business
			break
		}
	}
	after := shares(t, g, 1, "10.1.7.1")
	for i := range before {
		if after[i] != 1 {
			t.Errorf("the client moved from %v to %v", before, after)
		}
	}
}
