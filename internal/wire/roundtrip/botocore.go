package roundtrip

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/shapes"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// model is one service of botocore, as far as names go.
type model struct {
	Operations map[string]struct {
		Input, Output *struct{ Shape string }
	}
	Shapes map[string]*modelShape
}

type modelShape struct {
	Type       string
	Members    map[string]modelMember
	Member     *modelMember
	Key, Value *modelMember
}

type modelMember struct {
	Shape        string
	LocationName string
	QueryName    string
	Location     string
	Flattened    bool
}

// Names checks every name of a service's operations against botocore's model of it. Python reads
// XML with regard to case, which the Go client does not: a wrong name would hide from it.
//
// The test is skipped where there is no botocore, unless SLIPWAY_REQUIRE names boto3.
func Names(t *testing.T, c Case, botoName string) {
	m := load(t, botoName)
	client := reflect.TypeOf(c.Client("http://127.0.0.1:1"))
	w := &walk{t: t, m: m, ec2: botoName == "ec2", seen: map[string]bool{}}
	for i := range client.NumMethod() {
		method := client.Method(i)
		op, known := m.Operations[method.Name]
		if !known || method.Type.NumIn() != 4 || c.Only != nil && !slices.Contains(c.Only, method.Name) {
			continue
		}
		if op.Input != nil {
			w.structure(method.Type.In(2).Elem(), op.Input.Shape, true)
		}
		if op.Output != nil {
			w.structure(method.Type.Out(0).Elem(), op.Output.Shape, false)
		}
	}
	if w.checked == 0 {
		t.Error("no name was checked")
	}
	t.Logf("%s: %d names checked", botoName, w.checked)
}

// RuleAgrees checks, for every type that an operation reaches, that the rule of package shapes
// gives the names that the SDK's run-time schemas give.
func RuleAgrees(t *testing.T, c Case, schemas bool) {
	client := reflect.TypeOf(c.Client("http://127.0.0.1:1"))
	seen := map[reflect.Type]bool{}
	fields := 0
	var visit func(reflect.Type)
	visit = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			visit(typ.Elem())
		case reflect.Interface:
			for _, m := range shapes.Union(typ) {
				value, _ := m.Elem().FieldByName("Value")
				visit(value.Type)
			}
		case reflect.Struct:
			if seen[typ] || shapes.Service(typ) == "" {
				return
			}
			seen[typ] = true
			travels := map[string]bool{"ResultMetadata": true}
			for _, f := range wire.ShapeOf(typ).Fields {
				travels[f.Go] = true
			}
			for i := range typ.NumField() {
				if f := typ.Field(i); f.IsExported() && !travels[f.Name] {
					t.Errorf("%s.%s never travels: its union or document is not in package shapes", typ, f.Name)
				}
			}
			for _, f := range wire.ShapeOf(typ).Fields {
				fields++
				if f.BySchema != schemas {
					t.Errorf("%s.%s: named by a schema is %v, want %v", typ, f.Go, f.BySchema, schemas)
				}
				if rule := shapes.Member(typ, f.Go); rule != f.Names {
					t.Errorf("%s.%s: the rule says %v, the schema %v", typ, f.Go, rule, f.Names)
				}
				field, _ := typ.FieldByName(f.Go)
				visit(field.Type)
			}
		}
	}
	for i := range client.NumMethod() {
		m := client.Method(i)
		if m.Type.NumIn() == 4 && strings.HasSuffix(m.Type.In(2).String(), "."+m.Name+"Input") {
			visit(m.Type.In(2))
			visit(m.Type.Out(0))
		}
	}
	if fields == 0 {
		t.Error("no field was compared")
	}
}

type walk struct {
	t       *testing.T
	m       *model
	ec2     bool
	seen    map[string]bool
	checked int
}

func (w *walk) structure(t reflect.Type, shape string, in bool) {
	key := t.String() + " " + shape
	if in {
		key += " in"
	}
	if w.seen[key] {
		return
	}
	w.seen[key] = true
	boto := w.m.Shapes[shape]
	for _, f := range wire.ShapeOf(t).Fields {
		bare := strings.TrimSuffix(f.Go, "_")
		for name, member := range boto.Members { // at most one matches: the order does not matter
			if !strings.EqualFold(name, bare) || member.Location != "" {
				continue
			}
			w.checked++
			if got, want := w.ours(f.Names, in), w.theirs(name, member, in); got != want {
				w.t.Errorf("%s.%s (in %v): named %q, botocore says %q", t, f.Go, in, got, want)
			}
			field, _ := t.FieldByName(f.Go)
			w.value(field.Type, member.Shape, in)
		}
	}
}

func (w *walk) ours(n shapes.Names, in bool) string {
	if in {
		return n.In
	}
	return n.Out
}

// theirs is botocore's name: for EC2's requests queryName, else the name with a capital letter.
func (w *walk) theirs(name string, m modelMember, in bool) string {
	if w.ec2 && in {
		if m.QueryName != "" {
			return m.QueryName
		}
		if m.LocationName != "" {
			name = m.LocationName
		}
		return strings.ToUpper(name[:1]) + name[1:]
	}
	if m.LocationName != "" {
		return m.LocationName
	}
	return name
}

func (w *walk) value(t reflect.Type, shape string, in bool) {
	boto := w.m.Shapes[shape]
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.Struct && boto.Type == "structure" && t.PkgPath() != "time":
		w.structure(t, shape, in)
	case t.Kind() == reflect.Slice && boto.Type == "list":
		w.value(t.Elem(), boto.Member.Shape, in)
	case t.Kind() == reflect.Map && boto.Type == "map":
		w.value(t.Elem(), boto.Value.Shape, in)
	case t.Kind() == reflect.Interface:
		for _, m := range shapes.Union(t) {
			_, name, _ := strings.Cut(strings.TrimPrefix(m.Elem().Name(), t.Name()), "Member")
			want := shapes.UnionMember(t, name)
			if _, ok := boto.Members[want]; !ok {
				w.t.Errorf("union %s: botocore has no member %q", t, want)
			}
		}
	}
}

func load(t *testing.T, name string) *model {
	out, err := exec.CommandContext(t.Context(), "python3", "-c", "import botocore, os; print(os.path.dirname(botocore.__file__))").Output()
	if err != nil {
		if strings.Contains(os.Getenv("SLIPWAY_REQUIRE"), "boto3") {
			t.Fatalf("SLIPWAY_REQUIRE wants boto3: %v", err)
		}
		t.Skipf("NOT CHECKED: the names of %s against botocore, which python3 does not have: %v", name, err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "data", name, "*", "service-2.json*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("botocore has no model of %s: %v", name, err)
	}
	f, err := os.Open(slices.Max(files))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := &model{}
	if !strings.HasSuffix(f.Name(), ".gz") {
		err = json.NewDecoder(f).Decode(m)
	} else {
		z, zerr := gzip.NewReader(f)
		if zerr != nil {
			t.Fatal(zerr)
		}
		err = json.NewDecoder(z).Decode(m)
	}
	if err != nil {
		t.Fatalf("read %s: %v", f.Name(), err)
	}
	return m
}
