package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/code"
	"github.com/slipway-ecs/slipway/internal/ship/look"
	"github.com/slipway-ecs/slipway/internal/ui"
)

// codes are the exit codes of verdicts.
var codes = map[ship.Verdict]int{
	ship.Succeeded:   ExitDone,
	ship.Reached:     ExitDone,
	ship.Detached:    ExitDone,
	ship.Failed:      ExitFailed,
	ship.RolledBack:  ExitRolledBack,
	ship.Superseded:  ExitSuperseded,
	ship.Unknown:     ExitUnknown,
	ship.Waiting:     ExitWaiting,
	ship.Stopped:     ExitStopped,
	ship.Interrupted: ExitInterrupted,
}

// exitCodes tells of them in help.
const exitCodes = "Exit codes: 0 succeeded, 1 failed, 2 usage, 3 rolled back, 4 no credentials or access, 6 superseded by a\n" +
	"newer deployment, 7 unknown (connection lost, or watched for long enough), 8 waiting for approval, 9 stopped\n" +
	"without rollback, 130 interrupted; after 7, 8 and 130 the deployment goes on in ECS, and `slipway watch` takes it up."

// following are the flags of verbs that follow a deployment.
type following struct {
	target
	deployment string // an ARN or an id; "" is the newest of the service
	timeout    time.Duration
	timed      bool // timeout was given
	noLive     bool
}

// unasked are those of verbs that do not need the file's values.
func unasked() following { return following{target: target{unasked: true}} }

func (o *following) flags(cmd *cobra.Command) {
	o.target.flags(cmd)
	f := cmd.Flags()
	f.DurationVar(&o.timeout, "timeout", 0, "how long to follow, as 90s or 30m (default 1h)")
	f.BoolVar(&o.noLive, "no-live", false, "plain lines on a terminal too")
}

// read takes the positional argument: a service, or a deployment by its ARN.
func (o *following) read(cmd *cobra.Command, args []string) error {
	o.timed = cmd.Flags().Changed("timeout")
	if o.timed && o.timeout <= 0 {
		return fail.New("usage.flag", "write --timeout 30m, or leave it out for 1h", "--timeout %s is no time to follow for", o.timeout)
	}
	if len(args) == 0 {
		return nil
	}
	if !o.takeDeployment(args[0]) {
		o.take(args)
		return nil
	}
	o.deployment = args[0]
	return nil
}

// deployer connects to where a place says.
func (p *place) deployer(ctx context.Context) (*ship.Deployer, error) {
	cfg, err := p.config(ctx)
	if err != nil {
		return nil, err
	}
	d := deployerOf(cfg)
	d.RunTask = p.runTask(cfg)
	return d, nil
}

// deployerOf gives the deployer with all its engines.
func deployerOf(cfg aws.Config) *ship.Deployer {
	return &ship.Deployer{ECS: sdk.NewECS(cfg), ELB: sdk.NewELB(cfg), Around: around(cfg), Region: cfg.Region,
		Engines: enginesOf(cfg)}
}

// enginesOf gives who deploys where the controller is not ECS.
func enginesOf(cfg aws.Config) map[types.DeploymentControllerType]ship.Engine {
	return map[types.DeploymentControllerType]ship.Engine{types.DeploymentControllerTypeCodeDeploy: byCodeDeploy(cfg)}
}

// driversOf gives who knows the deployments that ECS does not carry out.
func driversOf(cfg aws.Config) map[types.DeploymentControllerType]look.Driver {
	return map[types.DeploymentControllerType]look.Driver{types.DeploymentControllerTypeCodeDeploy: byCodeDeploy(cfg)}
}

func byCodeDeploy(cfg aws.Config) *code.Engine {
	return &code.Engine{CodeDeploy: sdk.NewCodeDeploy(cfg), ECS: sdk.NewECS(cfg), Logs: sdk.NewLogs(cfg)}
}

// watch gives what a verb that takes up a deployment asks for.
func (o *following) watch(p *place) ship.Pursuit {
	return ship.Pursuit{Cluster: p.Cluster, Service: p.Service, Deployment: o.deployment, Timeout: o.timeout}
}

// ended turns a verdict into a command's error.
func ended(out ship.Outcome, err error) error {
	if err != nil {
		return err
	}
	if code := codes[out.Verdict]; code != ExitDone {
		return &Exit{Code: code}
	}
	return nil
}

// hooksOf gives the hooks that slipway runs itself.
func hooksOf(s *project.Service) []ship.Hook {
	if s == nil {
		return nil
	}
	var out []ship.Hook
	for _, h := range s.Hooks {
		if !h.Client() {
			continue
		}
		one := ship.Hook{At: ship.Point(h.Point), Run: h.Run, Shell: h.Shell, Task: h.Task, GoOn: h.Then == project.ThenContinue}
		if h.Timeout != nil {
			one.Timeout = *h.Timeout
		}
		if p := h.Probe; p != nil {
			one.Probe = &ship.Probe{Route: p.Route, URL: p.URL, Host: p.Host, Path: p.Path, From: p.From, To: p.To,
				Contains: p.Contains, Count: p.Count, Every: p.Every}
		}
		out = append(out, one)
	}
	return out
}

// points reads a --until flag; more are allowed beside those that every rollout passes.
func points(flag string, more ...ship.Point) (ship.Point, error) {
	if flag == "" {
		return "", nil
	}
	var all []string
	for _, p := range append(append([]ship.Point{}, ship.Points[2:]...), more...) {
		if string(p) == flag {
			return p, nil
		}
		all = append(all, string(p))
	}
	return "", fail.New("usage.flag", "there are "+strings.Join(all, ", "), "--until %q is no point of a deployment", flag)
}

// who names us to others: the job where a build system runs us, else the user and the machine.
func (a *App) who() string {
	switch {
	case a.Getenv("GITHUB_ACTIONS") != "":
		return fmt.Sprintf("github %s run %s", a.Getenv("GITHUB_REPOSITORY"), a.Getenv("GITHUB_RUN_ID"))
	case a.Getenv("GITLAB_CI") != "":
		return fmt.Sprintf("gitlab %s job %s", a.Getenv("CI_PROJECT_PATH"), a.Getenv("CI_JOB_ID"))
	case a.Getenv("BUILDKITE") != "":
		return fmt.Sprintf("buildkite %s build %s", a.Getenv("BUILDKITE_PIPELINE_SLUG"), a.Getenv("BUILDKITE_BUILD_NUMBER"))
	case a.Getenv("CODEBUILD_BUILD_ID") != "":
		return "codebuild " + a.Getenv("CODEBUILD_BUILD_ID")
	case a.Getenv("CIRCLECI") != "":
		return fmt.Sprintf("circleci %s build %s", a.Getenv("CIRCLE_PROJECT_REPONAME"), a.Getenv("CIRCLE_BUILD_NUM"))
	}
	name := a.Getenv("USER")
	if u, err := user.Current(); err == nil && name == "" {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "a machine without a name"
	}
	return name + "@" + host
}

// unique tells two runs of one owner apart.
func unique() string {
	b := make([]byte, 3)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// screen shows events, and asks what an interrupt means.
type screen struct {
	app  *App
	json bool

	mu   sync.Mutex // guards tell: asking changes it
	tell func(ship.Event)
	stop func()
}

// outlive lets who changes a service go on to the verdict when whoever reads our output has gone:
// to write there would end us by SIGPIPE. Programs that we start are ended by it as ever.
func outlive() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// show picks how events are shown. quiet shows the end alone.
func (o *following) show(ctx context.Context, app *App, title string, quiet bool) *screen {
	s := &screen{app: app, json: o.output == outputJSON, stop: func() {}}
	colour := ui.ColourOf(app.Stdout, app.Getenv)
	switch {
	case s.json:
		s.tell = ui.JSONLines(app.Stdout)
	case !quiet && ui.IsTerminal(app.Stdout) && !o.noLive && app.Getenv("TERM") != "dumb" && app.Getenv("CI") == "":
		s.tell, s.stop = ui.LiveDeploy(ctx, app.Stdout, app.Env, title, colour)
	default:
		s.tell = ui.Lines(app.Stdout, colour)
	}
	if quiet {
		tell := s.tell
		s.tell = func(e ship.Event) {
			if e.Kind == ship.KindVerdict || e.Kind == ship.KindWarning && !s.json {
				tell(e)
			}
		}
	}
	return s
}

// say shows an event.
func (s *screen) say(e ship.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(e)
}

// ask gives what an interrupt means: where somebody is there to be asked, it asks once. Another
// interrupt, at the question or after it, leaves.
func (s *screen) ask() ship.Asker {
	in, ok := s.app.Stdin.(io.Writer) // a file is both
	if !ok || !ui.IsTerminal(in) || s.json {
		return nil
	}
	return func(ctx context.Context) (ship.Choice, context.Context) {
		s.mu.Lock()
		defer s.mu.Unlock()
		next, _ := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM) // until the process ends
		s.stop()
		s.stop, s.tell = func() {}, ui.Lines(s.app.Stdout, ui.ColourOf(s.app.Stdout, s.app.Getenv))
		answer := make(chan ship.Choice, 1)
		go func() { answer <- choice(s.app.Stdin, s.app.Stderr) }() // one that nobody answers ends with the process
		select {
		case c := <-answer:
			return c, next
		case <-next.Done():
			fmt.Fprintln(s.app.Stderr)
			return ship.Leave, next
		}
	}
}

// choice asks until it is answered; the end of the input leaves.
func choice(in io.Reader, out io.Writer) ship.Choice {
	lines := bufio.NewScanner(in)
	for {
		fmt.Fprint(out, "\nInterrupted. (l)eave it running, (a)bort it and roll back, (c)ontinue watching? ")
		if !lines.Scan() {
			return ship.Leave
		}
		switch strings.ToLower(strings.TrimSpace(lines.Text())) {
		case "l", "leave":
			return ship.Leave
		case "a", "abort":
			return ship.Abort
		case "c", "continue":
			return ship.GoOn
		}
	}
}

// plain shows events as lines, or as JSON lines.
func (o *following) plain(app *App) func(ship.Event) {
	if o.output == outputJSON {
		return ui.JSONLines(app.Stdout)
	}
	return ui.Lines(app.Stdout, ui.ColourOf(app.Stdout, app.Getenv))
}
