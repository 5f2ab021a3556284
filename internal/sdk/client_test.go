package sdk

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// quick answers before it has seen the end of the request's body, as net/http may.
type quick struct {
	read string
	body io.Reader
}

func (q *quick) Do(r *http.Request) (*http.Response, error) {
	text := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, text)
	q.read, q.body = string(text), r.Body
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"services":[]}`))}, err
}

func TestARequestThatWasAnsweredBeforeItsEndWasSeenHasEndedWell(t *testing.T) {
	t.Parallel()
	q := &quick{}
	c := NewECS(aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("k", "s", ""), HTTPClient: patiently(q)})
	if _, err := c.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Services: []string{"web"}}); err != nil {
		t.Fatal(err)
	}
	if q.read != `{"services":["web"]}` {
		t.Errorf("sent %s", q.read)
	}
	// net/http looks whether there is more than was announced.
	if n, err := io.Copy(io.Discard, q.body); n != 0 || err != nil {
		t.Errorf("behind the body's end: %d bytes, %v", n, err)
	}
}
