package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ui"
)

// resetPatience is how long the cloud may take to forget everything.
const resetPatience = 30 * time.Second

// newLocalResetCmd is `slipway local reset`.
func newLocalResetCmd(app *App, data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "reset",
		Short: "Empty the running local cloud, in some milliseconds",
		Long: "Takes everything out of the running local cloud: the next call finds it as new. Tasks are killed. " +
			"Test suites call it between tests, or POST to /_slipway/reset of the endpoint themselves.",
		Example: "  slipway local reset\n  curl -X POST \"$AWS_ENDPOINT_URL/_slipway/reset\"",
		Args:    atMost(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			begun := time.Now()
			res, err := askLocal(cmd.Context(), *data, http.MethodPost, host.Running.ResetURL, nil, resetPatience)
			if err != nil {
				return err
			}
			fmt.Fprintf(app.Stderr, "the cloud is empty, after %s\n", time.Since(begun).Round(time.Millisecond))
			return res.Body.Close()
		},
	}
}

// newLocalExportCmd is `slipway local export`.
func newLocalExportCmd(app *App, data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write the whole state of the local cloud as one file",
		Long: "Writes the whole state of the local cloud, running or not, as one file: tables, logs, metrics and what else it keeps. " +
			"Without FILE, or with -, it goes to standard output.",
		Example: "  slipway local export shop.slipway\n  slipway local import shop.slipway --data other",
		Args:    atMost(1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			export := func(w io.Writer) error { return exportTo(cmd.Context(), *data, w) }
			if len(args) == 0 || args[0] == "-" {
				if ui.IsTerminal(app.Stdout) {
					return fail.New("usage.output", "name a file: slipway local export shop.slipway", "the state is not for a terminal to show")
				}
				return export(app.Stdout)
			}
			return replaceFile(args[0], export)
		},
	}
}

// exportTo asks the cloud that serves the directory, or reads the directory itself.
func exportTo(ctx context.Context, data string, w io.Writer) error {
	if _, err := host.Find(data); fail.Is(err, "host.absent") {
		return host.ExportIdle(data, w)
	}
	res, err := askLocal(ctx, data, http.MethodGet, host.Running.ExportURL, nil, 0)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(w, res.Body); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	return nil
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// newLocalImportCmd is `slipway local import`.
func newLocalImportCmd(app *App, data *string) *cobra.Command {
	var fresh bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Fill a directory with an exported state; the next start serves it",
		Long: "Fills the --data directory with a state that `slipway local export` wrote; - reads standard input. The cloud there must not be running. " +
			"At the next start services bring their tasks up again.",
		Example: "  slipway local import shop.slipway\n  slipway local",
		Args:    atMost(1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fail.New("usage.file", "name a file that `slipway local export` wrote, or - for standard input", "no file is named")
			}
			if r, err := host.Find(*data); err == nil {
				return fail.New("import.running", "end it first, or name another directory with --data", "a cloud is running in %s (pid %d)", *data, r.PID)
			}
			in := app.Stdin
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fail.Wrap(err, "file.missing", "name a file that `slipway local export` wrote", "cannot read the state")
				}
				defer f.Close()
				in = f
			}
			dir, err := filepath.Abs(*data)
			if err != nil {
				return err
			}
			return host.Import(cmd.Context(), host.Options{Dir: dir, Fresh: fresh, Log: newLog(app)}, in)
		},
	}
	cmd.Flags().BoolVar(&fresh, "fresh", false, "forget what the directory holds first, and end what still runs of it")
	return cmd
}
