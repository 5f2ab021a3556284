package host

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/cloud/elb"
	"github.com/slipway-ecs/slipway/internal/lb"
)

func TestTargetsAreJudgedByStretchesOfTheSameLength(t *testing.T) {
	t.Parallel()
	rows := []lb.Row{
		{Balancer: "b", Counts: lb.Counts{Requests: 9, ELB5XX: 9}},
		{Balancer: "b", Group: "g", Counts: lb.Counts{Requests: 9, Target5XX: 9}},
		{Balancer: "b", Group: "g", Target: "2", Port: 80, Counts: lb.Counts{Requests: 1, ConnectionErrors: 2, Target5XX: 1}},
		{Balancer: "b", Group: "g", Target: "1", Port: 80, Counts: lb.Counts{Requests: 8, Target2XX: 6, Target5XX: 2}},
	}
	var s stretch
	start := time.Unix(1000, 0)
	for range 2 {
		for second := range 10 {
			if did := s.add(lb.Report{At: start.Add(time.Duration(second) * time.Second), Rows: rows}); did != nil {
				t.Fatalf("after %d s already: %+v", second, did)
			}
		}
		got := s.add(lb.Report{At: start.Add(10 * time.Second)})
		want := []elb.Did{
			{Group: "g", ID: "1", Port: 80, Done: balance.Done{Requests: 80, Errors: 20}},
			{Group: "g", ID: "2", Port: 80, Done: balance.Done{Requests: 30, Errors: 30}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		start = start.Add(11 * time.Second)
	}
}

func TestAnomaliesAreMetricsOfWeightedRandomGroupsAlone(t *testing.T) {
	t.Parallel()
	h := elb.HostCount{Balancer: "app/web/1", Group: "targetgroup/blue/2", Healthy: 4, Anomalous: 2, Mitigated: 1}
	got := func() map[string]float64 {
		all := map[string]float64{}
		for _, p := range hostPoints(h) {
			if len(p.Dimensions) != 2 || p.Unit != "Count" {
				t.Errorf("got %+v", p)
			}
			all[p.Name] = p.Values[0]
		}
		return all
	}
	if diff := cmp.Diff(map[string]float64{"HealthyHostCount": 4, "UnHealthyHostCount": 0}, got()); diff != "" {
		t.Error(diff)
	}
	h.WeightedRandom = true
	if diff := cmp.Diff(map[string]float64{"HealthyHostCount": 4, "UnHealthyHostCount": 0, "AnomalousHostCount": 2, "MitigatedHostCount": 1}, got()); diff != "" {
		t.Error(diff)
	}
}
