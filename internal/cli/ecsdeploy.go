package cli

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/ship/dropin"
	"github.com/slipway-ecs/slipway/internal/ui"
)

// dropinName is the name under which slipway is the drop-in alone.
const dropinName = "ecs-deploy"

// Args gives the arguments of a process started as argv: a link or copy that is named ecs-deploy
// is that command.
func Args(argv []string) []string {
	if len(argv) > 0 && filepath.Base(argv[0]) == dropinName {
		return append([]string{dropinName}, argv[1:]...)
	}
	return argv[min(1, len(argv)):]
}

func newEcsDeployCmd(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   dropinName + " [FLAG VALUE]...",
		Short: "Be silinternational/ecs-deploy, without aws and jq",
		Long: "Take the flags, environment variables, exit codes and output of silinternational/ecs-deploy. A link or copy of\n" +
			"slipway named ecs-deploy does the same. Its own usage is printed when it is called without words. docs/ecs-deploy.md\n" +
			"tells what it does better.",
		Example: "  slipway ecs-deploy -c main -n api -i registry.example/api:1.4\n\n" +
			"  ln -s \"$(command -v slipway)\" /usr/local/bin/ecs-deploy",
		DisableFlagParsing: true, // its grammar is its own
		RunE:               func(cmd *cobra.Command, args []string) error { return runEcsDeploy(cmd.Context(), app, args) },
	}
}

func runEcsDeploy(ctx context.Context, app *App, args []string) error {
	code, err := dropin.Main(ctx, args, dropin.World{
		Stdout: app.Stdout, Stderr: app.Stderr, Env: app.LookupEnv, Connect: dropin.Connect(app.LookupEnv),
	})
	if err != nil {
		ui.PrintError(app.Stderr, err, ui.ColourOf(app.Stderr, app.Getenv))
	}
	if code == ExitDone {
		return nil
	}
	return &Exit{Code: code}
}
