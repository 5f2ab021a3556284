package cli

import (
	"context"

	"github.com/slipway-ecs/slipway/internal/ci"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// report has a CI system told of a deployment, where there is one: told goes in place of tell,
// and done is called with what Deploy gave. With JSON on stdout the system is told on stderr.
func (o *deployOptions) report(ctx context.Context, app *App, r ship.Request, tell func(ship.Event)) (told func(ship.Event), done func(error)) {
	w := ci.World{Env: app.Getenv, Log: app.Stdout, Plain: true, Service: r.Service, Cluster: r.Cluster, Environment: o.environment}
	if o.output == outputJSON {
		w.Log, w.Plain = app.Stderr, false
	}
	return ci.Report(ctx, w, tell)
}
