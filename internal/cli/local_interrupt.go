package cli

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/fail"
)

// newLocalInterruptCmd is `slipway local interrupt`.
func newLocalInterruptCmd(app *App, data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "interrupt TASK",
		Short: "Take the Spot capacity of a task on FARGATE_SPOT",
		Long: "Interrupts a task of the capacity provider FARGATE_SPOT, as AWS does when it needs the capacity back: the task leaves its target " +
			"groups, its containers get their stop signal at once, and a service starts another in its place. " +
			"Programs may POST to /_slipway/interrupt?task=TASK of the endpoint themselves.",
		Example: "  slipway local interrupt 1dc5c17a13e94cf8a7a5b2d9ac35d2e8\n" +
			"  slipway local interrupt \"$(aws ecs list-tasks --cluster main --service-name web --query 'taskArns[0]' --output text)\"",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fail.New("usage.args", "write `slipway local interrupt TASK`; `slipway local status` shows the tasks", "one task is needed, by its id or ARN")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			res, err := askLocal(cmd.Context(), *data, http.MethodPost, host.Running.InterruptURL, url.Values{"task": {args[0]}}, statusPatience)
			if err != nil {
				return err
			}
			fmt.Fprintln(app.Stderr, "interrupted; follow it with `slipway local events`")
			return res.Body.Close()
		},
	}
}
