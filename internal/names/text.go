package names

// Text is a rule for names and tokens: how long they are and which characters they have. It
// costs nothing at start-up, unlike a regular expression with a large count.
type Text struct {
	Min, Max int    // characters, each of one byte
	Of       string // the characters; a-z is a range, a hyphen itself stands last
}

// MatchString reports whether s keeps to the rule.
func (t Text) MatchString(s string) bool {
	if len(s) < t.Min || len(s) > t.Max {
		return false
	}
	for i := range len(s) {
		if !t.allows(s[i]) {
			return false
		}
	}
	return true
}

func (t Text) allows(c byte) bool {
	for i := 0; i < len(t.Of); i++ {
		if i+2 < len(t.Of) && t.Of[i+1] == '-' {
			if t.Of[i] <= c && c <= t.Of[i+2] {
				return true
			}
			i += 2
			continue
		}
		if t.Of[i] == c {
			return true
		}
	}
	return false
}
