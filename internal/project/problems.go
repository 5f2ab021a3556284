package project

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/source"
)

// wrong gives the problems of a project's file.
func wrong(path string, err error) error {
	return problems(path, err, "`slipway schema` prints what the file may hold")
}

// problems gives the problems of a file.
func problems(path string, err error, hint string) error {
	n := 1
	if all := (source.Problems)(nil); errors.As(err, &all) {
		n = len(all)
		slices.SortStableFunc(all, func(a, b *source.Problem) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Column - b.Column
		})
	}
	what := "a problem"
	if n > 1 {
		what = strconv.Itoa(n) + " problems"
	}
	return fail.Wrap(err, "file.wrong", hint, "%s has %s", filepath.Base(path), what)
}
