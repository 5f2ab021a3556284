package wire

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// LoopbackOnly refuses, with 403, requests whose Host is not this machine (a loopback address,
// localhost or a name below it, with any port), or whose Origin is given and is not such; also
// those without an Origin that a browser says come from another site, as the GET of an image does.
// It keeps web pages, also those that rebind a name to 127.0.0.1, from a cloud that checks no
// signatures.
func LoopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopbackHost(r.Host) || !loopbackOrigin(r.Header.Values("Origin")) || foreign(r.Header) {
			http.Error(w, "only requests to and from this machine are served", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign reports whether a browser says that a page of another site asks, and not which.
func foreign(h http.Header) bool {
	return h.Get("Origin") == "" && h.Get("Sec-Fetch-Site") == "cross-site"
}

func loopbackOrigin(origins []string) bool {
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || !loopbackHost(u.Host) {
			return false
		}
	}
	return true
}

func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
