package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/fail"
)

// newLocalOperationsCmd is `slipway local operations`.
func newLocalOperationsCmd(app *App) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "operations [SERVICE]",
		Short:   "List the operations that the local cloud serves",
		Long:    "Lists the operations that the local cloud serves, by service. Any other is answered with the protocol's own error and named in the cloud's log.",
		Example: "  slipway local operations\n  slipway local operations ecs\n  slipway local operations --output markdown > docs/operations.md",
		Args:    atMost(1, "one service"),
		RunE: func(_ *cobra.Command, args []string) error {
			all := host.Operations()
			if len(args) == 1 {
				var names []string
				var one []host.ServedBy
				for _, s := range all {
					names = append(names, s.Service)
					if s.Service == args[0] {
						one = append(one, s)
					}
				}
				if all = one; len(one) == 0 {
					return fail.New("usage.service", "there are "+strings.Join(names, ", "), "the local cloud has no service %q", args[0])
				}
			}
			return writeOperations(app.Stdout, all, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text, json or markdown")
	return cmd
}

func writeOperations(w io.Writer, all []host.ServedBy, output string) error {
	switch output {
	case "json":
		return json.NewEncoder(w).Encode(all)
	case "markdown":
		fmt.Fprint(w, "# Operations of the local cloud\n\nMade by `slipway local operations --output markdown`. Any other operation is answered with the protocol's\n"+
			"own error and named in the cloud's log.\n")
		for _, s := range all {
			if len(s.Operations) == 0 {
				fmt.Fprintf(w, "\n## %s\n\nSpeaks HTTP of its own; docs/divergences.md says what it leaves out.\n", s.Service)
				continue
			}
			fmt.Fprintf(w, "\n## %s (%d)\n\n%s\n", s.Service, len(s.Operations), strings.Join(s.Operations, ", "))
		}
		return nil
	case "text":
		for _, s := range all {
			for _, o := range s.Operations {
				fmt.Fprintln(w, s.Service, o)
			}
		}
		return nil
	}
	return fail.New("usage.output", "write --output text, json or markdown", "there is no output %q", output)
}
