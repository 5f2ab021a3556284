package shapes

import (
	"reflect"
	"strings"
	"sync"
)

// Enum gives the values of an enumeration of the SDK, in the model's order; none where the type is
// no enumeration, is EC2's, or is in no request. Values that AWS added since are not among them.
func Enum(t reflect.Type) []string {
	service := Service(t)
	if service == "" {
		return nil
	}
	return enumValues()[service+"."+t.Name()]
}

// enumValues reads the text once somebody asks, so that a start costs nothing.
var enumValues = sync.OnceValue(func() map[string][]string {
	all := make(map[string][]string, 256)
	for line := range strings.Lines(enums) {
		name, values, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		all[name] = strings.Split(values, "\t")
	}
	return all
})
