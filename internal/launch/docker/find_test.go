package docker_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/launch/docker"
)

func TestEnginesAreLookedForAsDockersCommandLineDoes(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	sum := sha256.Sum256([]byte("desk"))
	meta := filepath.Join(home, ".docker", "contexts", "meta", hex.EncodeToString(sum[:]))
	if err := os.MkdirAll(meta, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(meta, "meta.json"):              `{"Name":"desk","Endpoints":{"docker":{"Host":"unix:///desk.sock"}}}`,
		filepath.Join(home, ".docker", "config.json"): `{"currentContext":"desk"}`,
		filepath.Join(home, "plain", "config.json"):   `{"auths":{}}`,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sockets := []string{
		"unix:///var/run/docker.sock", "unix://" + home + "/.docker/run/docker.sock",
		"unix:///run/user/7/docker.sock", "unix:///run/user/7/podman/podman.sock", "unix:///run/podman/podman.sock",
	}
	for name, c := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"the variable comes first":      {map[string]string{"DOCKER_HOST": "tcp://127.0.0.1:1", "DOCKER_CONTEXT": "desk"}, []string{"tcp://127.0.0.1:1"}},
		"then the context in use":       {map[string]string{}, []string{"unix:///desk.sock"}},
		"or the one that is named":      {map[string]string{"DOCKER_CONTEXT": "default"}, sockets},
		"then the sockets there may be": {map[string]string{"DOCKER_CONFIG": filepath.Join(home, "plain")}, sockets},
	} {
		c.env["HOME"], c.env["XDG_RUNTIME_DIR"] = home, "/run/user/7"
		if diff := cmp.Diff(c.want, docker.Candidates(func(k string) string { return c.env[k] })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
