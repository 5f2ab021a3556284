package balance

import (
	"strconv"
	"strings"
)

// Redirect sends the client elsewhere. Empty members keep what the request had: "#{protocol}",
// "#{host}", "#{port}", "/#{path}" and "#{query}".
type Redirect struct {
	Code     int    // 301 or 302
	Protocol string `json:",omitempty"` // "HTTP", "HTTPS" or "#{protocol}"
	Host     string `json:",omitempty"`
	Port     string `json:",omitempty"`
	Path     string `json:",omitempty"` // with its leading slash
	Query    string `json:",omitempty"` // without the question mark
	// NoQuery drops the query: the member was given, and empty.
	NoQuery bool `json:",omitempty"`
}

// Place is where a request came in, for the placeholders of a redirect.
type Place struct {
	Protocol string // "http" or "https"
	Host     string // the name, without a port
	Port     int
	Path     string // with its leading slash
	Query    string
}

// Location gives the target of a redirect. It always carries the port, also 80 and 443, as
// AWS's logs show.
//
// Source: ELBv2 guide, "Redirect actions"; "#{path}" stands for the path without its leading
// slash.
func (r *Redirect) Location(p Place) string {
	names := strings.NewReplacer(
		"#{protocol}", p.Protocol,
		"#{host}", p.Host,
		"#{port}", strconv.Itoa(p.Port),
		"#{path}", strings.TrimPrefix(p.Path, "/"),
		"#{query}", p.Query,
	)
	fill := func(s, otherwise string) string {
		if s == "" {
			s = otherwise
		}
		return names.Replace(s)
	}
	host := fill(r.Host, "#{host}")
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	url := strings.ToLower(fill(r.Protocol, "#{protocol}")) + "://" + host + ":" + fill(r.Port, "#{port}") + fill(r.Path, "/#{path}")
	if r.NoQuery {
		return url
	}
	if query := fill(r.Query, "#{query}"); query != "" {
		url += "?" + query
	}
	return url
}
