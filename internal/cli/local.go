package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/cloud/ecs"
	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/cloud/lambda"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/launch/process"
	"github.com/slipway-ecs/slipway/internal/ui"
)

// localCmd is `slipway local`.
type localCmd struct {
	listen, data, runtime, images, hooks, region, account, keys string

	instances             int
	instanceType          string
	speed, fargateVCPUs   float64
	fresh, lenient, fsync bool
}

func newLocalCmd(app *App) *cobra.Command {
	var o localCmd
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Start the local cloud",
		Long: "Starts a cloud on this machine that AWS CLI, SDKs and slipway itself use like AWS: tasks really run, the load balancer really routes, " +
			"deployments really progress and really fail.\n\n" +
			"It prints `ready URL` once the first request can be answered, and serves until it is interrupted. Tasks then end, and the next start brings services back.",
		Example: "  # start it, and point AWS CLI and SDKs at it from another terminal\n" +
			"  slipway local\n" +
			"  eval \"$(slipway local env)\"\n\n" +
			"  # twenty times faster than AWS, with images mapped to commands of this machine\n" +
			"  slipway local --speed 20 --images images.yaml\n\n" +
			"  # tasks as containers, where Docker or Podman answers\n" +
			"  slipway local --runtime auto\n\n" +
			"  # three container instances in each cluster, for the launch type EC2\n" +
			"  slipway local --instances 3 --instance-type t3.medium\n\n" +
			"  # for a test: a free port, nothing kept\n" +
			"  slipway local --listen 127.0.0.1:0 --data \"$(mktemp -d)\"",
		Args: atMost(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), app) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:4566", "address of the endpoint; port 0 takes a free one")
	cmd.PersistentFlags().StringVar(&o.data, "data", defaultData(app), "directory where everything is kept")
	f.StringVar(&o.runtime, "runtime", "process", "what tasks run as: process, docker, or auto (docker where an engine answers)")
	f.StringVar(&o.images, "images", "", "file that maps image patterns to commands of this machine")
	f.StringVar(&o.hooks, "hooks", "", "file that maps names of Lambda functions to commands of this machine or URLs, for hooks without a function")
	f.Float64Var(&o.speed, "speed", 1, "how many times faster AWS's own waits pass, 0.1 to 3600; programs start no faster, so lower it where checks fail too soon")
	f.StringVar(&o.region, "region", "us-east-1", "region of requests that name none")
	f.StringVar(&o.account, "account", "123456789012", "account of access keys that name none; 12 digits")
	f.StringVar(&o.keys, "keys", "", "file of access keys (lines: id, secret, account); signatures are checked then")
	f.IntVar(&o.instances, "instances", 0, "container instances that each cluster has for the launch type EC2, 0 to 100")
	f.StringVar(&o.instanceType, "instance-type", ecs.DefaultInstanceType, "what those instances are: their CPU, memory and GPUs")
	f.Float64Var(&o.fargateVCPUs, "fargate-vcpus", 0, "vCPUs that an account's Fargate tasks may have at once, as its quota in AWS; 0 is no limit")
	f.BoolVar(&o.fresh, "fresh", false, "forget what the data directory holds, and end what still runs of it")
	f.BoolVar(&o.lenient, "lenient", false, "accept with a warning what AWS refuses only for surroundings: one subnet, foreign security groups, Fargate without sizes")
	f.BoolVar(&o.fsync, "fsync", false, "survive a power cut too, at the price of slower writes")
	cmd.AddCommand(newLocalStatusCmd(app, &o.data), newLocalEnvCmd(app, &o.data), newLocalLogsCmd(app, &o.data), newLocalEventsCmd(app, &o.data),
		newLocalOperationsCmd(app), newLocalResetCmd(app, &o.data), newLocalExportCmd(app, &o.data), newLocalInterruptCmd(app, &o.data), newLocalImportCmd(app, &o.data))
	return cmd
}

// defaultData is $XDG_STATE_HOME/slipway, as the XDG base directories have it.
func defaultData(app *App) string {
	if state := app.Getenv("XDG_STATE_HOME"); state != "" {
		return filepath.Join(state, "slipway")
	}
	return filepath.Join(app.Getenv("HOME"), ".local", "state", "slipway")
}

func (o *localCmd) run(ctx context.Context, app *App) error {
	options, err := o.options(app)
	if err != nil {
		return err
	}
	if o.lenient {
		fmt.Fprintln(app.Stderr, "lenient: what AWS refuses only for surroundings is accepted with a warning")
	}
	cloud, err := host.Open(ctx, options)
	if err != nil {
		return err
	}
	err = cloud.Serve(ctx, func() {
		fmt.Fprintln(app.Stdout, "ready", cloud.Endpoint())
		if ui.IsTerminal(app.Stdout) {
			fmt.Fprintf(app.Stderr, "point AWS CLI and SDKs at it in another terminal: eval \"$(slipway local env --data %s)\"\n", options.Dir)
		}
	})
	if err != nil {
		return fmt.Errorf("the local cloud did not end in order: %w", err)
	}
	return nil
}

// options makes the host's of the flags.
func (o *localCmd) options(app *App) (host.Options, error) {
	if !slices.Contains([]string{host.RuntimeProcess, host.RuntimeDocker, host.RuntimeAuto}, o.runtime) {
		return host.Options{}, fail.New("usage.runtime", "write --runtime process, docker or auto", "there is no runtime %q", o.runtime)
	}
	if err := checkSpeed(o.speed); err != nil {
		return host.Options{}, err
	}
	if o.instances < 0 || o.instances > mostInstances {
		return host.Options{}, fail.New("usage.instances", "write --instances 3", "%d is not a number of instances from 0 to %d", o.instances, mostInstances)
	}
	if !slices.Contains(ecs.InstanceTypes(), o.instanceType) {
		return host.Options{}, fail.New("usage.instance_type", "write one of "+strings.Join(ecs.InstanceTypes(), ", "), "there is no instance type %q", o.instanceType)
	}
	if !(o.fargateVCPUs >= 0 && o.fargateVCPUs <= mostVCPUs) { // NaN too
		return host.Options{}, fail.New("usage.fargate_vcpus", "write --fargate-vcpus 6, or leave it out for no limit", "%g is not a number of vCPUs from 0 to %d", o.fargateVCPUs, mostVCPUs)
	}
	var images process.Images
	if o.images != "" {
		var err error
		if images, err = process.ReadImages(o.images); err != nil {
			return host.Options{}, err
		}
	}
	var hooks lambda.Hooks
	if o.hooks != "" {
		var err error
		if hooks, err = lambda.ReadHooks(o.hooks); err != nil {
			return host.Options{}, err
		}
	}
	exe, err := os.Executable()
	if err != nil {
		return host.Options{}, fmt.Errorf("find this program: %w", err)
	}
	data, err := filepath.Abs(o.data)
	if err != nil {
		return host.Options{}, fmt.Errorf("the data directory %q: %w", o.data, err)
	}
	return host.Options{
		Listen: o.listen, Dir: data, Fresh: o.fresh, Speed: o.speed, Region: o.region, Account: o.account, Keys: o.keys,
		Instances: o.instances, InstanceType: o.instanceType, FargateVCPUs: o.fargateVCPUs, Images: images, Hooks: hooks, Runtime: o.runtime, Lenient: o.lenient, Fsync: o.fsync, Exe: exe, Log: newLog(app),
		Warn: func(line string) { fmt.Fprintln(app.Stderr, "warning:", line) },
	}, nil
}

// mostInstances is how many instances a cluster may have by a flag.
const mostInstances = 100

// mostVCPUs is the largest quota that can be given.
const mostVCPUs = 1_000_000

// checkSpeed refuses a speed at which the cloud's clocks would mean nothing; NaN too.
func checkSpeed(speed float64) error {
	if speed >= 0.1 && speed <= 3600 {
		return nil
	}
	return fail.New("usage.speed", "write --speed 20 to make AWS's waits twenty times shorter", "a speed of %g is not between 0.1 and 3600", speed)
}

// newLog is the daemon's log: lines for people on stderr.
func newLog(app *App) *slog.Logger {
	return slog.New(tint.NewTextHandler(app.Stderr, &tint.Options{
		Level: slog.LevelInfo, TimeFormat: time.TimeOnly, NoColor: !ui.ColourOf(app.Stderr, app.Getenv),
	}))
}
