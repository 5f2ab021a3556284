package cli

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship/look"
	"github.com/slipway-ecs/slipway/internal/ui"
)

// newLooker makes a Looker of a config.
func newLooker(cfg aws.Config) *look.Looker {
	return &look.Looker{ECS: sdk.NewECS(cfg), ELB: sdk.NewELB(cfg), Logs: sdk.NewLogs(cfg), Alarms: sdk.NewAlarms(cfg), Drivers: driversOf(cfg)}
}

// looker finds the service and makes a Looker for it.
func (t *target) looker(ctx context.Context, app *App) (*look.Looker, look.Place, error) {
	p, err := t.find(ctx, app)
	if err != nil {
		return nil, look.Place{}, err
	}
	cfg, err := p.config(ctx)
	if err != nil {
		return nil, look.Place{}, err
	}
	return newLooker(cfg), p.place(), nil
}

func (p *place) place() look.Place { return look.Place{Cluster: p.Cluster, Service: p.Service} }

// json reports whether data is to be JSON.
func (t *target) json() bool { return t.output == outputJSON }

// completeService completes the positional argument with the services of the file.
func (t *target) completeService(app *App) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		p, err := t.load(cmd.Context(), app, t.cluster)
		if err != nil || p == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var keys []string
		for _, s := range p.Services {
			if strings.HasPrefix(s.Key, begun) {
				keys = append(keys, s.Key)
			}
		}
		return keys, cobra.ShellCompDirectiveNoFileComp
	}
}

// verb is a command about one service.
func (t *target) verb(app *App, c *cobra.Command, run func(ctx context.Context) error) *cobra.Command {
	if c.Args == nil {
		c.Args = atMost(1, "at most one service")
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		t.take(args)
		return run(cmd.Context())
	}
	c.ValidArgsFunction = t.completeService(app)
	t.flags(c)
	return c
}

// sinceFlag reads how far back is meant: a duration, or a time as RFC 3339.
func sinceFlag(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return time.Time{}, fail.New("usage.flag", "write --since 10m, or --since 2026-01-31T12:00:00Z", "--since %q is neither a duration nor a time", s)
}

// confirm asks before what destroys. Where nobody can be asked, --yes has to be given.
func (app *App) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	in, ok := app.Stdin.(io.Writer) // terminals are files, which are both
	if !ok || !ui.IsTerminal(in) {
		return fail.New("usage.confirm", "say --yes", "this destroys something, and there is no terminal to ask at")
	}
	if _, err := io.WriteString(app.Stderr, question+" [y/N] "); err != nil {
		return err
	}
	var answer []byte
	for b := make([]byte, 1); ; {
		n, err := app.Stdin.Read(b)
		if n == 1 && b[0] != '\n' {
			answer = append(answer, b[0])
		}
		if err != nil || n == 1 && b[0] == '\n' {
			break
		}
	}
	if slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(string(answer)))) {
		return nil
	}
	return fail.New("usage.confirm", "", "not confirmed: nothing was changed")
}
