package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
)

// newLocalEnvCmd is `slipway local env`.
func newLocalEnvCmd(app *App, data *string) *cobra.Command {
	return &cobra.Command{
		Use:     "env",
		Short:   "Print what points AWS CLI and SDKs at the local cloud",
		Example: "  eval \"$(slipway local env)\"\n  aws ecs list-clusters",
		Args:    atMost(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			r, err := host.Find(*data)
			if err != nil {
				return err
			}
			fmt.Fprintf(app.Stdout, "export AWS_ENDPOINT_URL=%s\nexport AWS_REGION=%s\nexport AWS_DEFAULT_REGION=%s\n", r.Endpoint, r.Region, r.Region)
			if r.Keys {
				fmt.Fprintln(app.Stderr, "this cloud checks signatures: export an access key of its --keys file yourself")
				return nil
			}
			// Any key will do; one of 12 digits names the account. A session token or profile of
			// the caller's would only confuse.
			fmt.Fprintf(app.Stdout, "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=local\nunset AWS_SESSION_TOKEN AWS_PROFILE\n", r.Account)
			return nil
		},
	}
}
