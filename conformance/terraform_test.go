package conformance

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// terraformPatience is how long one command may take on a busy machine. Terraform itself waits half
// a minute before it looks at a new load balancer.
const terraformPatience = 5 * time.Minute

// terraform is there where its AWS provider is too: nothing is fetched from a registry.
var terraform = &tool{name: "terraform", program: "terraform", missing: func() error {
	if os.Getenv("SLIPWAY_TERRAFORM_MIRROR") == "" {
		return errors.New("SLIPWAY_TERRAFORM_MIRROR names no filesystem mirror with the provider hashicorp/aws")
	}
	return asked("terraform", "version")()
}}

// A set-up as teams write it, rolling, by CodeDeploy, by weights and with task sets of their own: it
// is applied, changed and destroyed by Terraform, which finds nothing to change in between.
func TestTerraformFindsWhatItApplied(t *testing.T) {
	t.Parallel()
	terraform.need(t)
	mirror := os.Getenv("SLIPWAY_TERRAFORM_MIRROR")
	f := &form{t: t, cloud: startCloud(t, usualSpeed), dir: t.TempDir()}
	config, err := os.ReadFile("testdata/terraform/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	f.write("main.tf", config)
	f.write("terraformrc", fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror { path = %q }\n}\n", mirror))
	f.pack("hook.zip", "app.py", "def handler(event, context):\n    return {'hookStatus': 'SUCCEEDED'}\n")

	f.run("init")
	for _, image := range []string{"web:v1", "web:v2"} {
		f.run("apply", "-auto-approve", "-var", "image="+image)
		f.run("plan", "-detailed-exitcode", "-var", "image="+image) // ends with 2 where anything differs
	}
	f.run("destroy", "-auto-approve")
}

// form is a folder in which terraform runs.
type form struct {
	t     *testing.T
	cloud *cloud
	dir   string
}

func (f *form) write(name string, content []byte) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), content, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// pack writes a zip file of one file.
func (f *form) pack(name, file, content string) {
	f.t.Helper()
	out, err := os.Create(filepath.Join(f.dir, name))
	if err != nil {
		f.t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // Close of the archive, below, wrote everything
	z := zip.NewWriter(out)
	w, err := z.Create(file)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		f.t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		f.t.Fatal(err)
	}
}

// run runs a command of terraform, which must end with 0.
func (f *form) run(command string, args ...string) {
	f.t.Helper()
	ctx, stop := context.WithTimeout(f.t.Context(), terraformPatience)
	defer stop()
	cmd := exec.CommandContext(ctx, "env", append([]string{"terraform", command, "-no-color", "-input=false"}, args...)...)
	cmd.Dir = f.dir
	cmd.Env = append(f.cloud.env(f.dir, f.dir), "AWS_ENDPOINT_URL="+f.cloud.endpoint, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1",
		"TF_CLI_CONFIG_FILE="+filepath.Join(f.dir, "terraformrc"))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("terraform %s: %v after %.1fs\n%s\nthe cloud said:\n%s", command, err, time.Since(began).Seconds(), told(out), f.cloud.said())
	}
	f.t.Logf("terraform %s: %.1fs", command, time.Since(began).Seconds())
}

// told leaves out the lines that say that all is well.
func told(out []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, ": Refreshing state...") && !strings.Contains(line, ": Still ") && !strings.Contains(line, ": Creating...") {
			b.WriteString(line)
		}
	}
	return b.String()
}
