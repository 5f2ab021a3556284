package lb

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// grpcUnknown is the status of an answer that has none.
const grpcUnknown = 2

// grpcStatus gives the status of a call: of the trailers, or of the headers where there is nothing
// else.
func grpcStatus(res *http.Response) (int, error) {
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("gRPC over HTTP status %d", res.StatusCode)
	}
	text := res.Header.Get("Grpc-Status")
	if text == "" {
		if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, probeHeader)); err != nil {
			return 0, err
		}
		text = res.Trailer.Get("Grpc-Status")
	}
	if text == "" {
		return grpcUnknown, nil
	}
	return strconv.Atoi(text)
}
