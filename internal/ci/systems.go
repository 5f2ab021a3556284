package ci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// section is the name of our section in GitLab's logs.
const section = "slipway_deploy"

// openGroup gives what begins a group of lines in a system's log, "" where there is none.
func openGroup(s System, title string, at time.Time) string {
	switch s {
	case GitHub:
		return "::group::" + data(title) + "\n"
	case GitLab:
		return fmt.Sprintf("\x1b[0Ksection_start:%d:%s\r\x1b[0K%s\n", at.Unix(), section, title)
	case Buildkite:
		return "--- " + title + "\n"
	}
	return ""
}

// closeGroup gives what ends it. Buildkite's groups end where the next begins, and that of the
// verdict is open.
func closeGroup(s System, at time.Time) string {
	switch s {
	case GitHub:
		return "::endgroup::\n"
	case GitLab:
		return fmt.Sprintf("\x1b[0Ksection_end:%d:%s\r\x1b[0K\n", at.Unix(), section)
	case Buildkite:
		return "+++ verdict\n"
	}
	return ""
}

// agentPatience is how long one call of buildkite-agent may take.
const agentPatience = 15 * time.Second

// buildkite hands the outputs to the agent as meta-data and the summary as an annotation, if the
// agent is there.
func buildkite(ctx context.Context, env func(string) string, l level, service string, values []value, summary string) error {
	agent := ""
	for _, dir := range filepath.SplitList(env("PATH")) {
		full := filepath.Join(dir, "buildkite-agent")
		if info, err := os.Stat(full); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			agent = full
			break
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	if agent == "" {
		return nil
	}
	call := func(stdin string, args ...string) error {
		ctx, done := context.WithTimeout(ctx, agentPatience)
		defer done()
		cmd := exec.CommandContext(ctx, agent, args...)
		cmd.Stdin = strings.NewReader(stdin)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("buildkite-agent %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
		}
		return nil
	}
	var all error
	for _, v := range values {
		if v.text != "" { // the agent takes no empty values
			all = errors.Join(all, call(v.text, "meta-data", "set", "slipway-"+v.name))
		}
	}
	style := [...]string{notice: "success", warning: "warning", failure: "error"}[l]
	return errors.Join(all, call(summary, "annotate", "--style", style, "--context", "slipway-"+service))
}
