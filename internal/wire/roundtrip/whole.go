package roundtrip

import (
	"bytes"
	"io"
	"net/http"
)

// Whole is an HTTP client that reads each answer at once, before the SDK decodes any of it.
//
// What is proved here is the codec. On a busy machine under the race detector a client that
// decoded while it read has been seen to find its connection closed by its own side.
func Whole() *http.Client { return &http.Client{Transport: whole{&http.Transport{}}} }

type whole struct{ t *http.Transport }

// RoundTrip answers with a body that is all there.
func (w whole) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.t.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if cerr := res.Body.Close(); err == nil {
		err = cerr
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	w.t.CloseIdleConnections() // each client asks once
	return res, err
}
