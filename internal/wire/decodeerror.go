package wire

import (
	"strconv"
	"strings"
)

// decodeError is a body that is not what the operation's input asks for.
type decodeError struct {
	path string
	msg  string
}

func (e *decodeError) Error() string {
	if e.path == "" {
		return e.msg
	}
	return e.path + ": " + e.msg
}

// step is one part of where the decoder is: a member, a map's key or, where name is "", an index.
type step struct {
	name  string
	index int
}

func (s step) text() string {
	if s.name == "" {
		return strconv.Itoa(s.index)
	}
	return s.name
}

// mismatch is the error of a value of another type than the member's. The words are AWS's.
func (d *jsonDecoder) mismatch(want string) error {
	found := "NUMBER_VALUE"
	switch d.data[d.pos] {
	case '"':
		found = "STRING_VALUE"
	case 't':
		found = "TRUE_VALUE"
	case 'f':
		found = "FALSE_VALUE"
	case '{':
		return d.fault("Start of structure or map found where not expected.")
	case '[':
		return d.fault("Start of list found where not expected")
	}
	return d.fault(found + " can not be converted to " + want)
}

func (d *jsonDecoder) fault(msg string) error {
	return &decodeError{path: dotted(d.path), msg: msg}
}

// dotted writes a path as people do: "containerDefinitions[0].name".
func dotted(path []step) string {
	var b strings.Builder
	for _, s := range path {
		if s.name == "" {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.name)
	}
	return b.String()
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}
