package wire

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Unlisted is a member of a request whose value is not of its enumeration.
type Unlisted struct {
	Operation string
	Member    string   // as AWS writes it: "loadBalancers.1.member.type"
	Values    []string // what was sent: one value, or all of a list
	Wrong     string   // the first of them that is not of the enumeration
	List      bool     // the member is a list
	Known     []string
}

// Words gives what AWS's framework says of it.
func (u Unlisted) Words() string {
	must := "Member must satisfy enum value set: [" + strings.Join(u.Known, ", ") + "]"
	value := strings.Join(u.Values, ", ")
	if u.List {
		value, must = "["+value+"]", "Member must satisfy constraint: ["+must+"]"
	}
	return fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, u.Member, must)
}

// Unlisted sets how the service refuses a value that is not of its member's enumeration; where f
// gives nil, and for services without it, the handlers judge. Values that AWS added after the SDK
// linked here are refused as well. It gives s back.
func (s *Service) Unlisted(f func(Unlisted) error) *Service {
	s.unlisted = f
	return s
}

// stray looks for the first value of a request that is not of its enumeration and that f refuses.
func stray(v reflect.Value, s *Shape, at string, f func(Unlisted) error) error {
	for i := range s.Fields {
		field := &s.Fields[i]
		fv := v.Field(field.index)
		if field.node.absent(fv) {
			continue
		}
		if err := field.node.stray(fv, at+small(field.Names.Member), f); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) stray(v reflect.Value, at string, f func(Unlisted) error) error {
	switch n.kind {
	case kindString:
		if n.known == nil {
			return nil
		}
		value := n.deref(v).String()
		if slices.Contains(n.known, value) {
			return nil
		}
		return f(Unlisted{Member: at, Values: []string{value}, Wrong: value, Known: n.known})
	case kindStruct:
		if n.ptr && v.IsNil() {
			return nil
		}
		return stray(n.deref(v), n.shape(), at+".", f)
	case kindList:
		return n.strayIn(v, at, f)
	}
	return nil
}

// strayIn looks into a list.
func (n *node) strayIn(v reflect.Value, at string, f func(Unlisted) error) error {
	switch {
	case n.elem.kind == kindString && n.elem.known != nil:
		u := Unlisted{Member: at, List: true, Known: n.elem.known}
		found := false
		for i := range v.Len() {
			value := n.elem.deref(v.Index(i)).String()
			if u.Values = append(u.Values, value); !found && !slices.Contains(u.Known, value) {
				u.Wrong, found = value, true
			}
		}
		if found {
			return f(u)
		}
	case n.elem.kind == kindStruct, n.elem.kind == kindList:
		for i := range v.Len() {
			if err := n.elem.stray(v.Index(i), at+"."+strconv.Itoa(i+1)+".member", f); err != nil {
				return err
			}
		}
	}
	return nil
}
