package place

import (
	"fmt"
	"strings"
	"unicode"
)

// word is a part of an expression's text: a mark like ( or ==, or a text.
type word struct {
	text   string
	quoted bool
}

// split cuts an expression into words. Texts with blanks or brackets are written in quotes.
func split(s string) ([]word, error) {
	var words []word
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeftFunc(s, unicode.IsSpace) {
		if s[0] == '"' || s[0] == '\'' {
			end := strings.IndexByte(s[1:], s[0])
			if end < 0 {
				return nil, fmt.Errorf("a quote is not closed")
			}
			words, s = append(words, word{s[1 : 1+end], true}), s[end+2:]
			continue
		}
		if m := mark(s); m != "" && !afterMatch(words) {
			words, s = append(words, word{text: m}), s[len(m):]
			continue
		}
		end := 0
		if afterMatch(words) {
			end = pattern(s)
		} else {
			for end < len(s) && !strings.ContainsRune(" \t\r\n()[],\"'", rune(s[end])) && (end == 0 || !operatorAt(s[end:])) {
				end++
			}
		}
		words, s = append(words, word{text: s[:end]}), s[end:]
	}
	return words, nil
}

// afterMatch reports whether the next word is a pattern, in which marks mean nothing.
func afterMatch(words []word) bool {
	n := len(words)
	return n > 0 && !words[n-1].quoted && strings.HasSuffix(operators[words[n-1].text], "~")
}

// pattern gives the length of a pattern: up to a blank, or to a ) that it did not open.
func pattern(s string) int {
	open := 0
	for i, r := range s {
		switch {
		case unicode.IsSpace(r):
			return i
		case r == '(':
			open++
		case r == ')':
			if open--; open < 0 {
				return max(i, 1)
			}
		}
	}
	return len(s)
}

// mark gives the mark a text begins with; "" where it begins with a word.
func mark(s string) string {
	for _, m := range []string{"==", "!=", "=~", "!~", ">=", "<=", "&&", "||", "!exists", "!in", ">", "<", "!", "(", ")", "[", "]", ","} {
		if strings.HasPrefix(s, m) {
			if m == "!exists" || m == "!in" {
				if rest := s[len(m):]; rest != "" && !strings.ContainsRune(" \t\r\n()[]", rune(rest[0])) {
					continue // a word that begins so
				}
			}
			return m
		}
	}
	return ""
}

// operatorAt reports whether a comparison begins here, so that a==b needs no blanks. Within values
// of patterns < and > are common, so those two need blanks.
func operatorAt(s string) bool {
	for _, m := range []string{"==", "!=", "=~", "!~", ">=", "<=", "&&", "||"} {
		if strings.HasPrefix(s, m) {
			return true
		}
	}
	return false
}
