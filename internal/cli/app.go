// Package cli is the command line: one file a command, an options struct filled from flags,
// and a run that a test calls without parsing.
//
// It decides nothing about deployments; it reads flags and files, calls a use case and hands
// events to ui. It must not know how a terminal is drawn. Read Main first, then newRoot.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/slipway-ecs/slipway/internal/build"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ui"
)

// Exit codes, as every command gives them.
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitRolledBack  = 3
	ExitAccess      = 4 // no credentials, or not allowed
	ExitDifferent   = 5 // differences were found, where a flag asks for the code
	ExitSuperseded  = 6
	ExitUnknown     = 7 // connection lost, or watched for long enough
	ExitWaiting     = 8 // for approval
	ExitStopped     = 9 // stopped without a rollback
	ExitInterrupted = 130
)

// App is what a command may use of the world.
type App struct {
	Stdin   io.Reader
	Stdout  io.Writer // data
	Stderr  io.Writer // talk
	Env     []string  // KEY=VALUE, as of os.Environ
	Version build.Version
}

// Getenv gives an environment variable, the last one if there are several; "" if there is none.
func (a *App) Getenv(key string) string {
	v, _ := a.LookupEnv(key)
	return v
}

// LookupEnv is Getenv that tells an empty variable from a missing one.
func (a *App) LookupEnv(key string) (value string, set bool) {
	for _, kv := range a.Env {
		if k, v, ok := strings.Cut(kv, "="); ok && k == key {
			value, set = v, true
		}
	}
	return value, set
}

// Exit is an end that has been told already: Main prints nothing and gives its code.
type Exit struct{ Code int }

// Error says what the code means to programs.
func (e *Exit) Error() string { return fmt.Sprintf("exit with code %d", e.Code) }

// Main runs the command that args name (without the program's) and gives the exit code.
// Errors are printed here, once; to who asked for JSON as an event on stdout too. When ctx ends, commands return early with code 130, or with
// their own.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	app := &App{Stdin: stdin, Stdout: stdout, Stderr: stderr, Env: env, Version: build.Read()}
	root := newRoot(app)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if told := (*Exit)(nil); errors.As(err, &told) {
		return told.Code
	}
	if err == nil {
		return ExitDone
	}
	code := exitCode(ctx, err)
	app.tellJSON(cmd, args, err, code)
	ui.PrintError(stderr, err, ui.ColourOf(stderr, app.Getenv))
	return code
}

// exitCode gives the code of an error from the first part of its fail code.
func exitCode(ctx context.Context, err error) int {
	var code string
	if f := fail.Of(err); f != nil {
		code = f.Code
	}
	kind, _, _ := strings.Cut(code, ".")
	switch {
	case kind == "usage" || kind == "file" || kind == "images" || kind == "hooks" || kind == "keys", code == "host.bad_listen", code == "host.bad_account", code == "host.exposed":
		return ExitUsage
	case kind == "access":
		return ExitAccess
	case kind == "unknown":
		return ExitUnknown
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return ExitInterrupted
	}
	return ExitFailed
}
