package wire_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/wire"
)

// fuzz sends each body and wants an answer of 2xx or 4xx, or a 5xx that a handler asked for.
func fuzz(f *testing.F, method, target string, headers ...string) {
	h := house(wire.GatewayOptions{})
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		own := strings.Contains(body, "server") || strings.Contains(body, "plain") || strings.Contains(body, "panic") || strings.Contains(body, `\u`)
		if w.Code >= 500 && !own {
			t.Errorf("%d for %q: %s", w.Code, body, w.Body)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"serviceName":"web"}`, `{"serviceName":null,"tags":[{"key":"a"}],"desiredCount":1e3}`, `{"a":{"b":[1,{}]}}`, `{`, `[]`, `null`, "", `{"serviceName":"\ud800","deploymentConfiguration":{"lifecycleHooks":[{"hookDetails":[1e400]}]}}`} {
		f.Add(s)
	}
	fuzz(f, "POST", "/", "X-Amz-Target", ecsTarget+"CreateService")
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"Action=DescribeTargetGroups&Version=2015-12-01&Names.member.1=a&Names.member.x=b", "Action=DescribeTargetGroups&Version=2015-12-01&Names=", "Action=%zz", "&&==;", "Action=DeleteListener&Version=2015-12-01&ListenerArn.member.99999999999999999999=1"} {
		f.Add(s)
	}
	fuzz(f, "POST", "/", "Content-Type", form)
}

func FuzzCBOR(f *testing.F) {
	for _, s := range []string{"\xa0", "\xbf\x6aMetricData\x9f\xbf\x65Value\xf9\x4d\xc0\xff\xff\x69Namespace\x61N\xff", "\x9f", "\xc1\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00", "\xbf\x6aMetricData\x81\xa1\x69Timestamp\xc1\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00\xff", "\xa1\x6aMetricData\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"} {
		f.Add(s)
	}
	fuzz(f, "POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", "Smithy-Protocol", "rpc-v2-cbor")
}

func FuzzREST(f *testing.F) {
	f.Add("{}")
	f.Add("\x00")
	fuzz(f, "POST", "/2015-03-31/functions/h%2Fi/invocations?Qualifier=a")
}

func FuzzGzip(f *testing.F) {
	f.Add("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")
	fuzz(f, "POST", "/", "X-Amz-Target", ecsTarget+"CreateService", "Content-Encoding", "gzip")
}
