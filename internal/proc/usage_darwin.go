package proc

import (
	"context"
	"errors"
)

// Usages is not supported: this system tells what others use only to tools of its own.
func Usages(context.Context, []string) (map[string]Usage, error) { return nil, errors.ErrUnsupported }
