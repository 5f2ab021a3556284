package s3

import (
	"fmt"
	"math"
	"time"

	"github.com/slipway-ecs/slipway/internal/store"
)

// Bucket is the row of a bucket, by its name, which is unique over all accounts.
type Bucket struct {
	Name, Account, Region string
	Versioning            string            // "" until it was first set, then Enabled or Suspended
	Records               map[string]string // XML or JSON as it was sent, by subresource; "-" is one that was deleted
	Created               time.Time
}

// Segment is a file that holds a part of a body.
type Segment struct {
	File string
	Size int64
}

// About is what a client says of an object when it makes it.
type About struct {
	ContentType string
	Headers     map[string]string // further ones that come back: Cache-Control, Content-Encoding, …
	Meta        map[string]string // x-amz-meta-…, names without that, in small letters
	Tags        []Tag
	Class       string // storage class
	Redirect    string // website redirect location
	Sums        string // checksum algorithm, as XML has it; "" where none was named
	SumType     string // COMPOSITE or FULL_OBJECT
}

// Tag is a tag as a row keeps it.
type Tag struct{ Key, Value string }

// Version is the row of one version of an object, or of a delete marker.
//
// Its row's key sorts by bucket, object and then from the newest to the oldest version, so the first
// row of an object is its latest version.
type Version struct {
	Bucket, Key string
	Order       uint64 // higher is newer
	ID          string // "null" where the bucket's versioning was not enabled
	Marker      bool   // a delete marker
	Body        []Segment
	Size        int64
	ETag        string            // without quotes
	Checksums   map[string]string // by algorithm, as XML has it (CRC32)
	Parts       []int64           // sizes of the parts of a multipart upload
	About       About
	Modified    time.Time
}

const (
	nullVersion = "null"
	sep         = "\x00"
)

func (v *Version) row() string {
	return objectRows(v.Bucket, v.Key) + fmt.Sprintf("%016x", math.MaxUint64-v.Order)
}

func bucketRows(bucket string) string      { return bucket + sep }
func objectRows(bucket, key string) string { return bucket + sep + key + sep }

// Upload is the row of a multipart upload that goes on.
type Upload struct {
	ID, Bucket, Key string
	About           About
	Begun           time.Time
}

// Part is the row of a part, by upload and number.
type Part struct {
	Upload    string
	Number    int
	Body      Segment
	ETag      string
	Checksums map[string]string
	Modified  time.Time
}

func (p *Part) row() string { return partRow(p.Upload, p.Number) }

func partRow(upload string, number int) string { return fmt.Sprintf("%s/%05d", upload, number) }

// latest gives the newest version of an object, a delete marker too.
func (s *Service) latest(tx *store.Tx, bucket, key string) (Version, bool) {
	for v := range s.versions.Prefix(tx, objectRows(bucket, key)) {
		return v, true
	}
	return Version{}, false
}

// version gives a version by its id.
func (s *Service) version(tx *store.Tx, bucket, key, id string) (Version, bool) {
	for v := range s.versions.Prefix(tx, objectRows(bucket, key)) {
		if v.ID == id {
			return v, true
		}
	}
	return Version{}, false
}

// find gives the version with an id, or the latest for none. A delete marker is an error: as the
// latest it means that there is no such key, by its id that it has no body.
func (s *Service) find(tx *store.Tx, b Bucket, key, id string) (Version, error) {
	if id == "" {
		v, ok := s.latest(tx, b.Name, key)
		if !ok || v.Marker {
			f := noKey(key)
			f.marker = v
			return Version{}, f
		}
		return v, nil
	}
	v, ok := s.version(tx, b.Name, key, id)
	if !ok {
		return v, noVersion(key, id)
	}
	if v.Marker {
		f := refusal(405, "MethodNotAllowed", "The specified method is not allowed against this resource.", "Method", "GET", "ResourceType", "DeleteMarker")
		f.marker = v
		return Version{}, f
	}
	return v, nil
}

// add makes v the newest version of its object, as the bucket's versioning has it; it gives v as
// written, and the files that no row names any more.
func (s *Service) add(tx *store.Tx, b Bucket, v Version) (Version, []Segment) {
	var gone []Segment
	newest, _ := s.latest(tx, v.Bucket, v.Key)
	v.Order, v.ID, v.Modified = newest.Order+1, nullVersion, tx.Now()
	if b.Versioning == "Enabled" {
		v.ID = s.versionID()
	} else if old, ok := s.version(tx, v.Bucket, v.Key, nullVersion); ok {
		s.versions.Delete(tx, old.row())
		gone = old.Body
	}
	s.versions.Put(tx, v)
	return v, gone
}

// versionID makes an id as long as S3's.
func (s *Service) versionID() string { return s.o.IDs.Nano(32) }
