package dropin

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	smithy "github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

const arns = "arn:aws:ecs:eu-west-1:123456789012:"

func revision(n int) string { return fmt.Sprintf("%stask-definition/web:%d", arns, n) }

// fake keeps one service, its family of revisions and one task. What becomes of a deployment is
// the test's: each reading of the service after an update takes a step of then.
type fake struct {
	service *types.Service
	family  []sdk.Tree // revisions 1, 2, …
	gone    map[string]bool
	tags    []any
	tasks   []types.Task // those that are to run
	then    []func(*fake)
	calls   []string // operations in order, writes with what they ask for
	refuse  map[string]error
	made    int // deployments
}

func newFake(images ...string) *fake {
	if len(images) == 0 {
		images = []string{"repo/app:1"}
	}
	d := definition(images...)
	d["family"], d["taskDefinitionArn"], d["revision"], d["status"], d["futureMember"] = "web", revision(1), 1, "ACTIVE", "kept"
	f := &fake{family: []sdk.Tree{d}, gone: map[string]bool{}, refuse: map[string]error{}, tags: []any{sdk.Tree{"key": "team", "value": "shop"}}}
	f.service = &types.Service{ServiceName: aws.String("web"), Status: aws.String("ACTIVE"), DesiredCount: 1, TaskDefinition: aws.String(revision(1)),
		Deployments: []types.Deployment{side("ecs-svc/1", "PRIMARY", 1, types.DeploymentRolloutStateCompleted)}}
	return f
}

func side(id, status string, n int, state types.DeploymentRolloutState) types.Deployment {
	return types.Deployment{Id: &id, Status: &status, TaskDefinition: aws.String(revision(n)), RolloutState: state, DesiredCount: 1}
}

func (f *fake) call(op string, args ...string) error {
	f.calls = append(f.calls, strings.TrimSpace(op+" "+strings.Join(args, " ")))
	return f.refuse[op]
}

// writes gives the calls that change something.
func (f *fake) writes() []string {
	return slices.DeleteFunc(slices.Clone(f.calls), func(c string) bool { return strings.HasPrefix(c, "Describe") || strings.HasPrefix(c, "List") })
}

func (f *fake) DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error) {
	if err := f.call("DescribeServices"); err != nil {
		return nil, err
	}
	if f.service == nil {
		return &ecs.DescribeServicesOutput{}, nil
	}
	if f.made > 0 && len(f.then) > 0 {
		f.then[0](f)
		f.then = f.then[1:]
	}
	s := *f.service
	s.Deployments = slices.Clone(s.Deployments)
	return &ecs.DescribeServicesOutput{Services: []types.Service{s}}, nil
}

func (f *fake) Definition(_ context.Context, ref string) (sdk.Tree, []any, error) {
	if err := f.call("DescribeTaskDefinition", ref); err != nil {
		return nil, nil, err
	}
	d := f.family[len(f.family)-1]
	for _, one := range f.family {
		if one["taskDefinitionArn"] == ref {
			d = one
		}
	}
	return maps.Clone(d), f.tags, nil
}

func (f *fake) Register(_ context.Context, d sdk.Tree) (string, error) {
	if err := f.call("RegisterTaskDefinition"); err != nil {
		return "", err
	}
	d = maps.Clone(d)
	n := len(f.family) + 1
	d["taskDefinitionArn"] = revision(n)
	f.family = append(f.family, d)
	return revision(n), nil
}

func (f *fake) Update(_ context.Context, in *ecs.UpdateServiceInput) (*types.Service, error) {
	var args []string
	if in.TaskDefinition != nil {
		args = append(args, (*in.TaskDefinition)[strings.LastIndexByte(*in.TaskDefinition, '/')+1:])
		f.service.TaskDefinition = in.TaskDefinition
	}
	if in.ForceNewDeployment {
		args = append(args, "force")
	}
	if in.DesiredCount != nil {
		args = append(args, fmt.Sprint("count=", *in.DesiredCount))
		f.service.DesiredCount = *in.DesiredCount
	}
	if c := in.DeploymentConfiguration; c != nil {
		if c.MaximumPercent != nil {
			args = append(args, fmt.Sprint("max=", *c.MaximumPercent))
		}
		if c.MinimumHealthyPercent != nil {
			args = append(args, fmt.Sprint("min=", *c.MinimumHealthyPercent))
		}
	}
	if err := f.call("UpdateService", args...); err != nil {
		return nil, err
	}
	f.made++
	ours := side(fmt.Sprintf("ecs-svc/1%d", f.made), "PRIMARY", 0, types.DeploymentRolloutStateInProgress)
	ours.TaskDefinition = f.service.TaskDefinition
	old := f.service.Deployments
	for i := range old {
		old[i].Status = aws.String("ACTIVE")
	}
	f.service.Deployments = append([]types.Deployment{ours}, old...)
	s := *f.service
	return &s, nil
}

func (f *fake) ListTasks(_ context.Context, in *ecs.ListTasksInput, _ ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	if err := f.call("ListTasks"); err != nil {
		return nil, err
	}
	out := &ecs.ListTasksOutput{}
	for _, t := range f.tasks {
		out.TaskArns = append(out.TaskArns, *t.TaskArn)
	}
	return out, nil
}

func (f *fake) DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	if f.made == 0 && len(f.then) > 0 {
		f.then[0](f)
		f.then = f.then[1:]
	}
	return &ecs.DescribeTasksOutput{Tasks: f.tasks}, f.call("DescribeTasks")
}

func (f *fake) ListTaskDefinitions(context.Context, *ecs.ListTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error) {
	out := &ecs.ListTaskDefinitionsOutput{}
	for i := range f.family {
		if arn := revision(i + 1); !f.gone[arn] {
			out.TaskDefinitionArns = append(out.TaskDefinitionArns, arn)
		}
	}
	return out, f.call("ListTaskDefinitions")
}

func (f *fake) DeregisterTaskDefinition(_ context.Context, in *ecs.DeregisterTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DeregisterTaskDefinitionOutput, error) {
	f.gone[*in.TaskDefinition] = true
	return &ecs.DeregisterTaskDefinitionOutput{}, f.call("DeregisterTaskDefinition", familyOf(*in.TaskDefinition))
}

func (f *fake) RunTask(_ context.Context, in *ecs.RunTaskInput, _ ...func(*ecs.Options)) (*ecs.RunTaskOutput, error) {
	err := f.call("RunTask", *in.Cluster, string(in.LaunchType), aws.ToString(in.PlatformVersion))
	return &ecs.RunTaskOutput{Tasks: f.tasks, Failures: []types.Failure{{Reason: aws.String("RESOURCE:MEMORY")}}}, err
}

// runs makes a task of revision n run.
func runs(n int) func(*fake) {
	return func(f *fake) {
		f.tasks = []types.Task{{TaskArn: aws.String(arns + "task/main/1"), TaskDefinitionArn: aws.String(revision(n)), LastStatus: aws.String("RUNNING")}}
	}
}

func nothing(*fake) {}

// succeeds ends the deployment that leads well.
func succeeds(f *fake) {
	f.service.Deployments = f.service.Deployments[:1]
	f.service.Deployments[0].RolloutState = types.DeploymentRolloutStateCompleted
}

// fails ends our deployment as ECS's breaker does: the former one leads again, alone.
func fails(f *fake) {
	f.tasks = nil
	f.service.TaskDefinition = aws.String(revision(1))
	f.service.Deployments[0].RolloutState = types.DeploymentRolloutStateFailed
	f.service.Deployments[0].Status = aws.String("ACTIVE")
	f.service.Deployments[0].RolloutStateReason = aws.String("ECS deployment circuit breaker: tasks failed to start.")
	f.service.Deployments[1].Status = aws.String("PRIMARY")
}

// deploy runs the words against a fake, on a clock whose waits take no time of the wall's.
func deploy(t *testing.T, f *fake, args ...string) (stdout []string, stderr string, code int, took time.Duration) {
	t.Helper()
	var out, talk bytes.Buffer
	c := &instant{now: time.Unix(1000, 0)}
	code, err := Main(t.Context(), args, World{
		Stdout: &out, Stderr: &talk, Clock: c,
		Env:     func(string) (string, bool) { return "", false },
		Connect: func(context.Context, Options) (ECS, error) { return f, nil },
	})
	if err != nil {
		fmt.Fprintln(&talk, err)
	}
	t.Logf("ecs-deploy %s: %d\n%s%s%s", strings.Join(args, " "), code, out.String(), talk.String(), strings.Join(f.calls, "\n"))
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), talk.String(), code, c.now.Sub(time.Unix(1000, 0))
}

// instant is a clock whose timers fire at once and take their time with them. It is for one
// goroutine.
type instant struct{ now time.Time }

func (c *instant) Now() time.Time { return c.now }

func (c *instant) NewTimer(d time.Duration) clock.Timer {
	c.now = c.now.Add(d)
	fired := make(chan time.Time, 1)
	fired <- c.now
	return rung(fired)
}

type rung chan time.Time

func (r rung) C() <-chan time.Time { return r }
func (rung) Stop() bool            { return false }

// denied is how ECS refuses a call, and errLost how an answer does not come.
var (
	denied  = &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized"}
	errLost = fmt.Errorf("connection reset")
)
