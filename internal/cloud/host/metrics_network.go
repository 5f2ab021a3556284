package host

import (
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
	"github.com/slipway-ecs/slipway/internal/lb"
	"github.com/slipway-ecs/slipway/internal/names"
)

const networkNamespace = "AWS/NetworkELB"

// flowPoints are the metrics of a network load balancer's row, or of a group's on it. Bytes are those
// within the connections, without the headers of packets that AWS counts too.
//
// Source: Network Load Balancers guide, "CloudWatch metrics for your Network Load Balancer".
func flowPoints(row lb.Row, at time.Time) (out []cloudwatch.Point) {
	dimensions := []cloudwatch.Dimension{{Name: "LoadBalancer", Value: names.LoadBalancerDimension(row.Balancer)}}
	add := func(name, unit string, value float64) {
		out = append(out, cloudwatch.Point{
			Namespace: networkNamespace, Name: name, Dimensions: dimensions, Unit: unit, At: at, Values: []float64{value}, Counts: []float64{1},
		})
	}
	happened := func(name, unit string, n uint64) {
		if n > 0 {
			add(name, unit, float64(n))
		}
	}
	if row.Group != "" {
		dimensions = append(dimensions, cloudwatch.Dimension{Name: "TargetGroup", Value: names.TargetGroupDimension(row.Group)})
		happened("UnhealthyRoutingFlowCount", "Count", row.UnhealthyRouted)
		return out
	}
	for _, suffix := range []string{"", "_TCP"} {
		add("ActiveFlowCount"+suffix, "Count", float64(row.ActiveConnections))
		happened("NewFlowCount"+suffix, "Count", row.NewConnections)
		happened("ProcessedBytes"+suffix, "Bytes", row.ProcessedBytes)
		row.ActiveConnections -= min(row.ActiveSecure, row.ActiveConnections)
		row.NewConnections -= min(row.NewSecure, row.NewConnections)
		row.ProcessedBytes -= min(row.SecureBytes, row.ProcessedBytes)
	}
	happened("ActiveFlowCount_TLS", "Count", row.ActiveSecure)
	happened("NewFlowCount_TLS", "Count", row.NewSecure)
	happened("ProcessedBytes_TLS", "Bytes", row.SecureBytes)
	happened("ClientTLSNegotiationErrorCount", "Count", row.ClientHandshakes)
	happened("TCP_Client_Reset_Count", "Count", row.ClientResets)
	happened("TCP_Target_Reset_Count", "Count", row.TargetResets)
	happened("TCP_ELB_Reset_Count", "Count", row.ELBResets)
	happened("RejectedFlowCount", "Count", row.RejectedFlows)
	happened("RejectedFlowCount_TCP", "Count", row.RejectedFlows)
	return out
}
