package lb

import (
	"bytes"
	"net/http"
)

// response reads the head of the answer to a request, and passes over those before it, like 100. The
// limit is for all of them together.
func (l *line) response(r *http.Request) (*http.Response, error) {
	l.room = maxResponseHeader
	for {
		l.fold = folding{}
		ahead, _ := l.in.Peek(l.in.Buffered()) // came along with the head before this one
		l.fold.feed(ahead)
		res, err := http.ReadResponse(l.in, r)
		if err != nil {
			return nil, l.broke(err)
		}
		switch {
		case res.StatusCode < 100:
			return nil, errStatus
		case l.fold.found:
			return nil, errFolded
		case res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols:
			l.room = -1
			return res, nil
		}
	}
}

// folding looks for a header of several lines in what begins with a head: readers make one of them, and
// not all the same. ALB does not pass it on.
type folding struct {
	found, ended bool
	lineEnd      bool // the last byte ended a line
}

// feed looks at some more bytes, up to the empty line that ends the head.
func (f *folding) feed(p []byte) {
	for len(p) > 0 && !f.ended && !f.found {
		if f.lineEnd {
			f.found = p[0] == ' ' || p[0] == '\t'
			f.ended = p[0] == '\r' || p[0] == '\n'
			f.lineEnd = false
			continue
		}
		at := bytes.IndexByte(p, '\n')
		if at < 0 {
			return
		}
		f.lineEnd = true
		p = p[at+1:]
	}
}
