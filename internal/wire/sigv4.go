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
	algorithm = "AWS4-HMAC-SHA256"
	amzDate   = "20060102T150405Z"
)

// signature is what a request says about who signed it. The zero signature is an unsigned one's.
type signature struct {
	key, date, region, service string // the scope
	signed                     []string
	value                      string
	presigned                  bool
	v2                         bool // of version 2, which only services of HTTP know
	malformed                  bool // it is there and cannot be read
}

// readSignature parses the Authorization header or the presigned query.
func readSignature(r *http.Request) signature {
	if auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), algorithm); ok {
		var s signature
		for field := range strings.SplitSeq(auth, ",") {
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
		s.malformed = s.service == "" || s.signed == nil || s.value == ""
		return s
	}
	if !strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		s, _ := readSignatureV2(r)
		return s
	}
	q := r.URL.Query()
	s := signature{presigned: true, value: q.Get("X-Amz-Signature")}
	s.scope(q.Get("X-Amz-Credential"))
	s.signed = strings.Split(strings.ToLower(q.Get("X-Amz-SignedHeaders")), ";")
	s.malformed = s.service == "" || s.value == "" || q.Get("X-Amz-Algorithm") != algorithm
	return s
}

// scope reads AKID/20261121/us-east-1/ecs/aws4_request. The key itself may hold slashes.
func (s *signature) scope(text string) {
	p := strings.Split(text, "/")
	if n := len(p); n >= 5 && p[n-1] == "aws4_request" {
		s.key, s.date, s.region, s.service = strings.Join(p[:n-4], "/"), p[n-4], p[n-3], p[n-2]
	}
}

// refusal is why a signature is not believed.
type refusal int

const (
	believed refusal = iota
	unsigned
	malformedSignature
	unknownKey
	wrongSignature
	expired
)

// verify checks a signature over the request as it came, its body still compressed.
//
// Source: Signature Version 4; the test vectors of botocore stand in the tests.
func (s signature) verify(r *http.Request, body []byte, now time.Time, keys func(string) (string, bool)) refusal {
	hash, ok := s.payloadHash(r, body)
	return s.verifyHash(r, hash, ok, maxSkew, now, keys)
}

// verifyHash checks a signature over a request whose body's hash is as the signer had it, if honest;
// its date may be skew from now.
func (s signature) verifyHash(r *http.Request, hash string, honest bool, skew time.Duration, now time.Time, keys func(string) (string, bool)) refusal {
	if s.malformed {
		return malformedSignature
	}
	if s.service == "" {
		return unsigned
	}
	secret, ok := keys(s.key)
	if !ok {
		return unknownKey
	}
	stamp := s.stampOf(r)
	at, err := time.Parse(amzDate, stamp)
	if err != nil || !strings.HasPrefix(stamp, s.date) || len(s.date) != 8 || !slices.Contains(s.signed, "host") {
		return malformedSignature
	}
	until := at.Add(skew)
	if s.presigned {
		var ok bool
		if until, ok = s.until(r); !ok {
			return malformedSignature
		}
	}
	if now.After(until) || now.Before(at.Add(-skew)) {
		return expired
	}
	if !honest || !s.covers(r) {
		return wrongSignature
	}
	want := s.sign(secret, stamp, s.canonical(r, hash))
	if subtle.ConstantTimeCompare([]byte(want), []byte(s.value)) != 1 {
		return wrongSignature
	}
	return believed
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
	text := algorithm + "\n" + stamp + "\n" + s.date + "/" + s.region + "/" + s.service + "/aws4_request\n" + hex.EncodeToString(sum[:])
	return hex.EncodeToString(mac(s.signingKey(secret), text))
}

// signingKey derives the scope's key of a secret.
func (s signature) signingKey(secret string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request"} {
		key = mac(key, part)
	}
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// refusals gives AWS's error for each refusal: the code and status in JSON, REST and CBOR, then in
// query, then in EC2. The statuses of the JSON protocols are partly unconfirmed.
var refusals = map[refusal]struct {
	json, query, ec2                string
	jsonState, queryState, ec2State int
	message                         string
}{
	unsigned: {"MissingAuthenticationTokenException", "MissingAuthenticationToken", "MissingAuthenticationToken", 400, 403, 403,
		"Missing Authentication Token"},
	malformedSignature: {"IncompleteSignatureException", "IncompleteSignature", "IncompleteSignature", 400, 400, 400,
		"The request signature does not conform to AWS standards."},
	unknownKey: {"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", 400, 403, 401,
		"The security token included in the request is invalid."},
	wrongSignature: {"InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure", 400, 403, 401,
		"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."},
	expired: {"InvalidSignatureException", "RequestExpired", "RequestExpired", 400, 400, 400,
		"Signature expired: the request's date is too far from now"},
}

// failure gives a refusal in the protocol's terms.
func (r refusal) failure(p protocol) failure {
	e := refusals[r]
	f := failure{code: e.json, queryCode: e.query, status: e.jsonState, queryState: e.queryState, message: e.message}
	switch {
	case p == protoREST:
		f.status = e.queryState
	case p == protoEC2:
		f.queryCode, f.queryState = e.ec2, e.ec2State
		if r == unknownKey || r == wrongSignature {
			f.message = "AWS was not able to validate the provided access credentials"
		}
	}
	return f
}
