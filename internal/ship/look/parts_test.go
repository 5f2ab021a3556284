package look

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	smithy "github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
)

const groups = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/"

func TestSharesAreOfTheRulesThatKnowOneOfTheGroups(t *testing.T) {
	t.Parallel()
	blue, green := groups+"blue/1", groups+"green/2"
	forward := func(weights ...int32) elbtypes.Rule {
		return elbtypes.Rule{Priority: aws.String("10"), Actions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, ForwardConfig: &elbtypes.ForwardActionConfig{
			TargetGroups: []elbtypes.TargetGroupTuple{{TargetGroupArn: &blue, Weight: &weights[0]}, {TargetGroupArn: &green, Weight: &weights[1]}}}}}}
	}
	got := shares("lb:80", forward(179, 21), []string{blue})
	if len(got) != 2 || got[0].Percent != "89.5 %" || got[1].Percent != "10.5 %" || got[1].Group != "green" || got[1].Rule != "10" {
		t.Errorf("weighted: %+v", got)
	}
	if got := shares("lb:80", forward(0, 0), []string{blue}); got[0].Percent != "0 %" {
		t.Errorf("weights of nothing: %+v", got)
	}
	if got := shares("lb:80", forward(1, 1), []string{groups + "other/3"}); got != nil {
		t.Errorf("of other groups: %+v", got)
	}
	plain := elbtypes.Rule{Priority: aws.String("default"), Actions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &blue}}}
	if got := shares("lb:80", plain, []string{blue}); len(got) != 1 || got[0].Percent != "100 %" || got[0].Rule != "default" {
		t.Errorf("a plain forward: %+v", got)
	}
}

func TestADeploymentThatWaitsSaysForWhatAndUntilWhen(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	d := types.ServiceDeployment{Status: types.ServiceDeploymentStatusInProgress, LifecycleStage: "POST_SCALE_UP", LifecycleHookDetails: []types.DeploymentLifecycleHookDetail{
		{HookId: aws.String("ecs-pause-1"), Status: "AWAITING_ACTION", ExpiresAt: &until, TimeoutAction: "ROLLBACK"},
		{HookId: aws.String("ecs-lambda-1"), Status: "IN_PROGRESS"},
	}}
	got := pauses(deployment(d))
	if len(got) != 1 || got[0].Hook != "ecs-pause-1" || got[0].Stage != "POST_SCALE_UP" || !got[0].Until.Equal(until) || got[0].Then != "ROLLBACK" || len(got[0].Choices) == 0 {
		t.Errorf("got %+v", got)
	}
	d.Status = types.ServiceDeploymentStatusRollbackSuccessful
	if got := pauses(deployment(d)); len(got) != 0 {
		t.Errorf("after its end it waits: %+v", got)
	}
}

func TestWhatTheCallerMayNotReadIsNamedOnceAndIsNoError(t *testing.T) {
	t.Parallel()
	var u unread
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException"}
	for range 2 {
		if err := u.pass(denied, "describe alarms"); err != nil {
			t.Errorf("denied: %v", err)
		}
	}
	if len(u.words) != 1 || u.words[0] != "describe alarms: AccessDeniedException" {
		t.Errorf("words %q", u.words)
	}
	if err := u.pass(errors.New("connection refused"), "describe alarms"); !fail.Is(err, "unknown.connection") {
		t.Errorf("no answer: %v", err)
	}
}

func TestADeploymentStoppedByANewerOneWasSuperseded(t *testing.T) {
	t.Parallel()
	got := deployment(types.ServiceDeployment{Status: types.ServiceDeploymentStatusStopped})
	if got.Verdict != ship.Stopped {
		t.Errorf("alone: %s", got.Verdict)
	}
}

func TestStreamsAreNamedAsTheDriverNamesThem(t *testing.T) {
	t.Parallel()
	k := Task{ID: "0123", raw: types.Task{Containers: []types.Container{{Name: aws.String("app"), RuntimeId: aws.String("abcdef")}}}}
	if got := (stream{prefix: "p", container: "app"}).name(k); got != "p/app/0123" {
		t.Errorf("with a prefix: %s", got)
	}
	if got := (stream{container: "app"}).name(k); got != "abcdef" {
		t.Errorf("without a prefix: %s", got)
	}
}
