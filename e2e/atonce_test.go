package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// initialized runs a program and gives its output, and the packages that were initialized before it ended.
func initialized(t *testing.T, program string, args ...string) (out, packages string) {
	t.Helper()
	var said, trace bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	cmd.Stdout, cmd.Stderr = &said, &trace
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, &said)
	}
	return said.String(), trace.String()
}

// Help and version are answered before the clients of AWS are initialized, by the words that the
// command line has for them.
func TestHelpAndVersionAreAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	const late = "internal/cli " // the last of our packages but main
	long, trace := initialized(t, binary, "help")
	if !strings.Contains(trace, late) {
		t.Fatalf("this program does not trace its packages:\n%s", trace)
	}
	for _, asked := range []string{"--help", "-h"} {
		said, trace := initialized(t, binary, asked)
		if said != long {
			t.Errorf("%s says\n%s\nhelp says\n%s", asked, said, long)
		}
		if strings.Contains(trace, "aws-sdk-go-v2/service") {
			t.Errorf("%s was answered after the clients of AWS:\n%s", asked, trace)
		}
	}
	said, trace := initialized(t, binary, "version")
	if strings.Contains(trace, late) {
		t.Errorf("version was answered after all:\n%s", trace)
	}
	full, _ := initialized(t, binary, "version", "-o", "json")
	var v struct{ Version, Go, Platform string }
	if err := json.Unmarshal([]byte(full), &v); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(said, "slipway "+v.Version) || !strings.HasSuffix(said, " "+v.Go+" "+v.Platform+"\n") {
		t.Errorf("version says %q, and as JSON %s", said, full)
	}
}

// A link named ecs-deploy has its own help.
func TestEcsDeployIsNotAnsweredForBySlipway(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "ecs-deploy")
	if err := os.Symlink(binary, link); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(link, "--help")
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Run() //nolint:errcheck // its exit code is what acceptance tests are about
	if !strings.Contains(out.String(), "ecs-deploy") || strings.Contains(out.String(), "The local cloud:") {
		t.Errorf("ecs-deploy --help says\n%s", &out)
	}
}
