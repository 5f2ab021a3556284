package ui

import (
	"fmt"
	"math"
	"strings"

	"charm.land/lipgloss/v2"
)

// Frame is all a live view shows at a moment, as plain data.
type Frame struct {
	Title  string
	Status string // beside the title
	Panels []Panel
	Footer string
}

// Panel is a titled block of rows whose cells stand in columns.
type Panel struct {
	Title string
	Rows  []Row
	Keep  int // show only the last so many rows; 0 shows all
}

// Row is a line of a panel: cells, and a bar where Bar is set.
type Row struct {
	Cells []string
	Bar   *Bar
	Tone  Tone
}

// Bar is a part of a whole, drawn after the row's cells. Parts are drawn side by side: their
// shares are of 1 and add up to at most 1.
type Bar struct {
	Parts []Part
	Text  string // after the bar: "3 of 4 healthy"
}

// Part is a piece of a bar.
type Part struct {
	Share float64 // of 1
	Tone  Tone
}

// Tone is what colour repeats; it never says anything that the text does not.
type Tone int

// The tones.
const (
	Plain Tone = iota
	Good
	Bad
	Soft
	New // what is being deployed
	Old // what it replaces
)

// fills draw the parts of a bar, so that they differ without colour too.
var fills = map[Tone]string{Plain: "█", Good: "█", Bad: "▓", Soft: "░", New: "█", Old: "▒"}

var shades = map[Tone]string{Good: "2", Bad: "1", Soft: "8", New: "4", Old: "3"}

// Bounds of what is drawn, in cells.
const (
	defaultWidth  = 80
	defaultHeight = 24
	maxWidth      = 120
	barWidth      = 30
)

// Draw gives a frame as text of at most width columns; width 0 is 80. height bounds the number of
// lines, 0 does not: panels keep their last rows then.
func Draw(f Frame, width, height int, colour bool) string {
	if width <= 0 {
		width = defaultWidth
	}
	width = min(width, maxWidth)
	paint := painter(colour)
	var lines []string
	head := paint(f.Title, Plain, true)
	if f.Status != "" {
		head += "  " + f.Status
	}
	lines = append(lines, head)
	for _, p := range f.Panels {
		lines = append(lines, "")
		lines = append(lines, p.draw(width, paint)...)
	}
	if f.Footer != "" {
		lines = append(lines, "", paint(f.Footer, Soft, false))
	}
	if height > 0 && len(lines) > height {
		lines = lines[:height]
	}
	cut := lipgloss.NewStyle().MaxWidth(width)
	for i, l := range lines {
		lines[i] = cut.Render(l)
	}
	return strings.Join(lines, "\n")
}

func painter(colour bool) func(text string, t Tone, bold bool) string {
	return func(text string, t Tone, bold bool) string {
		if !colour || text == "" {
			return text
		}
		s := lipgloss.NewStyle().Bold(bold)
		if c, ok := shades[t]; ok {
			s = s.Foreground(lipgloss.Color(c))
		}
		return s.Render(text)
	}
}

func (p Panel) draw(width int, paint func(string, Tone, bool) string) []string {
	rows := p.Rows
	if p.Keep > 0 && len(rows) > p.Keep {
		rows = rows[len(rows)-p.Keep:]
	}
	var columns []int
	for _, r := range rows {
		for i, c := range r.Cells {
			if i == len(columns) {
				columns = append(columns, 0)
			}
			if len(r.Cells) > 1 || r.Bar != nil {
				columns[i] = max(columns[i], lipgloss.Width(c))
			}
		}
	}
	lines := make([]string, 0, len(rows)+1)
	if p.Title != "" {
		lines = append(lines, paint(p.Title, Plain, true))
	}
	for _, r := range rows {
		var b strings.Builder
		b.WriteString("  ")
		for i, c := range r.Cells {
			b.WriteString(paint(c, r.Tone, false))
			if i < len(r.Cells)-1 || r.Bar != nil {
				fmt.Fprintf(&b, "%*s", max(0, columns[i]-lipgloss.Width(c))+2, "")
			}
		}
		if r.Bar != nil {
			b.WriteString(r.Bar.draw(min(barWidth, width/3), paint))
		}
		lines = append(lines, b.String())
	}
	return lines
}

// draw gives a bar of n cells and its text. Where parts end is rounded, so that their widths add up.
func (bar Bar) draw(n int, paint func(string, Tone, bool) string) string {
	var b strings.Builder
	sum, drawn := 0.0, 0
	for _, p := range bar.Parts {
		sum += max(0, p.Share)
		end := min(n, int(math.Round(sum*float64(n))))
		if end > drawn {
			b.WriteString(paint(strings.Repeat(fills[p.Tone], end-drawn), p.Tone, false))
			drawn = end
		}
	}
	b.WriteString(paint(strings.Repeat("·", n-drawn), Soft, false))
	if bar.Text != "" {
		b.WriteString("  " + bar.Text)
	}
	return b.String()
}
