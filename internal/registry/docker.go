package registry

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// Docker gives docker's credentials: its credential helpers, then what config.json has itself. dir is
// the folder of config.json, DOCKER_CONFIG or ~/.docker.
func Docker(dir string) Credentials {
	return func(ctx context.Context, host string) (user, password string, err error) {
		text, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err != nil {
			return "", "", nil // nobody has logged in
		}
		var c struct {
			Auths   map[string]struct{ Auth string }
			Store   string            `json:"credsStore"`
			Helpers map[string]string `json:"credHelpers"`
		}
		if err := json.Unmarshal(text, &c); err != nil {
			return "", "", fail.Wrap(err, "image.credentials", "correct it, or log in again", "read docker's config.json in %s", dir)
		}
		name := host
		if host == dockerHub {
			name = "https://index.docker.io/v1/"
		}
		helper := c.Helpers[name]
		if helper == "" {
			helper = c.Store
		}
		if helper != "" {
			if user, password, ok := ask(ctx, helper, name); ok {
				return user, password, nil
			}
		}
		plain, err := base64.StdEncoding.DecodeString(c.Auths[name].Auth)
		if err != nil {
			return "", "", fail.Wrap(err, "image.credentials", "log in again: docker login "+host, "read docker's credentials for %s", host)
		}
		user, password, _ = strings.Cut(string(plain), ":")
		return user, password, nil
	}
}

// ask asks a credential helper; one that knows nothing of a host ends with an error.
func ask(ctx context.Context, helper, name string) (user, password string, ok bool) {
	cmd := exec.CommandContext(ctx, "docker-credential-"+helper, "get")
	cmd.Stdin = strings.NewReader(name)
	var out bytes.Buffer
	cmd.Stdout = &out
	if cmd.Run() != nil {
		return "", "", false
	}
	var got struct{ Username, Secret string }
	if json.Unmarshal(out.Bytes(), &got) != nil || got.Username == "" {
		return "", "", false
	}
	return got.Username, got.Secret, true
}
