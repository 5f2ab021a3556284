package ship_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/registry"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// pushed gives a Pin by a file that a hook pushes to, and the hook.
func pushed(t *testing.T) (pin func(context.Context, string) (string, error), file string, push ship.Hook) {
	file = filepath.Join(t.TempDir(), "digest")
	return func(_ context.Context, image string) (string, error) {
		text, err := os.ReadFile(file) //nolint:gosec // it is ours
		if err != nil {
			return "", fail.Wrap(err, "image.missing", "push it", "%s is not there", image)
		}
		return strings.TrimSpace(string(text)), nil
	}, file, ship.Hook{At: ship.PointBefore, Shell: true, Run: []string{"echo sha256:new >" + file}}
}

func image(f *fakeECS) any {
	return f.definitions[len(f.definitions)-1]["containerDefinitions"].([]any)[0].(object)["image"]
}

func TestATagIsPinnedAfterTheHooksThatPushIt(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", "sha256:old"} {
		f := newFake()
		f.script = succeeds()
		r := request()
		pin, file, push := pushed(t)
		r.Pin, r.Hooks = pin, []ship.Hook{push}
		if before != "" {
			if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, _, err := deploy(t, f, r)
		want(t, out, err, ship.Succeeded)
		if got := image(f); got != "repo/app:2@sha256:new" {
			t.Errorf("where the tag was %q before: deployed %v", before, got)
		}
	}
}

func TestAWrongContainerIsRefusedBeforeTheHooksThoughTagsArePinned(t *testing.T) {
	t.Parallel()
	r := request()
	pin, file, push := pushed(t)
	r.Images, r.Pin, r.Hooks = map[string]string{"api": "repo/app:2"}, pin, []ship.Hook{push}
	_, _, err := deploy(t, newFake(), r)
	if !fail.Is(err, "container.not_found") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the hook ran")
	}
}

func TestWhoWantsThePinnedImageThatIsBeingDeployedFollows(t *testing.T) {
	t.Parallel()
	for digest, code := range map[string]string{"sha256:old": "", "sha256:moved": "lease.busy"} {
		f := newFake()
		f.definitions[0]["containerDefinitions"].([]any)[0].(object)["image"] = "repo/app:1@sha256:old"
		f.update(object{"taskDefinition": arns + "task-definition/web:1", "forceNewDeployment": true})
		f.script = succeeds()
		f.script[2] = func(f *fakeECS) {
			f.deployments(f.side(newID, "web:1", "PRIMARY", "COMPLETED", 200))
			f.status("SUCCESSFUL", "")
		}
		other(f, time.Hour)
		r := leased(ship.BusyRefuse)
		r.Images = map[string]string{"app": "repo/app:1"}
		r.Hooks = []ship.Hook{{At: ship.PointBefore, Run: []string{"false"}}} // theirs ran
		asked := 0
		r.Pin = func(context.Context, string) (string, error) { asked++; return digest, nil }
		out, _, err := deploy(t, f, r)
		if code == "" {
			want(t, out, err, ship.Succeeded)
		} else if !fail.Is(err, code) {
			t.Errorf("%s: got %v, want %s", digest, err, code)
		}
		if asked != 1 || f.calls["TagResource"]+f.calls["RegisterTaskDefinition"]+f.calls["UpdateService"] != 0 {
			t.Errorf("%s: asked %d times, calls %v", digest, asked, f.calls)
		}
	}
}

// images is an ECR that has every tag, of one platform.
type images struct{ calls []string }

func (i *images) BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error) {
	i.calls = append(i.calls, "ecr:BatchGetImage")
	return &ecr.BatchGetImageOutput{Images: []types.Image{{ImageId: &types.ImageIdentifier{ImageDigest: aws.String("sha256:beef")},
		ImageManifest: aws.String(`{"schemaVersion":2,"config":{"digest":"sha256:c"}}`)}}}, nil
}

func (i *images) GetDownloadUrlForLayer(context.Context, *ecr.GetDownloadUrlForLayerInput, ...func(*ecr.Options)) (*ecr.GetDownloadUrlForLayerOutput, error) {
	i.calls = append(i.calls, "ecr:GetDownloadUrlForLayer")
	return &ecr.GetDownloadUrlForLayerOutput{DownloadUrl: aws.String("http://127.0.0.1:1/")}, nil
}

func TestAPlanNamesWhatPinningCalls(t *testing.T) {
	t.Parallel()
	const ref = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:2"
	r := request()
	r.Images = map[string]string{"app": ref}
	asked := &images{}
	r.Pin = (&registry.Client{ECR: asked}).Digest
	ofECR := func(all []string) []string {
		all = slices.DeleteFunc(slices.Clone(all), func(a string) bool { return !strings.HasPrefix(a, "ecr:") })
		slices.Sort(all)
		return slices.Compact(all)
	}
	named := ofECR(planned(t, newFake(), r, nil, ship.Facts{}).Actions)
	asked.calls = nil
	f := newFake()
	f.script = succeeds()
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Succeeded)
	if called := ofECR(asked.calls); len(called) == 0 || !slices.Equal(named, called) {
		t.Errorf("the plan names %v, the deploy calls %v", named, called)
	}
	if got := image(f); got != ref+"@sha256:beef" {
		t.Errorf("deployed %v", got)
	}
}
