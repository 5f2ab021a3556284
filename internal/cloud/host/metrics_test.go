package host

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud/elb"
	"github.com/slipway-ecs/slipway/internal/lb"
	"github.com/slipway-ecs/slipway/internal/names"
)

func TestRequestsPerTargetAreSharedByTheHealthyOnesAndToldOfTheGroupAloneToo(t *testing.T) {
	t.Parallel()
	const (
		balancer = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"
		group    = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/blue/73e2d6bc24d8a067"
	)
	for _, tt := range []struct {
		healthy, registered int
		want                float64
	}{{2, 3, 15}, {0, 3, 10}, {0, 0, 30}} {
		hosts := []elb.HostCount{{
			Scope: names.ScopeOf(group), Balancer: names.LoadBalancerDimension(balancer), Group: names.TargetGroupDimension(group),
			Healthy: tt.healthy, Registered: tt.registered,
		}}
		points := perTarget(lb.Row{Balancer: balancer, Group: group, Counts: lb.Counts{Requests: 30}}, hosts, time.Unix(1, 0))
		if len(points) != 2 || len(points[0].Dimensions) != 2 || len(points[1].Dimensions) != 1 {
			t.Fatalf("got %+v, want one of the balancer with the group and one of the group", points)
		}
		for _, p := range points {
			if p.Name != "RequestCountPerTarget" || p.Values[0] != tt.want || p.Counts[0] != 1 {
				t.Errorf("%d of %d healthy: got %+v, want %v", tt.healthy, tt.registered, p, tt.want)
			}
		}
	}
	if points := perTarget(lb.Row{Balancer: balancer, Counts: lb.Counts{Requests: 30}}, nil, time.Unix(1, 0)); points != nil {
		t.Errorf("of a balancer as a whole: got %+v", points)
	}
}

func TestWhatHappenedIsPublishedByAWSsNames(t *testing.T) {
	t.Parallel()
	const (
		balancer = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"
		group    = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/blue/73e2d6bc24d8a067"
	)
	counts := lb.Counts{Redirects: 1, LongRedirects: 2, NonCompliant: 3, GRPCRequests: 4, ClientHandshakes: 5, TargetHandshakes: 6}
	names := func(row lb.Row) (all []string) {
		for _, p := range points(row, time.Unix(1, 0)) {
			all = append(all, fmt.Sprint(p.Name, "=", p.Counts[0]))
		}
		return all
	}
	want := []string{"HTTP_Redirect_Count=1", "HTTP_Redirect_Url_Limit_Exceeded_Count=2", "DesyncMitigationMode_NonCompliant_Request_Count=3", "GrpcRequestCount=4",
		"ClientTLSNegotiationErrorCount=5", "TargetTLSNegotiationErrorCount=6"}
	if got := names(lb.Row{Balancer: balancer, Counts: counts}); !slices.Equal(got, want) {
		t.Errorf("of a balancer:\ngot  %q\nwant %q", got, want)
	}
	if got := names(lb.Row{Balancer: balancer, Group: group, Counts: counts}); !slices.Equal(got, want[5:]) {
		t.Errorf("of a group:\ngot  %q\nwant %q", got, want[5:])
	}
}
