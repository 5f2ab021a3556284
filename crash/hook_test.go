package crash_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/document"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const hookStage = ecstypes.DeploymentLifecycleHookStagePostTestTrafficShift

// reviewer notes its process each time it is asked, and gives the verdict that a file holds.
const reviewer = `
import os
def handler(event, context):
    details = event["hookDetails"]
    with open(details["asked"], "a") as f:
        f.write("%d\n" % os.getpid())
    if not os.path.exists(details["verdict"]):
        return {"hookStatus": "IN_PROGRESS", "callBackDelay": 10}
    return {"hookStatus": open(details["verdict"]).read()}
`

// The daemon is killed while a hook is asked and the answer comes after that: the deployment ends
// as it would have.
func TestADaemonKilledWhileAPauseWaitsTakesTheAnswerAfterwards(t *testing.T) {
	t.Parallel()
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	v1 := s.register("v1")
	s.create(v1, 1)
	s.steady(patience, v1, 1)
	green := s.green()
	for i, action := range []ecstypes.DeploymentLifecycleHookAction{ecstypes.DeploymentLifecycleHookActionRollback, ecstypes.DeploymentLifecycleHookActionContinue} {
		s.shift(ecstypes.DeploymentStrategyBlueGreen, s.register(fmt.Sprint("v", i+2)), green, ecstypes.DeploymentLifecycleHook{
			TargetType: ecstypes.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []ecstypes.DeploymentLifecycleHookStage{hookStage}})
		before := s.hooked(ecstypes.DeploymentLifecycleHookStatusAwaitingAction)
		if l.kill() != nil || l.tryStart() != nil {
			t.Fatal("the daemon cannot be killed and started")
		}
		after := s.hooked(ecstypes.DeploymentLifecycleHookStatusAwaitingAction)
		was, is := before.LifecycleHookDetails[0], after.LifecycleHookDetails[0]
		if *was.HookId != *is.HookId || !was.ExpiresAt.Equal(*is.ExpiresAt) || *before.ServiceDeploymentArn != *after.ServiceDeploymentArn {
			t.Errorf("the pause was %v and is %v", was, is)
		}
		if _, err := s.ecs.ContinueServiceDeployment(t.Context(), &ecs.ContinueServiceDeploymentInput{ServiceDeploymentArn: after.ServiceDeploymentArn, HookId: is.HookId, Action: action}); err != nil {
			t.Fatal(err)
		}
		s.ends(map[bool]ecstypes.ServiceDeploymentStatus{true: ecstypes.ServiceDeploymentStatusSuccessful, false: ecstypes.ServiceDeploymentStatusRollbackSuccessful}[action == ecstypes.DeploymentLifecycleHookActionContinue])
	}
}

func TestADaemonKilledWhileAFunctionIsAskedAsksItAgainAndLeavesNoProcess(t *testing.T) {
	t.Parallel()
	needPython(t)
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	v1 := s.register("v1")
	s.create(v1, 1)
	s.steady(patience, v1, 1)
	green := s.green()
	function := s.function("review", reviewer, nil)
	for i, verdict := range []string{"FAILED", "SUCCEEDED"} {
		asked, answer := filepath.Join(t.TempDir(), "asked"), filepath.Join(t.TempDir(), "verdict")
		s.shift(ecstypes.DeploymentStrategyBlueGreen, s.register(fmt.Sprint("v", i+2)), green, ecstypes.DeploymentLifecycleHook{
			HookTargetArn: &function, RoleArn: aws.String(hookRole), LifecycleStages: []ecstypes.DeploymentLifecycleHookStage{hookStage},
			HookDetails: document.NewLazyDocument(map[string]any{"asked": asked, "verdict": answer})})
		calls := func() []string {
			text, _ := os.ReadFile(asked) // not there before the first call
			return strings.Fields(string(text))
		}
		until(t, time.Minute, "the function is asked twice", func() (bool, string) { n := calls(); return len(n) > 1, fmt.Sprint(n) })
		before := s.hooked(ecstypes.DeploymentLifecycleHookStatusInProgress)
		if err := l.kill(); err != nil {
			t.Fatal(err)
		}
		old := calls()
		if err := l.tryStart(); err != nil {
			t.Fatal(err)
		}
		until(t, time.Minute, "another process is asked", func() (bool, string) {
			n := calls()
			return len(n) > len(old) && n[len(n)-1] != old[len(old)-1], fmt.Sprint(n)
		})
		until(t, time.Minute, "the process that the killed daemon had is gone", func() (bool, string) {
			pid, err := strconv.Atoi(old[len(old)-1])
			return err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH), old[len(old)-1]
		})
		if after := s.hooked(ecstypes.DeploymentLifecycleHookStatusInProgress); *after.LifecycleHookDetails[0].HookId != *before.LifecycleHookDetails[0].HookId {
			t.Errorf("the hook was %v and is %v", before.LifecycleHookDetails, after.LifecycleHookDetails)
		}
		if err := os.WriteFile(answer+".new", []byte(verdict), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(answer+".new", answer); err != nil {
			t.Fatal(err)
		}
		s.ends(map[string]ecstypes.ServiceDeploymentStatus{"SUCCEEDED": ecstypes.ServiceDeploymentStatusSuccessful, "FAILED": ecstypes.ServiceDeploymentStatusRollbackSuccessful}[verdict])
	}
	if err := l.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	nothingRuns(t, l)
}

// needPython skips the test where there is no Python to run functions with.
func needPython(t *testing.T) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "python3", "--version").Run(); err != nil {
		if slices.Contains(strings.Split(os.Getenv("SLIPWAY_REQUIRE"), ","), "boto3") { // which is Python's
			t.Fatalf("python3 is missing, and SLIPWAY_REQUIRE wants it: %v", err)
		}
		t.Skipf("SKIPPED: python3 is missing here (%v); SLIPWAY_REQUIRE=boto3 makes that a failure", err)
	}
}

const hookRole = "arn:aws:iam::123456789012:role/hook"

// function makes a Lambda function of a Python text whose handler is named handler, and gives its ARN.
func (s *shop) function(name, text string, env map[string]string) string {
	s.t.Helper()
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	file, err := z.Create("hook.py")
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := file.Write([]byte(text)); err != nil {
		s.t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		s.t.Fatal(err)
	}
	made, err := lambda.NewFromConfig(s.cfg).CreateFunction(s.t.Context(), &lambda.CreateFunctionInput{FunctionName: &name, Role: aws.String(hookRole),
		Runtime: lambdatypes.RuntimePython312, Handler: aws.String("hook.handler"), Timeout: aws.Int32(900), Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()},
		Environment: &lambdatypes.Environment{Variables: env}})
	if err != nil {
		s.t.Fatal(err)
	}
	return *made.FunctionArn
}

// hooked waits until the newest deployment's one hook has a status and gives the deployment.
func (s *shop) hooked(status ecstypes.DeploymentLifecycleHookStatus) (d ecstypes.ServiceDeployment) {
	s.t.Helper()
	until(s.t, time.Minute, "the hook is "+string(status), func() (bool, string) {
		var err error
		if d, err = s.newest(); err != nil {
			return false, err.Error()
		}
		return d.FinishedAt == nil && len(d.LifecycleHookDetails) == 1 && d.LifecycleHookDetails[0].Status == status, fmt.Sprint(d.Status, d.LifecycleStage, len(d.LifecycleHookDetails))
	})
	return d
}

// ends waits for the end of the newest deployment.
func (s *shop) ends(want ecstypes.ServiceDeploymentStatus) {
	s.t.Helper()
	if status, reason := s.deployment(2 * time.Minute); status != want {
		s.t.Fatalf("ended as %s (%s), want %s", status, reason, want)
	}
}
