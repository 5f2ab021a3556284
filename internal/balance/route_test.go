package balance_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/balance"
)

func TestConditions(t *testing.T) {
	t.Parallel()
	request := balance.Request{
		Method: "GET", Host: "Web.Example.com:8080", Path: "/img/%7Ea/../b%2Fc.png", Query: "Version=v1&bare&star=a%2Ab&empty=&plus=a+b",
		Header: map[string][]string{"User-Agent": {"curl/8", "Mozilla/5.0 (Chrome)"}},
		Source: netip.MustParseAddr("::ffff:10.1.2.3"),
	}
	host := func(v ...string) balance.Condition { return balance.Condition{Field: balance.HostHeader, Values: v} }
	path := func(v ...string) balance.Condition {
		return balance.Condition{Field: balance.PathPattern, Values: v}
	}
	header := func(name string, v ...string) balance.Condition {
		return balance.Condition{Field: balance.HTTPHeader, Header: name, Values: v}
	}
	method := func(v ...string) balance.Condition {
		return balance.Condition{Field: balance.HTTPRequestMethod, Values: v}
	}
	query := func(key, value string) balance.Condition {
		return balance.Condition{Field: balance.QueryString, Query: []balance.Pair{{Key: key, Value: value}}}
	}
	source := func(v ...string) balance.Condition { return balance.Condition{Field: balance.SourceIP, Values: v} }
	regex := func(f balance.Field, v ...string) balance.Condition {
		return balance.Condition{Field: f, Header: "User-Agent", Regex: v}
	}
	for name, tt := range map[string]struct {
		c    balance.Condition
		want bool
	}{
		"host without regard to case":             {host("web.EXAMPLE.com"), true},
		"host by star":                            {host("*.example.com"), true},
		"a star and dot ask for a label":          {host("*.web.example.com"), false},
		"host by question mark":                   {host("we?.example.com"), true},
		"any of several values":                   {host("other.com", "web.example.com"), true},
		"host by expression, any case":            {regex(balance.HostHeader, `^WEB\.`), true},
		"path after normalisation":                {path("/img/b%2Fc.png"), true},
		"path with regard to case":                {path("/IMG/*"), false},
		"a star takes slashes":                    {path("/*.png"), true},
		"path without the query":                  {path("*v1*"), false},
		"path by expression":                      {regex(balance.PathPattern, `\.(png|gif)$`), true},
		"path by expression, case matters":        {regex(balance.PathPattern, `PNG`), false},
		"an expression that is none":              {regex(balance.PathPattern, `(`), false},
		"header, any of repeated ones":            {header("user-AGENT", "*chrome*"), true},
		"header that is absent":                   {header("Cookie", "*"), false},
		"header by expression":                    {regex(balance.HTTPHeader, `^curl/\d$`), true},
		"method":                                  {method("POST", "GET"), true},
		"method with regard to case":              {method("get"), false},
		"query by key and value, any case":        {query("version", "V?"), true},
		"query with another value":                {query("version", "v2"), false},
		"query value of any key":                  {query("", "v1"), true},
		"query by a bare parameter":               {query("", "bare"), true},
		"query by a key is no value":              {query("", "version"), false},
		"query with a literal star":               {query("star", `a\*b`), true},
		"query with a literal star, not any":      {query("version", `\*`), false},
		"query with a literal question mark":      {query("version", `v\?`), false},
		"query with an empty value":               {query("empty", ""), true},
		"query with a plus for a space":           {query("plus", "a b"), true},
		"source in a range":                       {source("192.0.2.0/24", "10.1.0.0/16"), true},
		"source outside":                          {source("10.2.0.0/16"), false},
		"source, a range that cannot be read":     {source("10.1.2.3"), false},
		"source of another family":                {source("2001:db8::/32"), false},
		"a field nobody knows never holds":        {balance.Condition{Field: "moon-phase", Values: []string{"*"}}, false},
		"query values of a condition without any": {balance.Condition{Field: balance.QueryString}, false},
	} {
		rules := []balance.Rule{{ARN: "rule", Conditions: []balance.Condition{tt.c}}, {ARN: "default"}}
		if got := balance.NewRouter(rules).Route(&request).ARN == "rule"; got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestTheFirstRuleWhoseConditionsAllHoldIsTaken(t *testing.T) {
	t.Parallel()
	get := balance.Condition{Field: balance.HTTPRequestMethod, Values: []string{"GET"}}
	api := balance.Condition{Field: balance.PathPattern, Values: []string{"/api/*"}}
	router := balance.NewRouter([]balance.Rule{{ARN: "1", Conditions: []balance.Condition{get, api}}, {ARN: "2", Conditions: []balance.Condition{api}}, {ARN: "default"}})
	for _, tt := range []struct{ method, path, want string }{{"GET", "/api/x", "1"}, {"PUT", "/api/x", "2"}, {"GET", "/api", "default"}, {"GET", "", "default"}} {
		if got := router.Route(&balance.Request{Method: tt.method, Path: tt.path}); got == nil || got.ARN != tt.want {
			t.Errorf("%s %s: got %v, want rule %s", tt.method, tt.path, got, tt.want)
		}
	}
	if got := balance.NewRouter(nil).Route(&balance.Request{}); got != nil {
		t.Errorf("without rules: got %v", got)
	}
}

// translated is a pattern as a regular expression, the slow and obvious way.
func translated(pattern string, fold, escapes bool) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("(?s)")
	if fold {
		b.WriteString("(?i)")
	}
	b.WriteString("^")
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case escapes && c == '\\' && i+1 < len(pattern) && strings.IndexByte(`*?\`, pattern[i+1]) >= 0:
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		case c == '*':
			b.WriteString(".*")
		case c == '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile(b.String() + "$")
}

func TestWildcardsMeanWhatTheirExpressionsMean(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune(`aAb*?\/`)), 0, 10, -1).Draw(t, "pattern")
		s := rapid.StringOfN(rapid.SampledFrom([]rune(`aAbB*?\/é`)), 0, 12, -1).Draw(t, "s")
		if got, want := balance.Wildcard(pattern, s), translated(pattern, false, false).MatchString(s); got != want {
			t.Errorf("Wildcard(%q, %q) = %v", pattern, s, got)
		}
		if got, want := balance.WildcardFold(pattern, s), translated(pattern, true, false).MatchString(s); got != want {
			t.Errorf("WildcardFold(%q, %q) = %v", pattern, s, got)
		}
		if got, want := balance.WildcardEscaped(pattern, s), translated(pattern, false, true).MatchString(s); got != want {
			t.Errorf("WildcardEscaped(%q, %q) = %v", pattern, s, got)
		}
		if got, want := balance.WildcardQuery(pattern, s), translated(pattern, true, true).MatchString(s); got != want {
			t.Errorf("WildcardQuery(%q, %q) = %v", pattern, s, got)
		}
	})
}

func FuzzRoute(f *testing.F) {
	f.Add("/a/*", "/a/../b%2e", "k=v&x", "host.example:80", "k", "v?")
	f.Add("*?*?*?*", "//./..//", "%zz&&==", "[::1]:8", "", `\`)
	f.Add("", "..", "a=%", "", "*", "*")
	f.Fuzz(func(t *testing.T, pattern, path, query, host, key, value string) {
		if len(pattern) > 128 || len(path) > 1<<12 {
			return // no rule and no request line is that long
		}
		router := balance.NewRouter([]balance.Rule{
			{ARN: "1", Conditions: []balance.Condition{{Field: balance.PathPattern, Values: []string{pattern}, Regex: []string{pattern}}, {Field: balance.HostHeader, Values: []string{pattern}}}},
			{ARN: "2", Conditions: []balance.Condition{{Field: balance.QueryString, Query: []balance.Pair{{Key: key, Value: value}}}}},
			{ARN: "3", Conditions: []balance.Condition{{Field: balance.HTTPHeader, Header: key, Values: []string{value}}}},
			{ARN: "default"},
		})
		q := &balance.Request{Path: path, Query: query, Host: host, Header: map[string][]string{"K": {value}}}
		one := router.Route(q)
		if one == nil {
			t.Fatal("no rule, not even the default one")
		}
		if again := router.Route(q); again != one {
			t.Errorf("got rule %s, then rule %s", one.ARN, again.ARN)
		}
		if !balance.Wildcard("*", path) || !balance.WildcardFold(host, host) && !strings.Contains(host, "?") {
			t.Errorf("a star does not take %q, or %q not itself", path, host)
		}
	})
}
