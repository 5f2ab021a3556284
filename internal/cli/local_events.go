package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
			return readLines(cmd.Context(), app, *data, host.Running.EventsURL, url.Values{}, follow, output, func(h cloud.Happening) string {
				return fmt.Sprintf("%s  %s  %s", h.At.Local().Format(time.TimeOnly), h.About, ui.Brief(h.Text))
			})
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what happens, until interrupted")
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
			return readLines(cmd.Context(), app, *data, host.Running.OutputURL, query, follow, output, func(l host.OutputLine) string {
				return fmt.Sprintf("%s  %s %s  %s", l.At.Local().Format(time.TimeOnly), ui.Brief(l.Task), l.Container, l.Text)
			})
		},
	}
	cmd.Flags().StringVarP(&cluster, "cluster", "c", "default", "the service's cluster")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is written, also by later tasks, until interrupted")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

// readLines shows an answer of JSON lines, each as it comes.
func readLines[T any](ctx context.Context, app *App, data string, where func(host.Running) string, query url.Values, follow bool, output string, text func(T) string) error {
	if output != "text" && output != "json" {
		return fail.New("usage.output", "write --output text or --output json", "there is no output %q", output)
	}
	if follow {
		query.Set("follow", "")
	}
	res, err := askLocal(ctx, data, http.MethodGet, where, query, 0)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	for in := json.NewDecoder(res.Body); ; {
		var raw json.RawMessage
		err := in.Decode(&raw)
		switch {
		case ctx.Err() != nil:
			return nil // interrupted, as following ends
		case errors.Is(err, io.EOF) && !follow:
			return nil
		case follow && cutOff(err):
			return fail.Wrap(err, "host.ended", "start it again with `slipway local`, and follow again", "the local cloud in %s has ended", data)
		case err != nil:
			return fmt.Errorf("read the answer: %w", err)
		}
		if output == "json" {
			fmt.Fprintf(app.Stdout, "%s\n", raw)
			continue
		}
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		fmt.Fprintln(app.Stdout, text(v))
	}
}

// cutOff reports whether an answer that goes on for ever came to an end, by whatever ended its connection.
func cutOff(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
