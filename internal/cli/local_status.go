package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/cloud/ecs"
	"github.com/slipway-ecs/slipway/internal/cloud/elb"
	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/fail"
)

// statusPatience is how long the cloud may take to answer.
const statusPatience = 5 * time.Second

// newLocalStatusCmd is `slipway local status`.
func newLocalStatusCmd(app *App, data *string) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Draw what is in the local cloud: instances, services, deployments, tasks, listeners with weights",
		Example: "  slipway local status\n  slipway local status --output json | jq '.Clusters[].Services'",
		Args:    atMost(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return fail.New("usage.output", "write --output text or --output json", "there is no output %q", output)
			}
			res, err := askLocal(cmd.Context(), *data, http.MethodGet, host.Running.StatusURL, nil, statusPatience)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if output == "json" {
				_, err := io.Copy(app.Stdout, res.Body)
				return err
			}
			var s host.Status
			if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
				return fmt.Errorf("read the status: %w", err)
			}
			return drawStatus(app.Stdout, s)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

// drawStatus draws everything there is, indented by what belongs to what.
func drawStatus(out io.Writer, s host.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s  account %s, %s, speed %g, pid %d, data %s\n", s.Endpoint, s.Account, s.Region, s.Speed, s.PID, s.Dir)
	for _, c := range s.Clusters {
		fmt.Fprintf(w, "\ncluster %s\t%s\n", c.Name, plural(len(c.Services), "service"))
		for _, x := range c.Instances {
			fmt.Fprintf(w, "  instance %s\t%s\t%s %s, %s\t%d of %d CPU units and %d of %d MiB left\t%s\n",
				x.ID, x.Status, x.Type, x.Zone, plural(x.Tasks, "task"), x.LeftCPU, x.CPU, x.LeftMemoryMiB, x.MemoryMiB, x.EC2)
		}
		for _, service := range c.Services {
			drawService(w, service)
		}
		for _, t := range c.Tasks {
			drawTask(w, "  ", t)
		}
	}
	for _, b := range s.Balancers {
		drawBalancer(w, b)
	}
	if s.Authority != "" {
		fmt.Fprintf(w, "\nHTTPS: trust %s (it vouches for localhost, *.localhost and loopback addresses alone)\n", s.Authority)
	}
	for i, a := range s.Alarms {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "alarm %s\t%s\n", a.Name, a.State)
	}
	if len(s.Clusters)+len(s.Balancers)+len(s.Alarms) == 0 {
		fmt.Fprintln(w, "\nnothing here yet: create a cluster with `aws ecs create-cluster`, or see `slipway demo`")
	}
	return w.Flush()
}

func drawService(w io.Writer, s ecs.ServiceStatus) {
	fmt.Fprintf(w, "  service %s\t%s\t%d of %d running, %d pending\n", s.Name, s.Status, s.Running, s.Desired, s.Pending)
	for _, d := range s.Deployments {
		fmt.Fprintf(w, "    %s\t%s %s\t%d of %d running\t%s\n", d.Definition, d.Status, d.Rollout, d.Running, d.Want, d.ID)
		if d.Rollout == "FAILED" {
			fmt.Fprintf(w, "      %s\n", d.Reason)
		}
	}
	for _, t := range s.Tasks {
		drawTask(w, "    ", t)
	}
	if s.LastEvent != "" {
		fmt.Fprintf(w, "    last event: %s\n", s.LastEvent)
	}
}

func drawTask(w io.Writer, indent string, t ecs.TaskStatus) {
	fmt.Fprintf(w, "%stask %s\t%s\t%s %s\t%s\n", indent, t.ID, t.Definition, t.Last, t.Health, t.Address)
}

func drawBalancer(w io.Writer, b elb.BalancerStatus) {
	fmt.Fprintf(w, "\nload balancer %s\t%s\n", b.Name, b.DNSName)
	for _, l := range b.Listeners {
		at, scheme := "not bound yet", strings.ToLower(l.Protocol)+"://"
		if l.Shared != "" {
			at = scheme + l.Shared
		}
		fmt.Fprintf(w, "  listener %s:%d\t%s", l.Protocol, l.Port, at)
		if l.Own != "" {
			fmt.Fprintf(w, "  %s%s", scheme, l.Own)
		}
		fmt.Fprintln(w)
		for _, r := range l.Rules {
			fmt.Fprintf(w, "    rule %s\t%s\t%s\n", r.Priority, strings.Join(r.Conditions, " and "), r.Does)
			for _, g := range r.Groups {
				fmt.Fprintf(w, "      %s\tweight %d\t%s\n", g.Name, g.Weight, targets(g.Targets))
			}
		}
	}
}

// targets says how many targets are in which state, in the order of the states' names.
func targets(n map[string]int) string {
	var parts []string
	for state, count := range n {
		parts = append(parts, fmt.Sprintf("%d %s", count, state))
	}
	if len(parts) == 0 {
		return "no targets"
	}
	slices.SortFunc(parts, func(a, b string) int {
		return strings.Compare(a[strings.IndexByte(a, ' '):], b[strings.IndexByte(b, ' '):])
	})
	return strings.Join(parts, ", ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
