package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
)

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
	_, err := fmt.Fprintln(app.Stdout, v)
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
