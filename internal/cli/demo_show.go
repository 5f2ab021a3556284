package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/slipway-ecs/slipway/internal/demo"
	"github.com/slipway-ecs/slipway/internal/ui"
)

// demoShow shows a demo's events and, at the end, what happened.
type demoShow interface {
	show(demo.Event)
	end(held bool, took time.Duration)
	leave() // gives the terminal back without an end
}

// newDemoShow gives what shows the demo: one JSON object a line, a live view on terminals, or
// plain lines.
func newDemoShow(ctx context.Context, app *App, output, title string) demoShow {
	if output == "json" {
		return &demoJSON{lines: json.NewEncoder(app.Stdout)}
	}
	fmt.Fprintln(app.Stdout, title)
	plain := &demoPlain{out: app.Stdout, began: time.Now()}
	if !ui.IsTerminal(app.Stdout) {
		return plain
	}
	live := &demoLive{plain: plain, out: app.Stdout}
	live.view = ui.Live(ctx, ui.LiveOptions{Out: app.Stdout, Env: app.Env, Frame: live.frame, Colour: ui.ColourOf(app.Stdout, app.Getenv)})
	plain.out = printer{live.view}
	return live
}

// demoJSON writes each event as a line of JSON.
type demoJSON struct {
	mu    sync.Mutex // one line at a time
	lines *json.Encoder
}

func (j *demoJSON) show(e demo.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.lines.Encode(e) // a reader that left does not end the demo
}

func (j *demoJSON) end(bool, time.Duration) {}

func (j *demoJSON) leave() {}

// demoPlain shows the demo as lines.
type demoPlain struct {
	mu       sync.Mutex // guards all that follows, and keeps lines whole
	out      io.Writer
	began    time.Time
	lastLook *demo.Look
	results  []demo.Result
	shares   []demo.Share
	promises []demo.Promise
	verdicts []demo.Verdict
}

func (p *demoPlain) show(e demo.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case demo.KindPhase:
		p.line("\n%s", e.Text)
	case demo.KindLook:
		if p.lastLook == nil || e.Look.Differs(*p.lastLook) {
			p.timed(e.Text)
			p.lastLook = e.Look
		}
	case demo.KindVerdict:
		p.verdicts = append(p.verdicts, *e.Verdict)
		p.timed(verdictLine(*e.Verdict))
	case demo.KindPromise:
		p.promises = append(p.promises, *e.Promise)
	case demo.KindResult:
		p.results = append(p.results, *e.Result)
	case demo.KindShare:
		p.shares = append(p.shares, *e.Share)
	case demo.KindNote:
		p.timed(e.Text)
	}
}

func verdictLine(v demo.Verdict) string {
	line := fmt.Sprintf("%s: %s after %.1f s", v.Image, v.Status, v.Took.Seconds())
	if v.Cause != "" {
		line += ": " + v.Cause
	}
	return line
}

func (p *demoPlain) timed(text string) {
	p.line("%5.1f s  %s", time.Since(p.began).Seconds(), ui.Brief(text))
}

func (p *demoPlain) line(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

func (p *demoPlain) leave() {}

// end prints what happened: requests by phase and version, verdicts, promises.
func (p *demoPlain) end(held bool, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nPHASE\tVERSION\tREQUESTS\tFAILED\tP50\tP99")
	for _, r := range p.results {
		version := r.Version
		if version == "" {
			version = "no answer"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%.1f ms\t%.1f ms\n", r.Phase, version, r.Requests, r.Failures, r.P50Millis, r.P99Millis)
	}
	if len(p.shares) > 0 {
		fmt.Fprintln(w, "\nPHASE\tVERSION\tSHARE GIVEN\tREQUESTS\tANSWERED BY IT\tSHARE HAD")
	}
	for _, s := range p.shares {
		fmt.Fprintf(w, "%s\t%s\t%g %%\t%d\t%d\t%.1f %%\n", s.Phase, s.Version, s.Percent, s.Requests, s.Answered, s.Had())
	}
	fmt.Fprintln(w, "\nIMAGE\tVERDICT\tTOOK")
	for _, v := range p.verdicts {
		fmt.Fprintf(w, "%s\t%s\t%.1f s\n", v.Image, v.Status, v.Took.Seconds())
	}
	_ = w.Flush() // a reader that left does not change the verdict
	p.line("")
	for _, promise := range p.promises {
		mark := "✓ held   "
		if !promise.Held {
			mark = "✗ broken "
		}
		p.line("%s %s (%s)", mark, promise.Text, ui.Brief(promise.Seen))
	}
	verdict := "every promise held"
	if !held {
		verdict = "not every promise held"
	}
	p.line("\n%s, in %.0f s", verdict, took.Seconds())
	p.line("look around with `slipway demo --keep`, or start a cloud of your own with `slipway local`")
}

// demoLive shows the demo as a live view: lines stay above, a picture of how things stand below.
type demoLive struct {
	plain *demoPlain
	view  *ui.View
	out   io.Writer // where lines go once the view has ended

	mu    sync.Mutex // guards look and phase
	look  demo.Look
	phase string
}

func (l *demoLive) show(e demo.Event) {
	switch e.Kind {
	case demo.KindLook:
		l.mu.Lock()
		l.look = *e.Look
		l.mu.Unlock()
		return // the picture shows it
	case demo.KindPhase:
		l.mu.Lock()
		l.phase = e.Text
		l.mu.Unlock()
	}
	l.plain.show(e)
}

func (l *demoLive) leave() { l.view.Stop() }

func (l *demoLive) end(held bool, took time.Duration) {
	l.leave()
	l.plain.mu.Lock()
	l.plain.out = l.out
	l.plain.mu.Unlock()
	l.plain.end(held, took)
}

// frame draws how things stand.
func (l *demoLive) frame() ui.Frame {
	l.mu.Lock()
	defer l.mu.Unlock()
	tasks := ui.Panel{Title: "tasks"}
	for i, r := range l.look.Revisions {
		tone := ui.Old
		if i == 0 {
			tone = ui.New
		}
		tasks.Rows = append(tasks.Rows, ui.Row{
			Cells: []string{r.Name, r.Status},
			Bar: &ui.Bar{
				Parts: []ui.Part{{Share: float64(r.Running) / 8, Tone: tone}, {Share: float64(r.Pending) / 8, Tone: ui.Soft}},
				Text:  fmt.Sprintf("%d running, %d pending, %d wanted", r.Running, r.Pending, r.Desired),
			},
		})
	}
	traffic := ui.Panel{Title: "traffic"}
	for _, t := range l.look.Traffic {
		traffic.Rows = append(traffic.Rows, ui.Row{
			Cells: []string{t.Version},
			Bar:   &ui.Bar{Parts: []ui.Part{{Share: t.Percent / 100, Tone: ui.New}}, Text: fmt.Sprintf("%.0f %%", t.Percent)},
		})
	}
	if l.look.Share != nil {
		traffic.Rows = append(traffic.Rows, ui.Row{Cells: []string{fmt.Sprintf("the listener gives the new version %g %%", *l.look.Share)}})
	}
	tone := ui.Good
	if l.look.Failures > 0 {
		tone = ui.Bad
	}
	counts := ui.Panel{Title: "requests", Rows: []ui.Row{
		{Cells: []string{fmt.Sprintf("%d answered, %d failed", l.look.Requests, l.look.Failures)}, Tone: tone},
		{Cells: []string{fmt.Sprintf("%d of %d targets healthy", l.look.Healthy, l.look.Targets)}},
	}}
	return ui.Frame{Title: l.phase, Panels: []ui.Panel{tasks, traffic, counts}}
}
