package ship

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// Change is one difference in meaning.
type Change struct {
	Of   string `json:"of"`            // definition or service
	Path string `json:"path"`          // containerDefinitions[app].image
	Was  any    `json:"was,omitempty"` // absent: it was not there
	Now  any    `json:"now,omitempty"` // absent: it is taken away
	// Hidden says that Was and Now are kept back: they are values of environment variables.
	Hidden bool   `json:"hidden,omitempty"`
	Fixed  string `json:"fixed,omitempty"` // why a deploy cannot bring it about; empty: it can
}

// Line says a change in one line.
func (c Change) Line() string {
	line := c.Path + ": " + c.what()
	if c.Fixed != "" {
		line += " (" + c.Fixed + ")"
	}
	return line
}

// what says what becomes of the path.
func (c Change) what() string {
	switch {
	case c.Hidden && c.Was == nil:
		return "added"
	case c.Hidden && c.Now == nil:
		return "removed"
	case c.Hidden:
		return "changed"
	case c.Was == nil:
		return "added " + plain(c.Now)
	case c.Now == nil:
		return "removed " + plain(c.Was)
	}
	return plain(c.Was) + " → " + plain(c.Now)
}

// said says a change of a container as edit does: container app: image app:1 → app:2.
func (c Change) said() string {
	inside, ok := strings.CutPrefix(c.Path, "containerDefinitions[")
	if !ok {
		return c.Line()
	}
	name, member, ok := strings.Cut(inside, "].")
	if !ok {
		verb, _, _ := strings.Cut(c.what(), " ") // all that it is, is too much for a line
		return "container " + strings.TrimSuffix(inside, "]") + ": " + verb
	}
	member = strings.NewReplacer("[", " ", "]", "").Replace(member)
	return "container " + name + ": " + member + " " + c.what()
}

// plain writes a value for people: texts bare, all else as JSON.
func plain(v any) string {
	if s, ok := v.(string); ok && s != "" && !strings.ContainsAny(s, "\n\t") {
		return s
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// definitionChanges gives the differences between two task definitions in meaning: what ECS fills in
// does not count, nor does the order of containers, environment, secrets and ports.
func definitionChanges(was, now sdk.Tree, values bool) []Change {
	d := differ{of: "definition", values: values}
	d.compare("", normal(was), normal(now))
	return d.changes
}

// keysOf are the members that items of a list are known by, where they have one.
var keysOf = []string{"name", "containerPort", "key", "sourceVolume", "containerName", "targetGroupArn", "capacityProvider"}

type differ struct {
	of      string
	values  bool // show those of environment variables
	changes []Change
}

func (d *differ) add(path string, was, now any) {
	c := Change{Of: d.of, Path: path, Was: was, Now: now}
	switch {
	case d.values:
	case strings.Contains(path, ".environment[") || strings.HasSuffix(path, ".environment"):
		c.Hidden = true
		if was != nil {
			c.Was = "…"
		}
		if now != nil {
			c.Now = "…"
		}
	default:
		c.Was, c.Now = withoutValues(was), withoutValues(now)
	}
	d.changes = append(d.changes, c)
}

// withoutValues copies what may be a whole container, with … for the values of environment variables.
func withoutValues(v any) any {
	switch v := v.(type) {
	case sdk.Tree:
		out := make(sdk.Tree, len(v))
		for k, m := range v {
			if out[k] = withoutValues(m); k == "environment" {
				out[k] = masked(m)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, m := range v {
			out[i] = withoutValues(m)
		}
		return out
	}
	return v
}

// masked copies a list of variables with … for each value.
func masked(environment any) any {
	list, ok := environment.([]any)
	if !ok {
		return "…"
	}
	out := make([]any, 0, len(list))
	for _, v := range list {
		pair, ok := v.(sdk.Tree)
		if !ok {
			out = append(out, "…")
			continue
		}
		out = append(out, sdk.Tree{"name": pair["name"], "value": "…"})
	}
	return out
}

func (d *differ) compare(path string, was, now any) {
	if reflect.DeepEqual(was, now) {
		return
	}
	wasTree, a := was.(sdk.Tree)
	nowTree, b := now.(sdk.Tree)
	if a && b {
		d.members(path, wasTree, nowTree)
		return
	}
	wasList, a := was.([]any)
	nowList, b := now.([]any)
	if a && b || a && now == nil || b && was == nil {
		if known := keyOf(wasList, nowList); known != "" {
			d.items(path, known, wasList, nowList)
			return
		}
	}
	d.add(path, was, now)
}

func (d *differ) members(path string, was, now sdk.Tree) {
	all := map[string]bool{}
	for k := range was {
		all[k] = true
	}
	for k := range now {
		all[k] = true
	}
	for _, k := range sorted(all) {
		at := k
		if path != "" {
			at = path + "." + k
		}
		d.compare(at, was[k], now[k])
	}
}

// items compares lists whose items have a key.
func (d *differ) items(path, key string, was, now []any) {
	before, after := byKey(was, key), byKey(now, key)
	all := map[string]bool{}
	for k := range before {
		all[k] = true
	}
	for k := range after {
		all[k] = true
	}
	for _, k := range sorted(all) {
		at := path + "[" + k + "]"
		b, a := before[k], after[k]
		if value, ok := pairMember(b, a); ok { // a pair of a name and a value
			d.compare(at, member(b, value), member(a, value))
			continue
		}
		d.compare(at, b, a)
	}
}

// pairMember gives the one other member of a named pair, where both sides are such pairs.
func pairMember(was, now any) (string, bool) {
	for _, name := range []string{"value", "valueFrom"} {
		if isPair(was, name) && isPair(now, name) {
			return name, true
		}
	}
	return "", false
}

func isPair(v any, member string) bool {
	t, ok := v.(sdk.Tree)
	return v == nil || ok && len(t) == 2 && t[member] != nil
}

func member(v any, name string) any {
	if t, ok := v.(sdk.Tree); ok {
		return t[name]
	}
	return nil
}

func byKey(list []any, key string) map[string]any {
	out := map[string]any{}
	for _, v := range list {
		out[keyText(member(v, key))] = v
	}
	return out
}

func keyText(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return text(v)
}

// keyOf gives the member by which every item of both lists is known, once each; "" where there is none.
func keyOf(lists ...[]any) string {
	for _, key := range keysOf {
		good := true
		for _, list := range lists {
			good = good && len(byKey(list, key)) == len(list) && byKey(list, key)[""] == nil
		}
		if good {
			return key
		}
	}
	return ""
}
