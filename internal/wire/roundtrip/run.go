package roundtrip

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipway-ecs/slipway/internal/wire"
)

// Case is one service to drive.
type Case struct {
	Name    string
	Service func() *wire.Service
	Client  func(endpoint string) any // the SDK's client

	Only []string // operations; nil means all
	Skip []string // operations that this protocol is not built for: event streams
	Full []string // operations whose inputs lack nothing: the SDK sends an empty payload for none
	Seed uint64
}

// Run drives the case's operations, each through a gateway of its own handler.
func Run(t *testing.T, c Case) {
	var names []string
	client := reflect.TypeOf(c.Client("http://127.0.0.1:1"))
	for i := range client.NumMethod() {
		m := client.Method(i)
		if m.Type.NumIn() == 4 && m.Type.NumOut() == 2 && strings.HasSuffix(m.Type.In(2).String(), "."+m.Name+"Input") {
			names = append(names, m.Name)
		}
	}
	if c.Only != nil {
		names = c.Only
	}
	count := 0
	for _, name := range names {
		if slices.Contains(c.Skip, name) {
			continue
		}
		count++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			drive(t, c, name)
		})
	}
	t.Logf("%s: %d operations", c.Name, count)
}

func drive(t *testing.T, c Case, name string) {
	m := reflect.ValueOf(c.Client("http://127.0.0.1:1")).MethodByName(name)
	in := m.Type().In(1).Elem()
	out := m.Type().Out(0).Elem()

	r := rand.New(rand.NewPCG(c.Seed, uint64(len(name))*7919+uint64(name[0])))
	f := &filler{r: r}
	sent, want := reflect.New(in), reflect.New(out)
	f.full = slices.Contains(c.Full, name)
	f.fill(sent.Elem(), 0)
	f.fill(want.Elem(), 0)
	for _, field := range []string{"StatusCode", "Status"} { // the status of the answer itself
		if code := want.Elem().FieldByName(field); code.IsValid() && code.CanInt() {
			code.SetInt(202)
		}
	}

	svc := c.Service()
	var got any
	wire.Declare(svc, in, out, func(_ context.Context, v any) (any, error) {
		got = v
		return want.Interface(), nil
	})
	server := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{}, svc))
	defer server.Close()

	call := reflect.ValueOf(c.Client(server.URL)).MethodByName(name)
	results := call.Call([]reflect.Value{reflect.ValueOf(t.Context()), sent})
	if err, _ := results[1].Interface().(error); err != nil {
		t.Fatalf("call: %v\nsent %s", err, show(sent.Interface()))
	}
	if got == nil {
		t.Fatal("the handler was not called")
	}
	if d := cmp.Diff(sent.Interface(), got, options()...); d != "" {
		t.Errorf("input (-sent +arrived):\n%s", d)
	}
	if d := cmp.Diff(want.Interface(), results[0].Interface(), options()...); d != "" {
		t.Errorf("output (-answered +arrived):\n%s", d)
	}
}

func options() []cmp.Option {
	return []cmp.Option{
		cmpopts.IgnoreTypes(middleware.Metadata{}),
		cmp.FilterPath(func(p cmp.Path) bool {
			sf, ok := p.Last().(cmp.StructField)
			return ok && len(sf.Name()) > 0 && sf.Name()[0] >= 'a' && sf.Name()[0] <= 'z'
		}, cmp.Ignore()),
		cmp.FilterValues(func(a, b any) bool { return isReader(a) || isReader(b) }, cmp.Ignore()),
		cmp.FilterValues(func(a, b any) bool { return isDocument(a) && isDocument(b) },
			cmp.Comparer(func(a, b any) bool { return document(a) == document(b) })),
		cmp.FilterPath(idempotent, cmp.Ignore()),
	}
}

// idempotent tells the members the SDK fills by itself where they are left out.
func idempotent(p cmp.Path) bool {
	sf, ok := p.Last().(cmp.StructField)
	switch {
	case !ok:
		return false
	case len(p) > 3:
		return false
	}
	return strings.HasSuffix(strings.ToLower(sf.Name()), "clienttoken") || strings.HasSuffix(strings.ToLower(sf.Name()), "clientrequesttoken")
}

func isReader(v any) bool {
	_, ok := v.(interface{ Read([]byte) (int, error) })
	return ok
}

func isDocument(v any) bool {
	_, ok := v.(interface{ MarshalSmithyDocument() ([]byte, error) })
	return ok
}

func document(v any) string {
	raw, err := v.(interface{ MarshalSmithyDocument() ([]byte, error) }).MarshalSmithyDocument()
	if err != nil {
		return fmt.Sprint(err)
	}
	var plain any
	if err := json.Unmarshal(raw, &plain); err != nil {
		return fmt.Sprint(err)
	}
	sorted, err := json.Marshal(plain)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(sorted)
}

func show(v any) string {
	raw, err := wire.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
