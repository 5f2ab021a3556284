package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/pattern"
	"github.com/slipway-ecs/slipway/internal/store"
)

var bucketRule = pattern.New(`^[a-z0-9][a-z0-9.-]+[a-z0-9]$`)

// validBucket checks a name. Source: S3 user guide, "Bucket naming rules".
func validBucket(name string) bool {
	if len(name) > 63 || !bucketRule.MatchString(name) || strings.Contains(name, "..") {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return false
	}
	for _, p := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	for _, p := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, p) {
			return false
		}
	}
	return true
}

func badBucketName(name string) *fault {
	return refusal(400, "InvalidBucketName", "The specified bucket is not valid.", "BucketName", name)
}

// home is the region with rules of its own.
const home = "us-east-1"

// createBucket makes a bucket. Made again by its owner it is an error everywhere but in us-east-1.
func (s *Service) createBucket(q *request) error {
	if !validBucket(q.bucket) {
		return badBucketName(q.bucket)
	}
	region, tags, err := q.place()
	if err != nil {
		return err
	}
	b := Bucket{Name: q.bucket, Account: q.caller.Account, Region: region, Records: map[string]string{}}
	if tags != "" {
		b.Records["tagging"] = tags
	}
	if o := q.r.Header.Get("X-Amz-Object-Ownership"); o != "" {
		b.Records["ownershipControls"] = ownership(o)
	}
	if strings.EqualFold(q.r.Header.Get("X-Amz-Bucket-Object-Lock-Enabled"), "true") {
		b.Versioning, b.Records["object-lock"] = "Enabled", `<ObjectLockConfiguration xmlns="`+namespace+`"><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`
	}
	err = s.store.Update(func(tx *store.Tx) error {
		old, there := s.buckets.Get(tx, b.Name)
		switch {
		case there && old.Account != b.Account:
			return refusal(409, "BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.", "BucketName", b.Name)
		case there && (q.caller.Region != home || old.Region != home):
			return refusal(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.", "BucketName", b.Name)
		case there:
			return nil
		}
		b.Created = tx.Now()
		s.buckets.Put(tx, b)
		return nil
	})
	if err != nil {
		return err
	}
	q.w.Header().Set("Location", "/"+b.Name)
	q.w.Header().Set("X-Amz-Bucket-Arn", "arn:aws:s3:::"+b.Name)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// place reads where a bucket shall lie, and the tags it shall have as a record.
func (q *request) place() (region, tags string, err error) {
	var in struct {
		LocationConstraint string
		Tags               []Tag `xml:"Tags>Tag"`
	}
	text, err := q.document()
	if err != nil {
		return "", "", err
	}
	if len(strings.TrimSpace(string(text))) > 0 && xml.Unmarshal(text, &in) != nil {
		return "", "", malformedXML()
	}
	if len(in.Tags) > 0 {
		if tags, err = tagsXML(in.Tags); err != nil {
			return "", "", err
		}
	}
	at, want := q.caller.Region, in.LocationConstraint
	switch {
	case want == "" && at == home:
		return home, tags, nil
	case want == "":
		return "", "", refusal(400, "IllegalLocationConstraintException", "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	case want == home:
		return "", "", refusal(400, "InvalidLocationConstraint", "The specified location-constraint is not valid", "LocationConstraint", want)
	case want == "EU":
		want = "eu-west-1"
	}
	if at != home && at != want {
		return "", "", refusal(400, "IllegalLocationConstraintException", "The "+want+" location constraint is incompatible for the region specific endpoint this request was sent to.")
	}
	return want, tags, nil
}

func (s *Service) headBucket(q *request) error {
	return s.view(q, func(_ *store.Tx, b Bucket) error {
		q.w.Header().Set("X-Amz-Bucket-Region", b.Region)
		q.w.Header().Set("X-Amz-Bucket-Arn", "arn:aws:s3:::"+b.Name)
		q.w.Header().Set("X-Amz-Access-Point-Alias", "false")
		q.w.Header().Set("Content-Type", "application/xml")
		q.w.WriteHeader(http.StatusOK)
		return nil
	})
}

// deleteBucket removes a bucket without objects, versions and delete markers; uploads that go on go
// with it.
func (s *Service) deleteBucket(q *request) error {
	var gone []Segment
	err := s.update(q, func(tx *store.Tx, b Bucket) error {
		for range s.versions.Prefix(tx, bucketRows(b.Name)) {
			message := "The bucket you tried to delete is not empty"
			if b.Versioning != "" {
				message += ". You must delete all versions in the bucket."
			}
			return refusal(409, "BucketNotEmpty", message, "BucketName", b.Name)
		}
		for u := range s.uploads.By(tx, "bucket", b.Name) {
			gone = append(gone, s.forget(tx, u)...)
		}
		s.buckets.Delete(tx, b.Name)
		return nil
	})
	if err != nil {
		return err
	}
	s.disk.drop(gone)
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// ownerXML names an account as S3 does.
type ownerXML struct{ ID string }

// owner gives an account's canonical user id.
func owner(account string) ownerXML {
	sum := sha256.Sum256([]byte("account " + account))
	return ownerXML{ID: hex.EncodeToString(sum[:])}
}

func (s *Service) listBuckets(q *request) error {
	type bucketXML struct {
		Name, CreationDate, BucketRegion string
		BucketArn                        string
	}
	out := struct {
		XMLName           xml.Name `xml:"ListAllMyBucketsResult"`
		Xmlns             string   `xml:"xmlns,attr"`
		Owner             ownerXML
		Buckets           struct{ Bucket []bucketXML } // written also where it is empty
		ContinuationToken string                       `xml:",omitempty"`
		Prefix            string                       `xml:",omitempty"`
	}{Xmlns: namespace, Owner: owner(q.caller.Account), Prefix: q.query.Get("prefix")}
	most, err := q.number("max-buckets", 10000, 1)
	if err != nil {
		return err
	}
	err = s.store.View(func(tx *store.Tx) error {
		var all []Bucket
		for b := range s.buckets.Prefix(tx, out.Prefix) {
			if region := q.query.Get("bucket-region"); b.Account == q.caller.Account && (region == "" || region == b.Region) {
				all = append(all, b)
			}
		}
		some, next, err := page.Cut(all, func(b *Bucket) string { return b.Name }, q.query.Get("continuation-token"), min(most, 10000))
		if err != nil {
			return badArgument("continuation-token", q.query.Get("continuation-token"), "The continuation token provided is incorrect")
		}
		out.ContinuationToken = next
		for _, b := range some {
			out.Buckets.Bucket = append(out.Buckets.Bucket, bucketXML{b.Name, s.isoDate(b.Created), b.Region, "arn:aws:s3:::" + b.Name})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

func (s *Service) bucketLocation(q *request) error {
	out := struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		Xmlns   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}{Xmlns: namespace}
	err := s.view(q, func(_ *store.Tx, b Bucket) error {
		if b.Region != home {
			out.Region = b.Region
		}
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

type versioningXML struct {
	XMLName xml.Name `xml:"VersioningConfiguration"`
	Xmlns   string   `xml:"xmlns,attr"`
	Status  string   `xml:",omitempty"`
}

func (s *Service) getVersioning(q *request) error {
	out := versioningXML{Xmlns: namespace}
	err := s.view(q, func(_ *store.Tx, b Bucket) error { out.Status = b.Versioning; return nil })
	if err != nil {
		return err
	}
	return q.answer(out)
}

func (s *Service) putVersioning(q *request) error {
	var in struct{ Status string }
	if err := q.read(&in); err != nil {
		return err
	}
	if !slices.Contains([]string{"Enabled", "Suspended"}, in.Status) {
		return refusal(400, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	err := s.update(q, func(tx *store.Tx, b Bucket) error {
		if in.Status == "Suspended" && b.Records["object-lock"] != "" {
			return refusal(409, "InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
		}
		b.Versioning = in.Status
		s.buckets.Put(tx, b)
		return nil
	})
	if err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// with gives the bucket with a record changed.
func (b Bucket) with(name, text string) Bucket {
	b.Records = maps.Clone(b.Records)
	if b.Records == nil {
		b.Records = map[string]string{}
	}
	b.Records[name] = text
	return b
}
