package balance

import "testing"

func TestRequestsAreRewrittenForTheirTargets(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		what      string
		of        Rewritten
		regex     string
		replace   string
		host, uri string
		wantHost  string
		wantURI   string
		fails     bool
	}{
		{"a host", RewriteHost, `^mywebsite-(.+).com$`, "internal.dev.$1.myweb.com", "mywebsite-example.com", "/project-a", "internal.dev.example.myweb.com", "/project-a", false},
		{"a host with a port", RewriteHost, `^(.+)\.test$`, "$1x.local", "Shop.Test:8080", "/", "shopx.local:8080", "/", false},
		{"a host with a new port", RewriteHost, `^.*$`, "in.local:81", "shop.test:8080", "/", "in.local:81", "/", false},
		{"an address with a port", RewriteHost, `^::1$`, "six.local", "[::1]:8080", "/", "six.local:8080", "/", false},
		{"a host that does not match", RewriteHost, `^a$`, "b", "Shop.test:80", "/", "Shop.test:80", "/", false},
		{"a host that cannot be", RewriteHost, `^(.*)\.test$`, "$1 $2", "shop.test", "/", "", "", true},
		{"a host of nothing", RewriteHost, `.*`, "", "shop.test", "/", "", "", true},
		{"a path", RewriteURL, `^/dp/([A-Za-z0-9]+)/?$`, "/product.php?id=$1", "h", "/dp/B09G3HRMW", "h", "/product.php?id=B09G3HRMW", false},
		{"a path and its query", RewriteURL, `^/v1/(.*)$`, "/v2/$1", "h", "/v1/a%20b?c=d", "h", "/v2/a%20b?c=d", false},
		{"a sum of money", RewriteURL, `^/(.*)$`, "/$$1-$x", "h", "/a", "h", "/$a-$x", false},
		{"a path that cannot be", RewriteURL, `^/(.*)$`, "$1", "h", "/a", "", "", true},
		{"a path with a space", RewriteURL, `^/(.*)$`, "/$1 $1", "h", "/a", "", "", true},
		{"by no expression", RewriteURL, `(`, "/", "h", "/a", "h", "/a", false},
	} {
		rules := []Rule{{Priority: "1", Rewrites: []Rewrite{{Of: tt.of, Regex: tt.regex, Replace: tt.replace}}}, {Priority: "default"}}
		r := NewRouter(rules)
		host, uri, ok := r.Rewrite(&rules[0], tt.host, tt.uri)
		if ok == tt.fails || host != tt.wantHost || uri != tt.wantURI {
			t.Errorf("%s: got %q %q %v, want %q %q", tt.what, host, uri, ok, tt.wantHost, tt.wantURI)
		}
		if host, uri, ok := r.Rewrite(&rules[1], tt.host, tt.uri); !ok || host != tt.host || uri != tt.uri {
			t.Errorf("%s: a rule without rewrites gave %q %q %v", tt.what, host, uri, ok)
		}
	}
}
