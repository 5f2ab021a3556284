package logs

import (
	"slices"
	"strings"
)

// compile makes a test of a filter pattern: words and "quoted phrases" that must all be there,
// ?optional ones of which one must be, and -excluded ones. Case counts. An empty pattern matches
// everything. Patterns over JSON, over fields and regular expressions are refused.
//
// Source: CloudWatch Logs User Guide, "Filter pattern syntax", unstructured log events. As there,
// optional terms beside others do not count.
func compile(pattern string) (matches func(text string) bool, err error) {
	pattern = strings.TrimSpace(pattern)
	if strings.HasPrefix(pattern, "{") || strings.HasPrefix(pattern, "[") || strings.HasPrefix(pattern, "%") {
		return nil, invalid("Invalid filter pattern: only terms are supported here, not JSON, fields or regular expressions")
	}
	var all, some, none []string
	for pattern != "" {
		list := &all
		switch pattern[0] {
		case '?':
			list, pattern = &some, pattern[1:]
		case '-':
			list, pattern = &none, pattern[1:]
		}
		var term string
		if strings.HasPrefix(pattern, `"`) {
			var ok bool
			if term, pattern, ok = phrase(pattern[1:]); !ok {
				return nil, invalid("Invalid filter pattern: a quotation mark is missing")
			}
		} else {
			end := strings.IndexAny(pattern, " \t\n")
			if end < 0 {
				end = len(pattern)
			}
			term, pattern = pattern[:end], pattern[end:]
		}
		if term == "" {
			return nil, invalid("Invalid filter pattern: a term is empty")
		}
		*list = append(*list, term)
		pattern = strings.TrimLeft(pattern, " \t\n")
	}
	return func(text string) bool {
		has := func(term string) bool { return strings.Contains(text, term) }
		if slices.ContainsFunc(none, has) || slices.ContainsFunc(all, func(t string) bool { return !has(t) }) {
			return false
		}
		return len(all) > 0 || len(some) == 0 || slices.ContainsFunc(some, has)
	}, nil
}

// phrase reads up to a closing quotation mark; a backslash takes the meaning off what follows.
func phrase(s string) (term, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
