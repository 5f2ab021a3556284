package demo

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/slipway-ecs/slipway/internal/project"
)

const (
	perSecond = 200 // requests a second, throughout
	// quiet is how long a phase goes on after its deployment ended, on the wall, so that its
	// last requests have come back before the next begins.
	quiet = time.Second
	// patience is how long one deployment may take, on the wall.
	patience = 60 * time.Second
)

// Options make a demo.
type Options struct {
	Config aws.Config // leads to the local cloud
	Story  Story
	// Deploy deploys as `slipway deploy` does and gives the verdict.
	Deploy func(ctx context.Context, w Wish, tell func(line string)) (Verdict, error)
	Tell   func(Event)
}

// Wish is what is to be deployed.
type Wish struct {
	Cluster, Service, Container, Image string

	Entry *project.Service // what slipway.yaml would say of it; nil: nothing
}

// Run plays the story and reports whether every promise held.
func Run(ctx context.Context, o Options) (held bool, err error) {
	d := &demo{o: o, story: o.Story, stage: newStage(o.Config, o.Story), held: true}
	if err := d.stage.place(); err != nil {
		return false, err
	}
	d.load = &Load{URL: d.stage.url, PerSec: perSecond}
	d.note("%s", d.story.begins(d.stage.url, d.stage.test))
	if err := d.stage.build(ctx); err != nil {
		return false, err
	}
	if err := d.stage.steady(ctx, patience); err != nil {
		return false, err
	}
	return d.play(ctx)
}

type demo struct {
	o     Options
	story Story
	stage *stage
	load  *Load
	phase string
	held  bool
}

// play runs the acts under traffic, then says what became of the requests.
func (d *demo) play(ctx context.Context) (bool, error) {
	d.note("%d requests a second from here on, whether or not earlier ones have come back", perSecond)
	d.load.Enter(d.story.acts[0].name())
	traffic, stop := context.WithCancel(ctx)
	var going sync.WaitGroup
	going.Go(func() { d.load.Run(traffic) })
	going.Go(func() { d.stage.look(traffic, d.load, d.tellLook) })
	if d.story.shifts() {
		going.Go(func() { d.stage.weigh(traffic, d.load) })
	}
	err := d.acts(ctx)
	stop()
	going.Wait()
	if err != nil {
		return false, err
	}
	var phases []string
	for _, a := range d.story.acts {
		phases = append(phases, a.name())
	}
	results, shares := d.load.Results(phases), d.load.shares(d.story.acts)
	for _, a := range d.story.acts {
		d.phase = a.name()
		d.judge(a, results)
		if d.story.shifts() {
			d.judgeShares(a, shares)
		}
	}
	for _, r := range results {
		d.tell(Event{Kind: KindResult, Phase: r.Phase, Result: &r})
	}
	for _, s := range shares {
		d.tell(Event{Kind: KindShare, Phase: s.Phase, Share: &s})
	}
	return d.held, nil
}

func (d *demo) acts(ctx context.Context) error {
	for _, a := range d.story.acts {
		d.phase = a.name()
		if err := d.stage.begin(ctx); err != nil {
			return err
		}
		d.load.Enter(a.name())
		d.tell(Event{Kind: KindPhase, Phase: a.name(), Text: fmt.Sprintf("%s: %s", a.name(), a.about)})
		deploying, done := context.WithTimeout(ctx, patience)
		began := time.Now()
		v, err := d.o.Deploy(deploying, Wish{cluster, service, container, image + ":" + a.to, d.story.entry()}, func(line string) {
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
		if err := rest(ctx, quiet); err != nil {
			return err
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
