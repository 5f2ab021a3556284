package ecs

import (
	"path/filepath"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

func TestAServiceReadBackFromDiskIsTheSame(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	ctx := wire.WithCaller(t.Context(), wire.Caller{Account: harbourScope.Account, Region: harbourScope.Region})
	open := func() (*harbour, func()) {
		piers, bells := newPiers(), newBells()
		room := New(Options{IDs: ids.Counting(), Balancer: piers, Alarms: bells, Networks: shore{}, Logs: inkwell{},
			Credentials: func(names.Scope, string) (string, string) { return "", "" }})
		st, err := store.Open(store.Options{Path: path, Clock: clock.Real{}}, append(room.Tables(), piers.table, piers.rules, bells.table)...)
		if err != nil {
			t.Fatal(err)
		}
		room.Attach(st)
		return &harbour{t: t, ctx: ctx, room: room, store: st, piers: piers, bells: bells}, func() {
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	h, closed := open()
	if _, err := h.room.CreateCluster(ctx, &sdk.CreateClusterInput{ClusterName: new("c1")}); err != nil {
		t.Fatal(err)
	}
	in := balanced(serviceAsk(h.register("shop/web:1"), 2))
	in.DeploymentConfiguration = alarmed(true, nil)
	h.create(in)
	before := string(cloud.Keep(h.service())) + string(cloud.Keep(&h.deployments()[0]))
	closed()

	h, closed = open()
	defer closed()
	if diff := cmp.Diff(before, string(cloud.Keep(h.service()))+string(cloud.Keep(&h.deployments()[0]))); diff != "" {
		t.Errorf("read back it differs (-before +after):\n%s", diff)
	}
	h.update(&sdk.UpdateServiceInput{NetworkConfiguration: in.NetworkConfiguration, LoadBalancers: in.LoadBalancers})
	if n := len(h.deployments()); n != 1 {
		t.Errorf("an update that changes nothing made a deployment of a service read back")
	}
}
