package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
)

var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletionCmd(app *App) *cobra.Command {
	output := ""
	cmd := &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script by which a shell completes slipway's commands",
		Long:  "Print a script by which bash, zsh, fish or powershell completes commands, flags, and the services of slipway.yaml.",
		Example: "  source <(slipway completion bash)\n" +
			"  slipway completion zsh > \"${fpath[1]}/_slipway\"\n" +
			"  slipway completion fish > ~/.config/fish/completions/slipway.fish",
		Args:      atMost(1, "the name of a shell"),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			shell := ""
			if len(args) == 1 {
				shell = args[0]
			}
			if err := checkOutput(output); err != nil {
				return err
			}
			if output != outputJSON {
				return complete(cmd.Root(), app.Stdout, shell)
			}
			var script strings.Builder
			if err := complete(cmd.Root(), &script, shell); err != nil {
				return err
			}
			return writeJSON(app, map[string]string{"shell": shell, "script": script.String()})
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

// complete writes a shell's script.
func complete(root *cobra.Command, w io.Writer, shell string) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(w, true)
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		return root.GenFishCompletion(w, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(w)
	case "":
		return fail.New("usage.shell", "name one of "+strings.Join(shells, ", "), "which shell is not said")
	}
	return fail.New("usage.shell", "name one of "+strings.Join(shells, ", "), "there is no completion for shell %q", shell)
}
