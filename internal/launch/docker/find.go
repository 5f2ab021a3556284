package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// lookPatience is how long one candidate may take to answer.
const lookPatience = 2 * time.Second

// ErrNone is the error of Find where no engine answers.
var ErrNone = errors.New("no container engine answers")

// Find gives the address of the first engine that answers, looked for as docker's command line
// does: DOCKER_HOST alone if it is set, then the context that DOCKER_CONTEXT or the config file
// names, then the sockets that Docker, Docker Desktop and Podman are known to listen on.
//
// Errors: ErrNone, with what was tried.
func Find(ctx context.Context, getenv func(string) string) (host string, err error) {
	candidates := Candidates(getenv)
	var tried []string
	for _, c := range candidates {
		if err := answers(ctx, c); err != nil {
			tried = append(tried, c)
			continue
		}
		return c, nil
	}
	return "", fmt.Errorf("%w at %s", ErrNone, strings.Join(tried, ", "))
}

// Candidates gives where engines may listen, in the order in which they are asked.
func Candidates(getenv func(string) string) []string {
	if h := getenv("DOCKER_HOST"); h != "" {
		return []string{h}
	}
	config := getenv("DOCKER_CONFIG")
	if config == "" {
		config = filepath.Join(getenv("HOME"), ".docker")
	}
	if h := contextHost(config, getenv("DOCKER_CONTEXT")); h != "" {
		return []string{h}
	}
	sockets := []string{"/var/run/docker.sock", filepath.Join(getenv("HOME"), ".docker", "run", "docker.sock")}
	if run := getenv("XDG_RUNTIME_DIR"); run != "" {
		sockets = append(sockets, filepath.Join(run, "docker.sock"), filepath.Join(run, "podman", "podman.sock"))
	}
	sockets = append(sockets, "/run/podman/podman.sock")
	hosts := make([]string, len(sockets))
	for i, s := range sockets {
		hosts[i] = "unix://" + s
	}
	return hosts
}

// contextHost gives the address of docker's context of that name, or of the one in use; "" for
// the default context and for one that cannot be read.
func contextHost(config, name string) string {
	if name == "" {
		var file struct{ CurrentContext string }
		b, err := os.ReadFile(filepath.Join(config, "config.json"))
		if err != nil || json.Unmarshal(b, &file) != nil {
			return ""
		}
		name = file.CurrentContext
	}
	if name == "" || name == "default" {
		return ""
	}
	sum := sha256.Sum256([]byte(name))
	b, err := os.ReadFile(filepath.Join(config, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"))
	if err != nil {
		return ""
	}
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	if json.Unmarshal(b, &meta) != nil {
		return ""
	}
	return meta.Endpoints["docker"].Host
}

func answers(ctx context.Context, host string) error {
	engine, err := client.New(client.WithHost(host))
	if err != nil {
		return err
	}
	ctx, done := context.WithTimeout(ctx, lookPatience)
	defer done()
	_, err = engine.Ping(ctx, client.PingOptions{})
	return errors.Join(err, engine.Close())
}
