package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	mostParts = 10000
	// smallestPart is what every part but the last has at least, in bytes.
	//
	// Source: S3 user guide, "Amazon S3 multipart upload limits".
	smallestPart = 5 << 20
)

// createUpload begins a multipart upload.
func (s *Service) createUpload(q *request) error {
	about, err := q.about()
	if err != nil {
		return err
	}
	kind := map[string]string{"": fullObject, "CRC64NVME": fullObject}[about.Sums]
	if kind == "" {
		kind = composite
	}
	if about.SumType == "" {
		about.SumType = kind
	}
	if about.SumType == fullObject && !slices.Contains([]string{"", "CRC32", "CRC32C", "CRC64NVME"}, about.Sums) ||
		about.SumType == composite && kind == fullObject {
		return refusal(400, "InvalidRequest", "The "+about.SumType+" checksum type cannot be used with the "+strings.ToLower(about.Sums)+" checksum algorithm.")
	}
	if err := s.allowed(q); err != nil {
		return err
	}
	u := Upload{ID: s.o.IDs.Nano(96), Bucket: q.bucket, Key: q.key, About: about}
	err = s.update(q, func(tx *store.Tx, _ Bucket) error {
		u.Begun = tx.Now()
		s.uploads.Put(tx, u)
		return nil
	})
	if err != nil {
		return err
	}
	h := q.w.Header()
	h.Set("X-Amz-Server-Side-Encryption", "AES256")
	if about.Sums != "" {
		h.Set("X-Amz-Checksum-Algorithm", about.Sums)
		h.Set("X-Amz-Checksum-Type", about.SumType)
	}
	return q.answer(struct {
		XMLName               xml.Name `xml:"InitiateMultipartUploadResult"`
		Xmlns                 string   `xml:"xmlns,attr"`
		Bucket, Key, UploadId string
	}{Xmlns: namespace, Bucket: u.Bucket, Key: u.Key, UploadId: u.ID})
}

// upload finds the upload a request names.
func (s *Service) upload(tx *store.Tx, q *request) (Upload, error) {
	id := q.query.Get("uploadId")
	u, ok := s.uploads.Get(tx, id)
	if !ok || u.Bucket != q.bucket || u.Key != q.key {
		return u, noUpload(id)
	}
	return u, nil
}

// uploadPart takes a part, from the request's body or from an object.
func (s *Service) uploadPart(q *request) error {
	text := q.query.Get("partNumber")
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 || number > mostParts {
		return badArgument("partNumber", text, "Part number must be an integer between 1 and 10000, inclusive")
	}
	var u Upload
	err = s.view(q, func(tx *store.Tx, _ Bucket) (err error) { u, err = s.upload(tx, q); return err })
	if err != nil {
		return err
	}
	if q.r.Header.Get("X-Amz-Copy-Source") != "" {
		return s.uploadPartCopy(q, u, number)
	}
	g, etag, sums, err := s.receive(q, u.About.Sums)
	if err != nil {
		return err
	}
	p, err := s.keepPart(q, Part{Upload: u.ID, Number: number, Body: g, ETag: etag, Checksums: sums})
	if err != nil {
		return err
	}
	h := q.w.Header()
	h["ETag"] = []string{quote(p.ETag)}
	h.Set("X-Amz-Server-Side-Encryption", "AES256")
	for name, sum := range p.Checksums { // into headers: the order does not matter
		h.Set(headerOf(name), sum)
	}
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// keepPart writes a part whose body is on disk, in place of one with its number.
func (s *Service) keepPart(q *request, p Part) (Part, error) {
	var gone []Segment
	err := s.update(q, func(tx *store.Tx, _ Bucket) error {
		if _, err := s.upload(tx, q); err != nil {
			return err
		}
		if old, ok := s.parts.Get(tx, p.row()); ok {
			gone = append(gone, old.Body)
		}
		p.Modified = tx.Now()
		s.parts.Put(tx, p)
		return nil
	})
	if err != nil {
		gone = []Segment{p.Body}
	}
	s.disk.drop(gone)
	return p, err
}

// forget removes an upload and its parts; it gives the files that are nobody's then.
func (s *Service) forget(tx *store.Tx, u Upload) (gone []Segment) {
	for p := range s.parts.Prefix(tx, u.ID+"/") {
		gone = append(gone, p.Body)
		s.parts.Delete(tx, p.row())
	}
	s.uploads.Delete(tx, u.ID)
	return gone
}

func (s *Service) abortUpload(q *request) error {
	var gone []Segment
	err := s.update(q, func(tx *store.Tx, _ Bucket) error {
		u, err := s.upload(tx, q)
		if err == nil {
			gone = s.forget(tx, u)
		}
		return err
	})
	if err != nil {
		return err
	}
	s.disk.drop(gone)
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// partXML is a part as a client lists it to complete an upload.
type partXML struct {
	PartNumber int
	ETag       string
	checksums
}

// completeUpload makes an object of the parts a client lists. Their files become the object's body as
// they are; parts that are not listed go.
func (s *Service) completeUpload(q *request) error {
	var in struct{ Part []partXML }
	if err := q.read(&in); err != nil {
		return err
	}
	if len(in.Part) == 0 || len(in.Part) > mostParts {
		return malformedXML()
	}
	var v Version
	var pieces []Part
	err := s.view(q, func(tx *store.Tx, _ Bucket) error {
		u, err := s.upload(tx, q)
		if err != nil {
			return err
		}
		if err := s.condition(tx, q); err != nil {
			return err
		}
		v = Version{Bucket: u.Bucket, Key: u.Key, About: u.About}
		pieces, err = s.chosen(tx, u, in.Part)
		return err
	})
	if err != nil {
		return err
	}
	v.join(pieces)
	if v.Checksums, err = s.wholeSums(v, pieces); err != nil {
		return err
	}
	for name, sum := range v.Checksums { // one alone
		if sent := q.r.Header.Get(headerOf(name)); sent != "" && sent != sum && v.About.SumType == fullObject {
			return refusal(400, "BadDigest", "The "+name+" you specified did not match the calculated checksum.")
		}
	}
	var left []Segment
	b, v, err := s.keep(q, v, func(tx *store.Tx) error {
		u, err := s.upload(tx, q)
		if err != nil {
			return err
		}
		if now, err := s.chosen(tx, u, in.Part); err != nil || !slices.EqualFunc(now, pieces, func(a, b Part) bool { return a.Body == b.Body }) {
			return refusal(400, "InvalidPart", wordInvalidPart) // replaced meanwhile
		}
		for _, g := range s.forget(tx, u) {
			if !slices.Contains(v.Body, g) {
				left = append(left, g)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.disk.drop(left)
	q.tellVersion(b, v)
	q.w.Header().Set("X-Amz-Server-Side-Encryption", "AES256")
	return q.answer(struct {
		XMLName                     xml.Name `xml:"CompleteMultipartUploadResult"`
		Xmlns                       string   `xml:"xmlns,attr"`
		Location, Bucket, Key, ETag string
		*checksums
	}{Xmlns: namespace, Location: "http://" + q.r.Host + q.r.URL.EscapedPath(), Bucket: v.Bucket, Key: v.Key, ETag: quote(v.ETag), checksums: newChecksums(v.Checksums, sumType(v))})
}

const wordInvalidPart = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."

// chosen finds the parts that a client lists and refuses a list that S3 would.
func (s *Service) chosen(tx *store.Tx, u Upload, list []partXML) (out []Part, err error) {
	for i, want := range list {
		if i > 0 && want.PartNumber <= list[i-1].PartNumber {
			return nil, refusal(400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.", "UploadId", u.ID)
		}
	}
	for i, want := range list {
		p, ok := s.parts.Get(tx, partRow(u.ID, want.PartNumber))
		ok = ok && p.ETag == unquote(want.ETag)
		for name, sum := range p.Checksums { // any may tell: the order does not matter
			if sent := want.of(name); sent != "" && sent != sum {
				ok = false
			}
		}
		if !ok {
			return nil, refusal(400, "InvalidPart", wordInvalidPart, "UploadId", u.ID, "PartNumber", strconv.Itoa(want.PartNumber), "ETag", unquote(want.ETag))
		}
		if p.Body.Size < smallestPart && i < len(list)-1 {
			return nil, refusal(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
				"ProposedSize", strconv.FormatInt(p.Body.Size, 10), "MinSizeAllowed", strconv.Itoa(smallestPart), "PartNumber", strconv.Itoa(p.Number), "ETag", p.ETag)
		}
		out = append(out, p)
	}
	return out, nil
}

// join makes the version's body of parts; the ETag is the MD5 of their MD5s, and their number.
func (v *Version) join(parts []Part) {
	sum := md5.New()
	for _, p := range parts {
		raw, _ := hex.DecodeString(p.ETag) // ours: an MD5
		sum.Write(raw)
		v.Body = append(v.Body, p.Body)
		v.Parts = append(v.Parts, p.Body.Size)
		v.Size += p.Body.Size
	}
	v.ETag = fmt.Sprintf("%x-%d", sum.Sum(nil), len(parts))
}

// wholeSums computes an upload's checksum: of the parts' checksums, or of the whole body.
//
// Source: S3 user guide, "Using full object and composite checksums for multipart uploads".
func (s *Service) wholeSums(v Version, parts []Part) (map[string]string, error) {
	name := v.About.Sums
	if name == "" {
		name = usual
	}
	a, ok := algorithmOf(name)
	if !ok {
		return nil, nil
	}
	if v.About.SumType == composite {
		h := a.make()
		for _, p := range parts {
			raw, err := base64.StdEncoding.DecodeString(p.Checksums[name])
			if err != nil || len(raw) == 0 {
				return nil, refusal(400, "InvalidRequest", "The upload was created using a "+strings.ToLower(name)+" checksum. The complete request must include the checksum for each part. It was missing for part "+strconv.Itoa(p.Number)+" in the request.")
			}
			h.Write(raw)
		}
		return map[string]string{name: base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(parts))}, nil
	}
	f, err := s.disk.open(v.Body)
	if err != nil {
		return nil, refusal(400, "InvalidPart", wordInvalidPart)
	}
	defer f.close()
	sum, err := sumOf(name, f.reader(0, v.Size))
	return map[string]string{name: sum}, err
}
