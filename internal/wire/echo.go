package wire

import (
	"encoding/json"
	"strconv"
)

// echo merges members into a JSON answer, where it has none of that name.
func echo(answer []byte, extras []Extra) []byte {
	for _, e := range extras {
		if len(e.Path) == 0 || !json.Valid(e.Value) {
			continue
		}
		if merged, ok := insert(answer, e.Path, e.Value); ok {
			answer = merged
		}
	}
	return answer
}

// insert gives data, one valid JSON value, with value at path; ok is false where something else is
// there, or where the path leads through a list that has no such element.
func insert(data []byte, path []string, value []byte) (merged []byte, ok bool) {
	if len(path) == 0 {
		return nil, false // the answer has this member
	}
	at := &jsonDecoder{data: data}
	switch at.next() {
	case '{':
		at.pos++
		empty := true
		for at.more('}') {
			empty = false
			key := string(at.key())
			at.next()
			at.pos++
			at.next()
			start := at.pos
			at.skip()
			if key != path[0] {
				continue
			}
			inner, ok := insert(data[start:at.pos], path[1:], value)
			return splice(data, start, at.pos, inner), ok
		}
		end := at.pos - 1 // the closing brace
		var member []byte
		if !empty {
			member = append(member, ',')
		}
		for i, p := range path {
			if i > 0 {
				member = append(member, '{')
			}
			member = append(appendString(member, p), ':')
		}
		member = append(member, value...)
		for range path[1:] {
			member = append(member, '}')
		}
		return splice(data, end, end, member), true
	case '[':
		at.pos++
		want, err := strconv.Atoi(path[0])
		if err != nil {
			return nil, false
		}
		for i := 0; at.more(']'); i++ {
			at.next()
			start := at.pos
			at.skip()
			if i == want {
				inner, ok := insert(data[start:at.pos], path[1:], value)
				return splice(data, start, at.pos, inner), ok
			}
		}
	}
	return nil, false
}

func splice(data []byte, start, end int, with []byte) []byte {
	out := make([]byte, 0, len(data)-(end-start)+len(with))
	return append(append(append(out, data[:start]...), with...), data[end:]...)
}
