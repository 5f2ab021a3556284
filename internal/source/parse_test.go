package source_test

import (
	"encoding/json"
	"testing"

	"github.com/slipway-ecs/slipway/internal/source"
)

func TestYAMLIsReadAsJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a: 1\nb: [x, 2.5, true, ~]":               `{"a":1,"b":["x",2.5,true,null]}`,
		"x: &x {a: 1, b: 1}\ny:\n  <<: *x\n  b: 2": `{"x":{"a":1,"b":1},"y":{"b":2,"a":1}}`,
		"a: |\n  one\n  two\n":                     `{"a":"one\ntwo\n"}`,
		"{\"a\": {\"b\": [1, \"x\\n\"]}}":          `{"a":{"b":[1,"x\n"]}}`,
		"{\n\t\"a\": 1\n}":                         `{"a":1}`,
		"a: yes\nb: 2024-01-01":                    `{"a":"yes","b":"2024-01-01"}`,
		"1: a\ntrue: b":                            `{"1":"a","true":"b"}`,
	} {
		d, err := source.Parse("f.yaml", []byte(in))
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if got := string(d.Root.JSON()); got != want || !json.Valid(d.Root.JSON()) {
			t.Errorf("%q reads as %s, want %s", in, got, want)
		}
	}
}

func TestAliasesOfAliasesEndAsAnError(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for _, c := range "bcdefgh" {
		before := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [*" + before
		for range 9 {
			bomb += ",*" + before
		}
		bomb += "]\n"
	}
	if _, err := source.Parse("f.yaml", []byte(bomb)); err == nil {
		t.Error("read ten million values")
	}
}
