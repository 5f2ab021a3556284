package elb

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/store"
)

// anomalies gives each target's result and whether mitigation is in effect, as DescribeTargetHealth has them.
func (r room) anomalies(group string) (all []string) {
	r.t.Helper()
	for _, d := range must(r, r.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: &group, Include: []types.DescribeTargetHealthInputIncludeEnum{"AnomalyDetection"}}).TargetHealthDescriptions {
		all = append(all, string(d.AnomalyDetection.Result)+" "+string(d.AnomalyDetection.MitigationInEffect))
	}
	return all
}

// parts gives how often each target's part is halved in the data plane's table.
func (r room) parts() (all []int) {
	r.t.Helper()
	for _, t := range r.plane().Groups[0].Targets {
		all = append(all, t.Halved)
	}
	return all
}

// stretch judges a stretch of time in which each target was asked 100 times and the first one failed.
func (r room) stretch(group string, errors uint64, ids ...string) {
	r.t.Helper()
	var did []Did
	for i, id := range ids {
		d := Did{Group: group, ID: id, Port: 8080, Done: balance.Done{Requests: 100}}
		if i == 0 {
			d.Errors = errors
		}
		did = append(did, d)
	}
	r.update(func(tx *store.Tx) { r.Judge(tx, did) })
}

func TestAnAnomalousTargetIsToldOfAndGetsALesserPartWhereTheGroupWantsIt(t *testing.T) {
	t.Parallel()
	live(t, Options{}, func(r room) {
		g := r.group("blue")
		ids := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}
		r.listener(r.balancer("web"), 80, to(g))
		for _, id := range ids {
			r.register(g, id, 8080)
		}
		r.ack()
		want := func(when string, anomalies []string, parts ...int) {
			r.t.Helper()
			if got := r.anomalies(g); !slices.Equal(got, anomalies) {
				r.t.Errorf("%s: got %q, want %q", when, got, anomalies)
			}
			if got := r.parts(); !slices.Equal(got, parts) {
				r.t.Errorf("%s: parts are halved %v times, want %v", when, got, parts)
			}
		}
		attributes := func(pairs ...string) {
			r.t.Helper()
			in := &elbv2.ModifyTargetGroupAttributesInput{TargetGroupArn: &g}
			for i := 0; i < len(pairs); i += 2 {
				in.Attributes = append(in.Attributes, types.TargetGroupAttribute{Key: aws.String(pairs[i]), Value: aws.String(pairs[i+1])})
			}
			must(r, r.ModifyTargetGroupAttributes, in)
		}
		normal := []string{"normal no", "normal no", "normal no"}
		for _, id := range ids[:2] {
			r.probed(g, id, balance.Probe{OK: true})
		}
		r.stretch(g, 100, ids[:2]...)
		want("of two healthy targets", normal, 0, 0, 0)
		r.probed(g, ids[2], balance.Probe{OK: true})
		r.stretch(g, 100, ids...)
		want("of three", []string{"anomalous no", "normal no", "normal no"}, 0, 0, 0)
		attributes("load_balancing.algorithm.type", "weighted_random")
		r.stretch(g, 100, ids...)
		want("without mitigation", []string{"anomalous no", "normal no", "normal no"}, 0, 0, 0)
		attributes("load_balancing.algorithm.anomaly_mitigation", "on")
		r.stretch(g, 100, ids...)
		r.stretch(g, 100, ids...)
		want("with mitigation", []string{"anomalous yes", "normal no", "normal no"}, 2, 0, 0)
		var hosts []HostCount
		r.view(func(tx *store.Tx) { hosts = r.Hosts(tx) })
		if len(hosts) != 1 || !hosts[0].WeightedRandom || hosts[0].Anomalous != 1 || hosts[0].Mitigated != 1 {
			r.t.Errorf("hosts are %+v", hosts)
		}
		r.stretch(g, 0, ids...)
		want("while it recovers", []string{"normal yes", "normal no", "normal no"}, 1, 0, 0)
		r.stretch(g, 0, ids...)
		want("well again", normal, 0, 0, 0)
		r.stretch(g, 100, ids...)
		attributes("load_balancing.algorithm.anomaly_mitigation", "off")
		want("turned off", []string{"anomalous no", "normal no", "normal no"}, 0, 0, 0)
		for range 2 {
			r.probed(g, ids[0], balance.Probe{Why: balance.Refused})
		}
		want("unhealthy", normal, 0, 0, 0)
	})
}
