package ecs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// refusal writes an error as a client sees it: its code and message.
func refusal(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return fmt.Sprint(err)
	}
	return api.ErrorCode() + ": " + api.ErrorMessage()
}

func TestCreateServiceRefusesWhatECSRefuses(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		definition := h.register("shop/web:1")
		for _, c := range []struct {
			name   string
			change func(in *sdk.CreateServiceInput)
			want   string
		}{
			{"another cluster", func(in *sdk.CreateServiceInput) { in.Cluster = new("nowhere") }, "ClusterNotFoundException: Cluster not found."},
			{"a bad name", func(in *sdk.CreateServiceInput) { in.ServiceName = new("a b") }, "InvalidParameterException: Invalid service name"},
			{"no count", func(in *sdk.CreateServiceInput) { in.DesiredCount = nil }, "InvalidParameterException: The desired count must be specified"},
			{"no definition", func(in *sdk.CreateServiceInput) { in.TaskDefinition = nil }, "InvalidParameterException: TaskDefinition can not be blank."},
			{"an unknown definition", func(in *sdk.CreateServiceInput) { in.TaskDefinition = new("api") }, "ClientException: TaskDefinition not found."},
			{"both launch type and strategy", func(in *sdk.CreateServiceInput) {
				in.CapacityProviderStrategy = []types.CapacityProviderStrategyItem{{CapacityProvider: new("FARGATE")}}
			}, "InvalidParameterException: Specifying both a launch type and capacity provider strategy is not supported."},
			{"a provider the cluster has not", func(in *sdk.CreateServiceInput) {
				in.LaunchType, in.CapacityProviderStrategy = "", []types.CapacityProviderStrategyItem{{CapacityProvider: new("FARGATE")}}
			}, "InvalidParameterException: The specified capacity provider strategy cannot contain"},
			{"no network", func(in *sdk.CreateServiceInput) { in.NetworkConfiguration = nil },
				"InvalidParameterException: Network Configuration must be provided when networkMode 'awsvpc' is specified."},
			{"an unknown subnet", func(in *sdk.CreateServiceInput) {
				in.NetworkConfiguration.AwsvpcConfiguration.Subnets = []string{"net"}
			}, "InvalidParameterException: Error retrieving subnet information for [net]: The subnet ID 'net' does not exist"},
			{"a security group of another VPC", func(in *sdk.CreateServiceInput) {
				in.NetworkConfiguration.AwsvpcConfiguration.SecurityGroups = []string{"sg-2"}
			}, "InvalidParameterException: Security group sg-2 does not"},
			{"an unknown platform", func(in *sdk.CreateServiceInput) { in.PlatformVersion = new("9.9.9") }, "PlatformUnknownException: "},
			{"an unknown container", func(in *sdk.CreateServiceInput) {
				balanced(in).LoadBalancers[0].ContainerName = new("api")
			}, "InvalidParameterException: The container api does not exist in the task definition."},
			{"an unknown port", func(in *sdk.CreateServiceInput) {
				balanced(in).LoadBalancers[0].ContainerPort = new(int32(80))
			}, "InvalidParameterException: The container web did not have a container port 80 defined."},
			{"a target group twice", func(in *sdk.CreateServiceInput) {
				in.LoadBalancers = append(balanced(in).LoadBalancers, in.LoadBalancers[0])
			}, "InvalidParameterException: Duplicate targetGroupArn found: " + harbourGroup},
			{"percents that block deployments", func(in *sdk.CreateServiceInput) { in.DeploymentConfiguration = percents(100, 100) },
				"InvalidParameterException: Both maximumPercent and minimumHealthyPercent cannot be 100"},
			{"an unknown controller", func(in *sdk.CreateServiceInput) {
				in.DeploymentController = &types.DeploymentController{Type: "SPINNAKER"}
			}, "InvalidParameterException: Invalid deployment controller type: SPINNAKER"},
			{"CodeDeploy without a target group", func(in *sdk.CreateServiceInput) {
				in.DeploymentController = &types.DeploymentController{Type: types.DeploymentControllerTypeCodeDeploy}
			}, "InvalidParameterException: A service with a CODE_DEPLOY deployment controller must have exactly one"},
			{"a definition where task sets have them", func(in *sdk.CreateServiceInput) {
				in.DeploymentController = &types.DeploymentController{Type: types.DeploymentControllerTypeExternal}
			}, "InvalidParameterException: taskDefinition cannot be specified for a service with an EXTERNAL"},
			{"a daemon", func(in *sdk.CreateServiceInput) { in.SchedulingStrategy = types.SchedulingStrategyDaemon }, "InvalidParameterException: " + wordDaemonFargate},
			{"a threshold out of range", func(in *sdk.CreateServiceInput) {
				in.DeploymentConfiguration = breaker(true)
				in.DeploymentConfiguration.DeploymentCircuitBreaker.ThresholdConfiguration = &types.ThresholdConfiguration{Type: types.ThresholdTypeBoundedPercent, Value: 101}
			}, "InvalidParameterException: The circuit breaker threshold value must be between 1 and 100"},
		} {
			in := serviceAsk(definition, 1)
			c.change(in)
			_, err := h.room.CreateService(h.ctx, in)
			if got := refusal(err); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s: refused with %q, want %q", c.name, got, c.want)
			}
		}
	})
}

func TestCreateServiceIsIdempotentByItsToken(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		in := serviceAsk(h.register("shop/web:1"), 1)
		in.ClientToken = new("once")
		first := h.create(in)
		if again := h.create(in); *again.Deployments[0].Id != *first.Deployments[0].Id {
			t.Errorf("the same call made another service")
		}
		for _, change := range []func(){func() { in.DesiredCount = new(int32(2)) }, func() { in.ClientToken = nil }} {
			change()
			_, err := h.room.CreateService(h.ctx, in)
			if got, want := refusal(err), "InvalidParameterException: Creation of service was not idempotent."; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}

func TestAnAnswerShowsTheDeploymentBeforeItHasBegun(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		s := h.create(serviceAsk(h.register("shop/web:1"), 2))
		d := s.Deployments[0]
		if d.DesiredCount != 0 || *d.Status != "PRIMARY" || *d.RolloutStateReason != "ECS deployment "+*d.Id+" in progress." || s.CurrentServiceDeployment != nil {
			t.Errorf("the answer shows %+v, current deployment %v", d, s.CurrentServiceDeployment)
		}
		if *s.PlatformVersion != "LATEST" || *d.PlatformVersion != "1.4.0" || *s.PlatformFamily != "Linux" {
			t.Errorf("platforms are %s, %s, %s", *s.PlatformVersion, *d.PlatformVersion, *s.PlatformFamily)
		}
		want := defaultConfiguration(false)
		if diff := cmp.Diff(string(cloud.Keep(want)), string(cloud.Keep(s.DeploymentConfiguration))); diff != "" {
			t.Errorf("deployment configuration differs (-want +got):\n%s", diff)
		}
		digits := strings.TrimPrefix(*d.Id, "ecs-svc/")
		if len(digits) != 19 || !strings.HasSuffix(*s.CurrentServiceRevisions[0].Arn, ":service-revision/c1/web/"+digits) {
			t.Errorf("deployment %s has revision %s", *d.Id, *s.CurrentServiceRevisions[0].Arn)
		}
		synctest.Wait()
		if h.service().CurrentServiceDeployment == nil {
			t.Errorf("a moment later there is no current deployment")
		}
		if got := h.tasks()[0].StartedBy; got != *d.Id {
			t.Errorf("a task was started by %q, want %q", got, *d.Id)
		}
	})
}

func TestAnUpdateStartsADeploymentOnlyWhereTheWorkloadChanges(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		in := serviceAsk(h.register("shop/web:1"), 1)
		h.create(in)
		h.steady()
		made := 1
		for _, c := range []struct {
			name  string
			ask   sdk.UpdateServiceInput
			makes int
		}{
			{"nothing", sdk.UpdateServiceInput{}, 0},
			{"the same definition", sdk.UpdateServiceInput{TaskDefinition: new("web")}, 0},
			{"the same network", sdk.UpdateServiceInput{NetworkConfiguration: in.NetworkConfiguration}, 0},
			{"settings", sdk.UpdateServiceInput{
				EnableExecuteCommand: new(true), PropagateTags: types.PropagateTagsService, HealthCheckGracePeriodSeconds: new(int32(9)),
				DeploymentConfiguration: percents(50, 150),
			}, 0},
			{"force", sdk.UpdateServiceInput{ForceNewDeployment: true}, 1},
			{"load balancers", sdk.UpdateServiceInput{LoadBalancers: balanced(serviceAsk("", 1)).LoadBalancers}, 1},
			{"no load balancers", sdk.UpdateServiceInput{LoadBalancers: []types.LoadBalancer{}}, 1},
			{"none again", sdk.UpdateServiceInput{LoadBalancers: []types.LoadBalancer{}}, 0},
			{"platform", sdk.UpdateServiceInput{PlatformVersion: new("1.4.0")}, 1},
		} {
			h.update(&c.ask)
			if n := len(h.deployments()); n != made+c.makes {
				t.Errorf("%s made %d deployments, want %d", c.name, n-made, c.makes)
			}
			made = len(h.deployments())
		}
		s := h.service()
		if !s.EnableExecuteCommand || s.PropagateTags != types.PropagateTagsService || *s.HealthCheckGracePeriodSeconds != 9 {
			t.Errorf("settings did not stay: %+v", s)
		}
	})
}

func TestAPartialDeploymentConfigurationIsMerged(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		in := serviceAsk(h.register("shop/web:1"), 1)
		in.DeploymentConfiguration = breaker(true)
		h.create(in)
		got := h.update(&sdk.UpdateServiceInput{DeploymentConfiguration: &types.DeploymentConfiguration{MaximumPercent: new(int32(150))}}).DeploymentConfiguration
		if *got.MaximumPercent != 150 || *got.MinimumHealthyPercent != 100 || !got.DeploymentCircuitBreaker.Enable {
			t.Errorf("after the update the configuration is %s", cloud.Keep(got))
		}
	})
}

func TestUpdateServiceRefusesWhatIsNotThereOrNotActive(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		_, err := h.room.UpdateService(h.ctx, &sdk.UpdateServiceInput{Cluster: new("c1"), Service: new("web")})
		if got, want := refusal(err), "ServiceNotFoundException: Service not found."; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		h.create(serviceAsk(h.register("shop/web:1"), 1))
		_, err = h.room.UpdateService(h.ctx, &sdk.UpdateServiceInput{
			Cluster: new("c1"), Service: new("web"), CapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: new("FARGATE")}},
		})
		if got := refusal(err); got != "InvalidParameterException: "+mustForce {
			t.Errorf("got %q", got)
		}
		_, err = h.room.DeleteService(h.ctx, &sdk.DeleteServiceInput{Cluster: new("c1"), Service: new("web")})
		if got, want := refusal(err), "InvalidParameterException: The service cannot be stopped while it is scaled above 0."; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		h.steady()
		if _, err := h.room.DeleteService(h.ctx, &sdk.DeleteServiceInput{Cluster: new("c1"), Service: new("web"), Force: new(true)}); err != nil {
			t.Fatal(err)
		}
		_, err = h.room.UpdateService(h.ctx, &sdk.UpdateServiceInput{Cluster: new("c1"), Service: new("web")})
		if got, want := refusal(err), "ServiceNotActiveException: Service was not ACTIVE."; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		_, err = h.room.CreateService(h.ctx, serviceAsk("web:1", 1))
		if got := refusal(err); got != "InvalidParameterException: "+stillDraining {
			t.Errorf("got %q", got)
		}
		h.within(5*time.Minute, "draining", func() bool { return *h.service().Status == "INACTIVE" })
		h.create(serviceAsk("web:1", 1)) // the name is free again
		h.steady()
	})
}

func TestListsComeInPagesAndDescribeTellsWhatIsMissing(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		definition := h.register("shop/web:1")
		for i := range 5 {
			in := serviceAsk(definition, 0)
			in.ServiceName = new(fmt.Sprintf("web-%d", i))
			h.create(in)
		}
		var got []string
		in := &sdk.ListServicesInput{Cluster: new("c1"), MaxResults: new(int32(2))}
		for pages := 1; ; pages++ {
			out, err := h.room.ListServices(h.ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, out.ServiceArns...)
			if in.NextToken = out.NextToken; in.NextToken == nil {
				if pages != 3 {
					t.Errorf("5 services came in %d pages of 2", pages)
				}
				break
			}
		}
		if len(got) != 5 || !slices.IsSorted(got) {
			t.Errorf("listed %q", got)
		}
		for kind, want := range map[types.ResourceManagementType]int{types.ResourceManagementTypeCustomer: 5, types.ResourceManagementTypeEcs: 0} {
			if out, err := h.room.ListServices(h.ctx, &sdk.ListServicesInput{Cluster: new("c1"), ResourceManagementType: kind}); err != nil || len(out.ServiceArns) != want {
				t.Errorf("of %s: got %+v, %v, want %d", kind, out, err, want)
			}
		}
		if _, err := h.room.ListServices(h.ctx, &sdk.ListServicesInput{Cluster: new("c1"), NextToken: new("?")}); err == nil {
			t.Error("a token of nobody's was taken")
		}
		out, err := h.room.DescribeServices(h.ctx, &sdk.DescribeServicesInput{Cluster: new("c1"), Services: []string{"web-1", "gone"}})
		if err != nil || len(out.Services) != 1 || len(out.Failures) != 1 || *out.Failures[0].Reason != "MISSING" ||
			*out.Failures[0].Arn != harbourScope.Service("c1", "gone") {
			t.Errorf("describing gave %+v, %v", out, err)
		}
	})
}

func TestServiceDeploymentsAndRevisionsAreDescribed(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(balanced(serviceAsk(h.register("shop/web:1"), 2)))
		h.steady()
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		h.steady()
		h.update(&sdk.UpdateServiceInput{ForceNewDeployment: true})
		time.Sleep(2 * time.Second)

		all := h.deployments()
		now, done, first := all[0], all[1], all[2]
		if now.Status != "IN_PROGRESS" || now.LifecycleStage != "SCALE_UP" || now.FinishedAt != nil {
			t.Errorf("the one under way is %s at %q", now.Status, now.LifecycleStage)
		}
		if done.Status != "SUCCESSFUL" || done.TargetServiceRevision.RunningTaskCount != 2 || len(done.SourceServiceRevisions) != 1 ||
			done.SourceServiceRevisions[0].RequestedTaskCount != 0 || done.LifecycleStage != "" {
			t.Errorf("the one that ended is %+v with target %+v", done, done.TargetServiceRevision)
		}
		if len(first.SourceServiceRevisions) != 0 || first.DeploymentCircuitBreaker.Status != "DISABLED" || first.Alarms.Status != "DISABLED" {
			t.Errorf("the first one is %+v", first)
		}
		listed, err := h.room.ListServiceDeployments(h.ctx, &sdk.ListServiceDeploymentsInput{
			Cluster: new("c1"), Service: new("web"), Status: []types.ServiceDeploymentStatus{"SUCCESSFUL"}, CreatedAt: &types.CreatedAt{After: done.CreatedAt},
		})
		if err != nil || len(listed.ServiceDeployments) != 1 || *listed.ServiceDeployments[0].ServiceDeploymentArn != *done.ServiceDeploymentArn {
			t.Errorf("the filtered list is %+v, %v", listed, err)
		}
		out, err := h.room.DescribeServiceRevisions(h.ctx, &sdk.DescribeServiceRevisionsInput{
			ServiceRevisionArns: []string{*first.TargetServiceRevision.Arn, *now.TargetServiceRevision.Arn, "arn:aws:ecs:eu-west-1:123456789012:service-revision/c1/web/1"},
		})
		if err != nil || len(out.ServiceRevisions) != 2 || len(out.Failures) != 1 {
			t.Fatalf("describing revisions gave %+v, %v", out, err)
		}
		old, current := out.ServiceRevisions[0], out.ServiceRevisions[1]
		if old.ResolvedConfiguration != nil || *current.ResolvedConfiguration.LoadBalancers[0].TargetGroupArn != harbourGroup {
			t.Errorf("resolved configurations are %+v and %+v", old.ResolvedConfiguration, current.ResolvedConfiguration)
		}
		if len(old.ContainerImages) != 1 || *old.ContainerImages[0].Image != "shop/web:1" || old.ContainerImages[0].ImageDigest == nil {
			t.Errorf("images are %+v", old.ContainerImages)
		}
	})
}

func TestStoppingTheFirstDeploymentHasNothingToGoBackTo(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(serviceAsk(h.register("shop/web:1"), 1))
		synctest.Wait()
		arn := h.deployments()[0].ServiceDeploymentArn
		if _, err := h.room.StopServiceDeployment(h.ctx, &sdk.StopServiceDeploymentInput{ServiceDeploymentArn: arn}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if d := h.deployments()[0]; d.Status != "ROLLBACK_FAILED" || *d.StatusReason != noCandidate {
			t.Errorf("it is %s: %v", d.Status, d.StatusReason)
		}
		_, err := h.room.StopServiceDeployment(h.ctx, &sdk.StopServiceDeploymentInput{ServiceDeploymentArn: new(*arn + "x")})
		if got, want := refusal(err), "ServiceDeploymentNotFoundException: The service deployment does not exist."; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestHealthyTasksResetTheBreakerUnlessToldOtherwise(t *testing.T) {
	for _, reset := range []bool{true, false} {
		t.Run(fmt.Sprintf("reset %v", reset), func(t *testing.T) {
			scripts := map[string]fake.Script{}
			inHarbour(t, scripts, func(h *harbour) {
				in := balanced(serviceAsk(h.register("shop/web:1"), 10))
				in.DeploymentConfiguration = breaker(true)
				in.DeploymentConfiguration.DeploymentCircuitBreaker.ResetOnHealthyTask = new(reset)
				in.DeploymentConfiguration.DeploymentCircuitBreaker.ThresholdConfiguration = &types.ThresholdConfiguration{Type: types.ThresholdTypeCount, Value: 5}
				in.DeploymentConfiguration.MaximumPercent = new(int32(110))
				h.create(in)
				h.steady()
				// Good and bad tasks of the new revision take turns, in the order they are asked about.
				kind := map[string]bool{}
				for _, task := range h.tasks() {
					kind[task.ARN] = false
				}
				bad := true
				h.sicken(func(owner string) bool {
					if _, ok := kind[owner]; !ok {
						kind[owner] = bad
						bad = !bad
					}
					return kind[owner]
				})
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
				want := types.ServiceDeploymentStatusRollbackSuccessful
				if reset {
					want = types.ServiceDeploymentStatusSuccessful
				}
				h.within(2*time.Hour, string(want), func() bool { return h.status() == want })
			})
		})
	}
}

func TestUnknownMembersAreKeptAndEchoed(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.register("shop/web:1")
		gateway := wire.NewGateway(wire.GatewayOptions{
			Account: func(string) string { return harbourScope.Account }, Region: harbourScope.Region,
			NewRequestID: func() string { return "id" },
		}, h.room.Wire())
		call := func(operation, body string) (answer struct {
			Service  map[string]any
			Services []map[string]any
		}) {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
			r.Header.Set("X-Amz-Target", target+"."+operation)
			w := httptest.NewRecorder()
			gateway.ServeHTTP(w, r)
			text, err := io.ReadAll(w.Body)
			if err != nil || w.Code != http.StatusOK {
				t.Fatalf("%s answered %d %s, %v", operation, w.Code, text, err)
			}
			if err := json.Unmarshal(text, &answer); err != nil {
				t.Fatal(err)
			}
			return answer
		}
		has := func(service map[string]any, where string) {
			config, ok := service["deploymentConfiguration"].(map[string]any)
			if !ok || config["tide"] != "high" || service["anchor"] != 3.0 {
				t.Errorf("%s shows anchor %v and configuration %v", where, service["anchor"], config)
			}
		}
		has(call("CreateService", `{"cluster":"c1","serviceName":"web","taskDefinition":"web","desiredCount":0,"launchType":"FARGATE","anchor":3,
			"deploymentConfiguration":{"tide":"high"},
			"networkConfiguration":{"awsvpcConfiguration":{"subnets":["subnet-a"]}}}`).Service, "create")
		has(call("UpdateService", `{"cluster":"c1","service":"web","desiredCount":0}`).Service, "update")
		has(call("DescribeServices", `{"cluster":"c1","services":["web"]}`).Services[0], "describe")
	})
}
