// Package pattern holds regular expressions that are compiled when they are first asked.
//
// A command compiles a few of the house's expressions and pays for those alone: compiled when
// packages are initialized, all of them would be part of every start.
package pattern

import (
	"regexp"
	"sync"
)

// Pattern is a regular expression in package regexp's syntax. It is safe for concurrent use.
type Pattern struct {
	text     string
	once     sync.Once
	compiled *regexp.Regexp
}

// New gives the pattern of an expression, which the source of the program holds: one that is
// wrong panics when it is first asked.
func New(text string) *Pattern { return &Pattern{text: text} }

func (p *Pattern) regexp() *regexp.Regexp {
	p.once.Do(func() { p.compiled = regexp.MustCompile(p.text) })
	return p.compiled
}

// String gives the expression as it was written.
func (p *Pattern) String() string { return p.text }

// MatchString reports whether s contains a match.
func (p *Pattern) MatchString(s string) bool { return p.regexp().MatchString(s) }

// FindAllString gives the first n matches in s, all of them where n is negative.
func (p *Pattern) FindAllString(s string, n int) []string { return p.regexp().FindAllString(s, n) }

// FindStringSubmatch gives the first match in s and its groups; nil where there is none.
func (p *Pattern) FindStringSubmatch(s string) []string { return p.regexp().FindStringSubmatch(s) }

// FindAllStringSubmatch gives the first n matches in s, all of them where n is negative, each with
// its groups.
func (p *Pattern) FindAllStringSubmatch(s string, n int) [][]string {
	return p.regexp().FindAllStringSubmatch(s, n)
}
