package s3

import (
	"bytes"
	"net/http"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Put writes an object for a room that delivers to its users' buckets, like load balancers with their
// access logs.
//
// Errors: those of PutObject; NoSuchBucket and AccessDenied among them.
func (s *Service) Put(scope names.Scope, bucket, key string, body []byte) error {
	r, err := http.NewRequest(http.MethodPut, "http://s3.localhost/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	return s.putObject(&request{w: unheard{http.Header{}}, r: r, caller: wire.Caller{Account: scope.Account, Region: scope.Region}, bucket: bucket, key: key})
}

// unheard is an answer that nobody reads.
type unheard struct{ header http.Header }

// Header gives the headers.
func (u unheard) Header() http.Header { return u.header }

// Write takes everything.
func (unheard) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader does nothing.
func (unheard) WriteHeader(int) {}
