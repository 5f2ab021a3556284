package lb

import (
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// BenchmarkProxy1KiB is a GET of 1 KiB through the data plane, client and target included:
// compare with BenchmarkDirect1KiB.
func BenchmarkProxy1KiB(b *testing.B) {
	p := newPlane(b.Context(), slog.New(slog.DiscardHandler), rand.New(rand.NewPCG(1, 2)), func(Probed) {})
	defer p.stop()
	s := kibibyte(b)
	table := web(0, forward(balance.Weighted{Group: "web", Weight: 1}), group("web", s))
	bound := p.set(table).Bound[0]
	gets(b, "http://127.0.0.1:"+strconv.Itoa(bound.Port))
}

// BenchmarkDirect1KiB is the same without the data plane.
func BenchmarkDirect1KiB(b *testing.B) { gets(b, kibibyte(b).URL) }

func kibibyte(b *testing.B) *httptest.Server {
	body := strings.Repeat("x", 1024)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	b.Cleanup(s.Close)
	return s
}

func gets(b *testing.B, url string) {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer c.CloseIdleConnections()
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res, err := c.Get(url)
			if err != nil || res.StatusCode != 200 {
				b.Errorf("got %v %v", res, err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
}
