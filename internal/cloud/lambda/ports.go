package lambda

import (
	"context"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/names"
)

// Logs takes what functions write. Its methods are called outside of transactions.
type Logs interface {
	// Resume makes the stream, and its group where create is given.
	Resume(ctx context.Context, scope names.Scope, group, stream, start string, create bool) (launch.Mark, error)
	// Append adds lines to a stream.
	Append(ctx context.Context, scope names.Scope, group, stream, start string, lines []launch.Line) error
}

// Objects gives what is stored in S3. Its method is called outside of transactions.
type Objects interface {
	// Object gives an object's bytes, of the version named or of the latest; its errors are S3's.
	Object(scope names.Scope, bucket, key, version string) (body []byte, etag string, err error)
}
