package wire

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// How the decoder steps through the text, which is valid.

func (d *jsonDecoder) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// next gives the byte the next value begins with.
func (d *jsonDecoder) next() byte { d.space(); return d.data[d.pos] }

// more steps over the comma between two members, or over the end of the list or object.
func (d *jsonDecoder) more(end byte) bool {
	switch d.next() {
	case ',':
		d.pos++
		return d.next() != end
	case end:
		d.pos++
		return false
	}
	return true
}

// key reads a member's name; without escapes it is a part of the text itself.
func (d *jsonDecoder) key() []byte {
	d.next()
	start := d.pos
	d.skip()
	raw := d.data[start+1 : d.pos-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return []byte(unquote(d.data[start:d.pos]))
}

func (d *jsonDecoder) text() string {
	start := d.pos
	d.skip()
	raw := d.data[start+1 : d.pos-1]
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw)
	}
	return unquote(d.data[start:d.pos])
}

func unquote(raw []byte) string {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "" // cannot be: the text is valid JSON
	}
	return s
}

func (d *jsonDecoder) number() string {
	start := d.pos
	d.skip()
	return string(d.data[start:d.pos])
}

// skip steps over one value.
func (d *jsonDecoder) skip() { d.pos = skipJSON(d.data, d.pos) }

// afterString gives the end of the string that begins at pos.
func afterString(data []byte, pos int) int {
	for pos++; data[pos] != '"'; pos++ {
		if data[pos] == '\\' {
			pos++
		}
	}
	return pos + 1
}

// ends are the bytes that end a number or a word.
var ends = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, ',': true, ':': true, ']': true, '}': true}

// skipJSON gives the end of the value that begins at pos of a valid text.
func skipJSON(data []byte, pos int) int {
	depth := 0
	for pos < len(data) {
		switch c := data[pos]; c {
		case '"':
			pos = afterString(data, pos)
		case '{', '[':
			depth++
			pos++
			continue
		case '}', ']':
			depth--
			pos++
		case ' ', '\t', '\n', '\r', ',', ':':
			pos++
			continue
		default:
			for pos < len(data) && !ends[data[pos]] {
				pos++
			}
		}
		if depth == 0 {
			return pos
		}
	}
	return pos
}
