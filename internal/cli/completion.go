package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
)

var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletionCmd(app *App) *cobra.Command {
	return &cobra.Command{
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
			root := cmd.Root()
			switch shell {
			case "bash":
				return root.GenBashCompletionV2(app.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(app.Stdout)
			case "fish":
				return root.GenFishCompletion(app.Stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(app.Stdout)
			}
			return fail.New("usage.shell", "name one of "+strings.Join(shells, ", "), "there is no completion for shell %q", shell)
		},
	}
}
