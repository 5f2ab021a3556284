package host

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/lb"
)

func TestANetworkLoadBalancersFlowsAreItsOwnMetrics(t *testing.T) {
	t.Parallel()
	const (
		balancer = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/front/50dc6c495c0c9188"
		group    = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/blue/73e2d6bc24d8a067"
	)
	told := func(row lb.Row) string {
		var all []string
		for _, p := range flowPoints(row, time.Unix(1, 0)) {
			where := p.Dimensions[len(p.Dimensions)-1].Value
			all = append(all, fmt.Sprintf("%s %s %s=%v %s", p.Namespace, where, p.Name, p.Values[0], p.Unit))
		}
		return strings.Join(all, "\n")
	}
	row := lb.Row{Balancer: balancer, Counts: lb.Counts{ActiveConnections: 2, NewConnections: 3, ProcessedBytes: 40, ClientResets: 5, TargetResets: 6, ELBResets: 7, RejectedFlows: 8, UnhealthyRouted: 9}}
	want := `AWS/NetworkELB net/front/50dc6c495c0c9188 ActiveFlowCount=2 Count
AWS/NetworkELB net/front/50dc6c495c0c9188 NewFlowCount=3 Count
AWS/NetworkELB net/front/50dc6c495c0c9188 ProcessedBytes=40 Bytes
AWS/NetworkELB net/front/50dc6c495c0c9188 ActiveFlowCount_TCP=2 Count
AWS/NetworkELB net/front/50dc6c495c0c9188 NewFlowCount_TCP=3 Count
AWS/NetworkELB net/front/50dc6c495c0c9188 ProcessedBytes_TCP=40 Bytes
AWS/NetworkELB net/front/50dc6c495c0c9188 TCP_Client_Reset_Count=5 Count
AWS/NetworkELB net/front/50dc6c495c0c9188 TCP_Target_Reset_Count=6 Count
AWS/NetworkELB net/front/50dc6c495c0c9188 TCP_ELB_Reset_Count=7 Count
AWS/NetworkELB net/front/50dc6c495c0c9188 RejectedFlowCount=8 Count
AWS/NetworkELB net/front/50dc6c495c0c9188 RejectedFlowCount_TCP=8 Count`
	if got := told(row); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	of := "AWS/NetworkELB net/front/50dc6c495c0c9188 "
	row = lb.Row{Balancer: balancer, Counts: lb.Counts{ActiveConnections: 2, ActiveSecure: 1, NewConnections: 3, NewSecure: 2, ProcessedBytes: 40, SecureBytes: 30, ClientHandshakes: 4, UnhealthyRouted: 9}}
	want = of + "ActiveFlowCount=2 Count\n" + of + "NewFlowCount=3 Count\n" + of + "ProcessedBytes=40 Bytes\n" +
		of + "ActiveFlowCount_TCP=1 Count\n" + of + "NewFlowCount_TCP=1 Count\n" + of + "ProcessedBytes_TCP=10 Bytes\n" +
		of + "ActiveFlowCount_TLS=1 Count\n" + of + "NewFlowCount_TLS=2 Count\n" + of + "ProcessedBytes_TLS=30 Bytes\n" + of + "ClientTLSNegotiationErrorCount=4 Count"
	if got := told(row); got != want {
		t.Errorf("with TLS: got\n%s\nwant\n%s", got, want)
	}
	row.Group = group
	if got, want := told(row), "AWS/NetworkELB targetgroup/blue/73e2d6bc24d8a067 UnhealthyRoutingFlowCount=9 Count"; got != want {
		t.Errorf("of a group: got %q, want %q", got, want)
	}
	if got, want := told(lb.Row{Balancer: balancer}), "AWS/NetworkELB net/front/50dc6c495c0c9188 ActiveFlowCount=0 Count\nAWS/NetworkELB net/front/50dc6c495c0c9188 ActiveFlowCount_TCP=0 Count"; got != want {
		t.Errorf("of a quiet second: got %q, want %q", got, want)
	}
}
