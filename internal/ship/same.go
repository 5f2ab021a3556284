package ship

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// same reports whether two task definitions say the same once ECS has filled in what it fills
// in. Containers, environment, secrets and port mappings count in any order; tags do not count,
// nor does what only answers have.
//
// Source: what RegisterTaskDefinition's answers show filled in; house reference ecs.md 2.4.
func same(a, b sdk.Tree) bool { return reflect.DeepEqual(normal(a), normal(b)) }

// normal gives a definition in a form that is equal for equal meanings.
func normal(definition sdk.Tree) any {
	d := clean(definition, nil)
	delete(d, "tags")
	mode := text(d["networkMode"])
	if mode == "bridge" {
		delete(d, "networkMode")
	}
	for _, size := range []string{"cpu", "memory"} {
		if v, ok := d[size]; ok {
			d[size] = units(text(v))
		}
	}
	if list, ok := d["containerDefinitions"].([]any); ok {
		for _, item := range list {
			if c, ok := item.(sdk.Tree); ok {
				normalContainer(c, mode)
			}
		}
		byMember(list, "name")
	}
	return compact(d)
}

func normalContainer(c sdk.Tree, mode string) {
	unless(c, "cpu", "0")
	if c["essential"] == true {
		delete(c, "essential")
	}
	for _, l := range []string{"environment", "secrets"} {
		if list, ok := c[l].([]any); ok {
			byMember(list, "name")
		}
	}
	if ports, ok := c["portMappings"].([]any); ok {
		for _, p := range ports {
			if m, ok := p.(sdk.Tree); ok {
				unless(m, "protocol", "tcp")
				unless(m, "hostPort", "0")
				if mode == "awsvpc" || mode == "host" {
					unless(m, "hostPort", text(m["containerPort"]))
				}
			}
		}
		byMember(ports, "containerPort")
	}
	if h, ok := c["healthCheck"].(sdk.Tree); ok {
		unless(h, "interval", "30")
		unless(h, "timeout", "5")
		unless(h, "retries", "3")
	}
}

// unless drops a member that has the value ECS fills in.
func unless(m sdk.Tree, member, filled string) {
	if text(m[member]) == filled {
		delete(m, member)
	}
}

// byMember orders a list of objects by a member's text.
func byMember(list []any, member string) {
	key := func(v any) string {
		m, ok := v.(sdk.Tree)
		if !ok {
			return ""
		}
		return text(m[member])
	}
	slices.SortStableFunc(list, func(a, b any) int { return strings.Compare(key(a), key(b)) })
}

// compact drops members that are empty, and writes numbers in one way. Items of lists stay.
func compact(v any) any {
	switch v := v.(type) {
	case sdk.Tree:
		out := sdk.Tree{}
		for k, m := range v {
			if c := compact(m); !empty(c) {
				out[k] = c
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, m := range v {
			out[i] = compact(m)
		}
		return out
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return f
		}
	}
	return v
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case sdk.Tree:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// units gives ECS's own writing of a size: "1 vCPU" is "1024", "0.5GB" is "512".
func units(size string) string {
	plain := strings.ToLower(strings.ReplaceAll(size, " ", ""))
	for _, unit := range []string{"vcpu", "gb"} {
		if n, ok := strings.CutSuffix(plain, unit); ok {
			if f, err := strconv.ParseFloat(n, 64); err == nil {
				return fmt.Sprint(int(f * 1024))
			}
		}
	}
	return plain
}
