package function

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// handler serves the Runtime API to one environment, and as much of the Extensions API as Go's
// library asks for to hear of SIGTERM.
func (e *environment) handler() http.Handler {
	mux := http.NewServeMux()
	const base = "/2018-06-01/runtime"
	mux.HandleFunc("GET "+base+"/invocation/next", e.serveNext)
	mux.HandleFunc("POST "+base+"/invocation/{id}/response", e.serveResponse)
	mux.HandleFunc("POST "+base+"/invocation/{id}/error", e.serveError)
	mux.HandleFunc("POST "+base+"/init/error", e.serveInitError)
	mux.HandleFunc("POST /2020-01-01/extension/register", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Lambda-Extension-Identifier", e.runner.o.IDs.UUID())
		writeJSON(w, http.StatusOK, map[string]string{"functionName": e.spec.Name, "functionVersion": e.spec.Version, "handler": e.spec.Handler})
	})
	mux.HandleFunc("GET /2020-01-01/extension/event/next", func(_ http.ResponseWriter, r *http.Request) {
		select { // there is nothing to tell an extension
		case <-r.Context().Done():
		case <-e.exited:
		}
	})
	return mux
}

// serveNext gives the next event once there is one; a runtime that has not answered the last one gets that
// again.
func (e *environment) serveNext(w http.ResponseWriter, r *http.Request) {
	if j := e.working(); j != nil {
		deliver(w, j)
		return
	}
	e.readyOnce.Do(func() {
		e.readyAt = time.Now()
		close(e.ready)
	})
	select {
	case j := <-e.calls:
		e.accept(j)
		deliver(w, j)
	case <-r.Context().Done():
	case <-e.exited:
	}
}

// deliver writes an event.
func deliver(w http.ResponseWriter, j *job) {
	h := w.Header()
	h.Set("Content-Type", "application/json") // awslambdaric needs it
	h.Set("Lambda-Runtime-Aws-Request-Id", j.RequestID)
	h.Set("Lambda-Runtime-Invocation-Id", j.attempt)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(j.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", j.ARN)
	h.Set("Lambda-Runtime-Trace-Id", j.trace)
	if j.context != "" {
		h.Set("Lambda-Runtime-Client-Context", j.context)
	}
	h.Set("Content-Length", strconv.Itoa(len(j.Payload)))
	w.WriteHeader(http.StatusOK)
	w.Write(j.Payload) //nolint:errcheck // a runtime that is gone is seen by its exit
}

func (e *environment) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MostAnswer+1))
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", truncated)
		return
	case !e.expected(w, r, "InvocationResponse"):
		return
	case len(body) > MostAnswer:
		res := failed("Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MostAnswer))
		e.post(w, r.PathValue("id"), res, http.StatusRequestEntityTooLarge, failure{"RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", MostAnswer)})
		return
	}
	res := Result{Payload: body}
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" { // a stream that broke off
		told, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if err == nil {
			res = Result{Payload: told, Error: unhandled}
		}
	}
	e.post(w, r.PathValue("id"), res, http.StatusAccepted, accepted)
}

func (e *environment) serveError(w http.ResponseWriter, r *http.Request) {
	body, err := told(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", truncated)
		return
	}
	if e.expected(w, r, "InvocationErrorResponse") {
		e.post(w, r.PathValue("id"), Result{Payload: body, Error: unhandled}, http.StatusAccepted, accepted)
	}
}

// The words of refusals. Source: AWS's Runtime Interface Emulator.
const (
	truncated  = "HTTP request detected as truncated"
	transition = "State transition from %s to %s failed for runtime. Error: State transition is not allowed"
)

// expected reports whether a runtime's word is about the call under way, and refuses it else. A runtime may
// also name the attempt it answers.
func (e *environment) expected(w http.ResponseWriter, r *http.Request, to string) bool {
	id, attempt := r.PathValue("id"), r.Header.Get("Lambda-Runtime-Invocation-Id")
	e.mu.Lock()
	j, last := e.current, e.last
	e.mu.Unlock()
	switch {
	case j == nil && id == last && id != "":
		refuse(w, http.StatusForbidden, "InvalidStateTransition", fmt.Sprintf(transition, "RuntimeResponseSentState", to))
	case j == nil || j.RequestID != id:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	case attempt != "" && attempt != j.attempt:
		refuse(w, http.StatusBadRequest, "InvalidInvocationId", "Invalid invocation ID")
	default:
		return true
	}
	return false
}

// accepted is what a runtime hears of what it posts.
var accepted = map[string]string{"status": "OK"}

// post answers the runtime, then the caller: a runtime that ends right after its last word shall
// have heard that it came.
func (e *environment) post(w http.ResponseWriter, id string, res Result, status int, say any) {
	j := e.claim(id)
	if j == nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	defer func() { j.answers <- res }()
	writeJSON(w, status, say)
	if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		e.runner.o.Log.Debug("a runtime did not hear that its answer came", "function", e.spec.ID, "err", err)
	}
}

func (e *environment) serveInitError(w http.ResponseWriter, r *http.Request) {
	body, err := told(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", truncated)
		return
	}
	select {
	case <-e.ready:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", fmt.Sprintf(transition, "Ready", "InitError"))
		return
	default:
	}
	writeJSON(w, http.StatusAccepted, accepted)
	select {
	case e.initFailed <- body:
	default: // the first one counts
	}
}

// told reads what a runtime says went wrong; where it says nothing, the header's word for it counts.
func told(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MostAnswer))
	if err != nil || len(body) > 0 {
		return body, err
	}
	return json.Marshal(failure{Type: r.Header.Get("Lambda-Runtime-Function-Error-Type")})
}

// failure is Lambda's shape of an error.
type failure struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	writeJSON(w, status, failure{kind, message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	w.Write(text) //nolint:errcheck // a runtime that is gone is seen by its exit
}
