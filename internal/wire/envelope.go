package wire

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/slipway-ecs/slipway/internal/shapes"
)

type protocol uint8

const (
	protoNone protocol = iota
	protoJSON
	protoQuery
	protoEC2
	protoREST
	protoCBOR
)

// refuse answers with an error in the request's protocol.
func (q *request) refuse(w http.ResponseWriter, f failure) {
	h := w.Header()
	status := f.status
	var body []byte
	switch q.proto {
	case protoQuery:
		status = f.queryState
		h.Set("Content-Type", "text/xml")
		body = q.queryError(f)
	case protoEC2:
		status = f.queryState
		h.Set("Content-Type", "text/xml;charset=UTF-8")
		body = append(body, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<Response><Errors><Error>"...)
		body = element(element(body, "Code", f.queryCode), "Message", f.message)
		body = append(body, "</Error></Errors>"...)
		body = append(element(body, "RequestID", q.id), "</Response>"...)
	case protoREST:
		h.Set("Content-Type", "application/json")
		h.Set("X-Amzn-ErrorType", f.code)
		body = q.jsonError(f, "")
	case protoCBOR:
		status = q.plainStatus(w, f)
		h.Set("Content-Type", "application/cbor")
		h.Set("smithy-protocol", "rpc-v2-cbor")
		body = q.cborError(f)
	default:
		status = q.plainStatus(w, f)
		h.Set("Content-Type", q.jsonType())
		body = q.jsonError(f, q.typeName(f))
	}
	if status == 0 {
		status = http.StatusBadRequest
	}
	q.write(w, status, body)
}

// write sends an answer whose content type is set.
func (q *request) write(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("x-amzn-RequestId", q.id)
	if status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	if len(body) > 0 && status != http.StatusNoContent {
		_, _ = w.Write(body) // a client that went away is nobody's error
	}
}

// plainStatus gives the status in JSON and CBOR: 400 or 500, but what query says where the client
// asks for the query protocol's names, and what is no modelled error at all keeps its own.
func (q *request) plainStatus(w http.ResponseWriter, f failure) int {
	if q.service != nil && q.service.cbor && strings.EqualFold(q.r.Header.Get("x-amzn-query-mode"), "true") {
		whose := "Sender"
		if f.server {
			whose = "Receiver"
		}
		w.Header().Set("x-amzn-query-error", f.queryCode+";"+whose)
		return f.queryState
	}
	switch {
	case f.server:
		return max(f.status, http.StatusInternalServerError)
	case f.value.IsValid():
		return http.StatusBadRequest
	}
	return f.status
}

func (q *request) jsonType() string {
	version := "1.1"
	if q.service != nil && q.service.version != "" {
		version = q.service.version
	}
	return "application/x-amz-json-" + version
}

// typeName is what stands in __type.
func (q *request) typeName(f failure) string {
	if q.service == nil || q.service.errorSpace == "" {
		return f.code
	}
	if !f.value.IsValid() {
		return "com.amazon.coral.validate#" + f.code
	}
	return q.service.errorSpace + f.code
}

func (q *request) jsonError(f failure, typeName string) []byte {
	dst := []byte{'{'}
	if typeName != "" {
		dst = append(appendString(append(dst, `"__type":`...), typeName), ',')
	}
	name := "message"
	for _, field := range f.members() {
		if f.isMessage(field) {
			if q.proto == protoREST {
				name = field.Names.Member
			}
			continue
		}
		fv := f.value.Field(field.index)
		if field.place.At != shapes.InBody {
			continue
		}
		if field.node.absent(fv) {
			if q.proto == protoREST && field.Go == "Type" {
				dst = append(appendString(append(dst, `"Type":`...), f.whose()), ',')
			}
			continue
		}
		dst = append(appendString(dst, field.Names.Member), ':')
		enc := jsonEncoder{times: q.times}
		next, err := enc.value(dst, fv, field.node)
		if err != nil {
			continue // error types hold nothing that JSON cannot
		}
		dst = append(next, ',')
	}
	dst = append(appendString(dst, name), ':')
	return append(appendString(dst, f.message), '}')
}

// members gives the fields of the SDK's error type, if it is one.
func (f *failure) members() []*Field {
	if f.shape == nil {
		return nil
	}
	list := make([]*Field, len(f.shape.Fields))
	for i := range f.shape.Fields {
		list[i] = &f.shape.Fields[i]
	}
	return list
}

// whose is Lambda's word for the fault.
func (f *failure) whose() string {
	if f.server {
		return "Service"
	}
	return "User"
}

func (q *request) cborError(f failure) []byte {
	enc := cborEncoder{times: q.times}
	var members []byte
	count := uint64(2)
	for _, field := range f.members() {
		fv := f.value.Field(field.index)
		if f.isMessage(field) || field.node.absent(fv) {
			continue
		}
		next, err := enc.value(cborString(members, field.Names.Member), fv, field.node)
		if err != nil {
			continue // error types hold nothing that CBOR cannot
		}
		members = next
		count++
	}
	dst := cborString(cborHead(nil, cborMap, count), "__type")
	dst = cborString(dst, q.typeName(f))
	dst = cborString(cborString(dst, "message"), f.message)
	return append(dst, members...)
}

func (q *request) queryError(f failure) []byte {
	namespace := "http://webservices.amazon.com/AWSFault/2005-15-09"
	if q.service != nil {
		namespace = q.service.namespace
	}
	whose := "Sender"
	if f.server {
		whose = "Receiver"
	}
	dst := append([]byte(`<ErrorResponse xmlns="`), namespace...)
	dst = append(dst, `"><Error>`...)
	dst = element(dst, "Type", whose)
	dst = element(dst, "Code", f.queryCode)
	dst = element(dst, "Message", f.message)
	enc := xmlEncoder{times: q.times, item: "member"}
	for _, field := range f.members() {
		fv := f.value.Field(field.index)
		if f.isMessage(field) || field.node.absent(fv) {
			continue
		}
		next, err := enc.value(open(dst, field.Names.Out), fv, field.node)
		if err != nil {
			continue // error types hold nothing that XML cannot
		}
		dst = shut(next, field.Names.Out)
	}
	dst = append(dst, "</Error>"...)
	dst = element(dst, "RequestId", q.id)
	return append(dst, "</ErrorResponse>"...)
}
