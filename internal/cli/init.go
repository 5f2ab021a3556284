package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// initOptions are the flags of init.
type initOptions struct {
	target
	dir   string
	from  string // a file of ecspresso's
	force bool
}

func newInitCmd(app *App) *cobra.Command {
	o := &initOptions{}
	cmd := &cobra.Command{
		Use:   "init SERVICE",
		Short: "Write slipway.yaml and its files from a live service, or over files of ecspresso",
		Long: "Write slipway.yaml, the task definition and the service of a live service, so that `slipway diff` finds nothing.\n" +
			"What ECS fills in by itself is left out of the files. Files that are there already are left alone without --force.\n\n" +
			"With --from ecspresso.yml, write a slipway.yaml that names the files which that names: they stay as they are, their\n" +
			"templates too, and nothing is asked of AWS.",
		Example: "  slipway init api --cluster main\n\n" +
			"  # into another folder\n" +
			"  slipway init api -c main --dir deploy\n\n" +
			"  # over what ecspresso deploys\n" +
			"  slipway init --from ecspresso.yml",
		Args: atMost(1, "at most one service"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.take(args)
			return o.run(cmd.Context(), app)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.cluster, "cluster", "c", "default", "ECS cluster, name or ARN")
	f.StringVar(&o.region, "region", "", "AWS region (default: as every AWS tool finds it)")
	f.StringVar(&o.profile, "profile", "", "profile of the AWS config files")
	f.StringVar(&o.endpoint, "endpoint", "", "`URL` to call in place of AWS, as AWS_ENDPOINT_URL")
	f.StringVar(&o.dir, "dir", "", "the `FOLDER` to write into (default: this one; with --from, the file's)")
	f.StringVar(&o.from, "from", "", "an ecspresso.yml, .json or .jsonnet `FILE`")
	f.BoolVar(&o.force, "force", false, "write over files that are there")
	outputFlag(cmd, &o.output)
	return cmd
}

func (o *initOptions) run(ctx context.Context, app *App) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if o.from != "" && o.service != "" {
		return fail.New("usage.service", "leave one of the two out", "%s says which service is meant", o.from)
	}
	if o.from != "" {
		return o.runFrom(ctx, app)
	}
	cluster, name, region := o.cluster, o.service, o.region
	if c, s, r, ok := serviceARN(o.service); ok {
		cluster, name, region = c, s, r
	}
	if name == "" {
		return fail.New("usage.service", "slipway init SERVICE --cluster CLUSTER", "which service is not said")
	}
	cfg, err := sdk.Load(ctx, sdk.Options{Region: region, Profile: o.profile, Endpoint: o.endpoint})
	if err != nil {
		return err
	}
	s, err := ship.Describe(ctx, sdk.NewECS(cfg), cluster, name)
	if err != nil {
		return err
	}
	files, err := initial(s, cluster, name, cfg.Region)
	if err != nil {
		return err
	}
	written, err := o.write(files)
	if err != nil {
		return err
	}
	return o.wrote(app, written, fmt.Sprintf("next: slipway diff %s, which finds nothing, then slipway deploy %s --tag TAG", name, name))
}

// wrote says which files were written, and what comes next.
func (o *initOptions) wrote(app *App, written []string, next string) error {
	if o.output == outputJSON {
		return writeJSON(app, map[string]any{"files": written})
	}
	for _, path := range written {
		if _, err := fmt.Fprintf(app.Stdout, "wrote %s\n", path); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(app.Stderr, next)
	return err
}

// file is a file to be written.
type file struct{ path, text string }

// initial gives the files of a live service.
func initial(s *ship.Described, cluster, name, region string) ([]file, error) {
	base := filepath.Join("ecs", name)
	task, err := indented(s.Definition)
	if err != nil {
		return nil, err
	}
	service, err := indented(s.Service)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# yaml-language-server: $schema=slipway.schema.json\nversion: 1\naws: {region: %s", region)
	if s.Account != "" {
		fmt.Fprintf(&b, ", account: %q", s.Account)
	}
	fmt.Fprintf(&b, "}\ncluster: %s\nservices:\n  %s:\n    task: %s\n    service: %s\n", quoted(cluster), quoted(name),
		quoted(filepath.ToSlash(base)+".taskdef.json"), quoted(filepath.ToSlash(base)+".service.json"))
	if !s.Scaled {
		fmt.Fprintf(&b, "    # count: %d   # left out, so that it is never sent and autoscaling may own it\n", s.Count)
	}
	return []file{{project.File, b.String()}, {base + ".taskdef.json", task}, {base + ".service.json", service},
		{"slipway.schema.json", string(project.Schema())}}, nil
}

// quoted writes a plain scalar of YAML, in quotes where it could be read as something else.
func quoted(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") == "" && strings.Trim(s, "0123456789.-_") != "" {
		switch strings.ToLower(s) {
		case "true", "false", "null", "yes", "no", "on", "off":
		default:
			return s
		}
	}
	return fmt.Sprintf("%q", s)
}

func indented(t sdk.Tree) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(t); err != nil {
		return "", fmt.Errorf("write JSON: %w", err)
	}
	return b.String(), nil
}

// write writes all files or, where one is there already, none.
func (o *initOptions) write(files []file) (written []string, err error) {
	for _, f := range files {
		path := filepath.Join(o.dir, f.path)
		if _, err := os.Stat(path); !o.force && !errors.Is(err, fs.ErrNotExist) {
			return nil, fail.New("file.there", "write over it with --force, or into another folder with --dir", "there is a file %q already", path)
		}
	}
	for _, f := range files {
		path := filepath.Join(o.dir, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a project's folder is for others to read
			return written, fail.Wrap(err, "file.unwritable", "", "make the folder of %q", path)
		}
		if err := os.WriteFile(path, []byte(f.text), 0o644); err != nil { //nolint:gosec // same
			return written, fail.Wrap(err, "file.unwritable", "", "write %q", path)
		}
		written = append(written, path)
	}
	return written, nil
}
