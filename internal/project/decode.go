package project

import (
	"strconv"
	"time"

	"github.com/slipway-ecs/slipway/internal/source"
)

// decoder makes values of nodes that the schema has checked, and gathers what a schema cannot say.
type decoder struct {
	doc      *source.Doc
	filling  *filling // of the document; definitions are filled by it, too
	problems source.Problems
}

func (d *decoder) add(n *source.Node, hint, format string, args ...any) {
	d.problems = append(d.problems, d.doc.At(n, hint, format, args...))
}

// duration reads a duration; nil where there is none.
func (d *decoder) duration(n *source.Node) *time.Duration {
	if n == nil {
		return nil
	}
	v, err := time.ParseDuration(n.Text)
	if err != nil {
		d.add(n, "write 90s, 30m or 1h30m", "%q is no duration", n.Text)
		return nil
	}
	return &v
}

// minutes reads a duration that ECS keeps in whole minutes, within bounds.
func (d *decoder) minutes(n *source.Node, least, most time.Duration) *time.Duration {
	v := d.duration(n)
	switch {
	case v == nil:
	case *v%time.Minute != 0:
		d.add(n, "round it: "+short(v.Round(time.Minute)), "%s is not a whole number of minutes, which is what ECS takes", n.Text)
	case *v < least || *v > most:
		d.add(n, "write "+short(least)+" to "+short(most), "%s is out of what ECS takes", n.Text)
	}
	return v
}

// short writes whole minutes as a file has them: 90m, 24h.
func short(t time.Duration) string {
	if t%time.Hour == 0 && t > 0 {
		return strconv.Itoa(int(t/time.Hour)) + "h"
	}
	return strconv.Itoa(int(t/time.Minute)) + "m"
}

// whole reads a whole number of 32 bits.
func (d *decoder) whole(n *source.Node) *int32 {
	if n == nil {
		return nil
	}
	v, err := strconv.ParseFloat(n.Text, 64)
	if err != nil || v != float64(int32(v)) {
		d.add(n, "", "%s is too large a number", n.Text)
		return nil
	}
	return new(int32(v))
}

// words reads a list of strings, or a string as a list of one.
func words(n *source.Node) []string {
	if n == nil {
		return nil
	}
	if n.Kind == source.String {
		return []string{n.Text}
	}
	var out []string
	for _, i := range n.Items {
		out = append(out, i.Text)
	}
	return out
}

func text(n *source.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

// texts reads a map of plain values, each as it was typed: 012 stays 012.
func texts(n *source.Node) map[string]string {
	if n == nil {
		return nil
	}
	out := map[string]string{}
	for _, k := range n.Keys {
		out[k.Name] = k.Value.Text
		if k.Value.Kind == source.Number {
			out[k.Name] = k.Value.Raw
		}
	}
	return out
}

// nested reads a map of such maps.
func nested(n *source.Node) map[string]map[string]string {
	if n == nil {
		return nil
	}
	out := map[string]map[string]string{}
	for _, k := range n.Keys {
		out[k.Name] = texts(k.Value)
	}
	return out
}
