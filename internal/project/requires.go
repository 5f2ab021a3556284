package project

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/pattern"
	"github.com/slipway-ecs/slipway/internal/source"
)

// fits holds 'requires:' against the version that reads, before anything else of the file is
// judged: a newer form must not look like a mistake.
func fits(doc *source.Doc, path, version string) error {
	n := doc.Root.Get("requires")
	if n == nil || n.Kind != source.String {
		return nil
	}
	have, ok := numbers(version)
	if !ok || have == [3]int{} { // a build from a working copy
		return nil
	}
	for _, part := range strings.Split(n.Text, ",") {
		m := comparison.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil // the schema says so with a caret
		}
		want, ok := numbers(m[2])
		if ok && !holds(m[1], compare(have, want)) {
			return fail.Wrap(source.Problems{doc.At(n, "", "\"requires\" is %q", n.Text)}, "file.requires",
				"install a version that fits", "%s wants slipway %s, and this is %s", filepath.Base(path), n.Text, version)
		}
	}
	return nil
}

var comparison = pattern.New(`^(>=|<=|>|<|=|)\s*(v?[0-9]+(?:\.[0-9]+){0,2})$`)

// release is a version that can be compared, as far as its three numbers go.
var release = pattern.New(`^v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:[-+].*)?$`)

func numbers(version string) (v [3]int, ok bool) {
	m := release.FindStringSubmatch(version)
	if m == nil {
		return v, false
	}
	for i := range v {
		if m[i+1] != "" {
			n, err := strconv.Atoi(m[i+1])
			if err != nil {
				return v, false
			}
			v[i] = n
		}
	}
	return v, true
}

func compare(a, b [3]int) int {
	for i := range a {
		if a[i] != b[i] {
			return a[i] - b[i]
		}
	}
	return 0
}

func holds(op string, order int) bool {
	switch op {
	case ">=":
		return order >= 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case "<":
		return order < 0
	}
	return order == 0
}
