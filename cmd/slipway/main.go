// Command slipway deploys to Amazon ECS and runs a local cloud that speaks its wire.
//
// The binary is also its own children: a task's shim, the data plane and the sample web app
// are the same file under a hidden first argument, dispatched here before anything else.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	_ "github.com/slipway-ecs/slipway/internal/atonce" // answers before the rest is initialized
	"github.com/slipway-ecs/slipway/internal/cli"
	"github.com/slipway-ecs/slipway/internal/demo"
	"github.com/slipway-ecs/slipway/internal/lb"
	"github.com/slipway-ecs/slipway/internal/proc"
)

func main() { os.Exit(run(cli.Args(os.Args))) }

// run plays the hidden role the first argument names, or else the command line.
func run(args []string) int {
	if len(args) > 0 && args[0] == "shim" {
		return proc.ShimMain(args[1:]) // handles its own signals
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends us at once
	if len(args) > 0 {
		switch args[0] {
		case "lb":
			return lb.Main(ctx, args[1:], os.Stdout, os.Stderr)
		case "sample-web":
			return demo.SampleMain(ctx, args[1:], os.Getenv, os.Stdout)
		}
	}
	return cli.Main(ctx, args, os.Stdin, os.Stdout, os.Stderr, os.Environ())
}
