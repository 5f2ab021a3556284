package wire_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// echoing is a service of HTTP that answers with what it was sent, as S3 of the year 2013.
func echoing(now time.Time) http.Handler {
	refuse := func(w http.ResponseWriter, _ *http.Request, why *wire.Error) { http.Error(w, why.Code, why.Status) }
	return wire.NewGateway(wire.GatewayOptions{
		Clock: clock.NewVirtual(now),
		Keys: func(key string) (string, bool) {
			return "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", key == "AKIAIOSFODNN7EXAMPLE"
		},
	}, wire.NewHTTP("s3", wire.HTTP{
		Claims:   func(r *http.Request) bool { return strings.HasPrefix(r.Host, "examplebucket.") },
		Resource: func(r *http.Request) string { return r.URL.Path },
		Refuse:   refuse,
		Serve: func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				refuse(w, r, err.(*wire.Error))
				return
			}
			w.Header().Set("X-Encoding", r.Header.Get("Content-Encoding"))
			w.Header().Set("X-Trailer", r.Trailer.Get("X-Amz-Checksum-Crc32c"))
			_, _ = w.Write(body)
		},
	}))
}

var may24 = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

// The requests and signatures are the examples of the S3 API reference, "Signature calculations for
// the authorization header: transferring payload in multiple chunks" and "Using query parameters".

const (
	chunked = "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n%a\r\n" +
		"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n%b\r\n" +
		"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
	chunkedBy = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
)

func sendChunks(body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("PUT", "http://s3.amazonaws.com/examplebucket/chunkObject.txt", strings.NewReader(body))
	r.ContentLength = 66824
	for k, v := range map[string]string{
		"X-Amz-Date": "20130524T000000Z", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY", "Authorization": chunkedBy,
		"X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": "66560",
	} {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	echoing(may24).ServeHTTP(w, r)
	return w
}

func TestSignedChunksAreTakenApartAndEachIsVerified(t *testing.T) {
	t.Parallel()
	whole := strings.Replace(strings.Replace(chunked, "%a", strings.Repeat("a", 65536), 1), "%b", strings.Repeat("a", 1024), 1)
	if w := sendChunks(whole); w.Code != 200 || w.Body.String() != strings.Repeat("a", 66560) || w.Header().Get("X-Encoding") != "" {
		t.Errorf("the example: got %d, %d bytes, encoding %q", w.Code, w.Body.Len(), w.Header().Get("X-Encoding"))
	}
	for what, c := range map[string]struct{ body, want string }{
		"another last chunk": {strings.Replace(strings.Replace(chunked, "%a", strings.Repeat("a", 65536), 1), "%b", strings.Repeat("b", 1024), 1), "SignatureDoesNotMatch"},
		"an end too early":   {whole[:66000], "IncompleteBody"},
		"no last chunk":      {whole[:strings.LastIndex(whole, "0;chunk")], "IncompleteBody"},
	} {
		if w := sendChunks(c.body); !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: got %d %.80s, want %s", what, w.Code, w.Body, c.want)
		}
	}
}

func TestTrailersOfAnUnsignedStreamComeAfterTheBody(t *testing.T) {
	t.Parallel()
	h := wire.NewGateway(wire.GatewayOptions{}, wire.NewHTTP("s3", wire.HTTP{
		Claims: func(*http.Request) bool { return true },
		Serve: func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, string(body)+" "+r.Trailer.Get("X-Amz-Checksum-Crc32"))
		},
	}))
	r := httptest.NewRequest("PUT", "/b/k", strings.NewReader("5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"))
	r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
	r.Header.Set("X-Amz-Decoded-Content-Length", "11")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got := w.Body.String(); got != "hello world DUoRhQ==" {
		t.Errorf("got %q", got)
	}
}

func TestALinkIsGoodUntilItsTimeIsOver(t *testing.T) {
	t.Parallel()
	const link = "http://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	for _, c := range []struct {
		after  time.Duration
		url    string
		status int
		want   string
	}{
		{0, link, 200, ""},
		{24 * time.Hour, link, 200, ""},
		{24*time.Hour + time.Second, link, 403, "AccessDenied"},
		{0, strings.Replace(link, "test.txt", "best.txt", 1), 403, "SignatureDoesNotMatch"},
		{0, strings.Replace(link, "86400", "864000", 1), 400, "AuthorizationQueryParametersError"},
	} {
		w := httptest.NewRecorder()
		echoing(may24.Add(c.after)).ServeHTTP(w, httptest.NewRequest("GET", c.url, nil))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("after %s, %.60s…: got %d %s, want %d %s", c.after, c.url, w.Code, w.Body, c.status, c.want)
		}
	}
}

func TestABodyOtherThanItsHashIsRefusedAlsoWhereNobodyChecksKeys(t *testing.T) {
	t.Parallel()
	h := wire.NewGateway(wire.GatewayOptions{}, wire.NewHTTP("s3", wire.HTTP{
		Claims: func(*http.Request) bool { return true },
		Serve: func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				_, _ = io.WriteString(w, err.Error())
			}
		},
	}))
	r := httptest.NewRequest("PUT", "/b/k", strings.NewReader("hello"))
	r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), "XAmzContentSHA256Mismatch") {
		t.Errorf("got %q", w.Body)
	}
}

func TestALinkOfVersion2IsGoodWithItsSessionsTokenAlone(t *testing.T) {
	t.Parallel()
	const key, secret, expires = "SESSION", "of the session", "1369440000"
	h := wire.NewGateway(wire.GatewayOptions{
		Clock: clock.NewVirtual(may24),
		Keys:  func(id string) (string, bool) { return secret, id == key },
		Token: func(_, token string) wire.TokenState {
			return map[string]wire.TokenState{"good": wire.TokenGood, "old": wire.TokenExpired, "": wire.TokenWrong, "other": wire.TokenWrong}[token]
		},
	}, wire.NewHTTP("s3", wire.HTTP{
		Resource: func(r *http.Request) string { return r.URL.Path },
		Refuse:   func(w http.ResponseWriter, _ *http.Request, why *wire.Error) { http.Error(w, why.Code, why.Status) },
		Serve:    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") },
	}))
	for _, c := range []struct {
		name, token string
		status      int
		want        string
	}{
		{"x-amz-security-token", "good", 200, "served"},
		{"X-Amz-Security-Token", "good", 200, "served"},
		{"x-amz-security-token", "old", 400, "ExpiredToken"},
		{"X-Amz-Security-Token", "old", 400, "ExpiredToken"},
		{"x-amz-security-token", "other", 400, "InvalidToken"},
		{"", "", 400, "InvalidToken"},
	} {
		for _, method := range []string{"GET", "PUT"} {
			text := method + "\n\n\n" + expires + "\n"
			query := url.Values{"AWSAccessKeyId": {key}, "Expires": {expires}}
			if c.name != "" {
				text += "x-amz-security-token:" + c.token + "\n"
				query.Set(c.name, c.token)
			}
			sum := hmac.New(sha1.New, []byte(secret))
			sum.Write([]byte(text + "/bucket/key"))
			query.Set("Signature", base64.StdEncoding.EncodeToString(sum.Sum(nil)))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, "http://s3.amazonaws.com/bucket/key?"+query.Encode(), nil))
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%s with %s=%s: got %d %s, want %d %s", method, c.name, c.token, w.Code, w.Body, c.status, c.want)
			}
		}
	}
}

// TestALinkOfVersion2SaysWhatTypeAndSumItIsFor makes links as botocore's HmacV1QueryAuth does, which writes the
// headers it signs into the query.
func TestALinkOfVersion2SaysWhatTypeAndSumItIsFor(t *testing.T) {
	t.Parallel()
	const key, secret, expires = "LINK", "of the link", "1369440000"
	h := wire.NewGateway(wire.GatewayOptions{
		Clock: clock.NewVirtual(may24),
		Keys:  func(id string) (string, bool) { return secret, id == key },
	}, wire.NewHTTP("s3", wire.HTTP{
		Resource: func(r *http.Request) string { return r.URL.Path },
		Refuse:   func(w http.ResponseWriter, _ *http.Request, why *wire.Error) { http.Error(w, why.Code, why.Status) },
		Serve: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Header.Get("Content-Type")+" "+r.Header.Get("Content-Md5")+" "+r.Header.Get("X-Amz-Meta-A"))
		},
	}))
	const md5, kind, meta = "XUFAKrxLKna5cZ2REBfFkg==", "text/plain; charset=utf-8", "1 2"
	sum := hmac.New(sha1.New, []byte(secret))
	sum.Write([]byte("PUT\n" + md5 + "\n" + kind + "\n" + expires + "\nx-amz-meta-a:" + meta + "\n/bucket/key"))
	query := url.Values{
		"AWSAccessKeyId": {key}, "Expires": {expires}, "Signature": {base64.StdEncoding.EncodeToString(sum.Sum(nil))},
		"content-type": {kind}, "content-md5": {md5}, "x-amz-meta-a": {meta},
	}
	for _, c := range []struct {
		what   string
		sent   http.Header
		change func(url.Values)
		want   string
	}{
		{"nothing sent", nil, nil, kind + " " + md5 + " " + meta},
		{"the same sent", http.Header{"Content-Type": {kind}, "Content-Md5": {md5}, "X-Amz-Meta-A": {meta}}, nil, kind + " " + md5 + " " + meta},
		{"headers alone", http.Header{"Content-Type": {kind}, "Content-Md5": {md5}, "X-Amz-Meta-A": {meta}}, func(q url.Values) {
			q.Del("content-type")
			q.Del("content-md5")
			q.Del("x-amz-meta-a")
		}, kind + " " + md5 + " " + meta},
		{"another type", http.Header{"Content-Type": {"text/xml"}}, nil, "SignatureDoesNotMatch"},
		{"no type", http.Header{"Content-Type": {""}}, nil, "SignatureDoesNotMatch"},
		{"another sum", http.Header{"Content-Md5": {"rL0Y20zC+Fzt72VPzMSk2A=="}}, nil, "SignatureDoesNotMatch"},
		{"other metadata", http.Header{"X-Amz-Meta-A": {"2"}}, nil, "SignatureDoesNotMatch"},
		{"more metadata", http.Header{"X-Amz-Meta-B": {"2"}}, nil, "SignatureDoesNotMatch"},
		{"a type that the link does not name", nil, func(q url.Values) { q.Del("content-type") }, "SignatureDoesNotMatch"},
	} {
		asked := maps.Clone(query)
		if c.change != nil {
			c.change(asked)
		}
		r := httptest.NewRequest("PUT", "http://s3.amazonaws.com/bucket/key?"+asked.Encode(), nil)
		maps.Copy(r.Header, c.sent)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := strings.TrimSpace(w.Body.String()); got != c.want {
			t.Errorf("%s: got %d %q, want %q", c.what, w.Code, got, c.want)
		}
	}
}
