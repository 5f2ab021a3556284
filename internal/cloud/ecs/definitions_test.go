package ecs

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipway-ecs/slipway/internal/wire"
)

func TestWhatRegisterTaskDefinitionRefuses(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t, nil)
	first := func(f func(*types.ContainerDefinition)) func(*sdk.RegisterTaskDefinitionInput) {
		return func(in *sdk.RegisterTaskDefinitionInput) { f(&in.ContainerDefinitions[0]) }
	}
	side := func(f func(app, side *types.ContainerDefinition)) func(*sdk.RegisterTaskDefinitionInput) {
		return func(in *sdk.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions = append(in.ContainerDefinitions, types.ContainerDefinition{Name: new("side"), Image: new("side:1")})
			f(&in.ContainerDefinitions[0], &in.ContainerDefinitions[1])
		}
	}
	depends := func(c types.ContainerCondition) []types.ContainerDependency {
		return []types.ContainerDependency{{ContainerName: new("side"), Condition: c}}
	}
	for _, c := range []struct {
		name   string
		change func(*sdk.RegisterTaskDefinitionInput)
		want   string // the beginning of the message, of a ClientException
	}{
		{"a family with a space", func(in *sdk.RegisterTaskDefinitionInput) { in.Family = new("a b") }, "Invalid family"},
		{"no containers", func(in *sdk.RegisterTaskDefinitionInput) { in.ContainerDefinitions = nil }, "Container definitions should not be null or empty."},
		{"no name", first(func(c *types.ContainerDefinition) { c.Name = nil }), "Container.name should not be null or empty."},
		{"no image", first(func(c *types.ContainerDefinition) { c.Image = new("") }), "Container.image should not be null or empty."},
		{"no memory anywhere", func(in *sdk.RegisterTaskDefinitionInput) { in.Memory = nil }, "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be specified."},
		{"memory below its reservation", first(func(c *types.ContainerDefinition) { c.Memory, c.MemoryReservation = new(int32(64)), new(int32(64)) }), "Invalid setting for container 'app'. 'memory' must be greater"},
		{"a size Fargate does not have", func(in *sdk.RegisterTaskDefinitionInput) { in.Cpu, in.Memory = new("4096"), new("4096") }, "No Fargate configuration exists for given values: 4096 CPU, 4096 memory"},
		{"nothing ECS runs on", func(in *sdk.RegisterTaskDefinitionInput) { in.RequiresCompatibilities = []types.Compatibility{"MOON"} }, "Invalid requiresCompatibilities value: MOON."},
		{"bridge on Fargate", func(in *sdk.RegisterTaskDefinitionInput) { in.NetworkMode = "" }, "Fargate only supports network mode ‘awsvpc’."},
		{"no cpu on Fargate", func(in *sdk.RegisterTaskDefinitionInput) { in.Cpu = nil }, "Fargate requires that 'cpu' be defined at the task level."},
		{"the host's pids on Fargate", func(in *sdk.RegisterTaskDefinitionInput) { in.PidMode = types.PidModeHost }, "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'."},
		{"a cpu of words", func(in *sdk.RegisterTaskDefinitionInput) { in.Cpu = new("much") }, "Invalid 'cpu' setting for task."},
		{"another host port", first(func(c *types.ContainerDefinition) { c.PortMappings[0].HostPort = new(int32(80)) }), "Invalid 'portMappings' setting for container 'app'. When networkMode=awsvpc"},
		{"one port twice", first(func(c *types.ContainerDefinition) {
			c.PortMappings = append(c.PortMappings, types.PortMapping{ContainerPort: new(int32(8080)), Protocol: types.TransportProtocolUdp})
		}), "Invalid 'portMappings' setting for container 'app'. Container port 8080"},
		{"ports without a network", func(in *sdk.RegisterTaskDefinitionInput) {
			in.NetworkMode, in.RequiresCompatibilities = types.NetworkModeNone, nil
		}, "Invalid 'portMappings' setting for container 'app'. Port mappings are not supported"},
		{"nothing essential", first(func(c *types.ContainerDefinition) { c.Essential = new(false) }), "At least one container"},
		{"one name twice", side(func(_, s *types.ContainerDefinition) { s.Name = new("app") }), "Container names must be unique"},
		{"a dependency on nothing", first(func(c *types.ContainerDefinition) { c.DependsOn = depends(types.ContainerConditionStart) }), "Container 'app' refers to container 'side'"},
		{"a cycle", side(func(a, s *types.ContainerDefinition) {
			a.DependsOn = depends(types.ContainerConditionStart)
			s.DependsOn = []types.ContainerDependency{{ContainerName: new("app"), Condition: types.ContainerConditionStart}}
		}), "Container dependencies have a cycle"},
		{"waiting for the end of an essential one", side(func(a, _ *types.ContainerDefinition) { a.DependsOn = depends(types.ContainerConditionComplete) }), "Container 'side' is essential"},
		{"waiting for health nobody checks", side(func(a, _ *types.ContainerDefinition) { a.DependsOn = depends(types.ContainerConditionHealthy) }), "Container 'side' has no health check"},
		{"a volume that is none", first(func(c *types.ContainerDefinition) {
			c.MountPoints = []types.MountPoint{{SourceVolume: new("data"), ContainerPath: new("/data")}}
		}), "Unknown volume 'data'"},
		{"a health check without CMD", first(func(c *types.ContainerDefinition) { c.HealthCheck = &types.HealthCheck{Command: []string{"curl", "x"}} }), "Invalid 'healthCheck' setting for container 'app'"},
		{"an interval of a second", first(func(c *types.ContainerDefinition) {
			c.HealthCheck = &types.HealthCheck{Command: []string{"CMD", "x"}, Interval: new(int32(1))}
		}), "Invalid 'healthCheck' setting for container 'app'"},
		{"a placement constraint nobody can read", func(in *sdk.RegisterTaskDefinitionInput) {
			in.PlacementConstraints = []types.TaskDefinitionPlacementConstraint{{Type: types.TaskDefinitionPlacementConstraintTypeMemberOf, Expression: new("attribute:")}}
		}, "Invalid cluster query language expression"},
		{"more memory inside than outside", first(func(c *types.ContainerDefinition) { c.Memory = new(int32(513)) }), "The 'memory' setting for container 'app' is greater than for the task."},
		{"more cpu inside than outside", first(func(c *types.ContainerDefinition) { c.Cpu = 512 }), "The total of the containers' 'cpu'"},
		{"too long", first(func(c *types.ContainerDefinition) { c.Command = []string{strings.Repeat("x", 65<<10)} }), "Actual length: '6"},
		{"a stop time-out Fargate does not have", first(func(c *types.ContainerDefinition) { c.StopTimeout = new(int32(121)) }), "Invalid 'stopTimeout'"},
		{"a start time-out Fargate does not have", first(func(c *types.ContainerDefinition) { c.StartTimeout = new(int32(1)) }), "Invalid 'startTimeout'"},
		{"a network mode there is not", func(in *sdk.RegisterTaskDefinitionInput) { in.NetworkMode = "moon" }, "Invalid 'networkMode'"},
		{"an ipc mode there is not", func(in *sdk.RegisterTaskDefinitionInput) { in.IpcMode = "moon" }, "Invalid 'ipcMode'"},
		{"privileges on Fargate", first(func(c *types.ContainerDefinition) { c.Privileged = new(true) }), "Fargate does not support the 'privileged'"},
		{"a log driver there is not", first(func(c *types.ContainerDefinition) { c.LogConfiguration = &types.LogConfiguration{LogDriver: "moon"} }), "Invalid 'logConfiguration'"},
		{"a log driver Fargate does not have", first(func(c *types.ContainerDefinition) {
			c.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverSyslog}
		}), "Fargate does not support the log driver 'syslog'"},
		{"logs without a group", first(func(c *types.ContainerDefinition) {
			c.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverAwslogs}
		}), "Log driver awslogs requires options: awslogs-group"},
		{"a port's name with capitals", first(func(c *types.ContainerDefinition) { c.PortMappings[0].Name = new("Web") }), "Invalid 'portMappings' setting for container 'app'. The name 'Web'"},
		{"a protocol there is not", first(func(c *types.ContainerDefinition) { c.PortMappings[0].Protocol = "sctp" }), "Invalid 'portMappings' setting for container 'app'. The protocol 'sctp'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := anyDefinition()
			c.change(in)
			_, err := w.s.RegisterTaskDefinition(w.ctx, in)
			e, ok := err.(*types.ClientException)
			if !ok || !strings.HasPrefix(text(e.Message), c.want) {
				t.Errorf("error:\ngot  %v\nwant ClientException: %s…", err, c.want)
			}
		})
	}
}

func TestEverySizeOfFargateIsTakenAndNoOther(t *testing.T) {
	t.Parallel()
	takes := func(cpu, memory int) bool {
		return fargateProblem(&types.TaskDefinition{NetworkMode: types.NetworkModeAwsvpc, Cpu: new(fmt.Sprint(cpu)), Memory: new(fmt.Sprint(memory))}) == nil
	}
	var have []string
	for _, cpu := range []int{128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768} {
		n, least, most := 0, 0, 0
		for memory := 256; memory <= 140000; memory += 256 {
			if takes(cpu, memory) {
				n++
				if least == 0 {
					least = memory
				}
				most = memory
			}
		}
		have = append(have, fmt.Sprintf("%d: %d from %d to %d", cpu, n, least, most))
	}
	want := []string{
		"128: 0 from 0 to 0", "256: 3 from 512 to 2048", "512: 4 from 1024 to 4096", "1024: 7 from 2048 to 8192", "2048: 13 from 4096 to 16384",
		"4096: 23 from 8192 to 30720", "8192: 12 from 16384 to 61440", "16384: 12 from 32768 to 122880", "32768: 0 from 0 to 0",
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("sizes (-want +got):\n%s", diff)
	}
}

func TestWhatECSFillsIn(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t, nil)
	d := w.register(func(in *sdk.RegisterTaskDefinitionInput) {
		in.Cpu, in.Memory = new(".25 vCPU"), new("0.5 GB")
		in.ContainerDefinitions[0].HealthCheck = &types.HealthCheck{Command: []string{"CMD", "x"}}
	})
	want := types.ContainerDefinition{
		Name: new("app"), Image: new("web:1"), Essential: new(true), Environment: []types.KeyValuePair{}, MountPoints: []types.MountPoint{},
		VolumesFrom: []types.VolumeFrom{}, SystemControls: []types.SystemControl{},
		PortMappings: []types.PortMapping{{ContainerPort: new(int32(8080)), HostPort: new(int32(8080)), Protocol: types.TransportProtocolTcp}},
		HealthCheck:  &types.HealthCheck{Command: []string{"CMD", "x"}, Interval: new(int32(30)), Timeout: new(int32(5)), Retries: new(int32(3))},
	}
	if diff := cmp.Diff(want, d.ContainerDefinitions[0], cmpopts.IgnoreUnexported(types.ContainerDefinition{}, types.PortMapping{}, types.HealthCheck{})); diff != "" {
		t.Errorf("container (-want +got):\n%s", diff)
	}
	if text(d.Cpu) != "256" || text(d.Memory) != "512" || d.Volumes == nil || d.PlacementConstraints == nil {
		t.Errorf("cpu %s, memory %s, volumes %v, constraints %v", text(d.Cpu), text(d.Memory), d.Volumes, d.PlacementConstraints)
	}
	if !slices.Contains(d.Compatibilities, types.CompatibilityFargate) || slices.Contains(d.Compatibilities, types.CompatibilityExternal) {
		t.Errorf("compatibilities: %v", d.Compatibilities)
	}
	bridge := w.register(func(in *sdk.RegisterTaskDefinitionInput) { in.NetworkMode, in.RequiresCompatibilities = "", nil })
	if bridge.NetworkMode != "" || bridge.RequiresCompatibilities != nil || *bridge.ContainerDefinitions[0].PortMappings[0].HostPort != 0 ||
		!slices.Equal(bridge.Compatibilities, []types.Compatibility{types.CompatibilityExternal, types.CompatibilityEc2}) {
		t.Errorf("bridge: %q, %v, %v, host port %d", bridge.NetworkMode, bridge.RequiresCompatibilities, bridge.Compatibilities, *bridge.ContainerDefinitions[0].PortMappings[0].HostPort)
	}
}

func TestRevisionsRiseForEverAndStatusesFollow(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t, nil)
	for range 11 {
		w.register(nil)
	}
	w.register(func(in *sdk.RegisterTaskDefinitionInput) { in.Family = new("web-b") })
	describe := func(ref string) (*types.TaskDefinition, error) {
		out, err := w.s.DescribeTaskDefinition(w.ctx, &sdk.DescribeTaskDefinitionInput{TaskDefinition: &ref})
		if err != nil {
			return nil, err
		}
		return out.TaskDefinition, nil
	}
	arn := func(n int) string { return home.TaskDefinition("web", n) }
	if d, err := describe("web"); err != nil || d.Revision != 11 || d.Status != types.TaskDefinitionStatusActive {
		t.Errorf("the newest: %+v, %v", d, err)
	}
	if _, err := w.s.DeregisterTaskDefinition(w.ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: new("web:11")}); err != nil {
		t.Fatal(err)
	}
	if d, err := describe(arn(11)); err != nil || d.Status != types.TaskDefinitionStatusInactive || d.DeregisteredAt == nil {
		t.Errorf("a revision deregistered: %+v, %v", d, err)
	}
	if d, err := describe("web"); err != nil || d.Revision != 10 {
		t.Errorf("the newest ACTIVE one: %v, %v", d, err)
	}
	deleted, err := w.s.DeleteTaskDefinitions(w.ctx, &sdk.DeleteTaskDefinitionsInput{TaskDefinitions: []string{"web:11", "web:1", "web:99", "web"}})
	if err != nil || len(deleted.TaskDefinitions) != 1 || deleted.TaskDefinitions[0].Status != types.TaskDefinitionStatusDeleteInProgress || len(deleted.Failures) != 3 {
		t.Errorf("delete: %+v, %v", deleted, err)
	}
	if d := w.register(nil); d.Revision != 12 {
		t.Errorf("after a delete the next revision is %d, want 12", d.Revision)
	}
	list, err := w.s.ListTaskDefinitions(w.ctx, &sdk.ListTaskDefinitionsInput{FamilyPrefix: new("web"), Sort: types.SortOrderDesc, MaxResults: new(int32(3))})
	if err != nil || !slices.Equal(list.TaskDefinitionArns, []string{arn(12), arn(10), arn(9)}) || list.NextToken == nil {
		t.Errorf("first page, falling: %+v, %v", list, err)
	}
	list, err = w.s.ListTaskDefinitions(w.ctx, &sdk.ListTaskDefinitionsInput{FamilyPrefix: new("web"), Sort: types.SortOrderDesc, MaxResults: new(int32(2)), NextToken: list.NextToken})
	if err != nil || !slices.Equal(list.TaskDefinitionArns, []string{arn(8), arn(7)}) {
		t.Errorf("second page, falling: %+v, %v", list, err)
	}
	all, err := w.s.ListTaskDefinitions(w.ctx, &sdk.ListTaskDefinitionsInput{})
	if err != nil || len(all.TaskDefinitionArns) != 12 || all.TaskDefinitionArns[9] != arn(10) || all.TaskDefinitionArns[11] != home.TaskDefinition("web-b", 1) {
		t.Errorf("all: %+v, %v", all, err)
	}
	if _, err := w.s.DeregisterTaskDefinition(w.ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: new("web-b:1")}); err != nil {
		t.Fatal(err)
	}
	families := func(in *sdk.ListTaskDefinitionFamiliesInput, want ...string) {
		t.Helper()
		out, err := w.s.ListTaskDefinitionFamilies(w.ctx, in)
		if err != nil || !slices.Equal(out.Families, want) {
			t.Errorf("families: got %+v, %v, want %v", out, err, want)
		}
	}
	families(&sdk.ListTaskDefinitionFamiliesInput{FamilyPrefix: new("we")}, "web", "web-b")
	families(&sdk.ListTaskDefinitionFamiliesInput{Status: types.TaskDefinitionFamilyStatusActive}, "web")
	families(&sdk.ListTaskDefinitionFamiliesInput{Status: types.TaskDefinitionFamilyStatusInactive}, "web-b")

	_, err = describe("none")
	says(t, err, "ClientException: Unable to describe task definition.")
	_, err = describe("web:x")
	says(t, err, "InvalidParameterException: Invalid revision number. Number: x")
	_, err = w.s.DeregisterTaskDefinition(w.ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: new("web")})
	says(t, err, "ClientException: Revision is missing.")
}

// asker gives a way to call operations over the wire, with JSON as it is written.
func asker(t *testing.T, w *taskWorld) func(operation, body string) (status int, answer map[string]any) {
	gateway := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{
		Account: func(string) string { return home.Account }, Region: home.Region, NewRequestID: w.s.o.IDs.UUID, Log: w.s.o.Log,
	}, w.s.Wire()))
	t.Cleanup(gateway.Close)
	return func(operation, body string) (int, map[string]any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, gateway.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", target+"."+operation)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var v map[string]any
		if err := json.NewDecoder(answer.Body).Decode(&v); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, v
	}
}

func TestAValueThatIsNotOfItsEnumerationIsRefusedAndNothingIsListedOrMade(t *testing.T) {
	t.Parallel()
	call := asker(t, newTaskWorld(t, nil))
	for _, c := range []struct{ operation, body, kind, message string }{
		{"ListTaskDefinitions", `{"status":"GONE"}`, "InvalidParameterException", "Invalid status: GONE"},
		{"ListTaskDefinitions", `{"sort":"UP"}`, "InvalidParameterException", "Invalid sort: UP"},
		{"ListTaskDefinitionFamilies", `{"status":"GONE"}`, "InvalidParameterException", "Invalid status: GONE"},
		{"ListServiceDeployments", `{"service":"web","status":["PENDING","DONE"]}`, "InvalidParameterException", "Invalid status: DONE"},
		{"ListTasks", `{"desiredStatus":"DEAD"}`, "InvalidParameterException", "Invalid desired status: DEAD"},
		{"ListTasks", `{"launchType":"MOON"}`, "InvalidParameterException", "Invalid launch type: MOON"},
		{"ListServices", `{"launchType":"MOON"}`, "InvalidParameterException", "Invalid launch type: MOON"},
		{"ListServices", `{"schedulingStrategy":"ONCE"}`, "InvalidParameterException", "Invalid scheduling strategy: ONCE"},
		{"ListContainerInstances", `{"status":"GONE"}`, "InvalidParameterException", "Invalid container instance status: GONE"},
		{"DescribeServices", `{"services":["web"],"include":["ALL"]}`, "InvalidParameterException", "Invalid include: ALL"},
		{"DescribeClusters", `{"include":["ALL"]}`, "InvalidParameterException", "Invalid include: ALL"},
		{"RunTask", `{"taskDefinition":"web","propagateTags":"ALL"}`, "InvalidParameterException", "Invalid propagate tags: ALL"},
		{"CreateService", `{"serviceName":"web","networkConfiguration":{"awsvpcConfiguration":{"subnets":["subnet-a"],"assignPublicIp":"YES"}}}`,
			"InvalidParameterException", "Invalid assign public ip: YES"},
		{"RegisterTaskDefinition", `{"family":"web","containerDefinitions":[{"name":"web","image":"web","memory":64,"ulimits":[{"name":"depth","softLimit":1,"hardLimit":1}]}]}`,
			"ClientException", "Invalid name: depth"},
		{"RegisterTaskDefinition", `{"family":"web","networkMode":"air","containerDefinitions":[{"name":"web","image":"web","memory":64}]}`,
			"ClientException", "Invalid 'networkMode' setting for task: 'air'."},
		{"RegisterTaskDefinition", `{"family":"web","placementConstraints":[{"type":"near","expression":"x"}],"containerDefinitions":[{"name":"web","image":"web","memory":64}]}`,
			"ClientException", "Invalid type: near"},
	} {
		status, answer := call(c.operation, c.body)
		if status != 400 || answer["__type"] != c.kind || answer["message"] != c.message {
			t.Errorf("%s %s gave %d %v, want %s: %s", c.operation, c.body, status, answer, c.kind, c.message)
		}
	}
	if _, answer := call("ListTaskDefinitionFamilies", `{"status":"ALL"}`); len(answer["families"].([]any)) != 0 {
		t.Errorf("there are families %v", answer)
	}
}

func TestARequestWithoutARequiredMemberIsRefusedInECSsClasses(t *testing.T) {
	t.Parallel()
	call := asker(t, newTaskWorld(t, nil))
	for _, c := range []struct{ operation, body, kind, message string }{
		{"RegisterTaskDefinition", `{"containerDefinitions":[]}`, "ClientException", "Family should not be null or empty."},
		{"RunTask", `{}`, "InvalidParameterException", "TaskDefinition should not be null or empty."},
		{"DescribeTasks", `{}`, "InvalidParameterException", "Tasks should not be null or empty."},
		{"DescribeTasks", `{"tasks":[]}`, "InvalidParameterException", "Tasks cannot be empty."},
		{"RegisterTaskDefinition", `{"family":"web","containerDefinitions":[{"image":"x"}]}`, "ClientException", "Container.name should not be null or empty."},
		{"RegisterTaskDefinition", `{"family":7}`, "SerializationException", ""},
	} {
		status, v := call(c.operation, c.body)
		if kind, _ := v["__type"].(string); status != 400 || !strings.HasSuffix(kind, c.kind) || c.message != "" && v["message"] != c.message {
			t.Errorf("%s %s: got %d %v, want %s: %s", c.operation, c.body, status, v, c.kind, c.message)
		}
	}
}

func TestMembersTheSDKDoesNotKnowComeBack(t *testing.T) {
	t.Parallel()
	ask := asker(t, newTaskWorld(t, nil))
	call := func(operation, body string) map[string]any {
		t.Helper()
		status, v := ask(operation, body)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %v", operation, status, v)
		}
		return v
	}
	check := func(v map[string]any) {
		t.Helper()
		d := v["taskDefinition"].(map[string]any)
		c := d["containerDefinitions"].([]any)[0].(map[string]any)
		if d["newerMember"] != "kept" || c["evenNewer"].(map[string]any)["a"] != 1.0 {
			t.Errorf("unknown members: %v, %v", d["newerMember"], c["evenNewer"])
		}
		if _, ok := c["cpu"]; !ok || c["essential"] != true || d["networkMode"] != nil {
			t.Errorf("filled in: cpu %v, essential %v, networkMode %v", c["cpu"], c["essential"], d["networkMode"])
		}
	}
	check(call("RegisterTaskDefinition", `{"family":"new","newerMember":"kept","containerDefinitions":[{"name":"app","image":"x","memory":64,"evenNewer":{"a":1}}]}`))
	check(call("DescribeTaskDefinition", `{"taskDefinition":"new:1"}`))
	check(call("DeregisterTaskDefinition", `{"taskDefinition":"new:1"}`))
}

func TestADeletedDefinitionGoesOnceNothingRefersToIt(t *testing.T) {
	in(t, nil, func(t *testing.T, w *taskWorld) {
		w.register(nil)
		arn := *w.run(nil).TaskArn
		time.Sleep(time.Second)
		if _, err := w.s.DeregisterTaskDefinition(w.ctx, &sdk.DeregisterTaskDefinitionInput{TaskDefinition: new("web:1")}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.s.DeleteTaskDefinitions(w.ctx, &sdk.DeleteTaskDefinitionsInput{TaskDefinitions: []string{"web:1"}}); err != nil {
			t.Fatal(err)
		}
		describe := func() error {
			_, err := w.s.DescribeTaskDefinition(w.ctx, &sdk.DescribeTaskDefinitionInput{TaskDefinition: new("web:1")})
			return err
		}
		time.Sleep(3 * time.Hour)
		if err := describe(); err != nil {
			t.Errorf("while a task runs of it: %v", err)
		}
		if _, err := w.s.StopTask(w.ctx, &sdk.StopTaskInput{Task: &arn}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Hour)
		says(t, describe(), "ClientException: Unable to describe task definition.")
		if d := w.register(nil); d.Revision != 2 {
			t.Errorf("the next revision is %d, want 2", d.Revision)
		}
	})
}
