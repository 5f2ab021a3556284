package ecs

import (
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/wire"
)

const dbSecret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf"

// taskSecrets has one parameter and one secret with a member.
type taskSecrets struct{}

func (taskSecrets) Parameter(_ names.Scope, ref string) (string, bool) {
	return "key of " + ref, ref == "/app/key"
}

func (taskSecrets) Secret(_ names.Scope, arn, stage, id string) (string, error) {
	switch {
	case arn != dbSecret:
		return "", &wire.Error{Code: "ResourceNotFoundException", Message: "Secrets Manager can't find the specified secret."}
	case stage == "AWSPREVIOUS":
		return "old", nil
	}
	return `{"password":"pw` + id + `","port":5432}`, nil
}

func secret(name, from string) types.Secret { return types.Secret{Name: &name, ValueFrom: &from} }

func TestSecretsAreVariablesOfTheContainerThatNamesThem(t *testing.T) {
	var mu sync.Mutex
	got := map[string]string{}
	script := func(_ launch.Task, c launch.Container) fake.Script {
		mu.Lock()
		defer mu.Unlock()
		for _, kv := range c.Env {
			got[kv.Key] = kv.Value
		}
		return fake.Script{}
	}
	in(t, script, func(t *testing.T, w *taskWorld) {
		w.register(func(in *sdk.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].Secrets = []types.Secret{
				secret("KEY", "/app/key"), secret("WHOLE", dbSecret), secret("PASSWORD", dbSecret+":password::"),
				secret("PORT", dbSecret+":port::"), secret("OLD", dbSecret+"::AWSPREVIOUS:"), secret("AT", dbSecret+":password::7"),
			}
		})
		arn := *w.run(nil).TaskArn
		time.Sleep(time.Minute)
		if v := w.task(arn); text(v.LastStatus) != "RUNNING" {
			t.Fatalf("got %s, %q", *v.LastStatus, text(v.StoppedReason))
		}
		mu.Lock()
		defer mu.Unlock()
		for k, want := range map[string]string{"KEY": "key of /app/key", "WHOLE": `{"password":"pw","port":5432}`, "PASSWORD": "pw", "PORT": "5432", "OLD": "old", "AT": "pw7"} {
			if got[k] != want {
				t.Errorf("%s: got %q, want %q", k, got[k], want)
			}
		}
	})
}

func TestATaskWithoutItsSecretsDoesNotStart(t *testing.T) {
	const begin = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
	for _, c := range []struct {
		what string
		from []string
		want string
	}{
		{"parameters", []string{"/none", "/app/key", "/neither"}, "unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: /none,/neither"},
		{"a secret", []string{dbSecret + "X"}, "unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret " + dbSecret + "X from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret."},
		{"a member", []string{dbSecret + ":user::"}, "unable to retrieve secret from asm: service call has been retried 1 time(s): retrieved secret from Secrets Manager did not contain json key user"},
	} {
		t.Run(c.what, func(t *testing.T) {
			in(t, nil, func(t *testing.T, w *taskWorld) {
				w.register(func(in *sdk.RegisterTaskDefinitionInput) {
					for i, from := range c.from {
						in.ContainerDefinitions[0].Secrets = append(in.ContainerDefinitions[0].Secrets, secret(strings.Repeat("S", i+1), from))
					}
				})
				arn := *w.run(nil).TaskArn
				time.Sleep(time.Second)
				v := w.task(arn)
				if text(v.LastStatus) != "STOPPED" || v.StopCode != types.TaskStopCodeTaskFailedToStart || text(v.StoppedReason) != begin+c.want {
					t.Errorf("got %s, %s, %q", *v.LastStatus, v.StopCode, text(v.StoppedReason))
				}
			})
		})
	}
}
