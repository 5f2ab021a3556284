package source

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// JSON gives the value as JSON, members in the file's order.
func (n *Node) JSON() []byte {
	var b bytes.Buffer
	n.write(&b)
	return b.Bytes()
}

func (n *Node) write(b *bytes.Buffer) {
	switch n.Kind {
	case Null:
		b.WriteString("null")
	case Bool, Number:
		b.WriteString(n.Text)
	case String:
		b.Write(quoted(n.Text))
	case List:
		b.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.write(b)
		}
		b.WriteByte(']')
	case Map:
		b.WriteByte('{')
		for i, k := range n.Keys {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(quoted(k.Name))
			b.WriteByte(':')
			k.Value.write(b)
		}
		b.WriteByte('}')
	}
}

func quoted(s string) []byte {
	out, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("source: a string is not JSON: %v", err)) // json.Marshal takes every string
	}
	return out
}

// Decode fills a struct with json tags from the document. After Check with a schema that fits the
// struct it gives no error.
func (d *Doc) Decode(v any) error {
	if err := json.Unmarshal(d.Root.JSON(), v); err != nil {
		return fmt.Errorf("%s: %w", d.Name, err)
	}
	return nil
}
