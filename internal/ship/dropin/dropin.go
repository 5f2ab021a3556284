// Package dropin is silinternational/ecs-deploy done again: its flags, environment variables,
// exit codes and output, over the wire and with a truthful end.
//
// Stdout has the lines that scripts read, to the letter; everything else goes to stderr. It
// takes no lease, writes no tag it was not asked for, and asks for nothing that a policy written
// for the original does not grant. Where the original is broken the ruling stands at the code:
// images are matched by repository and edited as JSON, unknown members survive, a rollback is
// no success. It must not know slipway.yaml. Read Main first, then Options.
package dropin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// ECS is what a run needs of Amazon ECS; *sdk.ECS is it.
type ECS interface {
	ship.WriterECS
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	ListTaskDefinitions(context.Context, *ecs.ListTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error)
	DeregisterTaskDefinition(context.Context, *ecs.DeregisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DeregisterTaskDefinitionOutput, error)
	RunTask(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
}

// World is what a run may use.
type World struct {
	Stdout, Stderr io.Writer
	Env            func(key string) (value string, set bool)
	Connect        func(context.Context, Options) (ECS, error) // see Connect of this package
	Clock          clock.Clock                                 // of real time; nil is the wall's
}

// Main runs ecs-deploy with the words after its name and gives its exit code. err is what
// nobody has told yet; the code goes with it.
func Main(ctx context.Context, args []string, w World) (code int, err error) {
	o, end := parse(args, w.Stdout, w.Stderr)
	if end != nil {
		return end.code, nil
	}
	if message, code := o.check(); code != ExitDone {
		fmt.Fprintln(w.Stdout, message)
		return code, nil
	}
	o.fill(w.Env)
	r := &run{o: o, w: w, clock: w.Clock}
	if r.clock == nil {
		r.clock = clock.Real{}
	}
	err = r.run(ctx, w.Connect)
	if told := (*exit)(nil); errors.As(err, &told) {
		return told.code, nil
	}
	return codeOf(err), err
}

// exit is an end that has been told.
type exit struct{ code int }

func (e *exit) Error() string { return fmt.Sprintf("exit with code %d", e.code) }

// codeOf gives an error's exit code, as the aws program would have ended.
func codeOf(err error) int {
	if err == nil {
		return ExitDone
	}
	if errors.Is(err, context.Canceled) {
		return ExitInterrupt
	}
	var code string
	if f := fail.Of(err); f != nil {
		code = f.Code
	}
	switch kind, _, _ := strings.Cut(code, "."); {
	case code == "access.denied" || code == "access.role" || kind == "aws" || kind == "service":
		return ExitRefused
	case code == "access.profile": // as of the aws program, which has no code of its own for it
		return ExitOther
	case kind == "access" || kind == "usage":
		return ExitNoAccess
	case kind == "value":
		return ExitBadValue
	case kind == "file":
		return ExitFailed
	case kind == "image":
		return ExitNoMatch
	}
	return ExitOther
}

// fill takes region, profile and keys from the environment where no flag gave them. The
// original's AWS_DEFAULT_REGION goes before AWS_REGION.
func (o *Options) fill(env func(string) (string, bool)) {
	for into, keys := range map[*string][]string{
		&o.Region: {"AWS_DEFAULT_REGION", "AWS_REGION"}, &o.Profile: {"AWS_PROFILE"},
	} {
		for _, k := range keys {
			if v, _ := env(k); *into == "" {
				*into = v
			}
		}
	}
	if o.AccessKey == "" && o.SecretKey == "" {
		return
	}
	if o.AccessKey == "" {
		o.AccessKey, _ = env("AWS_ACCESS_KEY_ID")
	}
	if o.SecretKey == "" {
		o.SecretKey, _ = env("AWS_SECRET_ACCESS_KEY")
	}
}

// Connect makes a client of the options' credentials and region.
func Connect(env func(string) (string, bool)) func(context.Context, Options) (ECS, error) {
	return func(ctx context.Context, o Options) (ECS, error) {
		where := sdk.Options{Region: o.Region, Profile: o.Profile}
		if o.AccessKey != "" && o.SecretKey != "" && o.Profile == "" {
			where.Keys = &sdk.Keys{ID: o.AccessKey, Secret: o.SecretKey}
			if !strings.HasPrefix(o.AccessKey, "AKIA") { // keys of long life have no session
				where.Keys.Token, _ = env("AWS_SESSION_TOKEN")
			}
		}
		if given(o.AssumeRole) {
			where.Role, where.Session = o.AssumeRole, strconv.FormatInt(clock.Real{}.Now().Unix(), 10)
		}
		cfg, err := sdk.Load(ctx, where)
		if err != nil {
			return nil, err
		}
		return sdk.NewECS(cfg), nil
	}
}
