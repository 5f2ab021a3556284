package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// The parts that render prints.
const (
	partAll     = "all"
	partTask    = "task"
	partService = "service"
)

func newRenderCmd(app *App) *cobra.Command {
	o, part := &proposing{}, partAll
	cmd := &cobra.Command{
		Use:   "render [SERVICE]",
		Short: "Print the JSON that a deploy would send",
		Long: "Print what a deploy would send, as JSON in AWS's own shape: the input of RegisterTaskDefinition, and that of\n" +
			"UpdateService, or of CreateService where the service does not exist. Where a revision is to be registered, the\n" +
			"service names its family, as the number is not known before. Nothing is changed.",
		Example: "  slipway render api\n\n" +
			"  # for another tool\n" +
			"  slipway render api --part task > task.json\n" +
			"  aws ecs register-task-definition --cli-input-json file://task.json",
		Args: atMost(1, "at most one service"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.take(cmd, args)
			return o.render(cmd.Context(), app, part)
		},
	}
	o.add(cmd)
	cmd.Flags().StringVar(&part, "part", partAll, "what to print: all, task or service")
	return cmd
}

func (o *proposing) render(ctx context.Context, app *App, part string) error {
	if part != partAll && part != partTask && part != partService {
		return fail.New("usage.flag", "write --part task, or --part service", "there is no part %q", part)
	}
	p, _, _, err := o.propose(ctx, app)
	if err != nil {
		return err
	}
	switch part {
	case partTask:
		return writeJSON(app, p.Definition)
	case partService:
		return writeJSON(app, p.Update)
	}
	return writeJSON(app, rendered(p))
}

// rendered gives the calls by their operations.
func rendered(p *ship.Proposal) map[string]any {
	operation := "updateService"
	if p.Creates {
		operation = "createService"
	}
	return map[string]any{"registerTaskDefinition": p.Definition, operation: p.Update}
}
