// Package ui shows what happened: plain lines, JSON lines, or a live view.
//
// Renderers compute nothing: what they show, counts and percentages too, is in the event or in
// the frame they are given. It must not know commands or clouds. Read Live for terminals and
// PrintError for how failures look.
package ui

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// PrintError writes an error as operators see it: what happened with its chain of causes, and,
// in a line of its own, what to do.
func PrintError(w io.Writer, err error, colour bool) {
	mark, end := "✗ ", ""
	if colour {
		mark, end = "\x1b[31m✗ ", "\x1b[0m"
	}
	lines := strings.Split(strings.TrimRight(err.Error(), "\n"), "\n")
	fmt.Fprintf(w, "%s%s%s\n", mark, lines[0], end)
	for _, l := range lines[1:] {
		fmt.Fprintln(w, strings.TrimRight("  "+l, " "))
	}
	if f := fail.Of(err); f != nil && f.Hint != "" {
		fmt.Fprintf(w, "  hint: %s\n", f.Hint)
	}
}

// IsTerminal reports whether w is a terminal, so that a live view makes sense.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ColourOf reports whether to colour what is written to w: on terminals, unless NO_COLOR is set
// to anything or TERM is dumb.
func ColourOf(w io.Writer, getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && IsTerminal(w)
}
