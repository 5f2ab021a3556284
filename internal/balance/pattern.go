package balance

import "unicode/utf8"

// Wildcard reports whether s as a whole fits a pattern in which * stands for any number of
// characters, slashes too, and ? for exactly one. Cases differ.
//
// Source: ELBv2 guide, "Rule condition types".
func Wildcard(pattern, s string) bool { return wildcard(pattern, s, false, false) }

// WildcardFold is Wildcard without regard to the case of ASCII letters.
func WildcardFold(pattern, s string) bool { return wildcard(pattern, s, true, false) }

// WildcardQuery is WildcardFold where \* and \? in the pattern stand for the characters
// themselves, and \\ for a backslash.
func WildcardQuery(pattern, s string) bool { return wildcard(pattern, s, true, true) }

// WildcardEscaped is Wildcard where \* and \? in the pattern stand for the characters themselves, and
// \\ for a backslash. So do the filters of EC2's lists.
func WildcardEscaped(pattern, s string) bool { return wildcard(pattern, s, false, true) }

// wildcard walks both strings once and, on a mismatch, goes back to the last star only: a later
// star makes earlier ones settled. Time is at most the product of the lengths.
func wildcard(p, s string, fold, escapes bool) bool {
	i, j := 0, 0
	star, from := -1, 0 // the pattern's place after the last star, and where its stretch ends in s
	for j < len(s) {
		if i < len(p) {
			if p[i] == '*' {
				i++
				star, from = i, j
				continue
			}
			c, n, literal := next(p[i:], escapes)
			if !literal && c == '?' {
				if size := runeLen(s[j:]); size > 0 {
					i, j = i+n, j+size
					continue
				}
			} else if c == s[j] || fold && lower(c) == lower(s[j]) {
				i, j = i+n, j+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		from += runeLen(s[from:])
		i, j = star, from
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// next gives the pattern's next byte, how many bytes it took, and whether it was escaped.
func next(p string, escapes bool) (c byte, n int, literal bool) {
	if escapes && p[0] == '\\' && len(p) > 1 && (p[1] == '*' || p[1] == '?' || p[1] == '\\') {
		return p[1], 2, true
	}
	return p[0], 1, false
}

// runeLen is the length of the character s begins with; one byte where it is not UTF-8.
func runeLen(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
