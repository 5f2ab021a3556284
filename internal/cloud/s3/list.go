package s3

import (
	"encoding/base64"
	"encoding/xml"
	"net/url"
	"strings"

	"github.com/slipway-ecs/slipway/internal/store"
)

// mostKeys is how many entries a page has at most.
const mostKeys = 1000

// listing is a page of objects.
type listing struct {
	objects  []Version
	prefixes []string
	last     string // the last key or common prefix given
	more     bool
}

// list gives the latest versions of a bucket's objects behind after, those with a common prefix up to
// the delimiter as one entry.
func (s *Service) list(tx *store.Tx, bucket, prefix, delimiter, after string, most int) (l listing) {
	key := ""
	for v := range s.versions.Prefix(tx, bucketRows(bucket)+prefix) {
		if v.Key == key {
			continue // an older version
		}
		if key = v.Key; v.Marker || key <= after {
			continue
		}
		common := commonPrefix(key, prefix, delimiter)
		if common != "" && (common == l.last || common == after) {
			continue
		}
		if len(l.objects)+len(l.prefixes) >= most {
			l.more = true
			return l
		}
		if common != "" {
			l.prefixes, l.last = append(l.prefixes, common), common
			continue
		}
		l.objects, l.last = append(l.objects, v), key
	}
	return l
}

// commonPrefix gives the part of a key up to the first delimiter behind the prefix; "" for none.
func commonPrefix(key, prefix, delimiter string) string {
	if delimiter == "" {
		return ""
	}
	i := strings.Index(key[len(prefix):], delimiter)
	if i < 0 {
		return ""
	}
	return key[:len(prefix)+i+len(delimiter)]
}

type prefixXML struct{ Prefix string }

type objectXML struct {
	Key, LastModified, ETag string
	ChecksumAlgorithm       []string
	ChecksumType            string `xml:",omitempty"`
	Size                    int64
	Owner                   *ownerXML `xml:",omitempty"`
	StorageClass            string
}

// listRequest is what the three listings have in common.
type listRequest struct {
	prefix, delimiter string
	most              int
	encode            func(string) string
	encoding          string
}

func (q *request) listRequest() (l listRequest, err error) {
	l.prefix, l.delimiter = q.query.Get("prefix"), q.query.Get("delimiter")
	l.encode, l.encoding = func(s string) string { return s }, q.query.Get("encoding-type")
	switch l.encoding {
	case "":
	case "url":
		l.encode = encodeKey
	default:
		return l, badArgument("encoding-type", l.encoding, "Invalid Encoding Method specified in Request")
	}
	most, err := q.number("max-keys", mostKeys, 0)
	l.most = min(most, mostKeys)
	return l, err
}

// encodeKey encodes a key for answers that were asked to be encoded; slashes stay.
func encodeKey(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), "%2F", "/")
}

func (l listRequest) prefixes(all []string) (out []prefixXML) {
	for _, p := range all {
		out = append(out, prefixXML{l.encode(p)})
	}
	return out
}

func (s *Service) objects(l listRequest, all []Version, whose *ownerXML) (out []objectXML) {
	for _, v := range all {
		o := objectXML{Key: l.encode(v.Key), LastModified: s.isoDate(v.Modified), ETag: quote(v.ETag), Size: v.Size, StorageClass: classOf(v), Owner: whose, ChecksumAlgorithm: sorted(v.Checksums)}
		if len(v.Checksums) > 0 {
			o.ChecksumType = sumType(v)
		}
		out = append(out, o)
	}
	return out
}

func (s *Service) listV1(q *request) error {
	l, err := q.listRequest()
	if err != nil {
		return err
	}
	out := struct {
		XMLName        xml.Name `xml:"ListBucketResult"`
		Xmlns          string   `xml:"xmlns,attr"`
		Name           string
		Prefix, Marker string
		NextMarker     string `xml:",omitempty"`
		MaxKeys        int
		Delimiter      string `xml:",omitempty"`
		EncodingType   string `xml:",omitempty"`
		IsTruncated    bool
		Contents       []objectXML
		CommonPrefixes []prefixXML
	}{Xmlns: namespace, Name: q.bucket, Prefix: l.encode(l.prefix), Marker: l.encode(q.query.Get("marker")), MaxKeys: l.most, Delimiter: l.encode(l.delimiter), EncodingType: l.encoding}
	err = s.view(q, func(tx *store.Tx, b Bucket) error {
		found := s.list(tx, b.Name, l.prefix, l.delimiter, q.query.Get("marker"), l.most)
		whose := owner(b.Account)
		out.Contents, out.CommonPrefixes = s.objects(l, found.objects, &whose), l.prefixes(found.prefixes)
		out.IsTruncated = found.more && l.most > 0
		if out.IsTruncated && l.delimiter != "" {
			out.NextMarker = l.encode(found.last)
		}
		q.w.Header().Set("X-Amz-Bucket-Region", b.Region)
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

func (s *Service) listV2(q *request) error {
	l, err := q.listRequest()
	if err != nil {
		return err
	}
	after, token := q.query.Get("start-after"), q.query.Get("continuation-token")
	if q.query.Has("continuation-token") {
		text, err := base64.RawURLEncoding.DecodeString(token)
		last, ours := strings.CutPrefix(string(text), "after:")
		if err != nil || !ours {
			return badArgument("continuation-token", token, "The continuation token provided is incorrect")
		}
		after = last
	}
	out := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Xmlns                 string   `xml:"xmlns,attr"`
		Name, Prefix          string
		StartAfter            string `xml:",omitempty"`
		ContinuationToken     string `xml:",omitempty"`
		NextContinuationToken string `xml:",omitempty"`
		KeyCount, MaxKeys     int
		Delimiter             string `xml:",omitempty"`
		EncodingType          string `xml:",omitempty"`
		IsTruncated           bool
		Contents              []objectXML
		CommonPrefixes        []prefixXML
	}{Xmlns: namespace, Name: q.bucket, Prefix: l.encode(l.prefix), StartAfter: l.encode(q.query.Get("start-after")), ContinuationToken: token, MaxKeys: l.most, Delimiter: l.encode(l.delimiter), EncodingType: l.encoding}
	err = s.view(q, func(tx *store.Tx, b Bucket) error {
		found := s.list(tx, b.Name, l.prefix, l.delimiter, after, l.most)
		var whose *ownerXML
		if q.query.Get("fetch-owner") == "true" {
			o := owner(b.Account)
			whose = &o
		}
		out.Contents, out.CommonPrefixes = s.objects(l, found.objects, whose), l.prefixes(found.prefixes)
		out.KeyCount = len(out.Contents) + len(out.CommonPrefixes)
		if out.IsTruncated = found.more && l.most > 0; out.IsTruncated {
			out.NextContinuationToken = base64.RawURLEncoding.EncodeToString([]byte("after:" + found.last))
		}
		q.w.Header().Set("X-Amz-Bucket-Region", b.Region)
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}
