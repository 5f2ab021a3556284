package wire

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// readSignatureV2 reads the query of a link presigned in version 2, which boto3 still makes for S3 in
// the older regions; ok is false where there is none.
func readSignatureV2(r *http.Request) (s signature, ok bool) {
	if !strings.Contains(r.URL.RawQuery, "AWSAccessKeyId=") || !strings.Contains(r.URL.RawQuery, "Signature=") {
		return signature{}, false
	}
	q := r.URL.Query()
	s = signature{key: q.Get("AWSAccessKeyId"), service: "s3", value: q.Get("Signature"), presigned: true, v2: true}
	_, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
	s.malformed = err != nil || s.value == "" || s.key == ""
	return s, true
}

// signedInV2 are the query parameters that a signature of version 2 covers.
//
// Source: S3 developer guide, "Signing and authenticating REST requests".
var signedInV2 = []string{"accelerate", "acl", "analytics", "cors", "delete", "encryption", "inventory", "lifecycle", "location", "logging",
	"metrics", "notification", "object-lock", "ownershipControls", "partNumber", "policy", "policyStatus", "publicAccessBlock", "replication",
	"requestPayment", "response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language",
	"response-content-type", "response-expires", "restore", "retention", "legal-hold", "select", "select-type", "tagging", "torrent",
	"uploadId", "uploads", "versionId", "versioning", "versions", "website"}

// lift makes headers of what a link of version 2 says of them in its query: boto3 writes there what it was
// given to sign, and who uses the link need not send it again. A header that is sent counts instead. That
// S3 takes Content-Type and Content-MD5 so, too, is unconfirmed.
func (s signature) lift(r *http.Request) {
	if !s.v2 {
		return
	}
	query := r.URL.Query()
	for _, k := range slices.Sorted(maps.Keys(query)) {
		name, value := http.CanonicalHeaderKey(k), strings.Join(query[k], ",")
		if !strings.HasPrefix(name, "X-Amz-") && name != "Content-Type" && name != "Content-Md5" || strings.ContainsAny(value, "\r\n\x00") {
			continue
		}
		if _, sent := r.Header[name]; !sent {
			r.Header.Set(name, value)
		}
	}
}

// verifyV2 checks a presigned link of version 2 whose headers are lifted.
func (s signature) verifyV2(r *http.Request, resource, secret string) refusal {
	query := r.URL.Query()
	var b strings.Builder
	b.WriteString(r.Method + "\n" + r.Header.Get("Content-Md5") + "\n" + r.Header.Get("Content-Type") + "\n" + query.Get("Expires") + "\n")
	own := map[string]string{}
	for k, v := range r.Header { // into a sorted list: the order does not matter
		if k = strings.ToLower(k); strings.HasPrefix(k, "x-amz-") {
			own[k] = strings.Join(v, ",")
		}
	}
	for _, k := range sortedNames(own) {
		b.WriteString(k + ":" + strings.TrimSpace(own[k]) + "\n")
	}
	b.WriteString(resource)
	sign := "?"
	for _, k := range signedNames(query) {
		b.WriteString(sign + k)
		if v := query.Get(k); v != "" {
			b.WriteString("=" + v)
		}
		sign = "&"
	}
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(b.String()))
	want := base64.StdEncoding.EncodeToString(h.Sum(nil))
	if subtle.ConstantTimeCompare([]byte(want), []byte(s.value)) != 1 {
		return refusal{why: wrongSignature}
	}
	return refusal{}
}

func sortedNames(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

func signedNames(q url.Values) (names []string) {
	for _, k := range signedInV2 {
		if q.Has(k) {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	return names
}

// until gives when a presigned request's time is over; ok is false where it does not say so.
func (s signature) until(r *http.Request) (at time.Time, ok bool) {
	q := r.URL.Query()
	if s.v2 {
		n, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
		return time.Unix(n, 0), err == nil
	}
	at, err := time.Parse(amzDate, q.Get("X-Amz-Date"))
	seconds, bad := strconv.Atoi(q.Get("X-Amz-Expires"))
	return at.Add(time.Duration(seconds) * time.Second), err == nil && bad == nil && seconds >= 1 && seconds <= longestLink
}

// longestLink is how many seconds a presigned request is good for at most: a week.
const longestLink = 604800
