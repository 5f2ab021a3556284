package s3

import (
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/slipway-ecs/slipway/internal/store"
)

// largestPut is how many bytes one request may bring. Source: S3 user guide, "Uploading objects".
const largestPut = 5 << 30

// kept are headers of a request that come back with the object.
var kept = []string{"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"}

// classes are the storage classes, which change nothing here.
var classes = []string{"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "OUTPOSTS", "GLACIER_IR", "SNOW", "EXPRESS_ONEZONE"}

const metaPrefix = "X-Amz-Meta-"

// largestMeta is how many bytes the names and values of metadata may have together.
const largestMeta = 2 << 10

// about reads what a request says of the object it makes.
func (q *request) about() (a About, err error) {
	h := q.r.Header
	a.ContentType = h.Get("Content-Type")
	a.Headers, a.Meta = map[string]string{}, map[string]string{}
	for _, name := range kept {
		if v := h.Get(name); v != "" {
			a.Headers[name] = v
		}
	}
	size := 0
	for name, values := range h { // into a map: the order does not matter
		if m, ok := strings.CutPrefix(name, metaPrefix); ok {
			m = strings.ToLower(m)
			a.Meta[m] = strings.Join(values, ",")
			size += len(m) + len(a.Meta[m])
		}
	}
	if size > largestMeta {
		return a, refusal(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", "Size", strconv.Itoa(size), "MaxSizeAllowed", strconv.Itoa(largestMeta))
	}
	a.Class, a.Redirect = h.Get("X-Amz-Storage-Class"), h.Get("X-Amz-Website-Redirect-Location")
	if a.Class != "" && !slices.Contains(classes, a.Class) {
		return a, refusal(400, "InvalidStorageClass", "The storage class you specified is not valid", "StorageClassRequested", a.Class)
	}
	for _, name := range []string{"X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Checksum-Algorithm"} {
		if v := strings.ToUpper(h.Get(name)); v != "" {
			a.Sums = v
		}
	}
	if _, ok := algorithmOf(a.Sums); a.Sums != "" && !ok && !slices.Contains(unchecked, a.Sums) {
		return a, refusal(400, "InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	a.SumType = strings.ToUpper(h.Get("X-Amz-Checksum-Type"))
	a.Tags, err = tagsOf(h.Get("X-Amz-Tagging"))
	return a, err
}

// receive writes a request's body to a file and checks it.
func (s *Service) receive(q *request, named string) (g Segment, etag string, sums map[string]string, err error) {
	switch n := q.r.ContentLength; {
	case n < 0:
		return g, "", nil, refusal(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	case n > largestPut:
		return g, "", nil, refusal(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", "ProposedSize", strconv.FormatInt(n, 10), "MaxSizeAllowed", strconv.Itoa(largestPut))
	}
	in, err := take(q.r, named)
	if err != nil {
		return g, "", nil, err
	}
	if g, err = s.disk.write(q.r.Body, in); err != nil {
		return g, "", nil, err
	}
	etag, sums, err = in.check()
	if err != nil {
		s.disk.drop([]Segment{g})
	}
	return g, etag, sums, err
}

// allowed checks bucket, access list and conditions before a body is read.
func (s *Service) allowed(q *request) error {
	return s.view(q, func(tx *store.Tx, b Bucket) error {
		if err := allowsLists(b, q.r.Header.Get("X-Amz-Acl"), false); err != nil {
			return err
		}
		return s.condition(tx, q)
	})
}

// condition checks If-Match and If-None-Match of a write.
func (s *Service) condition(tx *store.Tx, q *request) error {
	match, none := q.r.Header.Get("If-Match"), q.r.Header.Get("If-None-Match")
	v, ok := s.latest(tx, q.bucket, q.key)
	there := ok && !v.Marker
	switch {
	case none == "*" && there:
		return preconditionFailed("If-None-Match")
	case none != "" && none != "*":
		return refusal(501, "NotImplemented", "A header you provided implies functionality that is not implemented", "Header", "If-None-Match")
	case match != "" && !there:
		return noKey(q.key)
	case match != "" && match != "*" && unquote(match) != v.ETag:
		return preconditionFailed("If-Match")
	}
	return nil
}

// putObject writes an object.
func (s *Service) putObject(q *request) error {
	about, err := q.about()
	if err != nil {
		return err
	}
	if err := s.allowed(q); err != nil {
		return err
	}
	if q.r.Header.Get("X-Amz-Write-Offset-Bytes") != "" {
		return s.notBuilt(q, "append")
	}
	g, etag, sums, err := s.receive(q, about.Sums)
	if err != nil {
		return err
	}
	about.SumType = fullObject
	v := Version{Bucket: q.bucket, Key: q.key, Body: []Segment{g}, Size: g.Size, ETag: etag, Checksums: sums, About: about}
	b, v, err := s.keep(q, v, nil)
	if err != nil {
		return err
	}
	h := q.w.Header()
	h["ETag"] = []string{quote(v.ETag)}
	h.Set("X-Amz-Server-Side-Encryption", "AES256")
	tellSums(h, v)
	q.tellVersion(b, v)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// keep writes a version whose body is on disk; also runs in the same transaction. Where that does
// not come about, the body is removed.
func (s *Service) keep(q *request, v Version, also func(tx *store.Tx) error) (b Bucket, _ Version, err error) {
	var gone []Segment
	err = s.update(q, func(tx *store.Tx, at Bucket) error {
		if err := s.condition(tx, q); err != nil {
			return err
		}
		b = at
		if v, gone = s.add(tx, at, v); also != nil {
			return also(tx)
		}
		return nil
	})
	if err != nil {
		gone = v.Body
		if also != nil {
			gone = nil // parts stay with their upload
		}
	}
	s.disk.drop(gone)
	return b, v, err
}

// tellVersion names a version in the answer's headers, where the bucket has versions.
func (q *request) tellVersion(b Bucket, v Version) {
	if b.Versioning != "" && v.ID != "" {
		q.w.Header().Set("X-Amz-Version-Id", v.ID)
	}
}

func quote(etag string) string   { return `"` + etag + `"` }
func unquote(etag string) string { return strings.Trim(strings.TrimPrefix(etag, "W/"), `"`) }

// sorted gives the keys of a map in order.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
