package wire_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/document"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/wire"
)

func TestKeptRowsSayWhatTheCallerSaid(t *testing.T) {
	t.Parallel()
	zero := 0.0
	raw, err := wire.Marshal(ecstypes.DeploymentConfiguration{
		Strategy:            "CANARY",
		CanaryConfiguration: &ecstypes.CanaryConfiguration{CanaryPercent: &zero},
		LifecycleHooks:      []ecstypes.DeploymentLifecycleHook{{HookDetails: document.NewLazyDocument(map[string]any{"n": int64(9007199254740993)})}},
		Alarms:              &ecstypes.DeploymentAlarms{AlarmNames: []string{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"alarms":{"alarmNames":[],"enable":false,"rollback":false},"canaryConfiguration":{"canaryPercent":0.0},"lifecycleHooks":[{"hookDetails":{"n":9007199254740993}}],"strategy":"CANARY"}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
	var back ecstypes.DeploymentConfiguration
	if err := wire.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	again, err := wire.Marshal(&back)
	if err != nil || string(again) != want {
		t.Errorf("the second time: got %s %v, want %s", again, err, want)
	}
}

func TestListsAreKeptToo(t *testing.T) {
	t.Parallel()
	raw, err := wire.Marshal([]elbtypes.Action{{Type: "forward", Order: aws.Int32(1)}})
	if want := `[{"Type":"forward","Order":1}]`; err != nil || len(raw) != len(want) {
		t.Fatalf("got %s %v", raw, err)
	}
	var back []elbtypes.Action
	if err := wire.UnmarshalStrict(raw, &back); err != nil || len(back) != 1 || *back[0].Order != 1 {
		t.Errorf("got %v %v", back, err)
	}
}

func TestUnknownKeysAreNamedWithTheirPathAndTheNearestMember(t *testing.T) {
	t.Parallel()
	var in ecs.RegisterTaskDefinitionInput
	err := wire.UnmarshalStrict([]byte(`{"family":"web","containerDefinitions":[{"name":"a","dockerLabels":{"any.Key":"b"},"logConfiguration":{"logDriver":"x","options":{"awslogs-group":"g"}}},{"enviroment":[]}]}`), &in)
	e := fail.Of(err)
	if e == nil || e.Code != "json.unknown_key" || e.Msg != `unknown key "enviroment" at containerDefinitions[1].enviroment` || e.Hint != `did you mean "environment"?` {
		t.Errorf("got %#v (%v)", e, err)
	}
	err = wire.UnmarshalStrict([]byte(`{"Family":"web","qqq":1}`), &in)
	if err == nil || !strings.Contains(err.Error(), "Family") || !strings.Contains(err.Error(), "qqq") {
		t.Errorf("both unknown keys: got %v", err)
	}
	err = wire.UnmarshalStrict([]byte(`{"containerDefinitions":[{"memory":"512"}]}`), &in)
	if err == nil || err.Error() != "containerDefinitions[0].memory: STRING_VALUE can not be converted to an Integer" {
		t.Errorf("a wrong type: got %v", err)
	}
	if err := wire.Unmarshal([]byte(`{"Family":"web"}`), &in); err != nil {
		t.Errorf("without strictness unknown keys are dropped: got %v", err)
	}
}
