package s3

import (
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/slipway-ecs/slipway/internal/store"
)

// removed is what became of a delete.
type removed struct {
	id     string // the version or marker, where the bucket has versions
	marker bool   // a marker was made, or a marker was removed
	gone   []Segment
}

// remove deletes an object, or one version of it. What is not there is deleted too.
func (s *Service) remove(tx *store.Tx, b Bucket, key, id string) (r removed) {
	if id != "" {
		v, ok := s.version(tx, b.Name, key, id)
		if ok {
			s.versions.Delete(tx, v.row())
		}
		return removed{id: id, marker: v.Marker, gone: v.Body}
	}
	if b.Versioning == "" {
		if v, ok := s.version(tx, b.Name, key, nullVersion); ok {
			s.versions.Delete(tx, v.row())
			return removed{gone: v.Body}
		}
		return removed{}
	}
	v, gone := s.add(tx, b, Version{Bucket: b.Name, Key: key, Marker: true})
	return removed{id: v.ID, marker: true, gone: gone}
}

func (s *Service) deleteObject(q *request) error {
	var r removed
	err := s.update(q, func(tx *store.Tx, b Bucket) error {
		if m := q.r.Header.Get("If-Match"); m != "" {
			v, ok := s.latest(tx, b.Name, q.key)
			if !ok || v.Marker {
				return noKey(q.key)
			}
			if !matches(m, v.ETag) {
				return preconditionFailed("If-Match")
			}
		}
		r = s.remove(tx, b, q.key, q.query.Get("versionId"))
		return nil
	})
	if err != nil {
		return err
	}
	s.disk.drop(r.gone)
	if r.id != "" {
		q.w.Header().Set("X-Amz-Version-Id", r.id)
	}
	if r.marker {
		q.w.Header().Set("X-Amz-Delete-Marker", "true")
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// mostDeletes is how many objects one request may name.
const mostDeletes = 1000

// deleteObjects deletes many.
func (s *Service) deleteObjects(q *request) error {
	type deletedXML struct {
		Key                   string
		VersionId             string `xml:",omitempty"`
		DeleteMarker          bool   `xml:",omitempty"`
		DeleteMarkerVersionId string `xml:",omitempty"`
	}
	type errorXML struct{ Key, VersionId, Code, Message string }
	out := struct {
		XMLName xml.Name     `xml:"DeleteResult"`
		Xmlns   string       `xml:"xmlns,attr"`
		Deleted []deletedXML `xml:"Deleted"`
		Error   []errorXML   `xml:"Error"`
	}{Xmlns: namespace}
	var in struct {
		Quiet  bool
		Object []struct{ Key, VersionId, ETag string }
	}
	if !q.hasDigest() {
		return refusal(400, "InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	if err := q.read(&in); err != nil {
		return err
	}
	if len(in.Object) == 0 || len(in.Object) > mostDeletes {
		return malformedXML()
	}
	var gone []Segment
	err := s.update(q, func(tx *store.Tx, b Bucket) error {
		for _, o := range in.Object {
			if v, ok := s.latest(tx, b.Name, o.Key); o.ETag != "" && (!ok || !matches(o.ETag, v.ETag)) {
				f := preconditionFailed("If-Match")
				out.Error = append(out.Error, errorXML{o.Key, o.VersionId, f.e.Code, f.e.Message})
				continue
			}
			r := s.remove(tx, b, o.Key, o.VersionId)
			gone = append(gone, r.gone...)
			if in.Quiet {
				continue
			}
			d := deletedXML{Key: o.Key, VersionId: o.VersionId, DeleteMarker: r.marker}
			if r.marker {
				d.DeleteMarkerVersionId = r.id
			}
			out.Deleted = append(out.Deleted, d)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.disk.drop(gone)
	return q.answer(out)
}

// hasDigest reports whether a request says what its body's digest is.
func (q *request) hasDigest() bool {
	if q.r.Header.Get("Content-Md5") != "" || q.r.Header.Get("X-Amz-Trailer") != "" {
		return true
	}
	for name := range q.r.Header { // any will do: the order does not matter
		if strings.HasPrefix(name, "X-Amz-Checksum-") {
			return true
		}
	}
	return false
}
