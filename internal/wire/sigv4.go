package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSkew is how far a signature's date may be from now.
//
// Source: Signature Version 4, request dates.
const maxSkew = 5 * time.Minute

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	amzDate    = "20060102T150405Z"
)

// signature is what a request says about who signed it. The zero signature is an unsigned one's.
type signature struct {
	key, date, region, service string // the scope; "" where it cannot be read
	credential                 string // the scope as it stands
	algorithm                  string // "" of a request that nobody signed
	signed                     []string
	value                      string
	presigned                  bool
	v2                         bool // of version 2, which only services of HTTP know
	malformed                  bool // it is there and cannot be read
}

// readSignature parses the Authorization header or the presigned query.
func readSignature(r *http.Request) signature {
	if name, rest, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " "); strings.HasPrefix(name, "AWS4-") {
		s := signature{algorithm: name}
		for field := range strings.SplitSeq(rest, ",") {
			k, v, _ := strings.Cut(strings.TrimSpace(field), "=")
			switch k {
			case "Credential":
				s.scope(v)
			case "SignedHeaders":
				s.signed = strings.Split(strings.ToLower(v), ";")
			case "Signature":
				s.value = v
			}
		}
		s.malformed = name != algorithm || s.service == "" || s.signed == nil || s.value == ""
		return s
	}
	if !strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		s, _ := readSignatureV2(r)
		return s
	}
	q := r.URL.Query()
	s := signature{presigned: true, algorithm: q.Get("X-Amz-Algorithm"), value: q.Get("X-Amz-Signature")}
	s.scope(q.Get("X-Amz-Credential"))
	s.signed = strings.Split(strings.ToLower(q.Get("X-Amz-SignedHeaders")), ";")
	s.malformed = s.service == "" || s.value == "" || s.algorithm != algorithm
	return s
}

// scope reads AKID/20261121/us-east-1/ecs/aws4_request. The key itself may hold slashes.
func (s *signature) scope(text string) {
	s.credential = text
	p := strings.Split(text, "/")
	if n := len(p); n >= 5 && p[n-1] == terminator {
		s.key, s.date, s.region, s.service = strings.Join(p[:n-4], "/"), p[n-4], p[n-3], p[n-2]
	}
}

// verifier checks signatures.
type verifier struct {
	now   time.Time
	skew  time.Duration // how far a date may be from now
	keys  func(accessKeyID string) (secret string, ok bool)
	token func(accessKeyID, token string) TokenState // nil takes any

	service string // that is asked; "" where the scope says which
}

// verify checks a signature over the request as it came, its body still compressed.
//
// Source: Signature Version 4; the test vectors of botocore stand in the tests.
func (v verifier) verify(r *http.Request, s signature, body []byte) refusal {
	hash, honest := s.payloadHash(r, body)
	return v.verifyHash(r, s, hash, honest)
}

// verifyHash checks a signature over a request whose body's hash is as the signer had it, if honest.
// What is wrong is told in AWS's order: form, date, scope, key, signature, token.
func (v verifier) verifyHash(r *http.Request, s signature, hash string, honest bool) refusal {
	if !s.malformed && s.service == "" {
		return refusal{why: unsigned}
	}
	stamp := s.stampOf(r)
	for _, look := range []func() refusal{
		func() refusal { return s.lacking(r) },
		func() refusal { return v.late(r, s, stamp) },
		s.unreadable,
		func() refusal { return s.misplaced(v.service, stamp) },
	} {
		if wrong := look(); wrong.why != believed {
			return wrong
		}
	}
	secret, ok := v.keys(s.key)
	if !ok {
		return refusal{why: unknownKey}
	}
	if !honest || !s.covers(r) {
		return refusal{why: wrongSignature}
	}
	want := s.sign(secret, stamp, s.canonical(r, hash))
	if subtle.ConstantTimeCompare([]byte(want), []byte(s.value)) != 1 {
		return refusal{why: wrongSignature}
	}
	return v.session(r, s)
}

// stampOf gives a request's date in the form that is signed; "" where it has none.
func (s signature) stampOf(r *http.Request) string {
	if s.presigned {
		return r.URL.Query().Get("X-Amz-Date")
	}
	stamp := r.Header.Get("X-Amz-Date")
	if _, err := time.Parse(amzDate, stamp); err == nil {
		return stamp
	}
	at, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return ""
	}
	return at.UTC().Format(amzDate)
}

// payloadHash gives what stands for the body; ok is false where the header says another hash than
// the body's.
func (s signature) payloadHash(r *http.Request, body []byte) (hash string, ok bool) {
	sum := sha256.Sum256(body)
	own := hex.EncodeToString(sum[:])
	sent := r.Header.Get("X-Amz-Content-Sha256")
	if sent == "" || strings.EqualFold(sent, own) {
		return own, true
	}
	return sent, false
}

// covers reports whether what decides the operation is signed.
func (s signature) covers(r *http.Request) bool {
	return r.Header.Get("X-Amz-Target") == "" || slices.Contains(s.signed, "x-amz-target")
}

func (s signature) canonical(r *http.Request, hash string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n")
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	if s.service != "s3" {
		path = escape(path, true) // as sent, and encoded once more
	}
	b.WriteString(path + "\n" + canonicalQuery(r.URL.RawQuery) + "\n")
	for _, name := range s.signed {
		var text string
		switch name {
		case "host":
			text = r.Host
		case "content-length":
			text = strconv.FormatInt(r.ContentLength, 10)
		default:
			values := slices.Clone(r.Header.Values(name))
			for i, v := range values {
				values[i] = strings.Join(strings.Fields(v), " ")
			}
			text = strings.Join(values, ",")
		}
		b.WriteString(name + ":" + text + "\n")
	}
	b.WriteString("\n" + strings.Join(s.signed, ";") + "\n" + hash)
	return b.String()
}

func canonicalQuery(raw string) string {
	var pairs [][2]string
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		k, v = reescape(k), reescape(v)
		if k != "X-Amz-Signature" {
			pairs = append(pairs, [2]string{k, v})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		if c := strings.Compare(a[0], b[0]); c != 0 {
			return c
		}
		return strings.Compare(a[1], b[1])
	})
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = p[0] + "=" + p[1]
	}
	return strings.Join(parts, "&")
}

func reescape(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		plain = s
	}
	return escape(plain, false)
}

// escape encodes as RFC 3986 does: all but letters, digits and -_.~ and, where told, slashes.
func escape(s string, slash bool) string {
	const upper = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '-' || c == '_' || c == '.' || c == '~' || c == '/' && slash {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(upper[c>>4])
		b.WriteByte(upper[c&15])
	}
	return b.String()
}

func (s signature) sign(secret, stamp, canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	text := algorithm + "\n" + stamp + "\n" + s.date + "/" + s.region + "/" + s.service + "/" + terminator + "\n" + hex.EncodeToString(sum[:])
	return hex.EncodeToString(mac(s.signingKey(secret), text))
}

// signingKey derives the scope's key of a secret.
func (s signature) signingKey(secret string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, terminator} {
		key = mac(key, part)
	}
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
