package s3

import (
	"encoding/xml"
	"net/http"
	"net/url"

	"github.com/slipway-ecs/slipway/internal/store"
)

type taggingXML struct {
	XMLName xml.Name `xml:"Tagging"`
	Xmlns   string   `xml:"xmlns,attr"`
	TagSet  tagSet   // written also where it is empty
}

type tagSet struct{ Tag []Tag }

// mostTags is how many tags an object may have.
const mostTags = 10

func readTags(text []byte, most int) ([]Tag, error) {
	var in struct {
		Tags []Tag `xml:"TagSet>Tag"`
	}
	if xml.Unmarshal(text, &in) != nil {
		return nil, malformedXML()
	}
	return in.Tags, checkTags(in.Tags, most)
}

func checkTags(tags []Tag, most int) error {
	if len(tags) > most {
		if most == mostTags {
			return refusal(400, "BadRequest", "Object tags cannot be greater than 10")
		}
		return refusal(400, "BadRequest", "Bucket tag count cannot be greater than 50")
	}
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case seen[t.Key]:
			return refusal(400, "InvalidTag", "Cannot provide multiple Tags with the same key", "TagKey", t.Key)
		case t.Key == "" || len([]rune(t.Key)) > 128:
			return refusal(400, "InvalidTag", "The TagKey you have provided is invalid", "TagKey", t.Key)
		case len([]rune(t.Value)) > 256:
			return refusal(400, "InvalidTag", "The TagValue you have provided is invalid", "TagKey", t.Key, "TagValue", t.Value)
		}
		seen[t.Key] = true
	}
	return nil
}

// tagsOf reads tags as the header x-amz-tagging has them.
func tagsOf(header string) ([]Tag, error) {
	values, err := url.ParseQuery(header)
	if err != nil {
		return nil, badArgument("x-amz-tagging", header, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	var tags []Tag
	for _, k := range sorted(values) {
		if len(values[k]) > 1 {
			return nil, badArgument("x-amz-tagging", header, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
		}
		tags = append(tags, Tag{k, values[k][0]})
	}
	return tags, checkTags(tags, mostTags)
}

func tagsXML(tags []Tag) (string, error) {
	text, err := xml.Marshal(taggingXML{Xmlns: namespace, TagSet: tagSet{tags}})
	return string(text), err
}

func (s *Service) getTags(q *request) error {
	out := taggingXML{Xmlns: namespace}
	err := s.view(q, func(tx *store.Tx, b Bucket) error {
		v, err := s.find(tx, b, q.key, q.query.Get("versionId"))
		out.TagSet.Tag = v.About.Tags
		q.tellVersion(b, v)
		return err
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

func (s *Service) putTags(q *request) error {
	text, err := q.document()
	if err != nil {
		return err
	}
	tags, err := readTags(text, mostTags)
	if err != nil {
		return err
	}
	return s.retag(q, tags, http.StatusOK)
}

func (s *Service) deleteTags(q *request) error { return s.retag(q, nil, http.StatusNoContent) }

func (s *Service) retag(q *request, tags []Tag, status int) error {
	err := s.update(q, func(tx *store.Tx, b Bucket) error {
		v, err := s.find(tx, b, q.key, q.query.Get("versionId"))
		if err != nil {
			return err
		}
		v.About.Tags = tags
		s.versions.Put(tx, v)
		q.tellVersion(b, v)
		return nil
	})
	if err != nil {
		return err
	}
	q.w.WriteHeader(status)
	return nil
}

// getObjectACL answers what every object here has: all to its owner.
func (s *Service) getObjectACL(q *request) error {
	text := ""
	err := s.view(q, func(tx *store.Tx, b Bucket) error {
		_, err := s.find(tx, b, q.key, q.query.Get("versionId"))
		text = accessList(b.Account, "")
		return err
	})
	if err != nil {
		return err
	}
	return q.text(xml.Header+text, "application/xml")
}

// putObjectACL takes a list where the bucket allows lists, and changes nothing.
func (s *Service) putObjectACL(q *request) error {
	text, err := q.document()
	if err != nil {
		return err
	}
	err = s.view(q, func(tx *store.Tx, b Bucket) error {
		if _, err := s.find(tx, b, q.key, q.query.Get("versionId")); err != nil {
			return err
		}
		return allowsLists(b, q.r.Header.Get("X-Amz-Acl"), len(text) > 0)
	})
	if err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusOK)
	return nil
}
