package balance_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/balance"
)

func TestSharesAreExactAfterAFewHundredRequests(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var f balance.Forward
		total := 0
		for i, w := range rapid.SliceOfN(rapid.IntRange(0, 999), 1, 5).Draw(t, "weights") {
			f.Groups = append(f.Groups, balance.Weighted{Group: string(rune('a' + i)), Weight: w})
			total += w
		}
		start := rapid.Uint64().Draw(t, "start")
		const requests = 1000
		seen := map[string]int{}
		for n := range uint64(requests) {
			g, ok := f.Choose((start + n) * balance.Golden)
			if ok != (total > 0) {
				t.Fatalf("chose %q %v at weights that sum to %d", g, ok, total)
			}
			seen[g]++
		}
		for _, w := range f.Groups {
			if got, want := float64(seen[w.Group])/requests, float64(w.Weight)/float64(max(total, 1)); total > 0 && math.Abs(got-want) > 0.01 {
				t.Errorf("weights %v: %s got %.3f, want %.3f", f.Groups, w.Group, got, want)
			}
			if w.Weight == 0 && seen[w.Group] > 0 {
				t.Errorf("weight 0 got %d requests", seen[w.Group])
			}
		}
	})
}

func TestNoTrafficToATargetThatIsNotHealthyWhileAnotherIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := balance.Group{Algorithm: rapid.SampledFrom([]balance.Algorithm{"", balance.RoundRobin, balance.LeastOutstanding, balance.WeightedRandom}).Draw(t, "algorithm")}
		g.Targets = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) balance.Target {
			return balance.Target{Healthy: rapid.Bool().Draw(t, "healthy"), Draining: rapid.Bool().Draw(t, "draining")}
		}), 0, 6).Draw(t, "targets")
		tried := rapid.SliceOfN(rapid.Bool(), 6, 6).Draw(t, "tried")
		flight := rapid.SliceOfN(rapid.Int64Range(0, 3), 6, 6).Draw(t, "outstanding")
		healthy, open := 0, 0
		for i, target := range g.Targets {
			if !target.Draining && !tried[i] {
				open++
				if target.Healthy {
					healthy++
				}
			}
		}
		p, ok := g.Pick(rapid.Uint64().Draw(t, "turn"), time.Time{}, func(i int) int64 { return flight[i] }, func(i int) bool { return tried[i] })
		if ok != (open > 0) {
			t.Fatalf("picked %v of %d open targets", ok, open)
		}
		if !ok {
			return
		}
		target := g.Targets[p.Index]
		if target.Draining || tried[p.Index] || !target.Healthy && healthy > 0 || p.FailOpen != (healthy == 0) {
			t.Errorf("picked %+v, %+v, of %d healthy", p, target, healthy)
		}
		for i, other := range g.Targets {
			if g.Algorithm == balance.LeastOutstanding && !other.Draining && !tried[i] && other.Healthy == target.Healthy && flight[i] < flight[p.Index] {
				t.Errorf("picked one with %d in flight, another has %d", flight[p.Index], flight[i])
			}
		}
	})
}

func TestTooFewHealthyTargetsAreNoneAtAll(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		least, percent int
		open           bool
	}{{0, 0, false}, {1, 0, false}, {2, 0, true}, {0, 33, false}, {0, 34, true}, {1, 50, true}} {
		g := balance.Group{LeastHealthy: tt.least, LeastHealthyPercent: tt.percent, Targets: []balance.Target{
			{Healthy: true}, {}, {}, {Healthy: true, Draining: true},
		}}
		picked := map[int]bool{}
		for turn := range uint64(6) {
			p, ok := g.Pick(turn, time.Time{}, nil, nil)
			if !ok || p.FailOpen != tt.open {
				t.Errorf("%+v: got %+v, %v", tt, p, ok)
			}
			picked[p.Index] = true
		}
		if len(picked) == 3 != tt.open || picked[3] {
			t.Errorf("%+v: targets %v took requests", tt, picked)
		}
	}
}

func TestTargetsTakeTurns(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []balance.Algorithm{balance.RoundRobin, balance.LeastOutstanding} {
		g := balance.Group{Algorithm: algorithm, Targets: []balance.Target{{Healthy: true}, {Healthy: false}, {Healthy: true}, {Healthy: true}}}
		var got []int
		for turn := range uint64(6) {
			p, _ := g.Pick(turn, time.Time{}, func(int) int64 { return 0 }, nil)
			got = append(got, p.Index)
		}
		if want := []int{0, 2, 3, 0, 2, 3}; !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", algorithm, got, want)
		}
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	at := balance.Place{Protocol: "http", Host: "example.com", Port: 80, Path: "/a/b", Query: "q=1"}
	for want, r := range map[string]balance.Redirect{
		"https://example.com:443/a/b?q=1":       {Protocol: "HTTPS", Port: "443"},
		"http://www.example.com:80/a/b?q=1":     {Host: "www.#{host}"},
		"http://example.com:80/new/a/b?x=y&q=1": {Path: "/new/#{path}", Query: "x=y&#{query}"},
		"http://example.com:80/80/example.com":  {Path: "/#{port}/#{host}", NoQuery: true},
		"http://example.com:8080/a/b?q=1":       {Protocol: "#{protocol}", Host: "#{host}", Port: "8080", Path: "/#{path}", Query: "#{query}"},
	} {
		if got := r.Location(at); got != want {
			t.Errorf("%+v: got %s, want %s", r, got, want)
		}
	}
	if got, want := (&balance.Redirect{Protocol: "HTTPS"}).Location(balance.Place{Protocol: "http", Host: "::1", Port: 80, Path: "/"}), "https://[::1]:80/"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestHealthFollowsChecks(t *testing.T) {
	t.Parallel()
	pass, fail := balance.Probe{OK: true, Code: 200}, balance.Probe{Code: 503, Why: balance.Mismatch}
	late, refused := balance.Probe{Why: balance.Timeout}, balance.Probe{Why: balance.Refused}
	const up, down = 3, 2
	for name, tt := range map[string]struct {
		from   balance.Health
		probes []balance.Probe
		want   balance.Health
	}{
		"nothing yet":                     {balance.Registered(), nil, balance.Health{State: balance.Initial, Reason: "Elb.RegistrationInProgress", Description: "Target registration is in progress"}},
		"one pass is enough at the start": {balance.Registered(), []balance.Probe{pass}, balance.Health{State: balance.Healthy, Passed: 1}},
		"also after a failure":            {balance.Registered(), []balance.Probe{fail, pass}, balance.Health{State: balance.Healthy, Passed: 1}},
		"initial until the threshold":     {balance.Registered(), []balance.Probe{fail}, balance.Health{State: balance.Initial, Reason: "Elb.InitialHealthChecking", Description: "Initial health checks in progress", Failed: 1}},
		"unhealthy at the threshold":      {balance.Registered(), []balance.Probe{fail, fail}, balance.Health{State: balance.Unhealthy, Reason: "Target.ResponseCodeMismatch", Description: "Health checks failed with these codes: [503]", Failed: 2}},
		"the last failure is the reason":  {balance.Registered(), []balance.Probe{fail, late}, balance.Health{State: balance.Unhealthy, Reason: "Target.Timeout", Description: "Request timed out", Failed: 2}},
		"the reason follows":              {balance.Registered(), []balance.Probe{fail, late, refused}, balance.Health{State: balance.Unhealthy, Reason: "Target.FailedHealthChecks", Description: "Health checks failed", Failed: 3}},
		"one failure is forgiven":         {balance.Registered(), []balance.Probe{pass, fail}, balance.Health{State: balance.Healthy, Failed: 1}},
		"failures must be in a row":       {balance.Registered(), []balance.Probe{pass, fail, pass, fail}, balance.Health{State: balance.Healthy, Failed: 1}},
		"two are not":                     {balance.Registered(), []balance.Probe{pass, late, late}, balance.Health{State: balance.Unhealthy, Reason: "Target.Timeout", Description: "Request timed out", Failed: 2}},
		"back takes all passes":           {balance.Registered(), []balance.Probe{fail, fail, pass, pass}, balance.Health{State: balance.Unhealthy, Reason: "Target.ResponseCodeMismatch", Description: "Health checks failed with these codes: [503]", Passed: 2}},
		"then it is back":                 {balance.Registered(), []balance.Probe{fail, fail, pass, pass, pass}, balance.Health{State: balance.Healthy, Passed: 3}},
		"draining is not about checks":    {balance.Deregistering(), []balance.Probe{pass, fail, fail}, balance.Deregistering()},
		"nor is unused":                   {balance.NotInUse(), []balance.Probe{pass}, balance.NotInUse()},
	} {
		h := tt.from
		for _, p := range tt.probes {
			h = h.After(p, up, down)
		}
		if diff := cmp.Diff(tt.want, h); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestMatchers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		matcher string
		code    int
		want    bool
	}{
		{"", 200, true}, {"", 204, false}, {"200", 200, true}, {"200,202", 202, true}, {"200,202", 201, false},
		{"200-299", 299, true}, {"200-299", 300, false}, {"200-204,301", 301, true}, {"x,200", 200, true}, {"200-x", 200, false},
	} {
		if got := balance.Match(tt.matcher, tt.code); got != tt.want {
			t.Errorf("Match(%q, %d) = %v", tt.matcher, tt.code, got)
		}
	}
}

func TestATableSurvivesTheWayThroughJSON(t *testing.T) {
	t.Parallel()
	table := balance.Table{Version: 3, Host: "127.0.0.1",
		Balancers: []balance.Balancer{{ARN: "b", DNSName: "web", Created: time.Unix(1, 0).UTC(), ForwardedFor: balance.Remove, Listeners: []balance.Listener{{ARN: "l", Port: 80, Protocol: "HTTP", Rules: []balance.Rule{
			{ARN: "1", Priority: "1", Conditions: []balance.Condition{{Field: balance.QueryString, Query: []balance.Pair{{Value: "x"}}}}, Action: balance.Action{Redirect: &balance.Redirect{Code: 302, Port: "1"}}},
			{ARN: "d", Priority: "default", Action: balance.Action{Forward: &balance.Forward{Groups: []balance.Weighted{{Group: "g", Weight: 0}}}}},
		}}}}},
		Groups: []balance.Group{{ARN: "g", Protocol: "HTTP", Check: balance.HealthCheck{Enabled: true, Interval: time.Second}, Targets: []balance.Target{{ID: "127.0.0.2", Port: 80, Draining: true, DrainUntil: time.Unix(5, 0).UTC()}}}},
	}
	text, err := json.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	var back balance.Table
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(table, back); diff != "" {
		t.Error(diff)
	}
	if used := back.InUse(); !used["g"] || len(used) != 1 {
		t.Errorf("in use: %v, want the group of weight 0", used)
	}
}

func TestATargetThatStartsSlowlyTakesMoreAsTimeGoes(t *testing.T) {
	t.Parallel()
	from := time.Unix(1000, 0)
	g := balance.Group{Targets: []balance.Target{{Healthy: true}, {Healthy: true, SlowFrom: from, SlowUntil: from.Add(100 * time.Second)}}}
	for after, want := range map[time.Duration]float64{0: 0, 25 * time.Second: 0.2, 50 * time.Second: 1.0 / 3, 100 * time.Second: 0.5, time.Hour: 0.5} {
		seen := 0
		for turn := range uint64(2000) {
			p, ok := g.Pick(turn, from.Add(after), nil, nil)
			if !ok {
				t.Fatal("no target")
			}
			seen += p.Index
		}
		if got := float64(seen) / 2000; math.Abs(got-want) > 0.01 {
			t.Errorf("%v into its slow start a target takes %.3f, want %.3f", after, got, want)
		}
	}
}
