package ecs

import (
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

func TestAClusterIsMadeOnceDescribedAndDeleted(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		made, err := w.s.CreateCluster(w.ctx, &sdk.CreateClusterInput{ClusterName: new("prod"), Tags: []types.Tag{{Key: new("team"), Value: new("a")}}})
		if err != nil || text(made.Cluster.ClusterArn) != "arn:aws:ecs:us-east-1:123456789012:cluster/prod" || text(made.Cluster.Status) != "ACTIVE" {
			t.Fatalf("made: %+v, %v", made, err)
		}
		again, err := w.s.CreateCluster(w.ctx, &sdk.CreateClusterInput{ClusterName: new("prod")})
		if err != nil || len(again.Cluster.Tags) != 1 {
			t.Errorf("made again: %+v, %v", again, err)
		}
		w.serve(w.register(nil))
		time.Sleep(time.Second)
		out, err := w.s.DescribeClusters(w.ctx, &sdk.DescribeClustersInput{Clusters: []string{"default", "none", *made.Cluster.ClusterArn}, Include: []types.ClusterField{types.ClusterFieldStatistics, types.ClusterFieldSettings}})
		if err != nil || len(out.Clusters) != 2 || len(out.Failures) != 1 || text(out.Failures[0].Reason) != "MISSING" {
			t.Fatalf("described: %+v, %v", out, err)
		}
		c := out.Clusters[0]
		if c.RunningTasksCount != 1 || c.PendingTasksCount != 0 || c.ActiveServicesCount != 1 || len(c.Tags) != 0 || len(c.Settings) != 1 {
			t.Errorf("default: %+v", c)
		}
		if i := slices.IndexFunc(c.Statistics, func(k types.KeyValuePair) bool { return *k.Name == "runningFargateTasksCount" }); i < 0 || *c.Statistics[i].Value != "1" {
			t.Errorf("statistics: %+v", c.Statistics)
		}
		_, err = w.s.DeleteCluster(w.ctx, &sdk.DeleteClusterInput{Cluster: new("default")})
		says(t, err, "ClusterContainsServicesException: The Cluster cannot be deleted while Services are active.")
		if err := w.s.o.Store.Update(func(tx *store.Tx) error { w.s.services.Delete(tx, home.Service("default", "web")); return nil }); err != nil {
			t.Fatal(err)
		}
		_, err = w.s.DeleteCluster(w.ctx, &sdk.DeleteClusterInput{Cluster: new("default")})
		says(t, err, "ClusterContainsTasksException: The Cluster cannot be deleted while Tasks are active.")
		gone, err := w.s.DeleteCluster(w.ctx, &sdk.DeleteClusterInput{Cluster: new("prod")})
		if err != nil || text(gone.Cluster.Status) != "INACTIVE" {
			t.Errorf("deleted: %+v, %v", gone, err)
		}
		list, err := w.s.ListClusters(w.ctx, &sdk.ListClustersInput{})
		if err != nil || !slices.Equal(list.ClusterArns, []string{home.Cluster("default")}) {
			t.Errorf("listed: %+v, %v", list, err)
		}
		_, err = w.s.ListTasks(w.ctx, &sdk.ListTasksInput{Cluster: new("prod")})
		says(t, err, "ClusterNotFoundException: The referenced cluster was inactive.")
	})
}

func TestAClusterThatIsThereIsNotMadeAgainOtherwise(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t, nil)
	setting := func(value string) []types.ClusterSetting {
		return []types.ClusterSetting{{Name: types.ClusterSettingNameContainerInsights, Value: &value}}
	}
	ask := func() *sdk.CreateClusterInput {
		return &sdk.CreateClusterInput{
			ClusterName: new("prod"), Settings: setting("enabled"), CapacityProviders: []string{"FARGATE", "FARGATE_SPOT"},
			Tags: []types.Tag{{Key: new("team"), Value: new("a")}, {Key: new("of"), Value: new("b")}},
		}
	}
	if _, err := w.s.CreateCluster(w.ctx, ask()); err != nil {
		t.Fatal(err)
	}
	for _, again := range []*sdk.CreateClusterInput{ask(), {ClusterName: new("prod")}, {ClusterName: new("prod"), CapacityProviders: []string{"FARGATE_SPOT", "FARGATE"}}} {
		out, err := w.s.CreateCluster(w.ctx, again)
		if err != nil || len(out.Cluster.Tags) != 2 || len(out.Cluster.CapacityProviders) != 2 {
			t.Errorf("made again: %+v, %v", out, err)
		}
	}
	for name, change := range map[string]func(*sdk.CreateClusterInput){
		"settings":  func(in *sdk.CreateClusterInput) { in.Settings = setting("disabled") },
		"providers": func(in *sdk.CreateClusterInput) { in.CapacityProviders = in.CapacityProviders[:1] },
		"tags":      func(in *sdk.CreateClusterInput) { in.Tags = in.Tags[:1] },
		"configuration": func(in *sdk.CreateClusterInput) {
			in.Configuration = &types.ClusterConfiguration{ExecuteCommandConfiguration: &types.ExecuteCommandConfiguration{KmsKeyId: new("key")}}
		},
		"strategy": func(in *sdk.CreateClusterInput) {
			in.DefaultCapacityProviderStrategy = []types.CapacityProviderStrategyItem{{CapacityProvider: new("FARGATE"), Weight: 1}}
		},
		"namespace": func(in *sdk.CreateClusterInput) {
			in.ServiceConnectDefaults = &types.ClusterServiceConnectDefaultsRequest{Namespace: new("shop")}
		},
	} {
		in := ask()
		change(in)
		_, err := w.s.CreateCluster(w.ctx, in)
		if got, want := refusal(err), "InvalidParameterException: "+notTheSame; got != want {
			t.Errorf("other %s: got %q, want %q", name, got, want)
		}
	}
	_, err := w.s.UpdateClusterSettings(w.ctx, &sdk.UpdateClusterSettingsInput{Cluster: new("prod"), Settings: setting("purple")})
	says(t, err, "InvalidParameterException: Invalid setting value: purple")
	if _, err := w.s.DeleteCluster(w.ctx, &sdk.DeleteClusterInput{Cluster: new("prod")}); err != nil {
		t.Fatal(err)
	}
	_, err = w.s.ListTagsForResource(w.ctx, &sdk.ListTagsForResourceInput{ResourceArn: new(home.Cluster("prod"))})
	says(t, err, "InvalidParameterException: The specified cluster is inactive. Specify an active cluster and try again.")
	_, err = w.s.TagResource(w.ctx, &sdk.TagResourceInput{ResourceArn: new(home.Cluster("none"))})
	says(t, err, "ClusterNotFoundException: Cluster not found.")
}

func TestNothingOfOneAccountIsSeenInAnother(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t, nil)
	d := w.register(nil)
	other := wire.WithCaller(t.Context(), wire.Caller{Account: "210987654321", Region: "eu-west-1"})
	list, err := w.s.ListClusters(other, &sdk.ListClustersInput{})
	if err != nil || len(list.ClusterArns) != 0 {
		t.Errorf("clusters: %+v, %v", list, err)
	}
	_, err = w.s.DescribeTaskDefinition(other, &sdk.DescribeTaskDefinitionInput{TaskDefinition: d.TaskDefinitionArn})
	says(t, err, "ClientException: Unable to describe task definition.")
	_, err = w.s.ListTasks(other, &sdk.ListTasksInput{Cluster: new(home.Cluster("default"))})
	says(t, err, "ClusterNotFoundException: Cluster not found.")
	_, err = w.s.ListTagsForResource(other, &sdk.ListTagsForResourceInput{ResourceArn: d.TaskDefinitionArn})
	says(t, err, "InvalidParameterException: Invalid resource ARN: "+*d.TaskDefinitionArn)
}

func TestTagsAreAddedChangedAndRemoved(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t, nil)
	d := w.register(func(in *sdk.RegisterTaskDefinitionInput) { in.Tags = []types.Tag{{Key: new("a"), Value: new("1")}} })
	for _, arn := range []string{*d.TaskDefinitionArn, home.Cluster("default"), *w.run(nil).TaskArn} {
		if _, err := w.s.TagResource(w.ctx, &sdk.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: new("a"), Value: new("2")}, {Key: new("b"), Value: new("3")}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.s.UntagResource(w.ctx, &sdk.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"b", "c"}}); err != nil {
			t.Fatal(err)
		}
		out, err := w.s.ListTagsForResource(w.ctx, &sdk.ListTagsForResourceInput{ResourceArn: &arn})
		if err != nil || len(out.Tags) != 1 || *out.Tags[0].Key != "a" || *out.Tags[0].Value != "2" {
			t.Errorf("tags of %s: %+v, %v", arn, out, err)
		}
	}
	_, err := w.s.TagResource(w.ctx, &sdk.TagResourceInput{ResourceArn: new(home.ARN("ecs", "service/web"))})
	says(t, err, "InvalidParameterException: Long arn format must be used for tagging operations")
	_, err = w.s.TagResource(w.ctx, &sdk.TagResourceInput{ResourceArn: new(home.Service("default", "none"))})
	says(t, err, "ServiceNotFoundException: Service not found.")
}

func TestAccountSettingsHoldUntilForgotten(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t, nil)
	if _, err := w.s.PutAccountSettingDefault(w.ctx, &sdk.PutAccountSettingDefaultInput{Name: types.SettingNameContainerInsights, Value: new("enabled")}); err != nil {
		t.Fatal(err)
	}
	effective := func() string {
		out, err := w.s.ListAccountSettings(w.ctx, &sdk.ListAccountSettingsInput{EffectiveSettings: true, Name: types.SettingNameContainerInsights})
		if err != nil || len(out.Settings) != 1 {
			t.Fatalf("effective: %+v, %v", out, err)
		}
		return *out.Settings[0].Value
	}
	if got := effective(); got != "enabled" {
		t.Errorf("set: got %s", got)
	}
	if _, err := w.s.DeleteAccountSetting(w.ctx, &sdk.DeleteAccountSettingInput{Name: types.SettingNameContainerInsights}); err != nil {
		t.Fatal(err)
	}
	if got := effective(); got != "disabled" {
		t.Errorf("forgotten: got %s", got)
	}
	var names []string
	list := &sdk.ListAccountSettingsInput{EffectiveSettings: true}
	for pages := 1; ; pages++ {
		out, err := w.s.ListAccountSettings(w.ctx, list)
		if err != nil || pages > 2 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, x := range out.Settings {
			names = append(names, string(x.Name))
		}
		if list.NextToken = out.NextToken; out.NextToken == nil {
			break
		}
		if len(out.Settings) != settingsAPage {
			t.Errorf("%d settings on a page nobody sized", len(out.Settings))
		}
	}
	if len(names) != len(accountSettings) || !slices.IsSorted(names) {
		t.Errorf("all pages: %q", names)
	}
	_, err := w.s.ListAccountSettings(w.ctx, &sdk.ListAccountSettingsInput{MaxResults: 11})
	says(t, err, "InvalidParameterException: Invalid maxResults. Must be between 1 and 10, inclusive.")
	_, err = w.s.PutAccountSetting(w.ctx, &sdk.PutAccountSettingInput{Name: "nothing", Value: new("x")})
	says(t, err, "InvalidParameterException: Invalid setting name: nothing")
}

func TestACapacityProviderStrategyShares(t *testing.T) {
	t.Parallel()
	item := func(p string, base, weight int32) types.CapacityProviderStrategyItem {
		return types.CapacityProviderStrategyItem{CapacityProvider: &p, Base: base, Weight: weight}
	}
	strategy := []types.CapacityProviderStrategyItem{item("FARGATE", 2, 1), item("FARGATE_SPOT", 0, 3)}
	n := map[string]int{}
	for i := range 10 {
		p := providerOf(strategy, i)
		if n[p]++; i < 2 && p != "FARGATE" {
			t.Errorf("task %d of the base went to %s", i, p)
		}
	}
	if n["FARGATE_SPOT"] != 6 || n["FARGATE"] != 4 {
		t.Errorf("of ten: %v", n)
	}
	if p := providerOf(nil, 0); p != "" {
		t.Errorf("without a strategy: %s", p)
	}
}
