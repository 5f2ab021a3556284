package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// table makes a writer whose cells, parted by tabs, stand in columns.
func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// printJSON writes a value as one line.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// recent is how old a time may be to be told by its age.
const recent = 24 * time.Hour

// ago gives a time as people read it: by its age when recent, RFC 3339 otherwise, "-" for none.
func ago(now time.Time, t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	switch d := now.Sub(*t); {
	case d < 0 && d > -recent:
		return "in " + short(-d)
	case d < time.Second && d >= 0:
		return "just now"
	case d >= 0 && d < recent:
		return short(d) + " ago"
	}
	return t.UTC().Format(time.RFC3339)
}

// short gives a duration by its two largest units at most.
func short(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 10*time.Minute && d%time.Minute >= time.Second:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 10*time.Hour && d%time.Hour >= time.Minute:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dh", int(d.Hours()))
}

// dash gives "-" for nothing, so that columns stay columns.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// oneLine puts words that came in several lines into one.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// id8 gives the beginning of a task's id.
func id8(id string) string { return id[:min(8, len(id))] }

// lastPart gives what follows the last slash of an ARN.
func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
