package ecs

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/names"
)

// The secrets of containers: parameters of SSM and secrets of Secrets Manager that become variables
// of a container's environment. They are read at each start of a container and never kept.

// The words of what is not to be had. They are those that Fargate shows, and partly unconfirmed.
const (
	noSecrets    = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
	noParameters = "unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: %s"
	noSecret     = "unable to retrieve secret from asm: service call has been retried 1 time(s): %s"
	notFetched   = "failed to fetch secret %s from secrets manager: %s"
	noJSONKey    = "retrieved secret from Secrets Manager did not contain json key %s"
	badSecretARN = "unexpected ARN format with parameters when trying to retrieve ASM secret"
)

// ofSecretsManager says whether a valueFrom names a secret of Secrets Manager rather than a parameter.
func ofSecretsManager(from string) bool {
	a, ok := names.ParseARN(from)
	return ok && a.Service == "secretsmanager"
}

// hasSecrets says whether a container of a definition has secrets.
func hasSecrets(d *types.TaskDefinition) bool {
	return slices.ContainsFunc(d.ContainerDefinitions, func(c types.ContainerDefinition) bool { return len(c.Secrets) > 0 })
}

// secrets reads the secrets of containers, by container and in the definition's order. Of parameters
// that are not there all are named, of secrets the first.
func (s *Service) secrets(scope names.Scope, defs ...types.ContainerDefinition) (map[string][]launch.KeyValue, error) {
	all, missing := map[string][]launch.KeyValue{}, []string(nil)
	for _, def := range defs {
		for _, x := range def.Secrets {
			from, value := text(x.ValueFrom), ""
			if ofSecretsManager(from) {
				var err error
				if value, err = s.secret(scope, from); err != nil {
					return nil, fmt.Errorf(noSecrets+noSecret, err)
				}
			} else {
				var ok bool
				if value, ok = s.o.Secrets.Parameter(scope, from); !ok && !slices.Contains(missing, from) {
					missing = append(missing, from)
				}
			}
			all[text(def.Name)] = append(all[text(def.Name)], launch.KeyValue{Key: text(x.Name), Value: value})
		}
	}
	if missing != nil {
		return nil, fmt.Errorf(noSecrets+noParameters, strings.Join(missing, ","))
	}
	return all, nil
}

// arnParts is how many parts the ARN of a secret has; a key, a staging label and a version's id may
// follow, empty ones too.
const arnParts = 7

// secret reads what arn:…:secret:name-6chars:json-key:version-stage:version-id means.
//
// Source: ECS developer guide, "Pass Secrets Manager secrets through Amazon ECS environment variables".
func (s *Service) secret(scope names.Scope, from string) (string, error) {
	parts := strings.Split(from, ":")
	key, stage, id := "", "", ""
	switch len(parts) {
	case arnParts:
	case arnParts + 3:
		key, stage, id = parts[arnParts], parts[arnParts+1], parts[arnParts+2]
	default:
		return "", errors.New(badSecretARN)
	}
	arn := strings.Join(parts[:arnParts], ":")
	value, err := s.o.Secrets.Secret(scope, arn, stage, id)
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return "", fmt.Errorf(notFetched, arn, api.ErrorCode()+": "+api.ErrorMessage())
	}
	if err != nil || key == "" {
		return value, err
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(value), &members); err != nil {
		return "", err
	}
	member, ok := members[key]
	if !ok {
		return "", fmt.Errorf(noJSONKey, key)
	}
	return fmt.Sprint(member), nil
}

// withSecrets gives a task to launch in which a container has its secrets.
func (c *care) withSecrets(lt launch.Task, name string) (launch.Task, error) {
	def := definitionOf(c.d, name)
	if len(def.Secrets) == 0 {
		return lt, nil
	}
	values, err := c.secrets(names.ScopeOf(c.t.ARN), *def)
	if err != nil {
		return lt, err
	}
	lt.Containers = slices.Clone(lt.Containers)
	for i := range lt.Containers {
		if x := &lt.Containers[i]; x.Name == name {
			x.Env = append(slices.Clip(x.Env), values[name]...)
		}
	}
	return lt, nil
}
