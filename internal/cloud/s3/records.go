package s3

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/slipway-ecs/slipway/internal/store"
)

// record is a subresource of buckets that tools write and read back, and that changes nothing here.
type record struct {
	name  string // in the query
	usual string // what a bucket has of itself; "" where it has none
	// code and message are the error for one that has none.
	code, message string
	fixed         bool // it cannot be deleted
}

func element(name, inner string) string {
	if inner == "" {
		return "<" + name + ` xmlns="` + namespace + `"/>`
	}
	return "<" + name + ` xmlns="` + namespace + `">` + inner + "</" + name + ">"
}

func ownership(o string) string {
	return element("OwnershipControls", "<Rule><ObjectOwnership>"+o+"</ObjectOwnership></Rule>")
}

// enforced is how objects of a bucket are owned unless told otherwise: access lists are off.
const enforced = "BucketOwnerEnforced"

// gone stands in a bucket's records for what was deleted though a new bucket has it.
const gone = "-"

// records are the subresources. Source: S3 API reference, the Get… operations of each.
var records = []record{
	{name: "tagging", code: "NoSuchTagSet", message: "The TagSet does not exist"},
	{name: "policy", code: "NoSuchBucketPolicy", message: "The bucket policy does not exist"},
	{name: "publicAccessBlock", code: "NoSuchPublicAccessBlockConfiguration", message: "The public access block configuration was not found",
		usual: element("PublicAccessBlockConfiguration", "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>")},
	{name: "encryption", fixed: true,
		usual: element("ServerSideEncryptionConfiguration", "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>")},
	{name: "ownershipControls", code: "OwnershipControlsNotFoundError", message: "The bucket ownership controls were not found", usual: ownership(enforced)},
	{name: "cors", code: "NoSuchCORSConfiguration", message: "The CORS configuration does not exist"},
	{name: "lifecycle", code: "NoSuchLifecycleConfiguration", message: "The lifecycle configuration does not exist"},
	{name: "website", code: "NoSuchWebsiteConfiguration", message: "The specified bucket does not have a website configuration"},
	{name: "replication", code: "ReplicationConfigurationNotFoundError", message: "The replication configuration was not found"},
	{name: "object-lock", code: "ObjectLockConfigurationNotFoundError", message: "Object Lock configuration does not exist for this bucket"},
	{name: "logging", fixed: true, usual: element("BucketLoggingStatus", "")},
	{name: "notification", fixed: true, usual: element("NotificationConfiguration", "")},
	{name: "accelerate", fixed: true, usual: element("AccelerateConfiguration", "")},
	{name: "requestPayment", fixed: true, usual: element("RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>")},
	{name: "acl", fixed: true},
	{name: "policyStatus", fixed: true},
}

// record gives the subresource that a request for a bucket names.
func (q *request) record() string {
	for _, c := range records {
		if q.query.Has(c.name) {
			return c.name
		}
	}
	return ""
}

// serveRecord reads, writes or deletes a record.
func (s *Service) serveRecord(q *request, name string) error {
	var c record
	for _, c = range records {
		if c.name == name {
			break
		}
	}
	switch q.r.Method {
	case http.MethodGet:
		return s.getRecord(q, c)
	case http.MethodPut:
		return s.putRecord(q, c)
	case http.MethodDelete:
		return s.deleteRecord(q, c)
	}
	return s.methodNotAllowed(q, "BUCKET")
}

func (s *Service) getRecord(q *request, c record) error {
	text := ""
	err := s.view(q, func(_ *store.Tx, b Bucket) error {
		text = b.Records[c.name]
		switch {
		case c.name == "acl" && text == "":
			text = accessList(b.Account, "")
		case c.name == "policyStatus":
			if b.Records["policy"] == "" {
				return refusal(404, "NoSuchBucketPolicy", "The bucket policy does not exist", "BucketName", b.Name)
			}
			text = element("PolicyStatus", "<IsPublic>false</IsPublic>")
		case text == "":
			text = c.usual
		}
		if text == "" || text == gone {
			return refusal(404, c.code, c.message, "BucketName", b.Name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.name == "policy" {
		return q.text(text, "application/json")
	}
	return q.text(xml.Header+text, "application/xml")
}

func (s *Service) putRecord(q *request, c record) error {
	text, err := q.document()
	if err != nil {
		return err
	}
	body := strings.TrimSpace(string(text))
	status := http.StatusOK
	switch c.name {
	case "policyStatus":
		return s.methodNotAllowed(q, "BUCKETPOLICYSTATUS")
	case "policy":
		if err := checkPolicy(body); err != nil {
			return err
		}
		status = http.StatusNoContent
	case "tagging":
		tags, err := readTags(text, 50)
		if err != nil {
			return err
		}
		if body, err = tagsXML(tags); err != nil {
			return err
		}
		status = http.StatusNoContent
	case "acl":
	default:
		if body, err = tidy(body); err != nil {
			return err
		}
	}
	err = s.update(q, func(tx *store.Tx, b Bucket) error {
		if c.name == "acl" {
			if err := allowsLists(b, q.r.Header.Get("X-Amz-Acl"), body != ""); err != nil {
				return err
			}
			if body == "" {
				body = accessList(b.Account, q.r.Header.Get("X-Amz-Acl"))
			}
		}
		if c.name == "object-lock" && b.Versioning != "Enabled" {
			return refusal(409, "InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
		}
		s.buckets.Put(tx, b.with(c.name, body))
		return nil
	})
	if err != nil {
		return err
	}
	q.w.WriteHeader(status)
	return nil
}

func (s *Service) deleteRecord(q *request, c record) error {
	if c.fixed && c.name != "encryption" {
		return s.methodNotAllowed(q, strings.ToUpper(c.name))
	}
	err := s.update(q, func(tx *store.Tx, b Bucket) error {
		if c.usual != "" && !c.fixed {
			s.buckets.Put(tx, b.with(c.name, gone))
			return nil
		}
		b.Records = maps.Clone(b.Records)
		delete(b.Records, c.name)
		s.buckets.Put(tx, b)
		return nil
	})
	if err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// checkPolicy refuses what is no policy document.
func checkPolicy(text string) error {
	var p struct {
		Version   string
		Statement any
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return refusal(400, "MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
	}
	if p.Statement == nil {
		return refusal(400, "MalformedPolicy", "Missing required field Statement")
	}
	return nil
}

// tidy checks that a document is XML and takes its declaration off.
func tidy(text string) (string, error) {
	if text == "" {
		return "", refusal(400, "MissingRequestBodyError", "Request Body is empty")
	}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := d.Token()
		if err == io.EOF { //nolint:errorlint // the decoder gives it as it is
			break
		}
		if err != nil {
			return "", malformedXML()
		}
	}
	if strings.HasPrefix(text, "<?") {
		if i := strings.Index(text, "?>"); i > 0 {
			text = strings.TrimSpace(text[i+2:])
		}
	}
	return text, nil
}

// accessList is the access control list of a canned name.
func accessList(account, canned string) string {
	id := owner(account).ID
	grant := func(grantee, permission string) string {
		return `<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` + grantee + "</Grantee><Permission>" + permission + "</Permission></Grant>"
	}
	group := func(name string) string {
		return `xsi:type="Group"><URI>http://acs.amazonaws.com/groups/` + name + "</URI>"
	}
	list := grant(`xsi:type="CanonicalUser"><ID>`+id+"</ID>", "FULL_CONTROL")
	switch canned {
	case "public-read":
		list += grant(group("global/AllUsers"), "READ")
	case "public-read-write":
		list += grant(group("global/AllUsers"), "READ") + grant(group("global/AllUsers"), "WRITE")
	case "authenticated-read":
		list += grant(group("global/AuthenticatedUsers"), "READ")
	case "log-delivery-write":
		list += grant(group("s3/LogDelivery"), "WRITE") + grant(group("s3/LogDelivery"), "READ_ACP")
	}
	return element("AccessControlPolicy", "<Owner><ID>"+id+"</ID></Owner><AccessControlList>"+list+"</AccessControlList>")
}

// allowsLists refuses access control lists where the bucket's owner owns everything.
func allowsLists(b Bucket, canned string, body bool) error {
	o := b.Records["ownershipControls"]
	if o != "" && !strings.Contains(o, enforced) {
		return nil
	}
	if body || canned != "" && canned != "private" && canned != "bucket-owner-full-control" {
		return refusal(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
	}
	return nil
}
