package cli

import (
	"encoding/json"
	"fmt"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/slipway-ecs/slipway/internal/demo"
	"github.com/slipway-ecs/slipway/internal/ui"
)

// newDemoShow gives what shows the demo's events, and what shows its end: one JSON object a
// line, a live view on terminals, or plain lines.
func newDemoShow(app *App, output string, speed float64, endpoint string) (show func(demo.Event), end func(held bool, took time.Duration)) {
	var mu sync.Mutex // events come from several goroutines; guards the output
	if output == "json" {
		lines := json.NewEncoder(app.Stdout)
		return func(e demo.Event) {
			mu.Lock()
			defer mu.Unlock()
			_ = lines.Encode(e) // a reader that left is told by the command's end
		}, func(bool, time.Duration) {}
	}
	p := &demoPlain{app: app, began: time.Now()}
	fmt.Fprintf(app.Stdout, "a local cloud at %s, %g times faster than AWS\n", endpoint, speed)
	return func(e demo.Event) {
			mu.Lock()
			defer mu.Unlock()
			p.show(e)
		}, func(held bool, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			p.end(held, took)
		}
}

// demoPlain shows the demo as lines.
type demoPlain struct {
	app      *App
	began    time.Time
	lastLook string
	results  []demo.Result
	promises []demo.Promise
	verdicts []demo.Verdict
}

func (p *demoPlain) show(e demo.Event) {
	switch e.Kind {
	case demo.KindPhase:
		p.line("\n%s", e.Text)
	case demo.KindLook:
		if e.Text != p.lastLook {
			p.line("%5.1f s  %s", time.Since(p.began).Seconds(), e.Text)
			p.lastLook = e.Text
		}
	case demo.KindVerdict:
		p.verdicts = append(p.verdicts, *e.Verdict)
		p.line("%5.1f s  %s: %s after %.1f s%s", time.Since(p.began).Seconds(), e.Verdict.Image, e.Verdict.Status, e.Verdict.Took.Seconds(), cause(e.Verdict.Cause))
	case demo.KindPromise:
		p.promises = append(p.promises, *e.Promise)
	case demo.KindResult:
		p.results = append(p.results, *e.Result)
	case demo.KindNote:
		p.line("%5.1f s  %s", time.Since(p.began).Seconds(), e.Text)
	}
}

func cause(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func (p *demoPlain) line(format string, args ...any) {
	fmt.Fprintf(p.app.Stdout, format+"\n", args...)
}

// end prints what happened: requests by version and phase, verdicts, promises.
func (p *demoPlain) end(held bool, took time.Duration) {
	w := tabwriter.NewWriter(p.app.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nPHASE\tVERSION\tREQUESTS\tFAILED\tP50\tP99")
	for _, r := range p.results {
		version := r.Version
		if version == "" {
			version = "no answer"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%.1f ms\t%.1f ms\n", r.Phase, version, r.Requests, r.Failures, r.P50Millis, r.P99Millis)
	}
	fmt.Fprintln(w, "\nIMAGE\tVERDICT\tTOOK\tCAUSE")
	for _, v := range p.verdicts {
		fmt.Fprintf(w, "%s\t%s\t%.1f s\t%s\n", v.Image, v.Status, v.Took.Seconds(), v.Cause)
	}
	_ = w.Flush() // a reader that left is told by the command's end
	p.line("")
	for _, promise := range p.promises {
		mark := ui.Mark(promise.Held)
		p.line("%s %s (%s)", mark, promise.Text, promise.Seen)
	}
	verdict := "every promise held"
	if !held {
		verdict = "not every promise held"
	}
	p.line("\n%s, in %.0f s", verdict, took.Seconds())
	p.line("look around in it with `slipway demo --keep`, or start your own with `slipway local`")
}
