package ecs

import (
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/slipway-ecs/slipway/internal/store"
)

func TestDeploymentsAreListedFor90DaysAndThenForgotten(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		listed := func() int {
			list, err := h.room.ListServiceDeployments(h.ctx, &sdk.ListServiceDeploymentsInput{Cluster: new("c1"), Service: new("web")})
			if err != nil {
				t.Fatal(err)
			}
			return len(list.ServiceDeployments)
		}
		paged := func(most int32) (arns []string) {
			in := &sdk.ListServiceDeploymentsInput{Cluster: new("c1"), Service: new("web"), MaxResults: &most}
			for {
				list, err := h.room.ListServiceDeployments(h.ctx, in)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range list.ServiceDeployments {
					arns = append(arns, *d.ServiceDeploymentArn)
				}
				if in.NextToken = list.NextToken; in.NextToken == nil {
					return arns
				}
			}
		}
		rows := func() (n int) {
			if err := h.store.View(func(tx *store.Tx) error { n = h.room.deployments.Count(tx); return nil }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		again := func() {
			h.update(&sdk.UpdateServiceInput{ForceNewDeployment: true})
			h.steady()
		}
		h.create(serviceAsk(h.register("app"), 0))
		h.steady()
		first := *h.deployments()[0].ServiceDeploymentArn
		again()
		again()
		time.Sleep(89 * 24 * time.Hour)
		again()
		if listed() != 4 || rows() != 4 {
			t.Errorf("after 89 days: %d listed, %d kept; want 4", listed(), rows())
		}
		if one, all := paged(1), paged(100); len(one) != 4 || !slices.Equal(one, all) {
			t.Errorf("in pages of one: got %q, want %q", one, all)
		}
		time.Sleep(2 * 24 * time.Hour)
		if n := listed(); n != 1 {
			t.Errorf("after 91 days: %d listed, want the youngest alone", n)
		}
		out, err := h.room.DescribeServiceDeployments(h.ctx, &sdk.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{first}})
		if err != nil || len(out.Failures) != 1 || *out.Failures[0].Reason != "MISSING" {
			t.Errorf("the first: got %+v, %v; want MISSING", out, err)
		}
		again()
		if n := rows(); n != 2 {
			t.Errorf("with the next deployment: %d kept, want it and the one it could go back to", n)
		}
		time.Sleep(91 * 24 * time.Hour)
		again()
		if n := rows(); n != 2 {
			t.Errorf("91 days later: %d kept, want the same two of each other", n)
		}
		if d := h.service().Deployments; len(d) != 1 {
			t.Errorf("the service shows %d deployments", len(d))
		}
	})
}
