package dropin

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// readNetwork reads a network configuration as the aws program takes it: JSON, shorthand as in
// awsvpcConfiguration={subnets=[a,b],securityGroups=[c],assignPublicIp=ENABLED}, or file:// and
// a path to JSON. Nothing in it is evaluated. "" gives nil.
func readNetwork(s string) (*types.NetworkConfiguration, error) {
	if !given(s) {
		return nil, nil
	}
	bad := func(why string) error {
		return fail.New("value.network", "write it as awsvpcConfiguration={subnets=[subnet-1],securityGroups=[sg-1],assignPublicIp=DISABLED}",
			"--network-configuration %q cannot be read: %s", s, why)
	}
	if path, ok := strings.CutPrefix(s, "file://"); ok {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, bad(err.Error())
		}
		s = string(text)
	}
	var tree any
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		if err := json.Unmarshal([]byte(s), &tree); err != nil {
			return nil, bad(err.Error())
		}
	} else {
		p := shorthand{rest: s}
		tree = p.members("")
		if p.why != "" {
			return nil, bad(p.why)
		}
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return nil, bad(err.Error())
	}
	var in struct {
		AwsvpcConfiguration *struct {
			Subnets, SecurityGroups []string
			AssignPublicIp          types.AssignPublicIp
		}
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, bad(err.Error())
	}
	if in.AwsvpcConfiguration == nil {
		return nil, bad("it has no awsvpcConfiguration")
	}
	c := *in.AwsvpcConfiguration
	return &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
		Subnets: c.Subnets, SecurityGroups: c.SecurityGroups, AssignPublicIp: c.AssignPublicIp,
	}}, nil
}

// shorthand reads the aws program's shorthand: key=value,key=[a,b],key={key=value}.
type shorthand struct {
	rest string
	why  string // what is wrong; "" while nothing is
}

// members reads key=value pairs up to a closing word.
func (p *shorthand) members(closing string) map[string]any {
	out := map[string]any{}
	for p.why == "" {
		key, rest, ok := strings.Cut(p.rest, "=")
		if !ok || strings.ContainsAny(key, "{}[],") {
			p.why = "a name and = are wanted before " + quote(p.rest)
			return out
		}
		p.rest = rest
		out[strings.TrimSpace(key)] = p.value()
		if !p.more(closing) {
			break
		}
	}
	return out
}

// value reads a list, a group or a word.
func (p *shorthand) value() any {
	p.rest = strings.TrimLeft(p.rest, " ")
	switch {
	case strings.HasPrefix(p.rest, "{"):
		p.rest = p.rest[1:]
		return p.members("}")
	case strings.HasPrefix(p.rest, "["):
		p.rest = p.rest[1:]
		list := []any{}
		if rest, empty := strings.CutPrefix(p.rest, "]"); empty {
			p.rest = rest
			return list
		}
		for p.why == "" {
			list = append(list, p.word())
			if !p.more("]") {
				break
			}
		}
		return list
	}
	return p.word()
}

// word reads up to a comma or a bracket, or what quotes hold.
func (p *shorthand) word() string {
	p.rest = strings.TrimLeft(p.rest, " ")
	if p.rest != "" && (p.rest[0] == '"' || p.rest[0] == '\'') {
		inside, rest, closed := strings.Cut(p.rest[1:], p.rest[:1])
		if !closed {
			p.why = "a quote is not closed"
		}
		p.rest = rest
		return inside
	}
	end := strings.IndexAny(p.rest, ",]}")
	if end < 0 {
		end = len(p.rest)
	}
	word := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	return word
}

// more takes a comma, and reports that it did, or the closing word.
func (p *shorthand) more(closing string) bool {
	p.rest = strings.TrimLeft(p.rest, " ")
	if rest, ok := strings.CutPrefix(p.rest, ","); ok {
		p.rest = rest
		return true
	}
	if closing == "" {
		if p.rest != "" {
			p.why = "nothing is wanted at " + quote(p.rest)
		}
		return false
	}
	rest, ok := strings.CutPrefix(p.rest, closing)
	if !ok {
		p.why = closing + " is wanted at " + quote(p.rest)
	}
	p.rest = rest
	return false
}

func quote(s string) string {
	if s == "" {
		return "the end"
	}
	return "\"" + s + "\""
}
