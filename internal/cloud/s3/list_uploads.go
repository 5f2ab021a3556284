package s3

import (
	"cmp"
	"encoding/xml"
	"slices"
	"strings"

	"github.com/slipway-ecs/slipway/internal/store"
)

func (s *Service) listParts(q *request) error {
	type listedXML struct {
		PartNumber         int
		LastModified, ETag string
		Size               int64
		*checksums
	}
	out := struct {
		XMLName               xml.Name `xml:"ListPartsResult"`
		Xmlns                 string   `xml:"xmlns,attr"`
		Bucket, Key, UploadId string
		Initiator, Owner      ownerXML
		StorageClass          string
		PartNumberMarker      int
		NextPartNumberMarker  int `xml:",omitempty"`
		MaxParts              int
		IsTruncated           bool
		ChecksumAlgorithm     string `xml:",omitempty"`
		ChecksumType          string `xml:",omitempty"`
		Part                  []listedXML
	}{Xmlns: namespace, Bucket: q.bucket, Key: q.key, UploadId: q.query.Get("uploadId")}
	after, err := q.number("part-number-marker", 0, 0)
	if err != nil {
		return err
	}
	most, err := q.number("max-parts", mostKeys, 0)
	if err != nil {
		return err
	}
	out.PartNumberMarker, out.MaxParts = after, min(most, mostKeys)
	err = s.view(q, func(tx *store.Tx, b Bucket) error {
		u, err := s.upload(tx, q)
		if err != nil {
			return err
		}
		out.Initiator, out.Owner = owner(b.Account), owner(b.Account)
		out.StorageClass = cmp.Or(u.About.Class, "STANDARD")
		if out.ChecksumAlgorithm = u.About.Sums; u.About.Sums != "" {
			out.ChecksumType = u.About.SumType
		}
		for p := range s.parts.Prefix(tx, u.ID+"/") {
			if p.Number <= after {
				continue
			}
			if len(out.Part) == out.MaxParts {
				out.IsTruncated = out.MaxParts > 0
				break
			}
			out.Part = append(out.Part, listedXML{p.Number, s.isoDate(p.Modified), quote(p.ETag), p.Body.Size, newChecksums(p.Checksums, "")})
			out.NextPartNumberMarker = p.Number
		}
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

// listUploads lists the uploads of a bucket that go on, by key and then by their begin.
func (s *Service) listUploads(q *request) error {
	type uploadXML struct {
		Key, UploadId           string
		Initiator, Owner        ownerXML
		StorageClass, Initiated string
		ChecksumAlgorithm       string `xml:",omitempty"`
		ChecksumType            string `xml:",omitempty"`
	}
	l, err := q.listRequest()
	if err != nil {
		return err
	}
	most, err := q.number("max-uploads", mostKeys, 1)
	if err != nil {
		return err
	}
	key, id := q.query.Get("key-marker"), q.query.Get("upload-id-marker")
	out := struct {
		XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
		Xmlns              string   `xml:"xmlns,attr"`
		Bucket             string
		KeyMarker          string
		UploadIdMarker     string
		NextKeyMarker      string `xml:",omitempty"`
		NextUploadIdMarker string `xml:",omitempty"`
		Prefix             string
		Delimiter          string `xml:",omitempty"`
		EncodingType       string `xml:",omitempty"`
		MaxUploads         int
		IsTruncated        bool
		Upload             []uploadXML
		CommonPrefixes     []prefixXML
	}{Xmlns: namespace, Bucket: q.bucket, KeyMarker: l.encode(key), UploadIdMarker: id, Prefix: l.encode(l.prefix), Delimiter: l.encode(l.delimiter), EncodingType: l.encoding, MaxUploads: min(most, mostKeys)}
	err = s.view(q, func(tx *store.Tx, b Bucket) error {
		all := slices.Collect(s.uploads.By(tx, "bucket", b.Name))
		slices.SortFunc(all, func(a, b Upload) int {
			return cmp.Or(strings.Compare(a.Key, b.Key), a.Begun.Compare(b.Begun), strings.Compare(a.ID, b.ID))
		})
		from := slices.IndexFunc(all, func(u Upload) bool { return u.Key == key && u.ID == id }) + 1
		seen := map[string]bool{}
		for _, u := range all[from:] {
			if !strings.HasPrefix(u.Key, l.prefix) || u.Key < key || u.Key == key && id == "" {
				continue
			}
			common := commonPrefix(u.Key, l.prefix, l.delimiter)
			if common != "" && (seen[common] || common == key) {
				continue
			}
			if len(out.Upload)+len(out.CommonPrefixes) == out.MaxUploads {
				out.IsTruncated = true
				return nil
			}
			if common != "" {
				seen[common] = true
				out.CommonPrefixes = append(out.CommonPrefixes, prefixXML{l.encode(common)})
				out.NextKeyMarker, out.NextUploadIdMarker = l.encode(common), ""
				continue
			}
			x := uploadXML{l.encode(u.Key), u.ID, owner(b.Account), owner(b.Account), cmp.Or(u.About.Class, "STANDARD"), s.isoDate(u.Begun), u.About.Sums, ""}
			if u.About.Sums != "" {
				x.ChecksumType = u.About.SumType
			}
			out.Upload = append(out.Upload, x)
			out.NextKeyMarker, out.NextUploadIdMarker = l.encode(u.Key), u.ID
		}
		out.NextKeyMarker, out.NextUploadIdMarker = "", ""
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}
