package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/fail"
)

// askLocal asks the cloud that serves a directory; patience 0 waits for as long as ctx. The caller
// closes the answer's body.
func askLocal(ctx context.Context, data, method string, where func(host.Running) string, query url.Values, patience time.Duration) (*http.Response, error) {
	r, err := host.Find(data)
	if err != nil {
		return nil, err
	}
	at := where(r)
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err != nil {
		return nil, err
	}
	res, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the local cloud at %s: %w", r.Endpoint, err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	why, _ := io.ReadAll(io.LimitReader(res.Body, 4096)) // what came of it says enough
	if res.StatusCode == http.StatusNotFound {
		return nil, fail.New("service.not_found", "see what there is with `slipway local status`", "%s", strings.TrimSpace(string(why)))
	}
	return nil, fmt.Errorf("the local cloud at %s answered %s: %s", r.Endpoint, res.Status, strings.TrimSpace(string(why)))
}
