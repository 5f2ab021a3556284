package cli

import (
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ui"
)

// newLocalEventsCmd is `slipway local events`.
func newLocalEventsCmd(app *App, data *string) *cobra.Command {
	var output string
	var follow bool
	cmd := &cobra.Command{
		Use:     "events",
		Short:   "Tell what happened in the local cloud: services, tasks, alarms",
		Example: "  slipway local events\n  slipway local events --follow\n  slipway local events --output json | jq -r .Text",
		Args:    atMost(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return (&lines[cloud.Happening]{
				app: app, data: *data, where: host.Running.EventsURL, query: url.Values{}, follow: follow, output: output, patience: returnPatience,
				text: func(h cloud.Happening) string {
					return fmt.Sprintf("%s  %s  %s", h.At.Local().Format(time.TimeOnly), h.About, ui.Brief(h.Text))
				},
				place: func(h cloud.Happening) (string, int64) { return "", h.At.UnixNano() },
			}).read(cmd.Context())
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what happens, also after the cloud was started again, until interrupted")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

// newLocalLogsCmd is `slipway local logs`.
func newLocalLogsCmd(app *App, data *string) *cobra.Command {
	var output, cluster string
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs SERVICE",
		Short: "Show what the containers of a service write, with or without a log group",
		Long: "Shows what the containers of a service's tasks wrote, oldest first of each container. Of tasks that ended it is gone, " +
			"unless the definition sends it to a log group: see `aws logs tail`.",
		Example: "  slipway local logs web --follow\n  slipway local logs web --cluster main --output json",
		Args:    atMost(1, "one service"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fail.New("usage.service", "write the service's name: slipway local logs web", "no service is named")
			}
			query := url.Values{"service": args, "cluster": {cluster}}
			return (&lines[host.OutputLine]{
				app: app, data: *data, where: host.Running.OutputURL, query: query, follow: follow, output: output, patience: returnPatience,
				text: func(l host.OutputLine) string {
					return fmt.Sprintf("%s  %s %s  %s", l.At.Local().Format(time.TimeOnly), ui.Brief(l.Task), l.Container, l.Text)
				},
				place: func(l host.OutputLine) (string, int64) {
					return fmt.Sprintf("%s/%s#%d", l.Task, l.Container, l.Attempt), l.Mark
				},
			}).read(cmd.Context())
		},
	}
	cmd.Flags().StringVarP(&cluster, "cluster", "c", "default", "the service's cluster")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is written, also by later tasks and after the cloud was started again, until interrupted")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}
