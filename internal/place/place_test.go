package place_test

import (
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/place"
)

// box is an instance with room for two CPUs and 4 GiB in a zone.
func box(id, zone string, change ...func(*place.Instance)) place.Instance {
	x := place.Instance{
		ID: id, EC2: "i-" + id, Zone: zone, Connected: true, Agent: "1.99.0", Registered: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC),
		CPU: 2048, MemoryMiB: 4096, Taken: []place.Port{{Number: 22}},
		Attributes: map[string]string{"ecs.availability-zone": zone, "ecs.instance-type": "t3.medium", "stack": "prod", "bare": ""},
		Groups:     map[string]int{},
	}
	for _, c := range change {
		c(&x)
	}
	return x
}

func runs(group string, n int) func(*place.Instance) {
	return func(x *place.Instance) { x.Groups[group], x.Running = n, x.Running+n }
}
func left(cpu, memory int) func(*place.Instance) {
	return func(x *place.Instance) { x.CPU, x.MemoryMiB = cpu, memory }
}

var noChance = func(int) int { panic("chance was asked for") }

func query(t interface{ Fatal(...any) }, s string) place.Query {
	q, err := place.ParseQuery(s)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestATaskGoesWhereItsStrategySays(t *testing.T) {
	t.Parallel()
	need := place.Need{CPU: 512, MemoryMiB: 512, Group: "service:web"}
	spread := func(f string) place.Strategy { return place.Strategy{Kind: place.Spread, Field: f} }
	pack := func(f string) place.Strategy { return place.Strategy{Kind: place.Binpack, Field: f} }
	for name, c := range map[string]struct {
		all   []place.Instance
		order []place.Strategy
		want  string
	}{
		"over zones: where the fewest of the group are": {
			[]place.Instance{box("a", "z1", runs("service:web", 1)), box("b", "z1"), box("c", "z2")}, []place.Strategy{spread("ecs.availability-zone")}, "c"},
		"over zones: other groups do not count": {
			[]place.Instance{box("a", "z1", runs("service:web", 1)), box("b", "z2", runs("service:api", 5))}, []place.Strategy{spread("ecs.availability-zone")}, "b"},
		"over zones: tasks on a draining instance count for its zone": {
			[]place.Instance{box("a", "z1", runs("service:web", 1), func(x *place.Instance) { x.Draining = true }), box("b", "z1"), box("c", "z2")},
			[]place.Strategy{spread("ecs.availability-zone")}, "c"},
		"over instances": {
			[]place.Instance{box("a", "z1", runs("service:web", 2)), box("b", "z1", runs("service:web", 1))}, []place.Strategy{spread("instanceId")}, "b"},
		"packed by memory: the fullest that has room": {
			[]place.Instance{box("a", "z1"), box("b", "z1", left(2048, 600)), box("c", "z1", left(2048, 500))}, []place.Strategy{pack("memory")}, "b"},
		"packed by cpu": {
			[]place.Instance{box("a", "z1", left(1024, 600)), box("b", "z1", left(700, 4096))}, []place.Strategy{pack("cpu")}, "b"},
		"over zones, then packed": {
			[]place.Instance{box("a", "z1", runs("service:web", 1)), box("b", "z2"), box("c", "z2", left(2048, 600))},
			[]place.Strategy{spread("ecs.availability-zone"), pack("memory")}, "c"},
		"without a strategy: the fewest of the group, then the fewest at all": {
			[]place.Instance{box("a", "z1", runs("service:web", 1)), box("b", "z1", runs("service:api", 1)), box("c", "z1")}, nil, "c"},
	} {
		got := place.Pick(c.all, need, place.Rules{Order: c.order}, noChance)
		if got.At < 0 || c.all[got.At].ID != c.want {
			t.Errorf("%s: got %+v, want %s", name, got, c.want)
		}
	}
	all := []place.Instance{box("a", "z1"), box("b", "z1"), box("c", "z1", left(0, 0))}
	for n, want := range []string{"a", "b"} {
		got := place.Pick(all, need, place.Rules{Order: []place.Strategy{{Kind: place.Random}}}, func(of int) int {
			if of != 2 {
				t.Errorf("chance among %d, want 2", of)
			}
			return n
		})
		if all[got.At].ID != want {
			t.Errorf("chance %d gave %s, want %s", n, all[got.At].ID, want)
		}
	}
}

func TestTheClosestInstanceSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	distinct := place.Rules{Distinct: true}
	for name, c := range map[string]struct {
		all   []place.Instance
		need  place.Need
		rules place.Rules
		want  string // id and reason
	}{
		"none at all":    {nil, place.Need{}, place.Rules{}, ""},
		"only draining":  {[]place.Instance{box("a", "z", func(x *place.Instance) { x.Draining = true })}, place.Need{}, place.Rules{}, ""},
		"agent":          {[]place.Instance{box("a", "z", func(x *place.Instance) { x.Connected = false })}, place.Need{}, place.Rules{}, "a AGENT"},
		"cpu":            {[]place.Instance{box("a", "z")}, place.Need{CPU: 2049}, place.Rules{}, "a RESOURCE:CPU"},
		"memory":         {[]place.Instance{box("a", "z")}, place.Need{MemoryMiB: 4097}, place.Rules{}, "a RESOURCE:MEMORY"},
		"gpu":            {[]place.Instance{box("a", "z")}, place.Need{GPUs: 1}, place.Rules{}, "a RESOURCE:GPU"},
		"a port":         {[]place.Instance{box("a", "z")}, place.Need{Ports: []place.Port{{Number: 80}, {Number: 22}}}, place.Rules{}, "a RESOURCE:PORTS"},
		"an interface":   {[]place.Instance{box("a", "z")}, place.Need{Interfaces: 1}, place.Rules{}, "a RESOURCE:ENI"},
		"an attribute":   {[]place.Instance{box("a", "z")}, place.Need{Attributes: []string{"bare", "other"}}, place.Rules{}, "a ATTRIBUTE"},
		"memberOf":       {[]place.Instance{box("a", "z")}, place.Need{}, place.Rules{Where: []place.Query{query(t, "attribute:stack == test")}}, "a MemberOf placement constraint unsatisfied."},
		"distinct":       {[]place.Instance{box("a", "z", runs("g", 1))}, place.Need{Group: "g"}, distinct, "a DistinctInstance placement constraint unsatisfied."},
		"the closest":    {[]place.Instance{box("a", "z", left(0, 0)), box("b", "z", left(100, 0)), box("c", "z", left(0, 0))}, place.Need{CPU: 100, MemoryMiB: 1}, place.Rules{}, "b RESOURCE:MEMORY"},
		"of equals, one": {[]place.Instance{box("b", "z", left(0, 0)), box("a", "z", left(0, 0))}, place.Need{CPU: 1}, place.Rules{}, "a RESOURCE:CPU"},
	} {
		r := place.Pick(c.all, c.need, c.rules, noChance)
		got := ""
		if r.Closest >= 0 {
			got = c.all[r.Closest].ID + " " + r.Lack.String()
		}
		if r.At != -1 || got != c.want {
			t.Errorf("%s: got %d, %q, want %q", name, r.At, got, c.want)
		}
	}
	if r := place.Pick([]place.Instance{box("a", "z")}, place.Need{Ports: []place.Port{{Number: 22, UDP: true}}}, place.Rules{}, noChance); r.At != 0 {
		t.Errorf("a UDP port conflicts with the TCP port of its number: %+v", r)
	}
}

func TestQueriesHoldAsTheLanguageSays(t *testing.T) {
	t.Parallel()
	x := box("a", "us-east-1a", runs("service:web", 2), func(x *place.Instance) { x.Running = 2 })
	for text, want := range map[string]bool{
		"": true, "attribute:stack == prod": true, "attribute:stack==prod": true, "attribute:stack equals test": false,
		"attribute:stack != prod": false, "attribute:none != prod": true, "attribute:none == prod": false,
		"attribute:bare exists": true, "attribute:none exists": false, "attribute:none !exists": true, "attribute:bare not_exists": false,
		"attribute:ecs.availability-zone in [us-east-1a, us-east-1b]": true, "attribute:stack in [test]": false,
		"attribute:stack !in [test]": true, "attribute:stack not_in [prod,test]": false,
		"attribute:ecs.instance-type =~ t3.*": true, "attribute:ecs.instance-type =~ t3": false, "attribute:ecs.instance-type !~ m5.*": true,
		"attribute:ecs.instance-type matches t[23].medium":                              true,
		"(attribute:ecs.instance-type =~ (t2|t3).*) and agentConnected == true":         true,
		"attribute:stack == prod and attribute:ecs.instance-type =~ m.*":                false,
		"attribute:stack == test or attribute:ecs.instance-type =~ t.*":                 true,
		"attribute:stack == test && attribute:bare exists || runningTasksCount == 2":    true,
		"attribute:stack == test and (attribute:bare exists or runningTasksCount == 2)": false,
		"not(attribute:stack == test)":                                                  true, "!(attribute:stack == prod)": false, "not attribute:stack == prod": false,
		"task:group == service:web": true, "task:group == service:api": false, "task:group != service:web": false,
		"not(task:group == databases)": true, "task:group in [service:web, service:api]": true, "task:group =~ service:.*": true,
		"runningTasksCount < 3": true, "runningTasksCount >= 3": false, "runningTasksCount greater_than 1": true,
		"agentConnected == true": true, "agentVersion >= 1.100.0": false, "agentVersion < 1.100.0": true, "agentVersion == 1.99.0": true,
		"ec2InstanceId in ['i-a', \"i-b\"]": true, "ec2InstanceId == i-x": false,
		"registeredAt >= 2026-11-01": true, "registeredAt < 2026-11-01T09:00:00Z": false, "registeredAt == 2026-11-01T09:00:00": true,
	} {
		q, err := place.ParseQuery(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := q.Holds(&x); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestQueriesThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"stack == prod", "attribute:stack", "attribute:stack ==", "attribute:stack is prod", "attribute:stack == prod and", "(attribute:stack == prod",
		"attribute:stack == prod)", "attribute:stack in prod", "attribute:stack in [prod", "attribute:stack =~ [", "attribute: == x", "not", "()",
		"runningTasksCount == many", "registeredAt > yesterday", "attribute:stack == 'prod", "attribute:stack == prod attribute:bare exists", "attribute:stack == ==",
	} {
		if _, err := place.ParseQuery(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// Whatever there is, a task goes to an instance with room for it that keeps its rules, if and only
// if there is one.
func TestATaskIsPlacedWhereItFitsIfItFitsAnywhere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var all []place.Instance
		fits := map[int]bool{}
		need := place.Need{CPU: rapid.IntRange(0, 3).Draw(t, "cpu"), MemoryMiB: rapid.IntRange(0, 3).Draw(t, "memory"), Group: "g"}
		if rapid.Bool().Draw(t, "port") {
			need.Ports = []place.Port{{Number: 80}}
		}
		rules := place.Rules{Distinct: rapid.Bool().Draw(t, "distinct")}
		for range rapid.IntRange(0, 2).Draw(t, "order") {
			rules.Order = append(rules.Order, rapid.SampledFrom([]place.Strategy{
				{Kind: place.Random}, {Kind: place.Spread, Field: "instanceId"}, {Kind: place.Spread, Field: "ecs.availability-zone"},
				{Kind: place.Binpack, Field: "cpu"}, {Kind: place.Binpack, Field: "memory"},
			}).Draw(t, "strategy"))
		}
		for i := range rapid.IntRange(0, 5).Draw(t, "instances") {
			x := box(strconv.Itoa(i), rapid.SampledFrom([]string{"z1", "z2"}).Draw(t, "zone"), left(rapid.IntRange(0, 3).Draw(t, "c"), rapid.IntRange(0, 3).Draw(t, "m")))
			x.Draining = rapid.Bool().Draw(t, "draining")
			x.Groups["g"] = rapid.IntRange(0, 2).Draw(t, "g")
			used := rapid.Bool().Draw(t, "used")
			if used {
				x.Taken = append(x.Taken, place.Port{Number: 80})
			}
			fits[i] = !x.Draining && x.CPU >= need.CPU && x.MemoryMiB >= need.MemoryMiB && !(used && need.Ports != nil) && !(rules.Distinct && x.Groups["g"] > 0)
			all = append(all, x)
		}
		r := place.Pick(all, need, rules, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "chance") })
		some := false
		for _, ok := range fits {
			some = some || ok
		}
		if some != (r.At >= 0) || r.At >= 0 && !fits[r.At] {
			t.Fatalf("got %+v, fits %v", r, fits)
		}
		if r.At < 0 && (r.Closest >= 0) != (r.Lack != place.Nothing) {
			t.Fatalf("closest %d lacks %d", r.Closest, r.Lack)
		}
	})
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{"attribute:a == b", "not (task:group in [a, 'b c'])", "attribute:a =~ x.* || runningTasksCount > 1"} {
		f.Add(s)
	}
	x := box("a", "z")
	f.Fuzz(func(_ *testing.T, s string) {
		if q, err := place.ParseQuery(s); err == nil {
			q.Holds(&x)
		}
	})
}
