package balance

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Request is what rules can know of a request.
type Request struct {
	Method string
	Host   string // the Host header, with or without a port
	// Path is the request's path as it came, escapes and all, without the query.
	Path string
	// Query is the raw query, without the question mark.
	Query  string
	Header map[string][]string // by canonical name, as net/http has them
	Source netip.Addr          // the peer of the connection, not X-Forwarded-For
}

// Router finds the rule for a request. It is immutable and safe for use by several goroutines.
type Router struct {
	rules    []compiled
	rewrites map[*Rule][]rewrite // of the rules that have some; nil where none has
}

type compiled struct {
	rule  *Rule
	tests []test
}

// test is a condition made ready: patterns compiled, prefixes parsed, names canonical.
type test struct {
	field    Field
	header   string
	values   []string
	regex    []*regexp.Regexp
	query    []Pair
	prefixes []netip.Prefix
}

// NewRouter makes a Router of a listener's rules, which are by ascending priority with the
// default rule last. A regular expression or an address range that cannot be read holds nowhere.
func NewRouter(rules []Rule) *Router {
	r := &Router{rules: make([]compiled, len(rules))}
	for i := range rules {
		c := compiled{rule: &rules[i]}
		for _, cond := range rules[i].Conditions {
			c.tests = append(c.tests, compile(cond))
		}
		r.rules[i] = c
		if ready := compileRewrites(rules[i].Rewrites); ready != nil {
			if r.rewrites == nil {
				r.rewrites = map[*Rule][]rewrite{}
			}
			r.rewrites[&rules[i]] = ready
		}
	}
	return r
}

func compile(c Condition) test {
	t := test{field: c.Field, header: canonical(c.Header), values: c.Values, query: c.Query}
	for _, expr := range c.Regex {
		if c.Field == HostHeader {
			expr = "(?i:" + expr + ")"
		}
		if re, err := regexp.Compile(expr); err == nil {
			t.regex = append(t.regex, re)
		}
	}
	if c.Field == SourceIP {
		for _, v := range c.Values {
			if p, err := netip.ParsePrefix(v); err == nil {
				t.prefixes = append(t.prefixes, p.Masked())
			}
		}
	}
	return t
}

// Route gives the first rule whose conditions all hold, or nil where none does, which a default
// rule prevents.
func (r *Router) Route(q *Request) *Rule {
	var path string // normalised once, when a rule asks
	for i := range r.rules {
		c := &r.rules[i]
		holds := true
		for j := range c.tests {
			t := &c.tests[j]
			if t.field == PathPattern && path == "" {
				path = normal(q.Path)
			}
			if !t.holds(q, path) {
				holds = false
				break
			}
		}
		if holds {
			return c.rule
		}
	}
	return nil
}

func (t *test) holds(q *Request, path string) bool {
	switch t.field {
	case HostHeader:
		host := HostName(q.Host)
		return fits(t, host, WildcardFold)
	case PathPattern:
		return fits(t, path, Wildcard)
	case HTTPHeader:
		for _, v := range q.Header[t.header] {
			if fits(t, v, WildcardFold) {
				return true
			}
		}
		return false
	case HTTPRequestMethod:
		return slices.Contains(t.values, q.Method)
	case QueryString:
		return t.asked(q.Query)
	case SourceIP:
		source := q.Source.Unmap()
		for _, p := range t.prefixes {
			if p.Contains(source) {
				return true
			}
		}
	}
	return false
}

func fits(t *test, s string, match func(pattern, s string) bool) bool {
	for _, v := range t.values {
		if match(v, s) {
			return true
		}
	}
	for _, re := range t.regex {
		if re.MatchString(s) {
			return true
		}
	}
	return false
}

// asked looks for the pairs in a raw query. Keys and values are compared with their escapes
// resolved; AWS's guide does not say whether it does so (unconfirmed).
func (t *test) asked(raw string) bool {
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if part == "" {
			continue
		}
		k, v, paired := strings.Cut(part, "=")
		k, v = unescape(k), unescape(v)
		for _, p := range t.query {
			switch {
			case p.Key != "":
				if WildcardQuery(p.Key, k) && WildcardQuery(p.Value, v) {
					return true
				}
			case paired:
				if WildcardQuery(p.Value, v) {
					return true
				}
			case WildcardQuery(p.Value, k):
				return true
			}
		}
	}
	return false
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// HostName gives the name in a Host header: without the port, without the dot at its end, in
// lower case. An IPv6 address loses its brackets.
func HostName(host string) string {
	if strings.HasPrefix(host, "[") {
		if end := strings.IndexByte(host, ']'); end > 0 {
			return strings.ToLower(host[1:end])
		}
	}
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 && strings.IndexByte(host, ':') == colon {
		host = host[:colon]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// normal is a path as rules see it: escapes of unreserved characters resolved (RFC 3986,
// 6.2.2.2) and dot segments removed. The target gets the path as it came. That AWS normalises
// is documented, how is not (unconfirmed).
func normal(path string) string {
	if path == "" {
		return "/"
	}
	if strings.IndexByte(path, '%') >= 0 {
		path = plain(path)
	}
	if !strings.Contains(path, "/.") {
		return path
	}
	var out []string
	parts := strings.Split(path, "/")
	for i, p := range parts {
		last := i == len(parts)-1
		switch p {
		case ".":
			if last {
				out = append(out, "")
			}
		case "..":
			if len(out) > 1 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, p)
		}
	}
	if s := strings.Join(out, "/"); s != "" {
		return s
	}
	return "/"
}

func plain(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi >= 0 && lo >= 0 {
				if c := byte(hi<<4 | lo); unreserved(c) {
					b.WriteByte(c)
					i += 2
					continue
				}
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= lower(c) && lower(c) <= 'f':
		return int(lower(c)-'a') + 10
	}
	return -1
}

func unreserved(c byte) bool {
	return 'a' <= lower(c) && lower(c) <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// canonical is a header's name as net/http has it in maps: each word with a capital.
func canonical(name string) string {
	b := []byte(name)
	first := true
	for i, c := range b {
		c = lower(c)
		if first && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		b[i] = c
		first = c == '-'
	}
	return string(b)
}
