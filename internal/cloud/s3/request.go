package s3

import (
	"encoding/base64"
	"encoding/xml"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// request is one call while it is answered.
type request struct {
	w           http.ResponseWriter
	r           *http.Request
	caller      wire.Caller
	bucket, key string
	query       url.Values
}

// suffixes of hosts whose first part is a bucket, the longer ones first.
var suffixes = []string{".s3.localhost", ".localhost", ".s3.amazonaws.com"}

// hostBucket gives the bucket that a host name has; ok is false where the host is the service's.
func hostBucket(host string) (bucket string, ok bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if i := strings.Index(host, ".s3."); i > 0 {
		return host[:i], true
	}
	if strings.HasPrefix(host, "s3.") || strings.HasSuffix(host, ".elb.localhost") {
		return "", false
	}
	for _, s := range suffixes {
		if b, ok := strings.CutSuffix(host, s); ok && b != "" && b != "s3" {
			return b, true
		}
	}
	return "", false
}

// address gives what a request is about: the bucket, empty for the service, and the key.
func address(r *http.Request) (bucket, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if b, ok := hostBucket(r.Host); ok {
		return b, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// resource is what signatures of version 2 cover.
func resource(r *http.Request) string {
	path := r.URL.EscapedPath()
	if b, ok := hostBucket(r.Host); ok {
		return "/" + b + path
	}
	return path
}

// requestID gives S3's form of the request's id.
func requestID(r *http.Request) string {
	id := strings.ToUpper(strings.ReplaceAll(wire.CallerOf(r.Context()).RequestID, "-", ""))
	return id[:min(16, len(id))]
}

func hostID(id string) string { return base64.StdEncoding.EncodeToString([]byte("slipway:" + id)) }

// head sets the headers that every answer has.
func head(w http.ResponseWriter, r *http.Request) {
	h, id := w.Header(), requestID(r)
	h.Set("X-Amz-Request-Id", id)
	h.Set("X-Amz-Id-2", hostID(id))
	h.Set("Server", "AmazonS3")
}

// serve answers a request.
func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	q := &request{w: w, r: r, caller: wire.CallerOf(r.Context()), query: r.URL.Query()}
	q.bucket, q.key = address(r)
	head(w, r)
	if err := s.dispatch(q); err != nil {
		s.fail(w, r, err)
	}
}

// dispatch finds the operation: by what the path names, the method, and the subresource in the query.
func (s *Service) dispatch(q *request) error {
	switch {
	case strings.ContainsRune(q.key, 0):
		return badArgument("key", "", "The key holds a character that is not allowed")
	case q.bucket == "":
		if q.r.Method == http.MethodGet {
			return s.listBuckets(q)
		}
	case q.key == "":
		return s.dispatchBucket(q)
	default:
		if len(q.key) > 1024 {
			return refusal(400, "KeyTooLongError", "Your key is too long", "Size", strconv.Itoa(len(q.key)), "MaxSizeAllowed", "1024")
		}
		return s.dispatchObject(q)
	}
	return s.methodNotAllowed(q, "SERVICE")
}

func (s *Service) dispatchBucket(q *request) error {
	if name := q.record(); name != "" {
		return s.serveRecord(q, name)
	}
	switch q.r.Method {
	case http.MethodPut:
		if q.query.Has("versioning") {
			return s.putVersioning(q)
		}
		if what := q.unbuilt(); what != "" {
			return s.notBuilt(q, what)
		}
		return s.createBucket(q)
	case http.MethodHead:
		return s.headBucket(q)
	case http.MethodDelete:
		if what := q.unbuilt(); what != "" {
			return s.notBuilt(q, what)
		}
		return s.deleteBucket(q)
	case http.MethodPost:
		if q.query.Has("delete") {
			return s.deleteObjects(q)
		}
		return s.notBuilt(q, "PostObject")
	case http.MethodGet:
		switch {
		case q.query.Has("location"):
			return s.bucketLocation(q)
		case q.query.Has("versioning"):
			return s.getVersioning(q)
		case q.query.Has("versions"):
			return s.listVersions(q)
		case q.query.Has("uploads"):
			return s.listUploads(q)
		case q.query.Get("list-type") == "2":
			return s.listV2(q)
		}
		if what := q.unbuilt(); what != "" {
			return s.notBuilt(q, what)
		}
		return s.listV1(q)
	}
	return s.methodNotAllowed(q, "BUCKET")
}

func (s *Service) dispatchObject(q *request) error {
	upload := q.query.Has("uploadId")
	for _, what := range []string{"retention", "legal-hold", "torrent", "restore", "select", "renameObject"} {
		if q.query.Has(what) {
			return s.notBuilt(q, what)
		}
	}
	switch q.r.Method {
	case http.MethodPut:
		switch {
		case upload:
			return s.uploadPart(q)
		case q.query.Has("tagging"):
			return s.putTags(q)
		case q.query.Has("acl"):
			return s.putObjectACL(q)
		case q.r.Header.Get("X-Amz-Copy-Source") != "":
			return s.copyObject(q)
		}
		return s.putObject(q)
	case http.MethodGet:
		switch {
		case upload:
			return s.listParts(q)
		case q.query.Has("tagging"):
			return s.getTags(q)
		case q.query.Has("acl"):
			return s.getObjectACL(q)
		case q.query.Has("attributes"):
			return s.objectAttributes(q)
		}
		return s.getObject(q)
	case http.MethodHead:
		return s.getObject(q)
	case http.MethodDelete:
		switch {
		case upload:
			return s.abortUpload(q)
		case q.query.Has("tagging"):
			return s.deleteTags(q)
		}
		return s.deleteObject(q)
	case http.MethodPost:
		switch {
		case q.query.Has("uploads"):
			return s.createUpload(q)
		case upload:
			return s.completeUpload(q)
		}
	}
	return s.methodNotAllowed(q, "OBJECT")
}

// unbuilt gives the subresource of a bucket that nobody built.
func (q *request) unbuilt() string {
	for _, what := range []string{"analytics", "inventory", "metrics", "intelligent-tiering", "metadataTable", "metadataConfiguration", "session", "abac"} {
		if q.query.Has(what) {
			return what
		}
	}
	return ""
}

// notBuilt answers for what nobody built, as S3 does for what it does not do.
func (s *Service) notBuilt(q *request, what string) error {
	wire.NotBuilt(q.r.Context(), q.r.Method+" "+what)
	return refusal(501, "NotImplemented", "A header or query parameter you provided implies functionality that is not implemented", "Resource", what)
}

func (s *Service) methodNotAllowed(q *request, kind string) error {
	return refusal(405, "MethodNotAllowed", "The specified method is not allowed against this resource.", "Method", q.r.Method, "ResourceType", kind)
}

// namespace is of S3's XML.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// answer writes v as XML.
func (q *request) answer(v any) error {
	text, err := xml.Marshal(v)
	if err != nil {
		return err
	}
	return q.text(xml.Header+string(text), "application/xml")
}

func (q *request) text(text, kind string) error {
	q.w.Header().Set("Content-Type", kind)
	q.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	q.w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(q.w, text) // a client that went away is nobody's error
	return nil
}

// largestXML bounds the documents read into memory, in bytes.
const largestXML = 4 << 20

// document reads a body that is small, and checks it as bodies are.
func (q *request) document() ([]byte, error) {
	in, err := take(q.r, "")
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.TeeReader(io.LimitReader(q.r.Body, largestXML+1), in))
	if err != nil {
		return nil, err
	}
	if len(text) > largestXML {
		return nil, refusal(400, "MaxMessageLengthExceeded", "Your request was too big.")
	}
	_, _, err = in.check()
	return text, err
}

// read reads a body of XML into v.
func (q *request) read(v any) error {
	text, err := q.document()
	if err != nil {
		return err
	}
	if xml.Unmarshal(text, v) != nil {
		return malformedXML()
	}
	return nil
}

// number reads a parameter that is a whole number of at least least.
func (q *request) number(name string, otherwise, least int) (int, error) {
	text := q.query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, badArgument(name, text, "Provided "+name+" not an integer or within integer range")
	}
	if n < least {
		return 0, badArgument(name, text, "Argument "+name+" must be an integer between "+strconv.Itoa(least)+" and 2147483647")
	}
	return n, nil
}

// bucket finds a bucket that the account may use: its own, or one with a policy, which is a record
// and denies nobody.
func (s *Service) bucket(tx *store.Tx, account, name string) (Bucket, error) {
	b, ok := s.buckets.Get(tx, name)
	switch {
	case !ok && !validBucket(name):
		return b, badBucketName(name)
	case !ok:
		return b, noBucket(name)
	case b.Account != account && b.Records["policy"] == "":
		return b, denied()
	}
	return b, nil
}

// view runs f with the request's bucket.
func (s *Service) view(q *request, f func(tx *store.Tx, b Bucket) error) error {
	return s.store.View(func(tx *store.Tx) error {
		b, err := s.bucket(tx, q.caller.Account, q.bucket)
		if err != nil {
			return err
		}
		return f(tx, b)
	})
}

// update runs f with the request's bucket in a transaction that may write.
func (s *Service) update(q *request, f func(tx *store.Tx, b Bucket) error) error {
	return s.store.Update(func(tx *store.Tx) error {
		b, err := s.bucket(tx, q.caller.Account, q.bucket)
		if err != nil {
			return err
		}
		return f(tx, b)
	})
}

// httpDate is the wall's time of an internal one, as headers have it.
func (s *Service) httpDate(at time.Time) string {
	return s.o.Wall(at).UTC().Format(http.TimeFormat)
}

// isoDate is the same as XML has it.
func (s *Service) isoDate(at time.Time) string {
	return s.o.Wall(at).UTC().Format("2006-01-02T15:04:05.000Z")
}
