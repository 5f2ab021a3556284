package lb

import (
	"cmp"
	"net/http"
	"net/url"
)

// rewritten gives the request as the transforms of its rule have it for targets; ok is false where one
// of them makes something that cannot be sent.
func (x *exchange) rewritten(r *http.Request) (next *http.Request, ok bool) {
	if len(x.rule.Rewrites) == 0 {
		return r, true
	}
	host, uri, ok := x.door.router.Rewrite(x.rule, cmp.Or(r.Host, x.door.balancer.DNSName), r.URL.RequestURI())
	if !ok {
		return r, false
	}
	to, err := url.ParseRequestURI(uri)
	if err != nil {
		return r, false
	}
	changed := *r
	changed.Host, changed.RequestURI, changed.URL = host, uri, to
	return &changed, true
}
