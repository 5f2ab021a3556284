package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	values = regexp.MustCompile(`(?s)func \((\w+)\) Values\(\) \[\]\w+ \{\s*return \[\]\w+\{(.*?)\n\t\}`)
	value  = regexp.MustCompile(`"([^"]*)"`)
)

// enums writes the values of the enumerations that requests have, as one text: a line for each, of
// the service and the type and then the values, apart by tabs. A text costs nothing until it is
// read. EC2's are left out: they are many, and its rooms judge the few they know.
func enums(all []*service) string {
	var b strings.Builder
	b.WriteString(bare + "// enums holds the values of the enumerations that requests have; see Enum.\nconst enums = \"\" +\n")
	for _, s := range all {
		if s.name == "ec2" {
			continue
		}
		asked := s.asked()
		var lines []string
		for _, m := range values.FindAllSubmatch(s.enums, -1) {
			if !asked[string(m[1])] {
				continue
			}
			line := s.name + "." + string(m[1])
			for _, v := range value.FindAllSubmatch(m[2], -1) {
				line += "\t" + string(v[1])
			}
			lines = append(lines, line+"\n")
		}
		slices.Sort(lines)
		for _, line := range lines {
			fmt.Fprintf(&b, "\t%q +\n", line)
		}
	}
	return b.String() + "\t\"\"\n"
}

// asked gives the names of all types that requests reach, enumerations among them.
func (s *service) asked() map[string]bool {
	structs, names := map[string]bool{}, map[string]bool{}
	for n := range s.structs {
		if strings.HasSuffix(n, "Input") {
			s.reach(n, structs)
		}
	}
	for n := range structs {
		for _, f := range s.structs[n] {
			for _, name := range identifier.FindAllString(f.typ, -1) {
				names[name] = true
			}
		}
	}
	return names
}
