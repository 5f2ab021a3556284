package ci

import (
	"fmt"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// Markdown gives a story as a job's summary: the verdict with its cause first, then what ran and
// runs, what changed, and everything that happened in a part that is folded.
func (s Story) Markdown() string {
	var b strings.Builder
	if s.Outcome == nil {
		b.WriteString("### ✗ slipway: " + s.refused() + "\n\n")
		if s.Err != nil {
			fmt.Fprintf(&b, "%s\n\n", plain(s.Err.Error()))
			if f := fail.Of(s.Err); f != nil && f.Hint != "" {
				fmt.Fprintf(&b, "**What to do:** %s\n\n", plain(f.Hint))
			}
		}
	} else {
		s.verdict(&b, *s.Outcome)
	}
	s.changes(&b)
	s.timeline(&b)
	return b.String()
}

// refused says what was not deployed, as far as that is known.
func (s Story) refused() string {
	switch {
	case s.Service == "":
		return "nothing was deployed"
	case s.Cluster == "":
		return plain(s.Service) + " was not deployed"
	}
	return plain(s.Service) + " was not deployed to " + plain(s.Cluster)
}

func (s Story) verdict(b *strings.Builder, o ship.Outcome) {
	fmt.Fprintf(b, "### %s slipway: %s on %s %s\n\n", word(o.Verdict), plain(o.Service), plain(o.Cluster), plain(string(o.Verdict)))
	cause, reasons, do := o.Told()
	if cause != "" {
		fmt.Fprintf(b, "%s\n\n", plain(cause))
	}
	for _, r := range reasons {
		fmt.Fprintf(b, "- %s%s\n", plain(r.Text), times(r.Seen))
	}
	if len(reasons) > 0 {
		b.WriteString("\n")
	}
	if do != "" {
		fmt.Fprintf(b, "**What to do:** %s\n\n", plain(do))
	}
	b.WriteString("| | |\n|---|---|\n")
	for _, row := range []struct{ name, text string }{
		{"revision", code(last(o.Revision))}, {"before", code(last(o.Previous))}, {"deployment", code(o.Deployment)},
		{"took", (time.Duration(o.Millis) * time.Millisecond).Round(time.Second).String()},
	} {
		if row.text != "" {
			fmt.Fprintf(b, "| %s | %s |\n", row.name, row.text)
		}
	}
	b.WriteString("\n")
	if o.Next != "" {
		fmt.Fprintf(b, "**Next:** %s\n\n", code(o.Next))
	}
}

// times tells how often a reason was seen, where that was more than once.
func times(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (%d times)", n)
}

// changes lists what the deployment changed.
func (s Story) changes(b *strings.Builder) {
	first := true
	for _, e := range s.Events {
		if e.Kind != ship.KindChange {
			continue
		}
		if first {
			b.WriteString("**Changes**\n\n")
			first = false
		}
		fmt.Fprintf(b, "- %s\n", plain(e.Text))
	}
	if !first {
		b.WriteString("\n")
	}
}

func (s Story) timeline(b *strings.Builder) {
	if len(s.Events) == 0 {
		return
	}
	fmt.Fprintf(b, "<details><summary>What happened (%d events)</summary>\n\n| time | | |\n|---|---|---|\n", len(s.Events))
	for _, e := range s.Events {
		fmt.Fprintf(b, "| %s | %s | %s |\n", e.At.UTC().Format(time.TimeOnly), e.Kind, plain(e.Text))
	}
	b.WriteString("\n</details>\n\n")
}

// specials are what means something in Markdown, in its tables, or in HTML.
var specials = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, `\`, `\\`, "#", `\#`, "~", `\~`)

// plain gives text that shows as it is, on one line.
func plain(s string) string { return specials.Replace(strings.Join(strings.Fields(s), " ")) }

// code gives text as code, "" for none. A bar would end a table's cell even so.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "`", "'"), "|", `\|`) + "`"
}
