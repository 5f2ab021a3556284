package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/demo"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// demoAccount is the account the demo plays in.
const demoAccount = "123456789012"

// demoCmd is `slipway demo`.
type demoCmd struct {
	story  demo.Story
	output string
	speed  float64
	keep   bool
}

func newDemoCmd(app *App) *cobra.Command {
	var o demoCmd
	cmd := &cobra.Command{
		Use:   "demo [STRATEGY]",
		Short: "See the whole story on this machine: a good deployment, two bad ones, under traffic",
		Long: "Starts a local cloud in a temporary folder with a service of four tasks behind a load balancer, keeps 200 requests a second on it, and deploys " +
			"through the same code as `slipway deploy`: a good version, one whose health check fails, and one that answers errors. " +
			"With blue-green, canary or linear ECS, with codedeploy CodeDeploy moves the traffic between two target groups, the second version fails its test on the test listener, " +
			"and the third turns bad once it has production traffic.\n\n" +
			"It ends with 0 only if every promise held. It needs no AWS account, no Docker and no root.\n\n" + demoStories(),
		Example: "  slipway demo\n  slipway demo canary\n  slipway demo --keep              # look around afterwards\n  slipway demo --output json | jq 'select(.kind == \"promise\")'",
		Args:    atMost(1, "the name of a strategy"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.story, err = demoStory(args); err != nil {
				return err
			}
			return o.run(cmd.Context(), app)
		},
	}
	for _, s := range demo.Stories() {
		cmd.ValidArgs = append(cmd.ValidArgs, s.Name)
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "text", "text or json: one event a line")
	f.Float64Var(&o.speed, "speed", demo.DefaultSpeed, "how many times faster AWS's own waits pass")
	f.BoolVar(&o.keep, "keep", false, "go on serving afterwards, until interrupted")
	return cmd
}

// demoStory gives the story that is asked for: the first where none is named.
func demoStory(args []string) (demo.Story, error) {
	stories := demo.Stories()
	if len(args) == 0 {
		return stories[0], nil
	}
	var names []string
	for _, s := range stories {
		if s.Name == args[0] {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return demo.Story{}, fail.New("usage.strategy", "there are "+strings.Join(names, ", "), "there is no demo of %q", args[0])
}

// demoStories says which stories there are and how long they take.
func demoStories() string {
	out := fmt.Sprintf("At --speed %d:\n", demo.DefaultSpeed)
	for _, s := range demo.Stories() {
		out += fmt.Sprintf("  %-10s  about %s: %s\n", s.Name, s.Takes, s.About)
	}
	return out
}

func (o *demoCmd) run(ctx context.Context, app *App) error {
	if o.output != "text" && o.output != "json" {
		return fail.New("usage.output", "write --output text or --output json", "there is no output %q", o.output)
	}
	if err := checkSpeed(o.speed); err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "slipway-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	cloud, err := host.Open(ctx, host.Options{
		Listen: "127.0.0.1:0", Dir: dir, Speed: o.speed, Region: "us-east-1", Account: demoAccount,
		Images: o.story.Images(exe, o.speed), Exe: exe, Log: newLog(app), Warn: func(line string) { fmt.Fprintln(app.Stderr, "warning:", line) },
	})
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	serving, stop := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- cloud.Serve(serving, func() { close(ready) }) }()
	held, err := false, error(nil)
	select {
	case <-ready:
		held, err = o.play(ctx, app, cloud)
	case err = <-ended:
		ended <- nil
	}
	stop()
	err = errors.Join(err, <-ended, os.RemoveAll(dir))
	if err == nil && !held {
		return &Exit{Code: ExitFailed} // the broken promises were told
	}
	return err
}

// play tells the story, and stays where that was asked for.
func (o *demoCmd) play(ctx context.Context, app *App, cloud *host.Cloud) (bool, error) {
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(cloud.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider(demoAccount, "local", ""),
	}
	show := newDemoShow(ctx, app, o.output, fmt.Sprintf("a local cloud at %s, where AWS's own waits pass %g times faster", cloud.Endpoint(), o.speed))
	began := time.Now()
	held, err := demo.Run(ctx, demo.Options{Config: cfg, Story: o.story, Deploy: deployWith(cfg), Tell: show.show})
	if err != nil {
		show.leave()
		return false, err // a story that was broken off has no end to tell
	}
	show.end(held, time.Since(began))
	if !o.keep {
		return held, err
	}
	fmt.Fprintf(app.Stderr, "\nthe cloud goes on at %s until you interrupt it\n  eval \"$(slipway local env --data %s)\"\n  slipway local status --data %s\n",
		cloud.Endpoint(), cloud.Dir(), cloud.Dir())
	<-ctx.Done()
	return held, nil
}

// deployWith deploys as `slipway deploy` does, with its code.
func deployWith(cfg aws.Config) func(context.Context, demo.Wish, func(string)) (demo.Verdict, error) {
	return func(ctx context.Context, w demo.Wish, tell func(string)) (demo.Verdict, error) {
		d := deployerOf(cfg)
		r := ship.Request{Cluster: w.Cluster, Service: w.Service, Images: map[string]string{w.Container: w.Image}, Hooks: hooksOf(w.Entry)}
		if w.Entry != nil {
			r.Manner = func(live *types.Service) (*types.DeploymentConfiguration, []types.LoadBalancer, error) {
				m, err := ship.MannerOf(w.Entry, live, nil)
				return m.Configuration, m.Balancers, err
			}
		}
		out, err := d.Deploy(ctx, r, func(e ship.Event) {
			if worthTelling(e) {
				tell(e.Text)
			}
		})
		return demo.Verdict{Status: string(out.Verdict), Cause: out.Cause, Deployment: out.Deployment}, err
	}
}

// worthTelling reports whether the demo tells an event of its deployments. It looks for itself how
// things stand and tells the verdict, and what ECS says of each single target would bury the story.
func worthTelling(e ship.Event) bool {
	switch e.Kind {
	case ship.KindProgress, ship.KindVerdict, ship.KindFollowing:
		return false
	case ship.KindService:
		for _, routine := range []string{") registered ", ") deregistered ", "draining connections", "steady state"} {
			if strings.Contains(e.Text, routine) {
				return false
			}
		}
	}
	return true
}
