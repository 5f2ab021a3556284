package cloud

import (
	"encoding/json"
	"fmt"

	"github.com/slipway-ecs/slipway/internal/wire"
)

// Keep gives the bytes that a row keeps of something of the SDK's, which Kept reads back. What has no
// form on the wire is a broken invariant.
func Keep(v any) json.RawMessage {
	b, err := wire.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("cloud: %T cannot be kept: %v", v, err))
	}
	return b
}

// Kept reads back what Keep gave; nothing gives the zero value.
func Kept[T any](b json.RawMessage) (v T) {
	if len(b) == 0 || string(b) == "null" {
		return v
	}
	if err := wire.Unmarshal(b, &v); err != nil {
		panic(fmt.Sprintf("cloud: a kept %T cannot be read: %v", v, err))
	}
	return v
}
