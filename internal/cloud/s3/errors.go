package s3

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/slipway-ecs/slipway/internal/wire"
)

// fault is an error in S3's words, with what stands beside code and message.
type fault struct {
	e      wire.Error
	more   [][2]string
	marker Version // the delete marker that stands in the way, if one does
}

// Error gives code and message.
func (f *fault) Error() string { return f.e.Error() }

// Unwrap gives the error other rooms understand.
func (f *fault) Unwrap() error { return &f.e }

// refusal makes an error; more are names and values of further elements.
func refusal(status int, code, message string, more ...string) *fault {
	f := &fault{e: wire.Error{Code: code, Message: message, Status: status}}
	for i := 0; i+1 < len(more); i += 2 {
		f.more = append(f.more, [2]string{more[i], more[i+1]})
	}
	return f
}

func noBucket(name string) *fault {
	return refusal(404, "NoSuchBucket", "The specified bucket does not exist", "BucketName", name)
}

func noKey(key string) *fault {
	return refusal(404, "NoSuchKey", "The specified key does not exist.", "Key", key)
}

func noVersion(key, id string) *fault {
	return refusal(404, "NoSuchVersion", "The specified version does not exist.", "Key", key, "VersionId", id)
}

func noUpload(id string) *fault {
	return refusal(404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.", "UploadId", id)
}

func badArgument(name, value, message string) *fault {
	return refusal(400, "InvalidArgument", message, "ArgumentName", name, "ArgumentValue", value)
}

func malformedXML() *fault {
	return refusal(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

func preconditionFailed(condition string) *fault {
	return refusal(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", "Condition", condition)
}

func denied() *fault { return refusal(403, "AccessDenied", "Access Denied") }

// fail answers with an error; our own mistakes are InternalError and said in the log.
func (s *Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	if f, ok := errors.AsType[*fault](err); ok {
		if m := f.marker; m.Marker {
			w.Header().Set("X-Amz-Delete-Marker", "true")
			w.Header().Set("X-Amz-Version-Id", m.ID)
			if f.e.Status == http.StatusMethodNotAllowed {
				w.Header().Set("Allow", "DELETE")
				w.Header().Set("Last-Modified", s.httpDate(m.Modified))
			}
		}
		answerError(w, r, &f.e, f.more)
		return
	}
	if e, ok := errors.AsType[*wire.Error](err); ok {
		answerError(w, r, e, nil)
		return
	}
	if r.Context().Err() == nil {
		s.o.Log.Error("a handler failed", "service", "s3", "operation", r.Method+" "+r.URL.Path, "err", err)
	}
	answerError(w, r, &wire.Error{Code: "InternalError", Message: "We encountered an internal error. Please try again.", Status: 500}, nil)
}

// refuse answers a request whose signature is not believed.
func refuse(w http.ResponseWriter, r *http.Request, why *wire.Error) {
	id := wire.CallerOf(r.Context()).AccessKeyID
	if why.Code == "InvalidAccessKeyId" || why.Code == "SignatureDoesNotMatch" {
		answerError(w, r, why, [][2]string{{"AWSAccessKeyId", id}})
		return
	}
	answerError(w, r, why, nil)
}

func answerError(w http.ResponseWriter, r *http.Request, e *wire.Error, more [][2]string) {
	id := requestID(r)
	head(w, r)
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	var b strings.Builder
	b.WriteString(xml.Header + "<Error>")
	tell(&b, "Code", e.Code)
	tell(&b, "Message", e.Message)
	for _, m := range more {
		tell(&b, m[0], m[1])
	}
	tell(&b, "RequestId", id)
	tell(&b, "HostId", hostID(id))
	b.WriteString("</Error>")
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", fmt.Sprint(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String())) // a client that went away is nobody's error
}

func tell(b *strings.Builder, name, text string) {
	b.WriteString("<" + name + ">")
	_ = xml.EscapeText(b, []byte(text)) // a builder takes all
	b.WriteString("</" + name + ">")
}
