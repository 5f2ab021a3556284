package s3

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/store"
)

// getObject gives an object, or for HEAD what is known of it.
func (s *Service) getObject(q *request) error {
	var b Bucket
	if err := s.view(q, func(_ *store.Tx, at Bucket) error { b = at; return nil }); err != nil {
		return err
	}
	v, f, err := s.open(q.caller.Account, q.bucket, q.key, q.query.Get("versionId"))
	if err != nil {
		return err
	}
	defer f.close()
	h := q.w.Header()
	q.tellVersion(b, v)
	h["ETag"] = []string{quote(v.ETag)}
	h.Set("Last-Modified", s.httpDate(v.Modified))
	unchanged, err := s.unchanged(q, v)
	if err != nil {
		return err
	}
	if unchanged {
		q.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	s.describe(h, q, v)
	from, n, status, err := q.span(v)
	if err != nil {
		return err
	}
	if status == http.StatusPartialContent {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+n-1, v.Size))
	} else if strings.EqualFold(q.r.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") {
		tellSums(h, v)
	}
	h.Set("Content-Length", strconv.FormatInt(n, 10))
	q.w.WriteHeader(status)
	if q.r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(q.w, f.reader(from, n)); err != nil && q.r.Context().Err() == nil {
		if _, ok := errors.AsType[interface {
			error
			Timeout() bool
		}](err); !ok {
			s.o.Log.Error("an object's body was cut short", "bucket", q.bucket, "key", q.key, "err", err)
		}
		panic(http.ErrAbortHandler) // the status is sent: only the connection can tell
	}
	return nil
}

// describe sets the headers that come back with an object.
func (s *Service) describe(h http.Header, q *request, v Version) {
	h.Set("Accept-Ranges", "bytes")
	h.Set("X-Amz-Server-Side-Encryption", "AES256")
	kind := v.About.ContentType
	if kind == "" {
		kind = "binary/octet-stream"
	}
	h.Set("Content-Type", kind)
	for name, text := range v.About.Headers { // into headers: the order does not matter
		h.Set(name, text)
	}
	for name, text := range v.About.Meta { // the same
		h["x-amz-meta-"+name] = []string{text}
	}
	if v.About.Class != "" && v.About.Class != "STANDARD" {
		h.Set("X-Amz-Storage-Class", v.About.Class)
	}
	if v.About.Redirect != "" {
		h.Set("X-Amz-Website-Redirect-Location", v.About.Redirect)
	}
	if n := len(v.About.Tags); n > 0 {
		h.Set("X-Amz-Tagging-Count", strconv.Itoa(n))
	}
	for param, name := range map[string]string{
		"response-content-type": "Content-Type", "response-content-language": "Content-Language", "response-expires": "Expires",
		"response-cache-control": "Cache-Control", "response-content-disposition": "Content-Disposition", "response-content-encoding": "Content-Encoding",
	} { // into headers: the order does not matter
		if text := q.query.Get(param); text != "" {
			h.Set(name, text)
		}
	}
}

// unchanged decides the conditions of a read: true where the client has the object already, an error
// where it is not the one it wants.
//
// Source: RFC 9110, 13.2.2, and S3's GetObject: If-Match wins over If-Unmodified-Since, If-None-Match
// over If-Modified-Since.
func (s *Service) unchanged(q *request, v Version) (bool, error) {
	h := q.r.Header
	at := s.o.Wall(v.Modified).Truncate(time.Second)
	if m := h.Get("If-Match"); m != "" {
		if !matches(m, v.ETag) {
			return false, preconditionFailed("If-Match")
		}
	} else if since, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && at.After(since) {
		return false, preconditionFailed("If-Unmodified-Since")
	}
	if m := h.Get("If-None-Match"); m != "" {
		return matches(m, v.ETag), nil
	}
	since, err := http.ParseTime(h.Get("If-Modified-Since"))
	return err == nil && !at.After(since), nil
}

// matches reports whether a list of ETags has one.
func matches(list, etag string) bool {
	for m := range strings.SplitSeq(list, ",") {
		if m = strings.TrimSpace(m); m == "*" || unquote(m) == etag {
			return true
		}
	}
	return false
}

// span gives the part of the body that is asked for, by range or by the number of a part.
func (q *request) span(v Version) (from, n int64, status int, err error) {
	if text := q.query.Get("partNumber"); text != "" {
		return q.partSpan(v, text)
	}
	header := q.r.Header.Get("Range")
	from, to, ok := parseRange(header, v.Size)
	switch {
	case !ok:
		return 0, v.Size, http.StatusOK, nil
	case from >= v.Size:
		return 0, 0, 0, refusal(416, "InvalidRange", "The requested range is not satisfiable", "RangeRequested", header, "ActualObjectSize", strconv.FormatInt(v.Size, 10))
	}
	return from, to - from + 1, http.StatusPartialContent, nil
}

func (q *request) partSpan(v Version, text string) (from, n int64, status int, err error) {
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 || number > mostParts {
		return 0, 0, 0, badArgument("partNumber", text, "Part number must be an integer between 1 and 10000, inclusive")
	}
	parts := v.Parts
	if len(parts) == 0 {
		parts = []int64{v.Size}
	} else {
		q.w.Header().Set("X-Amz-Mp-Parts-Count", strconv.Itoa(len(parts)))
	}
	if number > len(parts) {
		return 0, 0, 0, refusal(416, "InvalidPartNumber", "The requested partnumber is not satisfiable", "PartNumberRequested", text, "ActualPartCount", strconv.Itoa(len(parts)))
	}
	for _, size := range parts[:number-1] {
		from += size
	}
	if v.Size == 0 {
		return 0, 0, http.StatusOK, nil
	}
	return from, parts[number-1], http.StatusPartialContent, nil
}

// parseRange reads one range of bytes; ok is false for none, several, or what is no range, which are
// all answered with the whole. from is the size or more where the range lies behind the end.
func parseRange(header string, size int64) (from, to int64, ok bool) {
	text, ok := strings.CutPrefix(header, "bytes=")
	first, last, found := strings.Cut(strings.TrimSpace(text), "-")
	if !ok || !found || strings.Contains(text, ",") {
		return 0, 0, false
	}
	if first == "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < 0 {
			return 0, 0, false
		}
		if n == 0 {
			return size, size, true
		}
		if size == 0 {
			return 0, 0, true // from is the size: not satisfiable
		}
		return max(0, size-n), size - 1, true
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from < 0 {
		return 0, 0, false
	}
	to = size - 1
	if last != "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < from {
			return 0, 0, false
		}
		to = min(to, n)
	}
	return from, to, true
}

// objectAttributes gives what a client names of an object's attributes.
func (s *Service) objectAttributes(q *request) error {
	type partsXML struct {
		PartsCount int
	}
	out := struct {
		XMLName      xml.Name   `xml:"GetObjectAttributesResponse"`
		Xmlns        string     `xml:"xmlns,attr"`
		ETag         string     `xml:",omitempty"`
		Checksum     *checksums `xml:",omitempty"`
		ObjectParts  *partsXML  `xml:",omitempty"`
		StorageClass string     `xml:",omitempty"`
		ObjectSize   *int64     `xml:",omitempty"`
	}{Xmlns: namespace}
	want := strings.Join(q.r.Header.Values("X-Amz-Object-Attributes"), ",")
	err := s.view(q, func(tx *store.Tx, b Bucket) error {
		v, err := s.find(tx, b, q.key, q.query.Get("versionId"))
		if err != nil {
			return err
		}
		q.tellVersion(b, v)
		q.w.Header().Set("Last-Modified", s.httpDate(v.Modified))
		if listed(want, "ETag") {
			out.ETag = v.ETag
		}
		if listed(want, "Checksum") {
			out.Checksum = newChecksums(v.Checksums, sumType(v))
		}
		if listed(want, "ObjectParts") && len(v.Parts) > 0 {
			out.ObjectParts = &partsXML{len(v.Parts)}
		}
		if listed(want, "StorageClass") {
			out.StorageClass = classOf(v)
		}
		if listed(want, "ObjectSize") {
			out.ObjectSize = &v.Size
		}
		return nil
	})
	if err != nil {
		return err
	}
	if want == "" {
		return badArgument("x-amz-object-attributes", "", "Missing required header for this request: x-amz-object-attributes")
	}
	return q.answer(out)
}

func classOf(v Version) string {
	if v.About.Class == "" {
		return "STANDARD"
	}
	return v.About.Class
}
