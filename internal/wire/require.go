package wire

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/slipway-ecs/slipway/internal/shapes"
)

// missing gives the path of the first required member that a request lacks, "" where all are
// there. Names begin small, as AWS writes them: "containerDefinitions.1.member.name".
func missing(v reflect.Value, s *Shape) string {
	for i := range s.Fields {
		f := &s.Fields[i]
		fv := v.Field(f.index)
		if f.place.At == shapes.InPayload || f.node.kind == kindReader {
			continue // an empty body is a body
		}
		if f.node.absent(fv) {
			if f.required {
				return small(f.Names.Member)
			}
			continue
		}
		if at := f.node.missing(fv); at != "" {
			return small(f.Names.Member) + "." + at
		}
	}
	return ""
}

func (n *node) missing(v reflect.Value) string {
	switch n.kind {
	case kindStruct:
		if n.ptr && v.IsNil() {
			return ""
		}
		return missing(n.deref(v), n.shape())
	case kindList:
		if n.elem.kind != kindStruct && n.elem.kind != kindList {
			return ""
		}
		for i := range v.Len() {
			if at := n.elem.missing(v.Index(i)); at != "" {
				return strconv.Itoa(i+1) + ".member." + at
			}
		}
	}
	return ""
}

func small(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
