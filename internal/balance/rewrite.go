package balance

import (
	"regexp"
	"strings"
)

// Rewrite changes a part of the requests of a rule before targets get them.
type Rewrite struct {
	Of      Rewritten
	Regex   string // RE2; one that does not compile changes nothing
	Replace string // with $1, $2 … for what the groups of Regex match
}

// Rewritten is the part of a request that a Rewrite changes.
type Rewritten string

// The types of a rule's transforms.
const (
	RewriteHost Rewritten = "host-header-rewrite" // the name in the Host header; a port there stays
	RewriteURL  Rewritten = "url-rewrite"         // path and query
)

// rewrite is a Rewrite made ready.
type rewrite struct {
	of      Rewritten
	regex   *regexp.Regexp
	replace string
}

func compileRewrites(all []Rewrite) (ready []rewrite) {
	for _, w := range all {
		if re, err := regexp.Compile(w.Regex); err == nil {
			ready = append(ready, rewrite{w.Of, re, braced(w.Replace)})
		}
	}
	return ready
}

// braced is a replacement as the standard library takes it, for which $1x names a group and $$ is one $.
func braced(replace string) string {
	var b strings.Builder
	for i := 0; i < len(replace); i++ {
		end := i + 1
		for replace[i] == '$' && end < len(replace) && '0' <= replace[end] && replace[end] <= '9' {
			end++
		}
		switch {
		case replace[i] != '$':
			b.WriteByte(replace[i])
		case end == i+1:
			b.WriteString("$$")
		default:
			b.WriteString("${" + replace[i+1:end] + "}")
			i = end - 1
		}
	}
	return b.String()
}

// Rewrite gives the Host header and the path with its query that targets get of a request of a rule;
// ok is false where a rewrite matches and makes something that cannot be sent: the balancer then
// answers 500.
//
// Source: ELBv2 guide, "Transforms for listener rules".
func (r *Router) Rewrite(rule *Rule, host, uri string) (newHost, newURI string, ok bool) {
	for _, w := range r.rewrites[rule] {
		switch w.of {
		case RewriteHost:
			name := HostName(host)
			if !w.regex.MatchString(name) {
				continue
			}
			port := ""
			if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') {
				port = host[at:]
			}
			if host = w.regex.ReplaceAllString(name, w.replace); host == "" || strings.ContainsAny(host, " /?#@\\\t\r\n\x00") {
				return "", "", false
			}
			if !strings.Contains(host, ":") {
				host += port
			}
		case RewriteURL:
			if !w.regex.MatchString(uri) {
				continue
			}
			uri = w.regex.ReplaceAllString(uri, w.replace)
			if !strings.HasPrefix(uri, "/") || strings.ContainsAny(uri, " #\t\r\n\x00") {
				return "", "", false
			}
		}
	}
	return host, uri, true
}
