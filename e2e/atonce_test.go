package e2e_test

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/build"
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
	const late = "aws-sdk-go-v2/service"
	long, trace := initialized(t, binary, "help")
	if !strings.Contains(trace, late) {
		t.Fatalf("this program does not trace its packages:\n%s", trace)
	}
	full, _ := initialized(t, binary, "version", "-o", "json")
	var v build.Version
	if err := json.Unmarshal([]byte(full), &v); err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[string]string{"--help": long, "-h": long, "version": v.String() + "\n"} {
		said, trace := initialized(t, binary, asked)
		if said != want {
			t.Errorf("%s says\n%s\nwant\n%s", asked, said, want)
		}
		if strings.Contains(trace, late) {
			t.Errorf("%s was answered after the clients of AWS:\n%s", asked, trace)
		}
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{"vcs.revision": v.Commit, "vcs.modified": strconv.FormatBool(v.Modified)}
	for _, s := range info.Settings {
		if got, ok := said[s.Key]; ok && got != s.Value {
			t.Errorf("%s: got %q, and Go says %q", s.Key, got, s.Value)
		}
	}
	if v.Go != info.GoVersion {
		t.Errorf("got %s, and Go says %s", v.Go, info.GoVersion)
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
