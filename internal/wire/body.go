package wire

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
)

// The largest bodies read, as sent and as decompressed, in bytes. Lambda takes code in zip files of
// 50 MB, which base64 makes 67.
const (
	MaxBody     = 16 << 20
	MaxBodyREST = 70 << 20
)

var (
	errTooLarge = errors.New("the request body is too large")
	errEncoding = errors.New("the request body's encoding is not known")
)

// readBody reads a request's body as it was sent.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, errTooLarge
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(min(r.ContentLength, 1<<20)) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, limit+1)); err != nil {
		return nil, err
	}
	if int64(buf.Len()) > limit {
		return nil, errTooLarge
	}
	return buf.Bytes(), nil
}

// inflate undoes the body's Content-Encoding; the SDKs gzip PutMetricData.
func inflate(encoding string, body []byte, limit int64) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return body, nil
	case "gzip":
	default:
		return nil, errEncoding
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(plain)) > limit {
		return nil, errTooLarge
	}
	return plain, nil
}

// badBody gives the failure of a body that cannot be read.
func (q *request) badBody(err error) failure {
	f := failure{code: "SerializationException", queryCode: "MalformedInput", status: 400, queryState: 400, message: err.Error()}
	if errors.Is(err, errTooLarge) {
		f.code, f.queryCode, f.status, f.queryState = "RequestEntityTooLargeException", "RequestEntityTooLarge", 413, 413
		if q.proto == protoREST {
			f.code = "RequestTooLargeException"
		}
	}
	return f
}
