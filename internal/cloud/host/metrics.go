package host

import (
	"context"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
	"github.com/slipway-ecs/slipway/internal/cloud/elb"
	"github.com/slipway-ecs/slipway/internal/lb"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	elbNamespace = "AWS/ApplicationELB"
	// hostsEvery is how often healthy and unhealthy targets are counted, in internal time, as
	// ALB's metrics are of a minute.
	hostsEvery = time.Minute
)

// publish makes metrics of what the data plane counted in a second.
//
// Source: alarms-and-hooks.md 3.4. The counts of what the balancer itself answered have no
// TargetGroup dimension.
func (c *Cloud) publish(r lb.Report) {
	at := c.store.Timeline().Internal(r.At)
	byScope := map[names.Scope][]cloudwatch.Point{}
	var hosts []elb.HostCount
	if err := c.store.View(func(tx *store.Tx) error { hosts = c.rooms.elb.Hosts(tx); return nil }); err != nil {
		c.o.Log.Error("cannot count targets", "err", err)
	}
	for _, row := range r.Rows {
		if row.Target != "" {
			continue
		}
		scope := names.ScopeOf(row.Balancer)
		if names.OfNetworkLoadBalancer(row.Balancer) {
			byScope[scope] = append(byScope[scope], flowPoints(row, at)...)
			continue
		}
		byScope[scope] = append(byScope[scope], points(row, at)...)
		byScope[scope] = append(byScope[scope], perTarget(row, hosts, at)...)
		if row.Group != "" { // what targets did counts for the balancer as a whole, too
			row.Group = ""
			byScope[scope] = append(byScope[scope], points(row, at)...)
		}
	}
	for scope, points := range byScope {
		c.rooms.cloudwatch.Publish(scope, points)
	}
}

// points are a row's metrics; what did not happen is not reported.
func points(row lb.Row, at time.Time) (out []cloudwatch.Point) {
	dimensions := []cloudwatch.Dimension{{Name: "LoadBalancer", Value: names.LoadBalancerDimension(row.Balancer)}}
	if row.Group != "" {
		dimensions = append(dimensions, cloudwatch.Dimension{Name: "TargetGroup", Value: names.TargetGroupDimension(row.Group)})
	}
	add := func(name, unit string, value, times float64, onGroups bool) {
		if value*times == 0 || row.Group != "" && !onGroups {
			return
		}
		out = append(out, cloudwatch.Point{
			Namespace: elbNamespace, Name: name, Dimensions: dimensions, Unit: unit, At: at,
			Values: []float64{value}, Counts: []float64{times},
		})
	}
	// Each request is a sample of 1, as ALB has it: Sum and SampleCount are the same.
	count := func(name string, n uint64, onGroups bool) { add(name, "Count", 1, float64(n), onGroups) }
	count("RequestCount", row.Requests, true)
	count("HTTPCode_Target_2XX_Count", row.Target2XX, true)
	count("HTTPCode_Target_3XX_Count", row.Target3XX, true)
	count("HTTPCode_Target_4XX_Count", row.Target4XX, true)
	count("HTTPCode_Target_5XX_Count", row.Target5XX, true)
	count("HTTPCode_ELB_3XX_Count", row.ELB3XX, false)
	count("HTTPCode_ELB_4XX_Count", row.ELB4XX, false)
	count("HTTPCode_ELB_5XX_Count", row.ELB5XX, false)
	count("HTTPCode_ELB_500_Count", row.ELB500, false)
	count("HTTPCode_ELB_502_Count", row.ELB502, false)
	count("HTTPCode_ELB_503_Count", row.ELB503, false)
	count("HTTPCode_ELB_504_Count", row.ELB504, false)
	count("TargetConnectionErrorCount", row.ConnectionErrors, true)
	count("UnhealthyRoutingRequestCount", row.UnhealthyRouted, true)
	count("NewConnectionCount", row.NewConnections, false)
	add("ActiveConnectionCount", "Count", float64(row.ActiveConnections), 1, false)
	count("HTTP_Fixed_Response_Count", row.FixedResponses, false)
	count("HTTP_Redirect_Count", row.Redirects, false)
	count("HTTP_Redirect_Url_Limit_Exceeded_Count", row.LongRedirects, false)
	count("DesyncMitigationMode_NonCompliant_Request_Count", row.NonCompliant, false)
	count("GrpcRequestCount", row.GRPCRequests, false)
	count("ClientTLSNegotiationErrorCount", row.ClientHandshakes, false)
	count("TargetTLSNegotiationErrorCount", row.TargetHandshakes, true)
	add("ProcessedBytes", "Bytes", float64(row.ProcessedBytes), 1, false)
	if t := row.Times; t != nil && t.Count > 0 {
		p := cloudwatch.Point{Namespace: elbNamespace, Name: "TargetResponseTime", Dimensions: dimensions, Unit: "Seconds", At: at}
		for _, b := range t.Buckets {
			p.Values, p.Counts = append(p.Values, b.Seconds), append(p.Counts, float64(b.Count))
		}
		out = append(out, p)
	}
	return out
}

// perTarget is RequestCountPerTarget of a group's row, for the group at its balancer and for the
// group alone: the requests over the targets that shared them, which are the healthy ones, or all
// where none is (which ones AWS counts is unconfirmed).
func perTarget(row lb.Row, hosts []elb.HostCount, at time.Time) (out []cloudwatch.Point) {
	if row.Group == "" || row.Requests == 0 {
		return nil
	}
	balancer := cloudwatch.Dimension{Name: "LoadBalancer", Value: names.LoadBalancerDimension(row.Balancer)}
	group := cloudwatch.Dimension{Name: "TargetGroup", Value: names.TargetGroupDimension(row.Group)}
	scope := names.ScopeOf(row.Group)
	for _, h := range hosts {
		if h.Scope != scope || h.Balancer != balancer.Value || h.Group != group.Value {
			continue
		}
		sharing := h.Healthy
		if sharing == 0 {
			sharing = max(h.Registered, 1) // the last one may be gone by now
		}
		for _, dimensions := range [][]cloudwatch.Dimension{{balancer, group}, {group}} {
			out = append(out, cloudwatch.Point{
				Namespace: elbNamespace, Name: "RequestCountPerTarget", Dimensions: dimensions, Unit: "Count", At: at,
				Values: []float64{float64(row.Requests) / float64(sharing)}, Counts: []float64{1},
			})
		}
	}
	return out
}

// publishHosts counts the targets of each group once a minute of internal time, until ctx ends.
func (c *Cloud) publishHosts(ctx context.Context) {
	for {
		timer := c.store.Clock().NewTimer(hostsEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
		var hosts []elb.HostCount
		if err := c.store.View(func(tx *store.Tx) error { hosts = c.rooms.elb.Hosts(tx); return nil }); err != nil {
			c.o.Log.Error("cannot count targets", "err", err)
			continue
		}
		for _, h := range hosts {
			c.rooms.cloudwatch.Publish(h.Scope, hostPoints(h))
		}
	}
}

// hostPoints are the metrics that count a group's targets.
func hostPoints(h elb.HostCount) (out []cloudwatch.Point) {
	dimensions := []cloudwatch.Dimension{
		{Name: "LoadBalancer", Value: h.Balancer},
		{Name: "TargetGroup", Value: h.Group},
	}
	namespace := elbNamespace
	if strings.HasPrefix(h.Balancer, "net/") {
		namespace = networkNamespace
	}
	count := func(name string, n int) {
		out = append(out, cloudwatch.Point{Namespace: namespace, Name: name, Dimensions: dimensions, Unit: "Count", At: h.At, Values: []float64{float64(n)}, Counts: []float64{1}})
	}
	count("HealthyHostCount", h.Healthy)
	count("UnHealthyHostCount", h.Unhealthy)
	if h.WeightedRandom {
		count("AnomalousHostCount", h.Anomalous)
		count("MitigatedHostCount", h.Mitigated)
	}
	return out
}
