package ship

import (
	"testing"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

func tree(t *testing.T, text string) sdk.Tree {
	t.Helper()
	d, err := sdk.ReadTree([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWhatECSFillsInIsNoDifference(t *testing.T) {
	t.Parallel()
	written := `{"family":"web","cpu":"1 vCPU","memory":"0.5GB","networkMode":"awsvpc","tags":[{"key":"a","value":"b"}],"containerDefinitions":[
		{"name":"log","image":"l"},
		{"name":"app","image":"a","cpu":0,"portMappings":[{"containerPort":80}],"healthCheck":{"command":["x"]},
		 "environment":[{"name":"B","value":"2"},{"name":"A","value":"1"}],"command":null}]}`
	answered := `{"family":"web","cpu":"1024","memory":"512","networkMode":"awsvpc","revision":4,"status":"ACTIVE","volumes":[],"placementConstraints":[],"compatibilities":["EC2"],
		"taskDefinitionArn":"x","registeredAt":1.5,"containerDefinitions":[
		{"name":"app","image":"a","cpu":0,"essential":true,"mountPoints":[],"volumesFrom":[],"systemControls":[],
		 "portMappings":[{"containerPort":80,"hostPort":80,"protocol":"tcp"}],"healthCheck":{"command":["x"],"interval":30,"timeout":5,"retries":3},
		 "environment":[{"name":"A","value":"1"},{"name":"B","value":"2"}]},
		{"name":"log","image":"l","cpu":0,"essential":true,"environment":[],"portMappings":[]}]}`
	if !same(tree(t, written), tree(t, answered)) {
		t.Errorf("differ:\n%v\n%v", normal(tree(t, written)), normal(tree(t, answered)))
	}
}

func TestWhatWasWrittenOtherwiseIsADifference(t *testing.T) {
	t.Parallel()
	base := `{"family":"web","containerDefinitions":[{"name":"app","image":"a","command":["x","y"],"essential":true}]}`
	for _, other := range []string{
		`{"family":"web","containerDefinitions":[{"name":"app","image":"b","command":["x","y"]}]}`,
		`{"family":"web","containerDefinitions":[{"name":"app","image":"a","command":["y","x"]}]}`,
		`{"family":"web","containerDefinitions":[{"name":"app","image":"a","command":["x","y"],"essential":false}]}`,
		`{"family":"web","containerDefinitions":[{"name":"app","image":"a","command":["x","y"],"newMember":1}]}`,
		`{"family":"web2","containerDefinitions":[{"name":"app","image":"a","command":["x","y"]}]}`,
	} {
		if same(tree(t, base), tree(t, other)) {
			t.Errorf("no difference seen in %s", other)
		}
	}
}

func TestATagReplacesTagAndDigestButNeverAPort(t *testing.T) {
	t.Parallel()
	for ref, want := range map[string]string{
		"app":                            "app:9",
		"repo/app:1":                     "repo/app:9",
		"registry.example:5000/app":      "registry.example:5000/app:9",
		"registry.example:5000/app:1":    "registry.example:5000/app:9",
		"repo/app:1@sha256:0123456789ab": "repo/app:9",
	} {
		if got := withTag(ref, "9"); got != want {
			t.Errorf("withTag(%q) = %q, want %q", ref, got, want)
		}
	}
}
