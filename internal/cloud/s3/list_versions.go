package s3

import (
	"encoding/xml"

	"github.com/slipway-ecs/slipway/internal/store"
)

type versionXML struct {
	XMLName           xml.Name // Version or DeleteMarker: both stand in one list, in order
	Key, VersionId    string
	IsLatest          bool
	LastModified      string
	ETag              string   `xml:",omitempty"`
	ChecksumAlgorithm []string `xml:",omitempty"`
	ChecksumType      string   `xml:",omitempty"`
	Size              *int64   `xml:",omitempty"`
	StorageClass      string   `xml:",omitempty"`
	Owner             ownerXML
}

type versionsXML struct {
	XMLName             xml.Name `xml:"ListVersionsResult"`
	Xmlns               string   `xml:"xmlns,attr"`
	Name, Prefix        string
	KeyMarker           string
	VersionIdMarker     string
	NextKeyMarker       string `xml:",omitempty"`
	NextVersionIdMarker string `xml:",omitempty"`
	MaxKeys             int
	Delimiter           string `xml:",omitempty"`
	EncodingType        string `xml:",omitempty"`
	IsTruncated         bool
	Versions            []versionXML
	CommonPrefixes      []prefixXML
}

// listVersions lists all versions and delete markers, each object's newest first.
func (s *Service) listVersions(q *request) error {
	l, err := q.listRequest()
	if err != nil {
		return err
	}
	key, id := q.query.Get("key-marker"), q.query.Get("version-id-marker")
	if id != "" && key == "" {
		return badArgument("version-id-marker", id, "A version-id marker cannot be specified without a key marker.")
	}
	out := versionsXML{Xmlns: namespace, Name: q.bucket, Prefix: l.encode(l.prefix), KeyMarker: l.encode(key), VersionIdMarker: id, MaxKeys: l.most, Delimiter: l.encode(l.delimiter), EncodingType: l.encoding}
	err = s.view(q, func(tx *store.Tx, b Bucket) error {
		s.pageVersions(tx, b, l, &out, key, id)
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

func (s *Service) pageVersions(tx *store.Tx, b Bucket, l listRequest, out *versionsXML, key, id string) {
	whose := owner(b.Account)
	previous, last, count := "", "", 0 // the object before; the last common prefix
	passed := id == ""                 // the marked version was seen
	for v := range s.versions.Prefix(tx, bucketRows(b.Name)+l.prefix) {
		latest := v.Key != previous
		previous = v.Key
		if v.Key < key || v.Key == key && passed && id == "" {
			continue
		}
		if v.Key == key && !passed {
			passed = v.ID == id
			continue
		}
		common := commonPrefix(v.Key, l.prefix, l.delimiter)
		if common != "" && (common == last || common == key) {
			continue
		}
		if count >= l.most {
			out.IsTruncated = l.most > 0
			break
		}
		count++
		if common != "" {
			last = common
			out.CommonPrefixes = append(out.CommonPrefixes, prefixXML{l.encode(common)})
			out.NextKeyMarker, out.NextVersionIdMarker = l.encode(common), ""
			continue
		}
		out.NextKeyMarker, out.NextVersionIdMarker = l.encode(v.Key), v.ID
		x := versionXML{XMLName: xml.Name{Local: "DeleteMarker"}, Key: l.encode(v.Key), VersionId: v.ID, IsLatest: latest, LastModified: s.isoDate(v.Modified), Owner: whose}
		if !v.Marker {
			x.XMLName.Local, x.ETag, x.Size, x.StorageClass, x.ChecksumAlgorithm = "Version", quote(v.ETag), &v.Size, classOf(v), sorted(v.Checksums)
			if len(v.Checksums) > 0 {
				x.ChecksumType = sumType(v)
			}
		}
		out.Versions = append(out.Versions, x)
	}
	if !out.IsTruncated {
		out.NextKeyMarker, out.NextVersionIdMarker = "", ""
	}
}
