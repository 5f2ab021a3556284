package demo

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	perSecond = 200 // requests a second, throughout
	// quiet is how long a phase goes on after its deployment ended, on the wall, so that its
	// last requests have come back before the next begins.
	quiet = time.Second
	// patience is how long one deployment may take, on the wall.
	patience = 45 * time.Second
)

// Options make a demo.
type Options struct {
	Config aws.Config // leads to the local cloud
	// Deploy deploys an image to the service, as `slipway deploy` does, and gives the verdict.
	Deploy func(ctx context.Context, cluster, service, container, image string, tell func(line string)) (Verdict, error)
	Tell   func(Event)
}

// act is a deployment of the story, with what is promised of it.
type act struct {
	from, to string
	about    string
	status   string // the verdict it must end with
	cause    string // what the cause must speak of
	spares   string // whose requests must not fail; "" is everybody's but the version's own
}

// Statuses of verdicts.
const (
	Succeeded  = "succeeded"
	RolledBack = "rolled back"
)

var acts = []act{
	{from: "v1", to: "v2", about: "a good version, rolling 100/200", status: Succeeded, spares: "everybody"},
	{from: "v2", to: "v3", about: "its health check fails", status: RolledBack, cause: "circuit breaker", spares: "everybody"},
	{from: "v2", to: "v4", about: "healthy, but a tenth of its answers are errors", status: RolledBack, cause: "alarm"},
}

func (a act) name() string { return a.from + " → " + a.to }

// Run plays the story and reports whether every promise held.
func Run(ctx context.Context, o Options) (held bool, err error) {
	d := &demo{o: o, stage: newStage(o.Config), held: true}
	listener, err := freePort()
	if err != nil {
		return false, err
	}
	d.stage.url = fmt.Sprintf("http://127.0.0.1:%d/", listener)
	d.load = &Load{URL: d.stage.url, PerSec: perSecond}
	d.note("a cluster, a load balancer at %s, an alarm on errors, a service of %d tasks of v1", d.stage.url, desired)
	if err := d.stage.build(ctx, listener); err != nil {
		return false, err
	}
	if err := d.stage.steady(ctx, patience); err != nil {
		return false, err
	}
	return d.play(ctx)
}

type demo struct {
	o     Options
	stage *stage
	load  *Load
	phase string
	held  bool
}

// play runs the acts under traffic, then says what became of the requests.
func (d *demo) play(ctx context.Context) (bool, error) {
	d.note("%d requests a second from here on, whether or not earlier ones have come back", perSecond)
	traffic, stop := context.WithCancel(ctx)
	var going sync.WaitGroup
	going.Go(func() { d.load.Run(traffic) })
	going.Go(func() { d.stage.look(traffic, d.load, d.tellLook) })
	err := d.acts(ctx)
	stop()
	going.Wait()
	if err != nil {
		return false, err
	}
	var phases []string
	for _, a := range acts {
		phases = append(phases, a.name())
	}
	results := d.load.Results(phases)
	for _, a := range acts {
		d.judge(a, results)
	}
	for _, r := range results {
		d.tell(Event{Kind: KindResult, Phase: r.Phase, Result: &r})
	}
	return d.held, nil
}

func (d *demo) acts(ctx context.Context) error {
	for _, a := range acts {
		d.phase = a.name()
		d.load.Enter(a.name())
		d.tell(Event{Kind: KindPhase, Phase: a.name(), Text: fmt.Sprintf("%s: %s", a.name(), a.about)})
		deploying, done := context.WithTimeout(ctx, patience)
		began := time.Now()
		v, err := d.o.Deploy(deploying, cluster, service, container, image+":"+a.to, func(line string) {
			d.tell(Event{Kind: KindNote, Phase: a.name(), Text: line})
		})
		done()
		if err != nil {
			return fmt.Errorf("deploy %s: %w", a.to, err)
		}
		v.Image, v.Took = image+":"+a.to, time.Since(began)
		v.TookMillis = v.Took.Milliseconds()
		d.tell(Event{Kind: KindVerdict, Phase: a.name(), Verdict: &v})
		held, seen := v.Status == a.status && strings.Contains(v.Cause, a.cause), v.Status
		if !held {
			seen += because(v.Cause)
		}
		d.promise(fmt.Sprintf("%s ends as %s", a.name(), a.status), held, seen)
		rest := time.NewTimer(quiet)
		select {
		case <-ctx.Done():
			rest.Stop()
			return ctx.Err()
		case <-rest.C:
		}
	}
	return nil
}

func because(cause string) string {
	if cause == "" {
		return ""
	}
	return ": " + cause
}

// judge says whether an act's requests fared as promised.
func (d *demo) judge(a act, results []Result) {
	asked, others, own := 0, 0, 0
	for _, r := range results {
		switch {
		case r.Phase != a.name():
		case r.Version == a.to:
			asked += r.Requests
			own += r.Failures
		default:
			asked += r.Requests
			others += r.Failures
		}
	}
	seen := fmt.Sprintf("%d requests, %d failed", asked, own+others)
	if a.spares != "" {
		d.promise(fmt.Sprintf("%s: every request is answered", a.name()), asked > 0 && own+others == 0, seen)
		return
	}
	d.promise(fmt.Sprintf("%s: only requests that %s answered itself fail", a.name(), a.to), asked > 0 && others == 0 && own > 0,
		fmt.Sprintf("%s, %d of them by %s", seen, own, a.to))
}

func (d *demo) promise(text string, held bool, seen string) {
	d.held = d.held && held
	d.tell(Event{Kind: KindPromise, Phase: d.phase, Promise: &Promise{Text: text, Held: held, Seen: seen}})
}

func (d *demo) tellLook(l Look) {
	d.tell(Event{Kind: KindLook, Look: &l, Text: l.Line()})
}

func (d *demo) note(format string, args ...any) {
	d.tell(Event{Kind: KindNote, Text: fmt.Sprintf(format, args...)})
}

func (d *demo) tell(e Event) {
	e.At = time.Now().UTC()
	d.o.Tell(e)
}

// freePort gives a port nobody listens on now.
func freePort() (int32, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return int32(l.Addr().(*net.TCPAddr).Port), nil //nolint:gosec // a port fits
}
