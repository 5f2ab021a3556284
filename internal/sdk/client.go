package sdk

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// patient is an HTTP client that reads answers to their end, also those that come faster than
// net/http notices that it has sent the request.
//
// The SDK closes a request's body as soon as an answer begins, and its closed bodies say io.EOF
// where io.Copy asks them to write themselves. net/http takes that for a body that cannot be read,
// and closes the connection below an answer of which it has only the first 4 KiB: the call seems
// lost. One in a hundred was, where the endpoint is on this machine.
type patient struct{ client aws.HTTPClient }

func patiently(client aws.HTTPClient) patient {
	if client == nil {
		client = awshttp.NewBuildableClient()
	}
	return patient{client}
}

// Do sends a request whose body is only read.
func (p patient) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = onlyRead{r.Body}
	}
	return p.client.Do(r)
}

// onlyRead hides all that a body can do besides being read and closed.
type onlyRead struct{ io.ReadCloser }
