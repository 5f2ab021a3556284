package host

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud/lambda"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Paths of ours on the endpoint. AWS has none that begin so.
const (
	ownPaths     = "/_slipway/"
	statusPath   = "/_slipway/status"
	resetPath    = "/_slipway/reset"
	exportPath   = "/_slipway/export"
	eventsPath   = "/_slipway/events"
	outputPath   = "/_slipway/output"
	metadataPath = "/_slipway/metadata"

	interruptPath = "/_slipway/interrupt"
)

// handler answers everything that reaches the endpoint.
func (c *Cloud) handler() http.Handler {
	o := c.gatewayOptions()
	o.Other, o.Own = c.ours(), ownPaths
	var h http.Handler
	if c.keys.strict {
		o.Keys, o.Token = c.keys.secretOf, c.tokenState
		h = c.gatewayOf(o)
	} else {
		h = wire.LoopbackOnly(c.gatewayOf(o))
	}
	if !c.byName {
		return h
	}
	within := c.withinHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err == nil && host == engineHost {
			within.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// tokenState judges a session token by the wall's time.
func (c *Cloud) tokenState(id, token string) wire.TokenState {
	return c.keys.tokenState(id, token, time.Now())
}

// gatewayOf gives a gateway to all rooms.
func (c *Cloud) gatewayOf(o wire.GatewayOptions) http.Handler {
	var services []*wire.Service
	for _, r := range c.rooms.all() {
		services = append(services, r.Wire())
	}
	return wire.NewGateway(o, services...)
}

// gatewayOptions are what all gateways of the cloud have in common.
func (c *Cloud) gatewayOptions() wire.GatewayOptions {
	line := c.store.Timeline()
	return wire.GatewayOptions{
		Account:      c.keys.accountOf,
		Region:       c.o.Region,
		Times:        wire.Times{In: line.Internal, Out: line.Wall},
		Missing:      (&unbuilt{log: c.o.Log, told: map[string]bool{}}).tell,
		Log:          c.o.Log,
		NewRequestID: ids.Random().UUID,
	}
}

// ours serves the paths that are slipway's own, to this machine alone: they name no account.
func (c *Cloud) ours() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.answerPerson)
	mux.HandleFunc("GET "+statusPath, c.answerStatus)
	mux.HandleFunc("POST "+resetPath, c.answerReset)
	mux.HandleFunc("POST "+interruptPath, c.answerInterrupt)
	mux.HandleFunc("GET "+exportPath, c.answerExport)
	mux.HandleFunc("GET "+eventsPath, c.answerEvents)
	mux.HandleFunc("GET "+outputPath, c.answerOutput)
	mux.Handle(metadataPath+"/", http.StripPrefix(metadataPath, c.rooms.ecs.MetadataHandler()))
	mux.Handle("GET "+lambda.CodePath, http.StripPrefix(lambda.CodePath, c.rooms.lambda.CodeHandler()))
	mine := wire.LoopbackOnly(mux) // with --keys too: these paths check no signature
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			http.Error(w, "only this machine may ask", http.StatusForbidden)
			return
		}
		mine.ServeHTTP(w, r)
	})
}

// answerPerson tells whoever opens the endpoint in a browser what it is. An SDK that lists buckets
// unsigned asks the same, but for no form in particular.
func (c *Cloud) answerPerson(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Accept") == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "slipway local, a cloud on this machine that AWS CLI and SDKs use like AWS.\n\n"+ //nolint:errcheck // whoever asked may be gone
		"  eval \"$(slipway local env --data %[1]s)\"   point a shell at it\n"+
		"  slipway local status --data %[1]s         see what is in it\n", c.o.Dir)
}

func (c *Cloud) answerStatus(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(c.Status()); err != nil {
		c.o.Log.Debug("status was not taken", "err", err)
	}
}

// answerInterrupt takes the capacity from the ?task on FARGATE_SPOT.
func (c *Cloud) answerInterrupt(w http.ResponseWriter, r *http.Request) {
	switch err := c.rooms.ecs.Interrupt(r.URL.Query().Get("task")); {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case fail.Is(err, "task.not_found"):
		http.Error(w, err.Error(), http.StatusNotFound)
	default:
		http.Error(w, err.Error(), http.StatusConflict)
	}
}
