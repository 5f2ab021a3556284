package lb

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// AccessDir is where access logs wait for the daemon, in the data plane's directory: a file of
	// each balancer and stretch of time, named by AccessName.
	AccessDir = "access"
	// accessTime is how access logs write a time.
	accessTime = "2006-01-02T15:04:05.000000Z"
	// openLog ends the names of files that are still written to.
	openLog = ".open"
)

// AccessName is the name of a finished file: of a balancer, up to a time of the wall.
func AccessName(balancer string, until time.Time) string {
	return url.QueryEscape(balancer) + "@" + strconv.FormatInt(until.UnixNano(), 10)
}

// ParseAccessName takes a finished file's name apart; ok is false for other files.
func ParseAccessName(name string) (balancer string, until time.Time, ok bool) {
	escaped, stamp, ok := strings.Cut(name, "@")
	balancer, err := url.QueryUnescape(escaped)
	n, err2 := strconv.ParseInt(stamp, 10, 64)
	return balancer, time.Unix(0, n).UTC(), ok && err == nil && err2 == nil
}

// journal writes access logs, a file for each balancer at a time.
type journal struct {
	dir string // empty keeps none

	mu    sync.Mutex // guards the rest
	files map[string]*journalFile
}

type journalFile struct {
	file  *os.File
	out   *bufio.Writer
	since time.Time
}

// write adds a line to a balancer's log.
func (j *journal) write(balancer, line string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	f := j.files[balancer]
	if f == nil {
		if err := os.MkdirAll(filepath.Join(j.dir, AccessDir), 0o700); err != nil {
			return err
		}
		file, err := os.OpenFile(j.path(balancer), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		f = &journalFile{file: file, out: bufio.NewWriterSize(file, 64<<10), since: time.Now()}
		if j.files == nil {
			j.files = map[string]*journalFile{}
		}
		j.files[balancer] = f
	}
	_, err := f.out.WriteString(line)
	return err
}

func (j *journal) path(balancer string) string {
	return filepath.Join(j.dir, AccessDir, url.QueryEscape(balancer)+openLog)
}

// turn finishes the files that are older than every, or all of them where every is 0, and writes
// out the others.
func (j *journal) turn(now time.Time, every time.Duration) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for balancer, f := range j.files {
		if err := f.out.Flush(); err != nil {
			return err
		}
		if now.Sub(f.since) < every {
			continue
		}
		delete(j.files, balancer)
		if err := f.file.Close(); err != nil {
			return err
		}
		if err := os.Rename(j.path(balancer), filepath.Join(j.dir, AccessDir, AccessName(balancer, now))); err != nil {
			return err
		}
	}
	return nil
}

// watched counts what an answer is, for a line of the access log.
type watched struct {
	http.ResponseWriter
	code int
	sent int64
}

// Unwrap leads to what the writer can do else.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the code.
func (w *watched) WriteHeader(code int) {
	if w.code == 0 {
		w.code = code
		w.sent += int64(len("HTTP/1.1 200 OK\r\n\r\n"))
		for name, values := range w.Header() {
			for _, v := range values {
				w.sent += int64(len(name) + len(": \r\n") + len(v))
			}
		}
	}
	w.ResponseWriter.WriteHeader(code)
}

// Write counts bytes.
func (w *watched) Write(p []byte) (int, error) {
	if w.code == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.sent += int64(n)
	return n, err
}

// accessLine is the line of a request in the access log.
//
// Source: ELBv2 guide, "Access logs for your Application Load Balancer", "Access log entries".
func (x *exchange) accessLine(r *http.Request, w *watched, end time.Time) string {
	b := x.door.balancer
	target, targetCode, group, targets, codes := "-", "-", "-", "-", "-"
	times := [3]string{"-1", "-1", "-1"}
	if x.pool != nil {
		group = x.pool.group.ARN
	}
	if x.target != nil {
		target = net.JoinHostPort(x.target.id, strconv.Itoa(x.target.port))
		targets = target
		if !x.answeredAt.IsZero() {
			targetCode = strconv.Itoa(x.code)
			codes = targetCode
			for i, d := range []time.Duration{x.began.Sub(x.start), x.answeredAt.Sub(x.began), end.Sub(x.answeredAt)} {
				times[i] = fmt.Sprintf("%.3f", max(d, 0).Seconds())
			}
		}
	}
	code := w.code
	switch {
	case x.code == http.StatusSwitchingProtocols:
		code = x.code
	case code == 0:
		code = 460
	}
	action, redirect, priority := "-", "-", "-"
	if x.rule != nil {
		if priority = x.rule.Priority; priority == "default" {
			priority = "0"
		}
		switch {
		case x.rule.Action.Forward != nil:
			action = "forward"
		case x.rule.Action.Redirect != nil:
			action, redirect = "redirect", orDash(w.Header().Get("Location"))
		case x.rule.Action.Fixed != nil:
			action = "fixed-response"
		}
	}
	cipher, version, domain, certificate := "-", "-", "-", "-"
	if t := x.conn.tls; t != nil {
		cipher, version, domain = cipherName(t.CipherSuite), versionName(t.Version), orDash(t.ServerName)
		if s := x.door.listener.Secure; s != nil {
			certificate = s.Certificate
		}
	}
	received := int64(len(r.Method)+len(r.RequestURI)+len(r.Host)+len("  HTTP/1.1\r\nHost: \r\n\r\n")) + x.received.Load()
	for name, values := range r.Header {
		for _, v := range values {
			received += int64(len(name) + len(": \r\n") + len(v))
		}
	}
	return fmt.Sprintf("%s %s %s %s %s %s %s %s %d %s %d %d %s %s %s %s %s %s %s %s %s %s %s %s %s %s %s %s %s TID_%s \"-\" \"-\" \"-\"\n",
		x.kind(r), end.UTC().Format(accessTime), b.Dimension, x.conn.peer, target, times[0], times[1], times[2], code, targetCode,
		received, w.sent+x.sent.Load(), quoted(r.Method+" "+x.address(r)+" "+r.Proto), quoted(orDash(r.UserAgent())), cipher, version, group, quoted(orDash(x.trace)),
		quoted(domain), quoted(certificate), priority, x.start.UTC().Format(accessTime), quoted(action), quoted(redirect), quoted(orDash(x.reason)),
		quoted(targets), quoted(codes), quoted(x.verdict.class.String()), quoted(orDash(x.verdict.reason)), x.conn.traceID())
}

// kind is the type of a request in the access log.
func (x *exchange) kind(r *http.Request) string {
	secure := x.conn.tls != nil
	switch {
	case x.code == http.StatusSwitchingProtocols && secure:
		return "wss"
	case x.code == http.StatusSwitchingProtocols:
		return "ws"
	case x.conn.h2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
		return "grpcs"
	case x.conn.h2:
		return "h2"
	case secure:
		return "https"
	}
	return "http"
}

// address is the request's URL with protocol, host and port.
func (x *exchange) address(r *http.Request) string {
	protocol := strings.ToLower(x.door.listener.Protocol)
	host := r.Host
	if _, _, err := net.SplitHostPort(host); err != nil {
		host += ":" + strconv.Itoa(x.door.listener.Port)
	}
	return protocol + "://" + host + r.URL.RequestURI()
}

// quoted puts a field in quotes, with what would end it or the line escaped.
func quoted(s string) string {
	if strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c == '"' || c == '\\' || c > '~' }) < 0 {
		return `"` + s + `"`
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c > '~' {
			fmt.Fprintf(&b, `\x%02X`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
