package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// Version says which build this is.
type Version struct {
	Version  string `json:"version"`            // of the module; "devel" for a build from a working copy
	Commit   string `json:"commit,omitempty"`   // empty where the build did not know
	Modified bool   `json:"modified,omitempty"` // built from a working copy with changes
	Go       string `json:"go"`
	Platform string `json:"platform"` // linux/amd64
}

// release is the version of a release, stamped by the linker (internal/release); "" otherwise.
var release string

// readVersion asks the binary about itself.
func readVersion() Version {
	v := Version{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v.Version = m
	}
	if release != "" {
		v.Version = release
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func newVersionCmd(app *App) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Say which build this is",
		Example: "  slipway version\n  slipway version --output json",
		Args:    atMost(0, "no argument"),
		RunE:    func(*cobra.Command, []string) error { return printVersion(app, output) },
	}
	outputFlag(cmd, &output)
	return cmd
}

func printVersion(app *App, output string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	v := app.Version
	if output == outputJSON {
		return json.NewEncoder(app.Stdout).Encode(v)
	}
	line := "slipway " + v.Version
	if v.Commit != "" {
		line += " (" + v.Commit[:min(12, len(v.Commit))]
		if v.Modified {
			line += ", modified"
		}
		line += ")"
	}
	_, err := fmt.Fprintf(app.Stdout, "%s %s %s\n", line, v.Go, v.Platform)
	return err
}

// Forms of output.
const (
	outputText = "text"
	outputJSON = "json"
)

// outputFlag adds --output to a command.
func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", outputText, "text, or json: one value or event a line")
}

// checkOutput refuses a form there is none of.
func checkOutput(output string) error {
	if output == outputText || output == outputJSON {
		return nil
	}
	return fail.New("usage.output", "use '--output text' or '--output json'", "there is no output %q", output)
}
