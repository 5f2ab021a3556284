package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// configOptions are the flags of config.
type configOptions struct {
	file        string
	environment string
	explain     bool
	output      string
}

func newConfigCmd(app *App) *cobra.Command {
	o := &configOptions{}
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the file as it is understood: merged and filled",
		Long: "Print the file as it is understood: with an environment laid over it and variables filled in. With --explain,\n" +
			"each value with where it came from: file and line, environment, variable or its default.",
		Example: "  slipway config\n\n" +
			"  # where every value of production comes from\n" +
			"  slipway config --env production --explain",
		Args: atMost(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), app) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "the project's file, YAML, JSON or Jsonnet (default slipway.yaml, slipway.yml or slipway.jsonnet)")
	f.StringVarP(&o.environment, "env", "e", "", "the `ENVIRONMENT` of the file that is meant")
	f.BoolVar(&o.explain, "explain", false, "say where each value comes from")
	outputFlag(cmd, &o.output)
	return cmd
}

func (o *configOptions) run(ctx context.Context, app *App) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	p, err := project.Load(ctx, cmp.Or(o.file, project.Beside("."), project.File), project.Options{Environment: o.environment, Var: app.LookupEnv, Version: app.Version.Version, Source: remote(sdk.Options{})})
	if f := fail.Of(err); f != nil && f.Code == "file.missing" && project.Ecspresso(".") == "" {
		f.Hint = "name another with --file, or write one: slipway init SERVICE --cluster C"
	}
	if err != nil {
		return err
	}
	if o.output == outputJSON && o.explain {
		return writeJSON(app, p.Values)
	}
	if o.output == outputJSON {
		_, err := app.Stdout.Write(append(p.Merged, '\n'))
		return err
	}
	if o.explain {
		w := tabwriter.NewWriter(app.Stdout, 0, 8, 2, ' ', 0)
		for _, v := range p.Values {
			fmt.Fprintf(w, "%s\t%s\t%s\n", v.Path, plainJSON(v.JSON), v.From())
		}
		return w.Flush()
	}
	_, err = app.Stdout.Write(p.YAML())
	return err
}

// plainJSON shows a text bare where that cannot be misread.
func plainJSON(v string) string {
	var s string
	if json.Unmarshal([]byte(v), &s) == nil && s != "" && !strings.ContainsAny(s, "\n\t\"") {
		return s
	}
	return v
}

// writeJSON prints a value as JSON.
func writeJSON(app *App, v any) error {
	e := json.NewEncoder(app.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
