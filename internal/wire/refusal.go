package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TokenState is what is known of a session token.
type TokenState int

// The states of a session token.
const (
	TokenGood TokenState = iota
	TokenWrong
	TokenExpired
)

// why is the kind of a refusal.
type why int

const (
	believed why = iota
	unsigned
	malformedSignature
	wrongScope
	unknownKey
	wrongSignature
	expired
	wrongToken
	expiredToken
)

// refusal is why a signature is not believed; the zero refusal is of one that is.
type refusal struct {
	why   why
	words string // AWS's, where they name what is wrong
}

// lacking refuses a signature that lacks a part.
func (s signature) lacking(r *http.Request) refusal {
	var b strings.Builder
	if s.presigned {
		q := r.URL.Query()
		for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"} {
			if q.Get(name) == "" {
				b.WriteString("AWS query-string parameters must include '" + name + "'. ")
			}
		}
		if b.Len() > 0 {
			return refusal{malformedSignature, b.String() + "Re-examine the query-string parameters."}
		}
		return refusal{}
	}
	for _, part := range []struct{ name, value string }{{"Credential", s.credential}, {"Signature", s.value}, {"SignedHeaders", strings.Join(s.signed, ";")}} {
		if part.value == "" {
			b.WriteString("Authorization header requires '" + part.name + "' parameter. ")
		}
	}
	if s.rawDate(r) == "" {
		b.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	if b.Len() == 0 {
		return refusal{}
	}
	sum := sha256.Sum256([]byte(r.Header.Get("Authorization")))
	return refusal{malformedSignature, b.String() + "(Hashed with SHA-256 and encoded with Base64) Authorization=" + base64.StdEncoding.EncodeToString(sum[:])}
}

// rawDate gives a request's date as it stands.
func (s signature) rawDate(r *http.Request) string {
	if s.presigned {
		return r.URL.Query().Get("X-Amz-Date")
	}
	if date := r.Header.Get("X-Amz-Date"); date != "" {
		return date
	}
	return r.Header.Get("Date")
}

// late refuses a signature whose date is not one, too far from now, or over.
func (v verifier) late(r *http.Request, s signature, stamp string) refusal {
	at, err := time.Parse(amzDate, stamp)
	if err != nil {
		return refusal{malformedSignature, fmt.Sprintf("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", clip(s.rawDate(r)))}
	}
	lasts := v.skew
	if s.presigned {
		until, ok := s.until(r)
		if !ok {
			return refusal{why: malformedSignature}
		}
		lasts = until.Sub(at)
	}
	now := v.now.UTC()
	switch {
	case now.After(at.Add(lasts)):
		return refusal{expired, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %s)", stamp, now.Add(-lasts).Format(amzDate), now.Format(amzDate), span(lasts))}
	case now.Before(at.Add(-v.skew)):
		return refusal{expired, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %s)", stamp, now.Add(v.skew).Format(amzDate), now.Format(amzDate), span(v.skew))}
	}
	return refusal{}
}

// span writes a duration as AWS does: "5 min."
func span(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + " min."
	}
	return strconv.Itoa(int(d/time.Second)) + " sec."
}

// unreadable refuses a signature whose parts are there and say nothing.
func (s signature) unreadable() refusal {
	if !slices.Contains(s.signed, "host") {
		return refusal{wrongSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."}
	}
	if s.algorithm != algorithm {
		return refusal{malformedSignature, fmt.Sprintf("Unsupported AWS 'algorithm': '%s' (only %s for now). ", clip(s.algorithm), algorithm)}
	}
	if n := strings.Count(s.credential, "/"); n < 4 {
		return refusal{malformedSignature, fmt.Sprintf("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", s.credential)}
	}
	return refusal{}
}

// misplaced refuses a scope that is another than the request's. Any region is a valid one here.
func (s signature) misplaced(service, stamp string) refusal {
	p := strings.Split(s.credential, "/")
	date, region, of, end := p[len(p)-4], p[len(p)-3], p[len(p)-2], p[len(p)-1]
	var b strings.Builder
	if region == "" {
		b.WriteString("Credential should be scoped to a valid region, not ''. ")
	}
	if service == "" {
		service = of
	}
	if of != service || of == "" {
		fmt.Fprintf(&b, "Credential should be scoped to correct service: '%s'. ", service)
	}
	if end != terminator {
		fmt.Fprintf(&b, "Credential should be scoped with a valid terminator: '%s', not '%s'. ", terminator, end)
	}
	if day := stamp[:len("20060102")]; date != day {
		fmt.Fprintf(&b, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", date, day, stamp)
	}
	if b.Len() == 0 {
		return refusal{}
	}
	return refusal{wrongScope, b.String()}
}

// session refuses a session token that is not the key's, or is over. Links of version 2 may have it in
// small letters, as boto3 writes it.
func (v verifier) session(r *http.Request, s signature) refusal {
	if v.token == nil {
		return refusal{}
	}
	const name = "X-Amz-Security-Token"
	token := r.Header.Get(name)
	if s.presigned {
		q := r.URL.Query()
		if token = q.Get(name); token == "" && s.v2 {
			token = q.Get(strings.ToLower(name))
		}
	}
	switch v.token(s.key, token) {
	case TokenWrong:
		return refusal{why: wrongToken}
	case TokenExpired:
		return refusal{why: expiredToken}
	}
	return refusal{}
}

// refusals gives AWS's error for each kind of refusal: the code and status in JSON, REST and CBOR, then
// in query, then in EC2. The statuses of the JSON protocols are partly unconfirmed.
var refusals = map[why]struct {
	json, query, ec2                string
	jsonState, queryState, ec2State int
	message                         string
}{
	unsigned: {"MissingAuthenticationTokenException", "MissingAuthenticationToken", "MissingAuthenticationToken", 400, 403, 403,
		"Missing Authentication Token"},
	malformedSignature: {"IncompleteSignatureException", "IncompleteSignature", "IncompleteSignature", 400, 400, 400,
		"The request signature does not conform to AWS standards."},
	wrongScope: {"InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure", 400, 403, 401, ""},
	unknownKey: {"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", 400, 403, 401,
		"The security token included in the request is invalid."},
	wrongSignature: {"InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure", 400, 403, 401,
		"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."},
	wrongToken: {"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", 400, 403, 401,
		"The security token included in the request is invalid."},
	expired:      {"InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired", 400, 403, 400, ""},
	expiredToken: {"ExpiredTokenException", "ExpiredToken", "RequestExpired", 400, 403, 400, "The security token included in the request is expired"},
}

// failure gives a refusal in the protocol's terms.
func (r refusal) failure(p protocol) failure {
	e := refusals[r.why]
	f := failure{code: e.json, queryCode: e.query, status: e.jsonState, queryState: e.queryState, message: e.message}
	if r.words != "" {
		f.message = r.words
	}
	switch {
	case p == protoREST:
		f.status = e.queryState
	case p == protoEC2:
		f.queryCode, f.queryState = e.ec2, e.ec2State
		switch e.ec2 {
		case "AuthFailure":
			f.message = "AWS was not able to validate the provided access credentials"
		case "RequestExpired":
			f.message = "Request has expired."
		}
	}
	return f
}
