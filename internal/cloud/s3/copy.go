package s3

import (
	"crypto/md5"
	"encoding/xml"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/store"
)

// source is what a copy is made of.
type source struct {
	bucket, key, id string
	b               Bucket
	v               Version
	f               *opened
}

// source finds and opens what the header x-amz-copy-source names, and checks the conditions on it.
func (s *Service) source(q *request) (from source, err error) {
	header := q.r.Header.Get("X-Amz-Copy-Source")
	path, query, _ := strings.Cut(header, "?")
	if path, err = url.PathUnescape(path); err != nil {
		return from, badArgument("x-amz-copy-source", header, "Invalid copy source encoding.")
	}
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || bucket == "" || key == "" {
		return from, badArgument("x-amz-copy-source", header, "Invalid copy source object key")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return from, badArgument("x-amz-copy-source", header, "Invalid copy source encoding.")
	}
	from = source{bucket: bucket, key: key, id: values.Get("versionId")}
	err = s.store.View(func(tx *store.Tx) (err error) {
		from.b, err = s.bucket(tx, q.caller.Account, bucket)
		return err
	})
	if err != nil {
		return from, err
	}
	if from.v, from.f, err = s.open(q.caller.Account, bucket, key, from.id); err != nil {
		return from, err
	}
	if err := s.wanted(q.r.Header, from.v); err != nil {
		from.f.close()
		return from, err
	}
	return from, nil
}

// wanted checks the conditions of a copy on its source.
func (s *Service) wanted(h http.Header, v Version) error {
	const prefix = "X-Amz-Copy-Source-"
	at := s.o.Wall(v.Modified).Truncate(time.Second)
	since := func(name string) (time.Time, bool) {
		t, err := http.ParseTime(h.Get(prefix + name))
		return t, err == nil
	}
	if m := h.Get(prefix + "If-Match"); m != "" {
		if !matches(m, v.ETag) {
			return preconditionFailed("x-amz-copy-source-If-Match")
		}
	} else if t, ok := since("If-Unmodified-Since"); ok && at.After(t) {
		return preconditionFailed("x-amz-copy-source-If-Unmodified-Since")
	}
	if m := h.Get(prefix + "If-None-Match"); m != "" {
		if matches(m, v.ETag) {
			return preconditionFailed("x-amz-copy-source-If-None-Match")
		}
	} else if t, ok := since("If-Modified-Since"); ok && !at.After(t) {
		return preconditionFailed("x-amz-copy-source-If-Modified-Since")
	}
	return nil
}

type copied struct {
	XMLName      xml.Name
	Xmlns        string `xml:"xmlns,attr"`
	LastModified string
	ETag         string
	*checksums
}

// copyObject makes an object of another.
func (s *Service) copyObject(q *request) error {
	about, err := q.about()
	if err != nil {
		return err
	}
	if err := s.allowed(q); err != nil {
		return err
	}
	from, err := s.source(q)
	if err != nil {
		return err
	}
	defer from.f.close()
	if from.v.Size > largestPut {
		return refusal(400, "InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	replace := strings.EqualFold(q.r.Header.Get("X-Amz-Metadata-Directive"), "REPLACE")
	same := from.bucket == q.bucket && from.key == q.key && from.id == ""
	if same && !replace && about.Class == "" && about.Redirect == "" && q.r.Header.Get("X-Amz-Server-Side-Encryption") == "" {
		return refusal(400, "InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	tags, class, redirect, sums := about.Tags, about.Class, about.Redirect, about.Sums
	if !replace {
		about = from.v.About
	}
	if about.Tags = from.v.About.Tags; strings.EqualFold(q.r.Header.Get("X-Amz-Tagging-Directive"), "REPLACE") {
		about.Tags = tags
	}
	about.Class, about.Redirect, about.SumType = class, redirect, fullObject
	if sums == "" {
		for _, a := range algorithms { // the source's own, if it has one of the whole
			if from.v.Checksums[a.name] != "" {
				sums = a.name
			}
		}
	}
	g, etag, computed, err := s.duplicate(from.f.reader(0, from.v.Size), sums)
	if err != nil {
		return err
	}
	v := Version{Bucket: q.bucket, Key: q.key, Body: []Segment{g}, Size: g.Size, ETag: etag, Checksums: computed, About: about}
	b, v, err := s.keep(q, v, nil)
	if err != nil {
		return err
	}
	q.tellVersion(b, v)
	if from.b.Versioning != "" {
		q.w.Header().Set("X-Amz-Copy-Source-Version-Id", from.v.ID)
	}
	q.w.Header().Set("X-Amz-Server-Side-Encryption", "AES256")
	return q.answer(copied{XMLName: xml.Name{Local: "CopyObjectResult"}, Xmlns: namespace, LastModified: s.isoDate(v.Modified), ETag: quote(v.ETag), checksums: newChecksums(v.Checksums, fullObject)})
}

// duplicate writes a file of what r gives.
func (s *Service) duplicate(r io.Reader, sums string) (g Segment, etag string, computed map[string]string, err error) {
	a, ok := algorithmOf(sums)
	if !ok {
		a, _ = algorithmOf(usual)
	}
	in := &intake{md5: md5.New(), sums: map[string]hash.Hash{a.name: a.make()}}
	if g, err = s.disk.write(r, in); err != nil {
		return g, "", nil, err
	}
	etag, computed, err = in.check()
	return g, etag, computed, err
}

// uploadPartCopy makes a part of an object, or of a range of it.
func (s *Service) uploadPartCopy(q *request, u Upload, number int) error {
	from, err := s.source(q)
	if err != nil {
		return err
	}
	defer from.f.close()
	at, n := int64(0), from.v.Size
	if header := q.r.Header.Get("X-Amz-Copy-Source-Range"); header != "" {
		first, last, ok := parseRange(header, from.v.Size)
		if !ok || first >= from.v.Size || !strings.HasSuffix(header, "-"+strconv.FormatInt(last, 10)) {
			return badArgument("x-amz-copy-source-range", header, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
		}
		at, n = first, last-first+1
	}
	g, etag, sums, err := s.duplicate(from.f.reader(at, n), u.About.Sums)
	if err != nil {
		return err
	}
	p, err := s.keepPart(q, Part{Upload: u.ID, Number: number, Body: g, ETag: etag, Checksums: sums})
	if err != nil {
		return err
	}
	if from.b.Versioning != "" {
		q.w.Header().Set("X-Amz-Copy-Source-Version-Id", from.v.ID)
	}
	q.w.Header().Set("X-Amz-Server-Side-Encryption", "AES256")
	return q.answer(copied{XMLName: xml.Name{Local: "CopyPartResult"}, Xmlns: namespace, LastModified: s.isoDate(p.Modified), ETag: quote(p.ETag), checksums: newChecksums(p.Checksums, "")})
}
