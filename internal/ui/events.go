package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

// JSONLines writes each event as one line of JSON. It is for one goroutine.
func JSONLines(w io.Writer) func(ship.Event) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(e ship.Event) {
		_ = enc.Encode(e) // a reader that has gone away must not end a deployment
	}
}

// Lines writes each event as one plain line, and the verdict as a closing block. It is for one
// goroutine.
func Lines(w io.Writer, colour bool) func(ship.Event) {
	return func(e ship.Event) {
		if e.Outcome != nil {
			io.WriteString(w, Verdict(*e.Outcome, colour))
			return
		}
		fmt.Fprintln(w, Line(e))
	}
}

// marks stand before lines that are no mere progress; they do without colour.
var marks = map[ship.Kind]string{
	ship.KindWarning: "! ",
	ship.KindTask:    "! ",
	ship.KindChange:  "~ ",
	ship.KindPause:   "? ",
}

// Line gives an event as one line, with the time of day in the wall's zone and short ids.
func Line(e ship.Event) string {
	return e.At.Local().Format(time.TimeOnly) + "  " + marks[e.Kind] + Brief(oneLine(e.Text))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Verdict gives the end of a deployment as operators see it, ending in a newline: the verdict
// with its cause, what goes with it, and what to do next.
func Verdict(o ship.Outcome, colour bool) string {
	mark, shade := "✗ ", "\x1b[31m"
	switch o.Verdict {
	case ship.Succeeded, ship.Reached, ship.Detached:
		mark, shade = "✓ ", "\x1b[32m"
	case ship.Unknown, ship.Interrupted, ship.Superseded, ship.Waiting:
		mark, shade = "? ", "\x1b[33m"
	}
	end := "\x1b[0m"
	if !colour {
		shade, end = "", ""
	}
	var b strings.Builder
	took := (time.Duration(o.Millis) * time.Millisecond).Round(time.Second)
	cause, reasons, do := o.Told()
	line := o.Line()
	if o.Cause != "" {
		line = string(o.Verdict) + ": " + cause
	}
	fmt.Fprintf(&b, "%s%s%s%s, after %s", shade, mark, Brief(oneLine(line)), end, took)
	if o.Expected != nil && o.Verdict == ship.Succeeded {
		fmt.Fprintf(&b, " (expected: %s)", o.Expected.Span())
	}
	b.WriteString("\n")
	for _, r := range reasons {
		fmt.Fprintf(&b, "  %s\n", reason(r))
		for _, l := range r.Log {
			fmt.Fprintf(&b, "      | %s\n", strings.TrimRight(l, "\r\n"))
		}
	}
	if do != "" {
		fmt.Fprintf(&b, "  do: %s\n", Brief(oneLine(do)))
	}
	if o.Serves != "" {
		fmt.Fprintf(&b, "  now: service %s runs %s again\n", o.Service, o.Serves[strings.LastIndexByte(o.Serves, '/')+1:])
	}
	if o.Next != "" {
		fmt.Fprintf(&b, "  next: %s\n", o.Next)
	}
	return b.String()
}

// reason gives what lies below a verdict's cause, with the name of its class where it has one.
func reason(c explain.Cause) string {
	text := Brief(oneLine(c.Text))
	if c.Seen > 1 {
		text += fmt.Sprintf(" (%d times)", c.Seen)
	}
	if c.Class == "" {
		return text
	}
	return fmt.Sprintf("why: [%s] %s", c.Class, text)
}
