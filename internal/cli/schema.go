package cli

import (
	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/project"
)

func newSchemaCmd(app *App) *cobra.Command {
	output := ""
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of slipway.yaml",
		Long:  "Print the JSON Schema of slipway.yaml. It is the documentation of the file; editors complete and check by it.",
		Example: "  slipway schema > slipway.schema.json\n\n" +
			"  # then, in the first line of slipway.yaml:\n" +
			"  # yaml-language-server: $schema=slipway.schema.json",
		Args: atMost(0, "no argument"),
		RunE: func(*cobra.Command, []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			_, err := app.Stdout.Write(project.Schema()) // JSON either way
			return err
		},
	}
	outputFlag(cmd, &output)
	return cmd
}
