package wire

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The vectors were made with botocore: AKIDEXAMPLE, its documented secret, us-east-1,
// 20261121T001956Z.
const (
	vectorKey    = "AKIDEXAMPLE"
	vectorSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	vectorStamp  = "20261121T001956Z"
)

func vectorKeys(key string) (string, bool) { return vectorSecret, key == vectorKey }

func vectorTime(t *testing.T) time.Time {
	t.Helper()
	at, err := time.Parse(amzDate, vectorStamp)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

type vector struct {
	name, method, url, body, service, signed, signature string
	asks                                                string // the service that is asked, where the request says
	headers                                             map[string]string
}

var vectors = []vector{
	{
		name: "headers", method: "POST", url: "https://codedeploy.us-east-1.amazonaws.com/", body: `{"deploymentId":"d-BDS7SUA1L"}`,
		service: "codedeploy", signed: "content-type;host;x-amz-date;x-amz-target",
		signature: "147a1ae1c1454649d63747693647730a50c4ca6f0c50c0ca81c47cb906e70b84",
		headers:   map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "CodeDeploy_20141006.GetDeployment"},
	},
	{
		name: "path encoded twice", method: "POST",
		url:  "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Ah%3Alive/invocations?Qualifier=live",
		body: `{}`, service: "lambda", signed: "host;x-amz-date",
		signature: "14100b9f3ed87b0a42cf3cde229fb871d139bbeb4f7a5e441dd8484607360815",
	},
	{
		name: "presigned", method: "GET",
		url: "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261121%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20261121T001956Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=14d20b8884ae6f86f998f06a5e65c499f9ed1e8302f3b147ff4011f59ce69476",
	},
}

func (v vector) verify(t *testing.T, now time.Time, change func(*vector)) refusal {
	t.Helper()
	if change != nil {
		change(&v)
	}
	r := httptest.NewRequestWithContext(t.Context(), v.method, v.url, strings.NewReader(v.body))
	for k, x := range v.headers {
		r.Header.Set(k, x)
	}
	if v.service != "" {
		r.Header.Set("X-Amz-Date", vectorStamp)
		r.Header.Set("Authorization", algorithm+" Credential="+vectorKey+"/20261121/us-east-1/"+v.service+"/aws4_request, SignedHeaders="+v.signed+", Signature="+v.signature)
	}
	return verifier{now: now, skew: maxSkew, keys: vectorKeys, service: v.asks}.verify(r, readSignature(r), []byte(v.body))
}

func TestSignaturesOfBotocoreAreBelieved(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		if got := v.verify(t, vectorTime(t), nil); got.why != believed {
			t.Errorf("%s: refused with %v", v.name, got)
		}
	}
}

func TestSignaturesOverAnythingElseAreRefused(t *testing.T) {
	t.Parallel()
	now := vectorTime(t)
	for _, c := range []struct {
		name   string
		v      vector
		now    time.Time
		want   why
		change func(*vector)
	}{
		{"another body", vectors[0], now, wrongSignature, func(v *vector) { v.body = "{}" }},
		{"another target", vectors[0], now, wrongSignature, func(v *vector) {
			v.headers = map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "CodeDeploy_20141006.StopDeployment"}
		}},
		{"a target nobody signed", vectors[1], now, wrongSignature, func(v *vector) { v.headers = map[string]string{"X-Amz-Target": "X.Y"} }},
		{"another query", vectors[1], now, wrongSignature, func(v *vector) { v.url = strings.Replace(v.url, "live", "dead", 2) }},
		{"another host", vectors[1], now, wrongSignature, func(v *vector) { v.url = strings.Replace(v.url, "us-east-1.am", "us-west-1.am", 1) }},
		{"host not signed", vectors[0], now, wrongSignature, func(v *vector) { v.signed = "x-amz-date" }},
		{"six minutes late", vectors[0], now.Add(6 * time.Minute), expired, nil},
		{"six minutes early", vectors[0], now.Add(-6 * time.Minute), expired, nil},
		{"presigned, within its life", vectors[2], now.Add(14 * time.Minute), believed, nil},
		{"presigned, after its life", vectors[2], now.Add(16 * time.Minute), expired, nil},
		{"presigned for another key", vectors[2], now, unknownKey, func(v *vector) { v.url = strings.Replace(v.url, "AKIDEXAMPLE", "AKIDOTHER", 1) }},
		{"presigned for longer", vectors[2], now, wrongSignature, func(v *vector) { v.url = strings.Replace(v.url, "Expires=900", "Expires=901", 1) }},
		{"not signed", vectors[0], now, unsigned, func(v *vector) { v.service = "" }},
	} {
		if got := c.v.verify(t, c.now, c.change); got.why != c.want {
			t.Errorf("%s: got %v, want %d", c.name, got, c.want)
		}
	}
}

func TestARefusalNamesWhatIsWrongAsAWSDoes(t *testing.T) {
	t.Parallel()
	const credential = "Credential=AKIDEXAMPLE/20261121/us-east-1/ecs/aws4_request"
	const rest = ", SignedHeaders=host;x-amz-date, Signature=00"
	now := vectorTime(t)
	for _, c := range []struct {
		auth, date string
		code       string // in JSON
		words      string
	}{
		{"AWS4-HMAC-SHA256 " + credential, vectorStamp, "IncompleteSignatureException",
			"Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. (Hashed with SHA-256 and encoded with Base64) Authorization=AP97p9CkeqNY7yODggBsOBh2uFvMQkp5cdLY3mn4Esg="},
		{"AWS4-HMAC-SHA256 " + credential + rest, "", "IncompleteSignatureException",
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed"},
		{"AWS4-HMAC-SHA256 " + credential + rest, "yesterday", "IncompleteSignatureException",
			"Date must be in ISO-8601 'basic format'. Got 'yesterday'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"AWS4-HMAC-SHA512 " + credential + rest, vectorStamp, "IncompleteSignatureException",
			"Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now). "},
		{"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/ecs" + rest, vectorStamp, "IncompleteSignatureException",
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE/20261121/ecs'"},
		{"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/sts/aws5_request" + rest, vectorStamp, "InvalidSignatureException",
			"Credential should be scoped to correct service: 'ecs'. Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. " +
				"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20261120' != '20261121', from '20261121T001956Z'."},
		{"AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=x-amz-date, Signature=00", vectorStamp, "InvalidSignatureException",
			"'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"AWS4-HMAC-SHA256 " + credential + rest, "20261121T001400Z", "InvalidSignatureException",
			"Signature expired: 20261121T001400Z is now earlier than 20261121T001456Z (20261121T001956Z - 5 min.)"},
		{"AWS4-HMAC-SHA256 " + credential + rest, "20261121T002500Z", "InvalidSignatureException",
			"Signature not yet current: 20261121T002500Z is still later than 20261121T002456Z (20261121T001956Z + 5 min.)"},
		{"Basic YTpi", vectorStamp, "MissingAuthenticationTokenException", "Missing Authentication Token"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "https://ecs.us-east-1.amazonaws.com/", nil)
		r.Header.Set("Authorization", c.auth)
		r.Header.Set("X-Amz-Date", c.date)
		f := verifier{now: now, skew: maxSkew, keys: vectorKeys, service: "ecs"}.verify(r, readSignature(r), nil).failure(protoJSON)
		if f.code != c.code || !strings.HasPrefix(f.message, c.words) {
			t.Errorf("%s on %q: got %s %q, want %s %q", c.auth, c.date, f.code, f.message, c.code, c.words)
		}
	}
}

func TestASessionsTokenIsAskedFor(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), "GET", vectors[2].url, nil)
	for state, want := range map[TokenState]string{TokenGood: "", TokenWrong: "InvalidClientTokenId", TokenExpired: "ExpiredToken"} {
		v := verifier{now: vectorTime(t), skew: maxSkew, keys: vectorKeys, token: func(key, token string) TokenState {
			if key != vectorKey || token != "" {
				t.Errorf("asked of the token %q of %s", token, key)
			}
			return state
		}}
		if got := v.verify(r, readSignature(r), nil).failure(protoQuery).queryCode; got != want {
			t.Errorf("a token in state %d: got %q, want %q", state, got, want)
		}
	}
}
