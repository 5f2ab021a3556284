package ecs

import (
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

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
		for _, token := range []string{"YWZ0ZXI6bm9uZQ", "none"} { // of one that never was, and no token
			if _, err := h.room.ListServiceDeployments(h.ctx, &sdk.ListServiceDeploymentsInput{Cluster: new("c1"), Service: new("web"), NextToken: &token}); err == nil {
				t.Errorf("took the token %q", token)
			}
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

func TestADeletedDefinitionStaysWhileAServiceHasADeploymentOfIt(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		first := h.register("one")
		h.create(serviceAsk(first, 0))
		h.steady()
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("two"))})
		h.steady()
		if _, err := h.room.DeregisterTaskDefinition(h.ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: &first}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.room.DeleteTaskDefinitions(h.ctx, &sdk.DeleteTaskDefinitionsInput{TaskDefinitions: []string{first}}); err != nil {
			t.Fatal(err)
		}
		there := func() bool {
			_, err := h.room.DescribeTaskDefinition(h.ctx, &sdk.DescribeTaskDefinitionInput{TaskDefinition: &first})
			return err == nil
		}
		time.Sleep(3 * time.Hour)
		if !there() {
			t.Error("gone, though the service could be rolled back to it")
		}
		if _, err := h.room.DeleteService(h.ctx, &sdk.DeleteServiceInput{Cluster: new("c1"), Service: new("web")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Hour)
		if there() {
			t.Error("still there, though the service is gone")
		}
	})
}

func TestAPageOfDeploymentsGoesOnThoughTheLastGivenIsNoLongerAskedFor(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(serviceAsk(h.register("app"), 0))
		h.steady()
		for range 2 {
			h.update(&sdk.UpdateServiceInput{ForceNewDeployment: true})
			h.steady()
		}
		h.update(&sdk.UpdateServiceInput{ForceNewDeployment: true, DesiredCount: new(int32(1))})
		in := &sdk.ListServiceDeploymentsInput{
			Cluster: new("c1"), Service: new("web"), MaxResults: new(int32(1)),
			Status: []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress, types.ServiceDeploymentStatusSuccessful},
		}
		var got []string
		for {
			list, err := h.room.ListServiceDeployments(h.ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range list.ServiceDeployments {
				got = append(got, *d.ServiceDeploymentArn)
			}
			if in.NextToken = list.NextToken; in.NextToken == nil {
				break
			}
			if len(got) == 1 { // the youngest, which is under way and leaves the list now
				h.stopIt()
				h.within(time.Hour, "the stop", func() bool {
					for _, d := range h.deployments() {
						if *d.ServiceDeploymentArn == got[0] {
							return d.Status != types.ServiceDeploymentStatusPending && d.Status != types.ServiceDeploymentStatusInProgress
						}
					}
					return false
				})
			}
		}
		if len(got) != 4 {
			t.Errorf("got %q, want the youngest and the three before it", got)
		}
	})
}
