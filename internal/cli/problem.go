package cli

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/source"
	"github.com/slipway-ecs/slipway/internal/ui"
)

// problem makes the event of an error, for programs that read no stderr.
func problem(err error, code int, now time.Time) ship.Event {
	p := &ship.Problem{Message: err.Error(), ExitCode: code}
	if f := fail.Of(err); f != nil {
		p.Code, p.Next = f.Code, f.Hint
	}
	for _, x := range placesOf(err) {
		p.Places = append(p.Places, ship.Place{File: x.File, Line: x.Line, Column: x.Column, Message: x.Msg, Next: x.Hint})
	}
	if len(p.Places) > 0 {
		p.Place = new(p.Places[0])
	}
	if len(p.Places) == 1 {
		p.Places = nil
	}
	text, _, _ := strings.Cut(p.Message, "\n")
	return ship.Event{At: now.UTC(), Kind: ship.KindError, Text: text, Error: p}
}

// placesOf gives what an error says is wrong in a file.
func placesOf(err error) source.Problems {
	if all, ok := errors.AsType[source.Problems](err); ok {
		return all
	}
	if one, ok := errors.AsType[*source.Problem](err); ok {
		return source.Problems{one}
	}
	return nil
}

// tellJSON writes an error as a line of JSON to stdout where the command was asked for JSON.
func (a *App) tellJSON(cmd *cobra.Command, args []string, err error, code int) {
	if wantsJSON(cmd, args) {
		ui.JSONLines(a.Stdout)(problem(err, code, time.Now()))
	}
}

// wantsJSON reports whether a command was asked for JSON. Where its flags were not read as far as
// that, or no command was found, the words themselves tell.
func wantsJSON(cmd *cobra.Command, args []string) bool {
	f := cmd.Flags().Lookup("output")
	switch {
	case f == nil && cmd.HasParent():
		return false
	case f != nil && f.Changed:
		return f.Value.String() == outputJSON
	}
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	for i, a := range args {
		switch a {
		case "-ojson", "-o=json", "--output=json":
			return true
		case "-o", "--output":
			return i+1 < len(args) && args[i+1] == outputJSON
		}
	}
	return false
}
