// Package fail has the one error type a person can act on: what happened, and what to do next.
//
// Lower layers wrap with fmt.Errorf; an Error is made once, where somebody knows what the
// operator should do. Errors are returned or logged, never both. Read Error first.
package fail

import (
	"errors"
	"fmt"
)

// Error is an error a person can act on.
type Error struct {
	Code string // stable and dotted, for programs: "service.not_found"
	Msg  string // what happened, with the values; lower case, no full stop
	Hint string // what to do next; empty where nobody can do anything
	Err  error  // the cause; nil where the message is the whole story
}

// Error gives the message, then the chain of causes.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Msg
	}
	return e.Msg + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an Error without a cause; the message is formatted as by fmt.Sprintf.
func New(code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Hint: hint, Msg: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error around a cause.
func Wrap(err error, code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Hint: hint, Msg: fmt.Sprintf(format, args...), Err: err}
}

// Of gives the outermost Error in err's chain, or nil.
func Of(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return nil
}

// Is reports whether err's chain has an Error with this code.
func Is(err error, code string) bool {
	for err != nil {
		e := Of(err)
		if e == nil {
			return false
		}
		if e.Code == code {
			return true
		}
		err = e.Err
	}
	return false
}
