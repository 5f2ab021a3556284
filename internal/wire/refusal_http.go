package wire

import (
	"net/http"
	"strconv"
	"time"
)

// plain gives a refusal in S3's words.
//
// Source: S3 API reference, error responses.
func (r refusal) plain(s signature, req *http.Request) *Error {
	switch r.why {
	case unknownKey:
		return &Error{Code: "InvalidAccessKeyId", Status: 403, Message: "The AWS Access Key Id you provided does not exist in our records."}
	case wrongSignature:
		return &Error{Code: "SignatureDoesNotMatch", Status: 403, Message: "The request signature we calculated does not match the signature you provided. Check your key and signing method."}
	case malformedSignature, wrongScope:
		return s.illFormed(req)
	case expired:
		if s.presigned {
			return &Error{Code: "AccessDenied", Status: 403, Message: "Request has expired"}
		}
		return &Error{Code: "RequestTimeTooSkewed", Status: 403, Message: "The difference between the request time and the current time is too large."}
	case wrongToken:
		return &Error{Code: "InvalidToken", Status: 400, Message: "The provided token is malformed or otherwise invalid."}
	case expiredToken:
		return &Error{Code: "ExpiredToken", Status: 400, Message: "The provided token has expired."}
	}
	return &Error{Code: "AccessDenied", Status: 403, Message: "Access Denied"}
}

// illFormed gives what S3 says of a signature whose parts are not what they must be.
func (s signature) illFormed(r *http.Request) *Error {
	const credential = `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`
	if !s.presigned || s.v2 {
		if s.rawDate(r) == "" {
			return &Error{Code: "AccessDenied", Status: 403, Message: "AWS authentication requires a valid Date or x-amz-date header"}
		}
		return &Error{Code: "AuthorizationHeaderMalformed", Status: 400, Message: "The authorization header is malformed; " + credential}
	}
	wrong := func(message string) *Error {
		return &Error{Code: "AuthorizationQueryParametersError", Status: 400, Message: message}
	}
	q := r.URL.Query()
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Expires"} {
		if q.Get(name) == "" {
			return wrong("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
	}
	seconds, bad := strconv.Atoi(q.Get("X-Amz-Expires"))
	_, undated := time.Parse(amzDate, q.Get("X-Amz-Date"))
	switch {
	case bad != nil:
		return wrong("X-Amz-Expires should be a number")
	case seconds < 0:
		return wrong("X-Amz-Expires must be non-negative")
	case seconds > longestLink:
		return wrong("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than " + strconv.Itoa(longestLink) + " seconds")
	case undated != nil:
		return wrong(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	return wrong("Error parsing the X-Amz-Credential parameter; " + credential)
}
