package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// The groups of commands in help, in this order.
const (
	groupShip  = "ship"
	groupLook  = "look"
	groupTend  = "tend"
	groupLocal = "local"
	groupFile  = "file"
)

// newRoot gives the whole tree of commands. Building it reads nothing and calls nobody.
func newRoot(app *App) *cobra.Command {
	root := &cobra.Command{
		Use:   "slipway",
		Short: "Deploy to Amazon ECS, and know how it ended",
		Long: "slipway deploys services to Amazon ECS, follows its own deployment to the end and says truly how it ended.\n" +
			"It brings a local cloud that AWS CLI, SDKs and itself cannot tell from AWS.",
		Example: "  # see it at work on this machine, without AWS\n" +
			"  slipway demo\n\n" +
			"  # what runs, and why the last deployment failed\n" +
			"  slipway status api --cluster main\n" +
			"  slipway explain api --cluster main\n\n" +
			"  # deploy a new image of one container, without any file\n" +
			"  slipway deploy api --cluster main --image app=registry.example/api:1.4\n\n" +
			"  # write slipway.yaml from a service that runs, then deploy what it says\n" +
			"  slipway init api --cluster main\n" +
			"  slipway deploy",
		Args:          noCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(app.Stdin)
	root.SetOut(app.Stdout)
	root.SetErr(app.Stderr)
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fail.New("usage.flag", fmt.Sprintf("run '%s --help'", cmd.CommandPath()), "%s", lower(err.Error()))
	})
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return noneEmpty(cmd) }
	root.AddGroup(
		&cobra.Group{ID: groupShip, Title: "Deploying:"},
		&cobra.Group{ID: groupLook, Title: "Looking:"},
		&cobra.Group{ID: groupTend, Title: "Tending:"},
		&cobra.Group{ID: groupLocal, Title: "The local cloud:"},
		&cobra.Group{ID: groupFile, Title: "The file:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupShip, newDeployCmd(app), newRollbackCmd(app), newAbortCmd(app), newAppSpecCmd(app), newApproveCmd(app), newRejectCmd(app),
		newContinueCmd(app), newResumeCmd(app), newWatchCmd(app), newWaitCmd(app), newEcsDeployCmd(app))
	add(groupLook, newStatusCmd(app), newHistoryCmd(app), newExplainCmd(app), newEventsCmd(app), newLogsCmd(app), newTasksCmd(app), newRevisionsCmd(app))
	add(groupTend, newScaleCmd(app), newRefreshCmd(app), newRunCmd(app), newPruneCmd(app), newDeleteCmd(app))
	add(groupLocal, newLocalCmd(app), newDemoCmd(app))
	add(groupFile, newInitCmd(app), newConfigCmd(app), newRenderCmd(app), newDiffCmd(app), newPlanCmd(app), newVerifyCmd(app), newSchemaCmd(app))
	root.AddCommand(newVersionCmd(app), newCompletionCmd(app))
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.Long = fold(cmd.Long, helpWidth)
		help(cmd, args)
	})
	return root
}

// helpWidth is how wide a line of what a command says of itself may be.
const helpWidth = 112

// fold breaks lines that are longer than width between words; indented ones stay as they are.
func fold(text string, width int) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if len(l) <= width || strings.HasPrefix(l, " ") {
			continue
		}
		var b strings.Builder
		at := 0
		for word := range strings.FieldsSeq(l) {
			switch {
			case at > 0 && at+1+len(word) > width:
				b.WriteByte('\n')
				at = 0
			case at > 0:
				b.WriteByte(' ')
				at++
			}
			b.WriteString(word)
			at += len(word)
		}
		lines[i] = b.String()
	}
	return strings.Join(lines, "\n")
}

// noneEmpty refuses flags that were given without a value, as --tag "$TAG" is where TAG is not set:
// taken for left out, they would do something else than was meant, and say that it went well.
func noneEmpty(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" && err == nil {
			err = fail.New("usage.flag", "give it a value, or leave it out; a variable in its place may not be set", "--%s is empty", f.Name)
		}
	})
	return err
}

// noCommand refuses a first word that names no command, with the nearest that do.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "run 'slipway --help' for the commands there are"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("did you mean '%s %s'?", cmd.CommandPath(), near[0])
	}
	return fail.New("usage.command", hint, "there is no command %q", args[0])
}

// atMost refuses more positional arguments than n; what names them in the message.
func atMost(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return fail.New("usage.arguments", fmt.Sprintf("run '%s --help'", cmd.CommandPath()),
			"%s takes %s: %q is one too many", cmd.CommandPath(), what, args[n])
	}
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
