package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
)

// runFrom writes a slipway.yaml over the files of ecspresso's, which stay as they are.
func (o *initOptions) runFrom(ctx context.Context, app *App) error {
	f, err := project.ReadEcspresso(ctx, o.from)
	if err != nil {
		return err
	}
	if o.dir == "" {
		o.dir = filepath.Dir(o.from)
	}
	text, key, err := o.over(f)
	if err != nil {
		return err
	}
	written, err := o.write([]file{{project.File, text}, {"slipway.schema.json", string(project.Schema())}})
	if err != nil {
		return err
	}
	for _, n := range f.Notes {
		if _, err := fmt.Fprintf(app.Stderr, "note: %s\n", n); err != nil {
			return err
		}
	}
	return o.wrote(app, written, fmt.Sprintf("next: slipway diff %s, then slipway deploy %s, with the variables you give ecspresso", key, key))
}

// over gives a slipway.yaml over files of ecspresso's, and its service's key.
func (o *initOptions) over(f *project.Foreign) (out, key string, err error) {
	if f.Service == "" {
		return "", "", fail.New("file.ecspresso", "add 'service:' to it; what runs tasks alone is 'tasks:' of a slipway.yaml", "%s names no service", filepath.Base(o.from))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# yaml-language-server: $schema=slipway.schema.json\n# Over the files of %s, which stay as they are.\nversion: 1\n", filepath.Base(o.from))
	if f.Region != "" {
		fmt.Fprintf(&b, "aws: {region: %s}\n", quoted(f.Region))
	}
	if f.TFState != "" {
		fmt.Fprintf(&b, "tfstate: %s\n", quoted(o.relative(f.TFState)))
	}
	key = f.Service
	if strings.Contains(key, "$") {
		key = "service"
	}
	fmt.Fprintf(&b, "cluster: %s\nservices:\n  %s:\n", quoted(f.Cluster), quoted(key))
	if key != f.Service {
		fmt.Fprintf(&b, "    name: %s\n", quoted(f.Service))
	}
	fmt.Fprintf(&b, "    task: %s\n", quoted(o.relative(f.Task)))
	if f.Definition != "" {
		fmt.Fprintf(&b, "    service: %s\n", quoted(o.relative(f.Definition)))
	}
	if f.Count != "" {
		count := f.Count
		if strings.Trim(count, "0123456789") != "" {
			count = quoted(count)
		}
		fmt.Fprintf(&b, "    count: %s   # take it away where autoscaling owns the count\n", count)
	}
	if f.Timeout != "" {
		fmt.Fprintf(&b, "    timeout: %s\n", quoted(f.Timeout))
	}
	if f.AppSpec != nil {
		fmt.Fprintf(&b, "    appspec: %s\n", f.AppSpec)
	}
	return b.String(), key, nil
}

// relative gives a path of ecspresso's file as one of slipway.yaml's.
func (o *initOptions) relative(path string) string {
	if filepath.IsAbs(path) || strings.Contains(path, "://") || strings.HasPrefix(path, "${") {
		return path
	}
	from, err := filepath.Abs(filepath.Join(filepath.Dir(o.from), path))
	if err != nil {
		return path
	}
	to, err := filepath.Abs(o.dir)
	if err != nil {
		return path
	}
	out, err := filepath.Rel(to, from)
	if err != nil {
		return path
	}
	return filepath.ToSlash(out)
}
