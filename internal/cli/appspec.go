package cli

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/code"
	"github.com/slipway-ecs/slipway/internal/source"
)

func newAppSpecCmd(app *App) *cobra.Command {
	t := &target{}
	definition := ""
	c := t.verb(app, &cobra.Command{
		Use:   "appspec [SERVICE]",
		Short: "Print the AppSpec that CodeDeploy is given for a service",
		Long: "Print the AppSpec by which CodeDeploy deploys a service: the file's 'appspec:' where it has one, what it leaves out\n" +
			"taken from the service, with the functions of the file's hooks. YAML, or JSON with --output json.",
		Example: "  slipway appspec api -c main\n\n" +
			"  # for scripts that fill the definition in themselves\n" +
			"  slipway appspec api -c main --task-definition '<TASK_DEFINITION>' > appspec.yaml",
		Args: atMost(1, "at most one service"),
	}, func(ctx context.Context) error {
		p, err := t.find(ctx, app)
		if err != nil {
			return err
		}
		spec, err := p.appSpec(ctx, definition)
		if err != nil {
			return err
		}
		if t.json() {
			_, err = fmt.Fprintf(app.Stdout, "%s\n", spec)
			return err
		}
		text, err := source.YAML(spec)
		if err != nil {
			return err
		}
		_, err = app.Stdout.Write(text)
		return err
	})
	c.Flags().StringVar(&definition, "task-definition", "", "the `ARN` to write, or a placeholder (default: what serves now)")
	return c
}

// appSpec gives the AppSpec of a place's service as JSON.
func (p *place) appSpec(ctx context.Context, definition string) ([]byte, error) {
	cfg, err := p.config(ctx)
	if err != nil {
		return nil, err
	}
	out, err := sdk.NewECS(cfg).DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &p.Cluster, Services: []string{p.Service}})
	if err != nil {
		return nil, sdk.Explain(err, fmt.Sprintf("describe service %q in cluster %q", p.Service, p.Cluster))
	}
	if len(out.Services) == 0 {
		return nil, fail.New("service.not_found", "check the names and the region", "service %q is not in cluster %q", p.Service, p.Cluster)
	}
	live := &out.Services[0]
	if definition == "" {
		definition = code.Current(live)
	}
	if p.Entry == nil {
		return code.Spec(nil, live, definition, nil)
	}
	return code.Spec(p.Entry.AppSpec, live, definition, ship.FunctionsOf(p.Entry))
}
