package source

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// describe gives the schema's words for a member, for a hint.
func (r *rule) describe() string {
	if r.Description == "" {
		return ""
	}
	return strings.ToLower(r.Description[:1]) + strings.TrimSuffix(r.Description[1:], ".")
}

// typeHint helps where YAML reads something else than was meant.
func typeHint(n *Node, want []string) string {
	if n.Kind == Null {
		return "give it a value or leave the key out"
	}
	if !slices.Contains(want, "string") {
		return forms[want[0]]
	}
	switch n.Kind {
	case Number:
		hint := fmt.Sprintf("quote it: \"%s\"", n.Raw)
		if n.Raw != n.Text {
			hint += fmt.Sprintf("; without quotes YAML reads %s", n.Text)
		}
		return hint
	case Bool:
		return fmt.Sprintf("quote it: %q", n.Text)
	}
	return "write one value"
}

// forms say how a kind is written.
var forms = map[string]string{
	"object":  "write KEY: VALUE below it, or {KEY: VALUE}",
	"array":   "write [A, B], or items that begin with a hyphen",
	"integer": "write it as digits, without quotes",
	"number":  "write it as digits, without quotes",
	"boolean": "write true or false, without quotes",
}

func article(kind string) string {
	switch kind {
	case "null":
		return "nothing"
	case "object":
		return "a map"
	case "array":
		return "a list"
	}
	return "a " + kind
}

func wanted(kinds []string) string {
	var all []string
	for _, k := range kinds {
		switch k {
		case "integer":
			all = append(all, "a whole number")
		default:
			all = append(all, article(k))
		}
	}
	return strings.Join(all, " or ")
}

func list(names []string) string {
	var all []string
	for _, n := range names {
		all = append(all, strconv.Quote(n))
	}
	return strings.Join(all, " and ")
}

func didYouMean(got string, all []string) string {
	if near := Nearest(got, all); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// Nearest gives the name that a mistyped one was probably meant as: the one with the fewest
// changed letters, the first of several, or "" where none is within a third of its length.
// Case and the difference of - and _ count for nothing.
func Nearest(typed string, names []string) string {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }
	best, found := 1+max(1, len(typed)/3), ""
	for _, n := range names {
		if d := distance(plain(typed), plain(n)); d < best {
			best, found = d, n
		}
	}
	return found
}

// distance counts insertions, deletions, changes and swaps of neighbours between two words.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
