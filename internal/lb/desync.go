package lb

import (
	"bytes"
	"strconv"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// class is how far a request is from what RFC 7230 has. Worse is higher.
type class int

// The classes of desync mitigation.
const (
	compliant class = iota
	acceptable
	ambiguous
	severe
)

// String gives the class as access logs have it.
func (c class) String() string {
	return [...]string{"-", "Acceptable", "Ambiguous", "Severe"}[c]
}

// verdict is what was seen of a request's head.
type verdict struct {
	class  class
	reason string // as access logs have it; empty for compliant ones
	long   bool   // its first line is longer than maxLine
}

func (v *verdict) worsen(c class, reason string) {
	if c > v.class {
		v.class, v.reason = c, reason
	}
}

// refused reports whether a request of this class is answered with 400 in a mode, and ends whether
// both its connections end after the answer.
//
// Source: ELBv2 guide, "Desync mitigation mode". Severe requests are refused in monitor mode too.
func (v verdict) treated(mode balance.Desync) (refused, ends bool) {
	switch {
	case v.class == severe:
		return true, true
	case mode == balance.Strictest:
		return v.class > compliant, v.class > compliant
	case mode == balance.Monitor:
		return false, false
	}
	return false, v.class == ambiguous
}

// headFacts are what a head's lines said.
type headFacts struct {
	verdict
	begun   bool
	old     bool // HTTP/1.0, whose bodies have no codings
	noBody  bool // GET or HEAD
	lengths []string
	coding  []string
	// oddLength and oddCoding say that a name was seen that could be taken for one of those.
	oddLength, oddCoding bool
}

// first reads the request line.
func (f *headFacts) first(line []byte) {
	f.begun, f.long = true, len(line) > maxLine
	method, rest, ok := bytes.Cut(line, []byte(" "))
	last := bytes.LastIndexByte(rest, ' ')
	if !ok || last < 0 || !token(method) {
		f.worsen(severe, "BadMethod")
		return
	}
	f.old = bytes.HasSuffix(line, []byte(" HTTP/1.0"))
	f.noBody = string(method) == "GET" || string(method) == "HEAD"
	uri, version := rest[:last], rest[last+1:]
	switch {
	case !bytes.HasPrefix(version, []byte("HTTP/")):
		f.worsen(severe, "BadVersion")
	case string(version) != "HTTP/1.1" && string(version) != "HTTP/1.0":
		f.worsen(acceptable, "NonCompliantVersion")
	}
	for _, c := range uri {
		switch {
		case c == 0:
			f.worsen(severe, "BadUri")
		case c == '\r':
			f.worsen(severe, "BadUri")
		case c == ' ':
			f.worsen(acceptable, "SpaceInUri")
		case c < ' ' || c == 0x7f:
			f.worsen(ambiguous, "AmbiguousUri")
		}
	}
}

// field reads a header line.
func (f *headFacts) field(line []byte) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || line[0] == ' ' || line[0] == '\t' {
		f.worsen(severe, "BadHeader")
		return
	}
	if len(bytes.TrimSpace(name)) == 0 {
		f.worsen(ambiguous, "EmptyHeader")
		return
	}
	for _, c := range line {
		switch {
		case c == 0:
			f.worsen(severe, "BadHeader")
		case c == '\r':
			f.worsen(severe, "BadHeader")
		case c >= 0x80 || c < ' ' && c != '\t' || c == 0x7f:
			f.worsen(acceptable, "NonCompliantHeader")
		}
	}
	value = bytes.TrimSpace(value)
	switch {
	case is(name, "content-length"):
		f.lengths = append(f.lengths, string(value))
	case is(name, "transfer-encoding"):
		f.coding = append(f.coding, string(value))
	default:
		f.suspect(name)
	}
}

// suspect looks at a name that may become one that frames a body in less careful hands.
func (f *headFacts) suspect(name []byte) {
	if len(name) < len("content-length") || len(name) > len("transfer-encoding")+4 {
		return
	}
	switch string(bytes.ToLower(bytes.Trim(bytes.ReplaceAll(name, []byte("_"), []byte("-")), " \t-\"'"))) {
	case "content-length":
		f.oddLength = true
	case "transfer-encoding":
		f.oddCoding = true
	default:
		return
	}
	f.worsen(ambiguous, "SuspiciousHeader")
}

// judge weighs what the lines said together.
//
// Source: ELBv2 guide, "Access logs for your Application Load Balancer", "Classification reasons";
// what they mean: github.com/aws/http-desync-guardian.
func (f *headFacts) judge() {
	for _, l := range f.lengths {
		if n, err := strconv.ParseUint(l, 10, 63); err != nil || l[0] == '+' {
			f.worsen(severe, "BadContentLength")
		} else if n == 0 && f.noBody {
			f.worsen(acceptable, "GetHeadZeroContentLength")
		} else if f.noBody {
			f.worsen(ambiguous, "UndefinedContentLengthSemantics")
		}
		if l != f.lengths[0] {
			f.worsen(severe, "MultipleContentLength")
		}
	}
	if len(f.lengths) > 1 {
		f.worsen(ambiguous, "DuplicateContentLength")
	}
	for _, c := range f.coding {
		// Other codings are answered with 501 where they are understood at all.
		if len(c) == 0 || bytes.IndexByte([]byte(c), 0x0b) >= 0 {
			f.worsen(severe, "BadTransferEncoding")
		}
	}
	if len(f.coding) > 1 {
		f.worsen(severe, "MultipleTransferEncodingChunked")
	}
	length, coding := len(f.lengths) > 0, len(f.coding) > 0
	if length && coding {
		f.worsen(ambiguous, "BothTeClPresent")
	}
	if f.oddLength && coding || f.oddCoding && length || f.oddLength && f.oddCoding {
		f.worsen(severe, "SuspiciousTeClPresent")
	}
	if coding && (f.noBody || f.old) {
		f.worsen(ambiguous, "UndefinedTransferEncodingSemantics")
	}
}

// token reports whether bytes are a method's.
func token(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`()<>@,;:\"/[]?={}`), c) >= 0 {
			return false
		}
	}
	return len(b) > 0
}

// is compares without regard to case.
func is(b []byte, lower string) bool {
	return len(b) == len(lower) && bytes.EqualFold(b, []byte(lower))
}
