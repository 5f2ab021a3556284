package codedeploy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/store"
)

func TestNamesThatAreNoneAreRefused(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group()
		id := y.deploy(appspec("web:2"))
		y.at(id, "Install")
		bad, empty, shop := aws.String("a name"), aws.String(""), aws.String("shop")
		for _, c := range []struct {
			want string
			call func() error
		}{
			{"ApplicationNameRequiredException", func() error {
				_, err := y.room.CreateApplication(y.ctx, &sdk.CreateApplicationInput{ApplicationName: empty, ComputePlatform: types.ComputePlatformEcs})
				return err
			}},
			{"InvalidApplicationNameException", func() error {
				_, err := y.room.CreateApplication(y.ctx, &sdk.CreateApplicationInput{ApplicationName: aws.String(strings.Repeat("a", 101)), ComputePlatform: types.ComputePlatformEcs})
				return err
			}},
			{"InvalidApplicationNameException", func() error {
				_, err := y.room.BatchGetApplications(y.ctx, &sdk.BatchGetApplicationsInput{ApplicationNames: []string{"shop", "a name"}})
				return err
			}},
			{"InvalidDeploymentGroupNameException", func() error {
				_, err := y.room.BatchGetDeploymentGroups(y.ctx, &sdk.BatchGetDeploymentGroupsInput{ApplicationName: shop, DeploymentGroupNames: []string{"web", "a name"}})
				return err
			}},
			{"DeploymentConfigNameRequiredException", func() error {
				_, err := y.room.GetDeploymentConfig(y.ctx, &sdk.GetDeploymentConfigInput{DeploymentConfigName: empty})
				return err
			}},
			{"InvalidDeploymentConfigNameException", func() error {
				_, err := y.room.GetDeploymentConfig(y.ctx, &sdk.GetDeploymentConfigInput{DeploymentConfigName: bad})
				return err
			}},
			{"DeploymentConfigNameRequiredException", func() error {
				_, err := y.room.CreateDeploymentConfig(y.ctx, &sdk.CreateDeploymentConfigInput{DeploymentConfigName: empty, ComputePlatform: types.ComputePlatformEcs, TrafficRoutingConfig: routing(nil, nil)})
				return err
			}},
			{"InvalidDeploymentConfigNameException", func() error {
				_, err := y.room.DeleteDeploymentConfig(y.ctx, &sdk.DeleteDeploymentConfigInput{DeploymentConfigName: bad})
				return err
			}},
			{"InvalidInstanceStatusException", func() error {
				_, err := y.room.ListDeploymentTargets(y.ctx, &sdk.ListDeploymentTargetsInput{DeploymentId: &id, TargetFilters: map[string][]string{"TargetStatus": {"Gone"}}})
				return err
			}},
			{"ApplicationNameRequiredException", func() error { return missingMember("BatchGetApplications", "applicationNames") }},
			{"DeploymentGroupNameRequiredException", func() error { return missingMember("BatchGetDeploymentGroups", "deploymentGroupNames") }},
			{"DeploymentIdRequiredException", func() error { return missingMember("BatchGetDeployments", "deploymentIds") }},
		} {
			if got := refusal(c.call()); !strings.HasPrefix(got, c.want+": ") {
				t.Errorf("got %q, want %s", got, c.want)
			}
		}
		apps, err := y.room.BatchGetApplications(y.ctx, &sdk.BatchGetApplicationsInput{ApplicationNames: []string{"none", "shop"}})
		if err != nil || len(apps.ApplicationsInfo) != 1 {
			t.Errorf("a batch with an unknown name gave %+v, %v", apps, err)
		}
		groups, err := y.room.BatchGetDeploymentGroups(y.ctx, &sdk.BatchGetDeploymentGroupsInput{ApplicationName: shop, DeploymentGroupNames: []string{"none", "web"}})
		if err != nil || len(groups.DeploymentGroupsInfo) != 1 || groups.ErrorMessage == nil || *groups.ErrorMessage != "No Deployment Group found for name: none" {
			t.Errorf("a batch with an unknown group gave %+v, %v", groups, err)
		}
	})
}

func TestAnAccountHasAThousandApplicationsAtMost(t *testing.T) {
	inYard(t, func(y *yard) {
		y.change(func(tx *store.Tx) {
			for i := range mostApplications - 1 {
				y.room.applications.Put(tx, Application{Scope: scope, ID: fmt.Sprint(i), Name: fmt.Sprintf("a%d", i)})
			}
		})
		create := func(name string) error {
			_, err := y.room.CreateApplication(y.ctx, &sdk.CreateApplicationInput{ApplicationName: &name, ComputePlatform: types.ComputePlatformEcs})
			return err
		}
		if err := create("last"); err != nil {
			t.Error(err)
		}
		if err := create("more"); !isCode(err, "ApplicationLimitExceededException") {
			t.Errorf("one more gave %v", err)
		}
	})
}

func TestAGroupWithoutAConfigurationsNameKeepsItsOwn(t *testing.T) {
	inYard(t, func(y *yard) {
		y.group(func(in *sdk.CreateDeploymentGroupInput) { in.DeploymentConfigName = aws.String("") })
		if _, err := y.room.UpdateDeploymentGroup(y.ctx, &sdk.UpdateDeploymentGroupInput{
			ApplicationName: aws.String("shop"), CurrentDeploymentGroupName: aws.String("web"), DeploymentConfigName: aws.String(""),
		}); err != nil {
			t.Fatal(err)
		}
		g, err := y.room.GetDeploymentGroup(y.ctx, &sdk.GetDeploymentGroupInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("web")})
		if err != nil || *g.DeploymentGroupInfo.DeploymentConfigName != allAtOnce {
			t.Errorf("the group is %+v, %v", g, err)
		}
	})
}
