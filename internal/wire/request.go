package wire

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// request is one call while it is understood and answered.
type request struct {
	r     *http.Request
	id    string
	times Times
	sig   signature

	proto       protocol
	service     *Service // nil where nobody serves it
	serviceName string   // what the request calls it
	operation   string
	asked       *Service // whose version a form names; nil where nobody serves it

	body   []byte
	form   *form
	labels map[string]string
	call   *call
}

// identify finds protocol, service and, but for forms, the operation: X-Amz-Target first, then
// Smithy-Protocol, then forms and REST paths, then the signature's scope. It is false where the
// request is no AWS call.
func (g *Gateway) identify(q *request) bool {
	r := q.r
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		q.proto = protoJSON
		dot := strings.LastIndexByte(target, '.')
		q.serviceName, q.operation = target[:max(dot, 0)], target[dot+1:]
		q.take(g.byTarget[q.serviceName])
		q.postOnly()
		return true
	}
	if r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" {
		q.proto = protoCBOR
		parts := segments(r.URL.Path)
		if n := len(parts); n >= 4 && parts[n-4] == "service" && parts[n-2] == "operation" {
			q.serviceName, q.operation = parts[n-3], parts[n-1]
			if s := g.byTarget[q.serviceName]; s != nil && s.cbor {
				q.take(s)
			}
		}
		q.postOnly()
		return true
	}
	if r.URL.Path == "/" || r.URL.Path == "" {
		form := strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
		asks := strings.Contains("&"+r.URL.RawQuery, "&Action=")
		if r.Method == http.MethodPost && (form || asks || q.queryScope(g)) || r.Method == http.MethodGet && asks {
			q.proto = protoQuery // or EC2's, once the form is read
			return true
		}
	}
	if g.identifyREST(q) {
		return true
	}
	if q.sig.service == "" {
		return false
	}
	// A signed request for what nobody serves here.
	q.serviceName, q.operation = q.sig.service, r.Method+" "+r.URL.Path
	q.proto = protoREST
	if s := g.byName[q.sig.service]; s != nil {
		q.take(s)
		if s.target != "" {
			q.proto = protoJSON
		}
	}
	return true
}

// postOnly takes the operation from a request that is no POST, as all calls of JSON and CBOR are.
func (q *request) postOnly() {
	if q.r.Method != http.MethodPost {
		q.operation = q.r.Method + " " + q.operation
	}
}

func (q *request) queryScope(g *Gateway) bool {
	s := g.byName[q.sig.service]
	return s != nil && s.apiVersion != "" && q.r.Header.Get("Content-Type") == ""
}

func (q *request) take(s *Service) {
	if s != nil {
		q.service, q.serviceName = s, s.name
	}
}

// identifyREST matches the path of a REST service; where the scope is another's, only an operation's own.
func (g *Gateway) identifyREST(q *request) bool {
	path := segments(q.r.URL.EscapedPath())
	query := q.r.URL.Query()
	for _, s := range g.services {
		if !s.rest {
			continue
		}
		near, foreign := q.sig.service == s.name, q.sig.service != "" && q.sig.service != s.name
		for i := range s.routes {
			c := &s.routes[i]
			if labels, ok := c.match(q.r.Method, path, query); ok {
				q.proto, q.operation, q.labels = protoREST, c.operation, labels
				q.take(s)
				return true
			}
			near = near || !foreign && len(path) > 1 && len(c.parts) > 1 && path[0] == c.parts[0].text && path[1] == c.parts[1].text
		}
		if near {
			q.proto, q.operation = protoREST, q.r.Method+" "+q.r.URL.Path
			q.take(s)
			return true
		}
	}
	return false
}

// identifyForm reads the form and finds the service by scope, else by Version.
func (g *Gateway) identifyForm(q *request) error {
	text := string(q.body)
	if q.r.Method == http.MethodGet || len(q.body) == 0 {
		text = q.r.URL.RawQuery
	}
	s := g.byName[q.sig.service]
	if s != nil && s.apiVersion == "" {
		s = nil
	}
	form, err := parseForm(text)
	if err == nil {
		q.form, q.operation, q.serviceName = form, form.get("Action"), q.sig.service
		of := g.version[form.get("Version")]
		if q.asked = of; s == nil {
			s = of
		}
	}
	q.take(s)
	if s != nil && s.ec2 || s == nil && q.sig.service == "ec2" {
		q.proto = protoEC2
	}
	return err
}

func (q *request) decode(op *operation, v reflect.Value) (err error) {
	switch q.proto {
	case protoJSON:
		if len(bytes.TrimSpace(q.body)) > 0 {
			q.call.extras, err = decodeJSON(q.body, v, op.in, q.times, false)
		}
	case protoCBOR:
		err = decodeCBOR(q.body, v, op.in, q.times)
	case protoREST:
		q.call.extras, err = q.decodeREST(op, v)
	default:
		err = decodeQuery(q.form, v, op.in, q.times)
	}
	return err
}

// answer writes an output in the request's protocol. Nothing has been written where it errs.
func (q *request) answer(w http.ResponseWriter, op *operation, v reflect.Value) error {
	var body []byte
	var err error
	switch q.proto {
	case protoJSON:
		enc := jsonEncoder{times: q.times}
		if body, err = enc.object(make([]byte, 0, 1024), v, op.out); err != nil {
			return err
		}
		body = echo(body, q.call.echoes)
		w.Header().Set("Content-Type", q.jsonType())
	case protoCBOR:
		enc := cborEncoder{times: q.times}
		if body, err = enc.object(nil, v, op.out); err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/cbor")
		w.Header().Set("smithy-protocol", "rpc-v2-cbor")
	case protoREST:
		return q.answerREST(w, op, v)
	default:
		enc := xmlEncoder{times: q.times, item: "member"}
		if q.proto == protoEC2 {
			enc.item = "item"
		}
		if body, err = enc.answer(make([]byte, 0, 1024), q.service, op, v, q.id); err != nil {
			return err
		}
		w.Header().Set("Content-Type", "text/xml")
		if q.proto == protoEC2 {
			w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
		}
	}
	q.write(w, http.StatusOK, body)
	return nil
}

// unknownOperation is the protocol's own error for an operation nobody built.
func (q *request) unknownOperation() failure {
	f := failure{code: "UnknownOperationException", queryCode: "InvalidAction", status: 400, queryState: 400}
	switch q.proto {
	case protoQuery, protoEC2:
		f.message = fmt.Sprintf(unknownAction, q.operation)
		if q.operation == "" {
			f.queryCode, f.message = "MissingAction", "The request is missing an Action or Operation parameter."
		}
	case protoREST:
		f.status = http.StatusNotFound
		fallthrough
	default:
		f.message = fmt.Sprintf("the operation %q of %q is not served here", q.operation, q.serviceName)
	}
	return f
}

// badInput is the failure of a request whose members cannot be read.
func (q *request) badInput(err error) failure {
	f := failure{code: "SerializationException", queryCode: "ValidationError", status: 400, queryState: 400, message: err.Error()}
	bad, ok := errors.AsType[*decodeError](err)
	switch {
	case q.proto == protoEC2:
		f.queryCode = "InvalidParameterValue"
	case ok && (q.proto == protoJSON || q.proto == protoREST):
		f.message = bad.msg // AWS names no path
	}
	return f
}

// strayIn refuses values that are not of their enumerations, if the service does.
func (q *request) strayIn(op *operation, in reflect.Value) error {
	if q.service.unlisted == nil {
		return nil
	}
	return stray(in, op.in, "", func(u Unlisted) error {
		u.Operation = q.operation
		return q.service.unlisted(u)
	})
}

// lacking is the failure of a request without a required member.
func (q *request) lacking(member string) failure {
	if q.service.required != nil {
		if err := q.service.required(q.operation, member); err != nil {
			f, _ := q.service.failureOf(err)
			return f
		}
	}
	f := failure{code: "ValidationException", queryCode: "ValidationError", status: 400, queryState: 400, message: fmt.Sprintf(missingMember, member)}
	if q.proto == protoEC2 {
		parts := strings.Split(member, ".")
		i := slices.IndexFunc(parts, func(s string) bool { return s == "member" })
		f.queryCode = "MissingParameter"
		f.message = "The request must contain the parameter " + strings.Join(parts[i+1:], ".")
	}
	return f
}
