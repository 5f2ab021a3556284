package lb

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// serverName is what ALB calls itself in the answers it makes.
const serverName = "awselb/2.0"

// reasons are the codes whose words are ALB's own, or unknown to net/http.
var reasons = map[int]string{
	http.StatusServiceUnavailable: "Service Temporarily Unavailable",
	http.StatusGatewayTimeout:     "Gateway Time-out",
	http.StatusRequestTimeout:     "Request Time-out",
	http.StatusRequestURITooLong:  "Request-URI Too Large",
	http.StatusMethodNotAllowed:   "Not Allowed",
	460:                           "Client Closed Request",
	463:                           "X-Forwarded-For Too Long",
	464:                           "Incompatible Protocol",
}

func reasonOf(code int) string {
	if r, ok := reasons[code]; ok {
		return r
	}
	return http.StatusText(code)
}

func page(code int) string {
	title := fmt.Sprintf("%d %s", code, reasonOf(code))
	return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n</body>\r\n</html>\r\n"
}

// rawReply is an answer as bytes, after which the connection closes.
func rawReply(code int) []byte {
	body := page(code)
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nServer: %s\r\nDate: %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		code, reasonOf(code), serverName, time.Now().UTC().Format(http.TimeFormat), len(body), body)
}

// reply writes an answer the balancer makes itself.
func (d *door) reply(w http.ResponseWriter, r *http.Request, code int, contentType, body string) {
	h := w.Header()
	if !d.listener.NoServerHeader {
		h.Set("Server", serverName)
	}
	for _, f := range d.listener.ResponseHeaders {
		h.Set(f.Name, f.Value)
	}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	} else if body == "" {
		h["Content-Type"] = nil // or net/http would guess one
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(body)) // a client that is gone needs no answer
	}
}

// fail answers with one of the balancer's own errors and counts it.
func (d *door) fail(w http.ResponseWriter, r *http.Request, shard uint32, code int) {
	d.countELB(shard, code)
	d.reply(w, r, code, "text/html", page(code))
}

// countELB counts a code made by the balancer.
func (d *door) countELB(shard uint32, code int) {
	switch {
	case code >= 500:
		d.cell.add(shard, elb5XX, 1)
	case code >= 400:
		d.cell.add(shard, elb4XX, 1)
	case code >= 300:
		d.cell.add(shard, elb3XX, 1)
	}
	switch code {
	case 500:
		d.cell.add(shard, elb500, 1)
	case 502:
		d.cell.add(shard, elb502, 1)
	case 503:
		d.cell.add(shard, elb503, 1)
	case 504:
		d.cell.add(shard, elb504, 1)
	}
}
