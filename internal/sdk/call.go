package sdk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	smithy "github.com/aws/smithy-go"
)

// CallJSON makes one signed call of AWS's JSON 1.1 protocol, for services of which one or two reads
// are needed, which is not worth a client of megabytes. AWS's errors are smithy.APIErrors, as a
// client's are.
func CallJSON(ctx context.Context, cfg aws.Config, service, target string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("write the input of %s: %w", target, err)
	}
	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target}}
	status, text, err := call(ctx, cfg, service, header, body)
	if err != nil {
		return err
	}
	if status == http.StatusOK {
		return json.Unmarshal(text, out)
	}
	var wrong struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Upper   string `json:"Message"`
	}
	if json.Unmarshal(text, &wrong) != nil || wrong.Type == "" {
		wrong.Type = fmt.Sprintf("HTTP %d", status)
	}
	if wrong.Message == "" {
		wrong.Message = wrong.Upper
	}
	return &smithy.GenericAPIError{Code: wrong.Type[bytes.LastIndexByte([]byte(wrong.Type), '#')+1:], Message: wrong.Message, Fault: faultOf(status)}
}

// callQuery is CallJSON for the query protocol.
func callQuery(ctx context.Context, cfg aws.Config, service string, form url.Values, out any) error {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	status, text, err := call(ctx, cfg, service, header, []byte(form.Encode()))
	if err != nil {
		return err
	}
	if status == http.StatusOK {
		return xml.Unmarshal(text, out)
	}
	var wrong struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if xml.Unmarshal(text, &wrong) != nil || wrong.Code == "" {
		wrong.Code = fmt.Sprintf("HTTP %d", status)
	}
	return &smithy.GenericAPIError{Code: wrong.Code, Message: wrong.Message, Fault: faultOf(status)}
}

func faultOf(status int) smithy.ErrorFault {
	if status >= http.StatusInternalServerError {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// mostAnswer is how much of an answer is read.
const mostAnswer = 64 << 20

func call(ctx context.Context, cfg aws.Config, service string, header http.Header, body []byte) (status int, text []byte, err error) {
	endpoint := endpointOf(ctx, cfg, service)
	if endpoint == "" {
		endpoint = hostOf(ctx, cfg, service)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header = header
	if err := sign(ctx, cfg, r, service, body); err != nil {
		return 0, nil, err
	}
	answer, text, err := do(cfg, r)
	if err != nil {
		return 0, nil, err
	}
	return answer.StatusCode, text, nil
}

func sign(ctx context.Context, cfg aws.Config, r *http.Request, service string, body []byte, with ...func(*v4.SignerOptions)) error {
	who, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	if service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", digest)
	}
	return v4.NewSigner().SignHTTP(ctx, who, r, digest, service, cfg.Region, time.Now(), with...)
}

// do sends a request and reads its answer.
func do(cfg aws.Config, r *http.Request) (answer *http.Response, text []byte, err error) {
	client := cfg.HTTPClient
	if client == nil {
		client = http.DefaultClient
	}
	if answer, err = client.Do(r); err != nil {
		return nil, nil, err
	}
	text, err = io.ReadAll(io.LimitReader(answer.Body, mostAnswer+1))
	if closed := answer.Body.Close(); err == nil {
		err = closed
	}
	if err == nil && len(text) > mostAnswer {
		err = fmt.Errorf("the answer is larger than %d MiB", mostAnswer>>20)
	}
	return answer, text, err
}
