package ecs

import (
	"bytes"
	"encoding/json"

	"github.com/slipway-ecs/slipway/internal/cloud"
)

// absent reports whether a row keeps nothing. What was nil is "null" once it was stored.
func absent(raw json.RawMessage) bool {
	return len(raw) == 0 || string(raw) == "null"
}

// same reports whether two rows keep the same: nothing and an empty list are.
func same(a, b json.RawMessage) bool {
	return bytes.Equal(blank(a), blank(b))
}

func blank(raw json.RawMessage) json.RawMessage {
	if absent(raw) || string(raw) == "[]" {
		return nil
	}
	return raw
}

// keepList is keep of a list, of which a row keeps nothing when it is empty.
func keepList[T any](list []T) json.RawMessage {
	if len(list) == 0 {
		return nil
	}
	return cloud.Keep(list)
}
