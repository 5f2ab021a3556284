package ecs

import (
	"encoding/json"
	"slices"

	"github.com/slipway-ecs/slipway/internal/wire"
)

// encodeExtras gives what a row keeps of the members of a request that the SDK does not know.
func encodeExtras(extras []wire.Extra) json.RawMessage {
	if len(extras) == 0 {
		return nil
	}
	raw, err := json.Marshal(extras)
	if err != nil {
		panic("ecs: " + err.Error())
	}
	return raw
}

// decodeExtras reads what encodeExtras wrote.
func decodeExtras(raw json.RawMessage) []wire.Extra {
	if absent(raw) {
		return nil
	}
	var extras []wire.Extra
	if err := json.Unmarshal(raw, &extras); err != nil {
		panic("ecs: " + err.Error())
	}
	return extras
}

// mergeExtras puts the unknown members of an update in place of those of the same path.
func mergeExtras(kept json.RawMessage, given []wire.Extra) json.RawMessage {
	if len(given) == 0 {
		return kept
	}
	all := slices.DeleteFunc(decodeExtras(kept), func(old wire.Extra) bool {
		return slices.ContainsFunc(given, func(e wire.Extra) bool { return slices.Equal(e.Path, old.Path) })
	})
	return encodeExtras(append(all, given...))
}

// below gives the unknown members of one member of a request.
func below(extras []wire.Extra, member string) []wire.Extra {
	return slices.DeleteFunc(extras, func(e wire.Extra) bool { return len(e.Path) < 2 || e.Path[0] != member })
}
