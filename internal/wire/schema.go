package wire

import (
	"math/big"
	"reflect"
	"strings"
	"time"

	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/document"
	"github.com/aws/smithy-go/traits"
)

// schemaOf asks a type of the SDK for its run-time schema; nil where it has none yet.
//
// A generated type hands its schema over in the first call it makes of a serializer.
func schemaOf(t reflect.Type) *smithy.Schema {
	v, ok := reflect.New(t).Interface().(smithy.Serializable)
	if !ok {
		return nil
	}
	r := &recorder{}
	v.Serialize(r)
	return r.first
}

// bind takes a field's names from its member in the schema. Members the schema does not
// have keep what the rule says; a test proves that there are none.
func bind(f *Field, schema *smithy.Schema) {
	m := memberOf(schema, f)
	if m == nil {
		return
	}
	f.BySchema = true
	name := m.MemberName()
	f.Names.Member, f.Names.In, f.Names.Out = name, name, name
	if t, ok := smithy.SchemaTrait[*traits.JSONName](m); ok {
		f.Names.Member = t.Name
	}
	if t, ok := smithy.SchemaTrait[*traits.TimestampFormat](m); ok {
		f.node.format = map[string]timeFormat{
			"date-time": formatDateTime, "epoch-seconds": formatEpoch, "http-date": formatHTTPDate,
		}[t.Format]
	}
}

// memberOf finds a field's member: by the rule's name, else by the Go name with either first letter.
func memberOf(schema *smithy.Schema, f *Field) *smithy.Schema {
	bare := strings.TrimSuffix(f.Go, "_")
	for _, name := range []string{f.Names.Member, bare, strings.ToLower(bare[:1]) + bare[1:]} {
		if m := schema.Member(name); m != nil {
			return m
		}
	}
	return nil
}

// bindStruct takes from the schema what belongs to the whole of an error.
func bindStruct(s *Shape, schema *smithy.Schema) {
	if schema == nil {
		return
	}
	if t, ok := smithy.SchemaTrait[*traits.HTTPError](schema); ok {
		s.httpState = t.Code
	}
	if t, ok := smithy.SchemaTrait[*traits.AWSQueryError](schema); ok {
		s.queryCode, s.queryState = t.ErrorCode, t.StatusCode
	}
}

// recorder is a serializer that keeps the first structure's schema and drops all else.
type recorder struct{ first *smithy.Schema }

func (r *recorder) WriteStruct(s *smithy.Schema) {
	if r.first == nil {
		r.first = s
	}
}
func (r *recorder) Bytes() []byte                                { return nil }
func (r *recorder) WriteInt8(*smithy.Schema, int8)               {}
func (r *recorder) WriteInt16(*smithy.Schema, int16)             {}
func (r *recorder) WriteInt32(*smithy.Schema, int32)             {}
func (r *recorder) WriteInt64(*smithy.Schema, int64)             {}
func (r *recorder) WriteFloat32(*smithy.Schema, float32)         {}
func (r *recorder) WriteFloat64(*smithy.Schema, float64)         {}
func (r *recorder) WriteBool(*smithy.Schema, bool)               {}
func (r *recorder) WriteString(*smithy.Schema, string)           {}
func (r *recorder) WriteBigInt(*smithy.Schema, *big.Int)         {}
func (r *recorder) WriteBigFloat(*smithy.Schema, *big.Float)     {}
func (r *recorder) WriteBlob(*smithy.Schema, []byte)             {}
func (r *recorder) WriteTime(*smithy.Schema, time.Time)          {}
func (r *recorder) WriteUnion(_, _ *smithy.Schema)               {}
func (r *recorder) CloseUnion()                                  {}
func (r *recorder) WriteDocument(*smithy.Schema, document.Value) {}
func (r *recorder) WriteNil(*smithy.Schema)                      {}
func (r *recorder) CloseStruct()                                 {}
func (r *recorder) WriteList(*smithy.Schema)                     {}
func (r *recorder) CloseList()                                   {}
func (r *recorder) WriteMap(*smithy.Schema)                      {}
func (r *recorder) WriteKey(*smithy.Schema, string)              {}
func (r *recorder) CloseMap()                                    {}
