package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// REST services are those whose operations live at paths of their own.
var restServices = []string{"lambda"}

// successes are the HTTP statuses of success that are not 200. The SDK's serializers do not tell.
//
// Source: the model of Lambda's API, 2015-03-31.
var successes = map[string][]string{
	"201": {
		"AddLayerVersionPermission", "AddPermission", "CreateAlias", "CreateCodeSigningConfig", "CreateFunction",
		"CreateFunctionUrlConfig", "PublishLayerVersion", "PublishVersion",
	},
	"202": {
		"CreateCapacityProvider", "CreateEventSourceMapping", "DeleteCapacityProvider", "DeleteEventSourceMapping",
		"InvokeAsync", "PutFunctionScalingConfig", "PutProvisionedConcurrencyConfig", "UpdateCapacityProvider",
		"UpdateEventSourceMapping",
	},
	"204": {
		"DeleteAlias", "DeleteCodeSigningConfig", "DeleteFunctionCodeSigningConfig", "DeleteFunctionConcurrency",
		"DeleteFunctionEventInvokeConfig", "DeleteFunctionUrlConfig", "DeleteLayerVersion",
		"DeleteProvisionedConcurrencyConfig", "DeleteResourcePolicy", "RemoveLayerVersionPermission",
		"RemovePermission", "TagResource", "UntagResource",
	},
}

func success(operation string) string {
	for status, operations := range successes {
		if slices.Contains(operations, operation) {
			return status
		}
	}
	return "200"
}

var (
	serializer = regexp.MustCompile(`(?ms)^func \(m \*awsRestjson1_serializeOp(\w+)\) HandleSerialize.*?^}`)
	uri        = regexp.MustCompile(`httpbinding\.SplitURI\("([^"]+)"\)`)
	method     = regexp.MustCompile(`request\.Method = "(\w+)"`)
	sent       = regexp.MustCompile(`if input\.(\w+) != nil \{\s+(?:payload := |.*\n\s+if err := awsRestjson1_serializeDocument)`)

	bindings = regexp.MustCompile(`(?ms)^func awsRestjson1_(?:de)?serializeOpHttpBindings\w+\(v \*(?:types\.)?(\w+), .*?^}`)
	bound    = regexp.MustCompile(`encoder\.(?:Set|Add)(URI|Query)\("(\w+)"\).*?v\.(\w+)`)
	header   = regexp.MustCompile(`locationName := "([\w-]+)"\s+encoder\.SetHeader\(locationName\).*?v\.(\w+)`)
	answered = regexp.MustCompile(`response\.Header\.Values\("([\w-]+)"\)[^{]*\{[^}]*?\n\s+v\.(\w+) = `)
	status   = regexp.MustCompile(`v\.(\w+) = int32\(response\.StatusCode\)`)

	document = regexp.MustCompile(`(?ms)^func awsRestjson1_deserializeOpDocument\w+\(v \*(\w+), body io\.ReadCloser.*?^}`)
	received = regexp.MustCompile(`v\.(\w+) = (?:buf\.Bytes\(\)|body)`)
)

func routes(all []*service) string {
	var b strings.Builder
	b.WriteString(head + "// routes holds where the operations of REST services live, by signing name.\nvar routes = sync.OnceValue(func() map[string][]Route { return map[string][]Route{\n")
	for _, s := range all {
		if !slices.Contains(restServices, s.name) {
			continue
		}
		fmt.Fprintf(&b, "%q: {\n", s.name)
		for _, m := range serializer.FindAllSubmatch(s.serial, -1) {
			fmt.Fprintf(&b, "{%q, %q, %q, %s},\n", m[1], method.FindSubmatch(m[0])[1], uri.FindSubmatch(m[0])[1], success(string(m[1])))
		}
		b.WriteString("},\n")
	}
	return b.String() + tail
}

// places writes where the members stand that are not in a body.
func places(all []*service) string {
	lines := []string{}
	add := func(s *service, typ, member []byte, at, name string) {
		lines = append(lines, fmt.Sprintf("%q: {%s, %q},\n", s.name+"."+string(typ)+"."+string(member), at, name))
	}
	for _, s := range all {
		if !slices.Contains(restServices, s.name) {
			continue
		}
		for _, m := range serializer.FindAllSubmatch(s.serial, -1) {
			if p := sent.FindSubmatch(m[0]); p != nil {
				add(s, append(m[1], "Input"...), p[1], "InPayload", "")
			}
		}
		for _, m := range document.FindAllSubmatch(s.serial, -1) {
			if p := received.FindSubmatch(m[0]); p != nil {
				add(s, m[1], p[1], "InPayload", "")
			}
		}
		for _, m := range bindings.FindAllSubmatch(s.serial, -1) {
			for _, k := range bound.FindAllSubmatch(m[0], -1) {
				add(s, m[1], k[3], map[string]string{"URI": "InPath", "Query": "InQuery"}[string(k[1])], string(k[2]))
			}
			for _, k := range append(header.FindAllSubmatch(m[0], -1), answered.FindAllSubmatch(m[0], -1)...) {
				add(s, m[1], k[2], "InHeader", string(k[1]))
			}
			for _, k := range status.FindAllSubmatch(m[0], -1) {
				add(s, m[1], k[1], "InStatus", "")
			}
		}
	}
	slices.Sort(lines)
	return head + "// places holds the members of REST services that do not stand in a body.\nvar places = sync.OnceValue(func() map[string]Place { return map[string]Place{\n" +
		strings.Join(slices.Compact(lines), "") + tail
}
