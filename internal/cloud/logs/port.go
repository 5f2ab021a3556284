package logs

import (
	"context"
	"fmt"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Resume gives the place behind the last line that a stream has of a container start, 0 where it
// has none, and makes the stream. A group that does not exist is made too, where create is given;
// else it is a ResourceNotFoundException. It is a port for ECS; hands call it.
func (s *Service) Resume(ctx context.Context, scope names.Scope, group, stream, start string, create bool) (launch.Mark, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := checkGroup(group); err != nil {
		return 0, err
	}
	if err := checkStream(stream); err != nil {
		return 0, err
	}
	var file string
	err := s.store.Update(func(tx *store.Tx) error {
		arn := groupARN(scope, group)
		if _, ok := s.groups.Get(tx, arn); !ok {
			if !create {
				return missing("group")
			}
			s.groups.Put(tx, Group{ARN: arn, Name: group, Class: "STANDARD", Created: tx.Now(), Swept: tx.Now()})
		}
		m, ok := s.streams.Get(tx, arn+streamPart+stream)
		if !ok {
			m = s.add(tx, arn, stream)
		}
		file = m.File
		return nil
	})
	if err != nil {
		return 0, err
	}
	mark, err := s.tapes.get(file).mark(start)
	if err != nil {
		return 0, fmt.Errorf("open log stream %s of group %s: %w", stream, group, err)
	}
	return mark, nil
}

// Append adds what a container start wrote to a stream. Lines that the stream has already are left
// out, so that the same lines may be sent again after a crash; so are empty lines, of which
// CloudWatch Logs knows none. The lines' times are the wall's. It is a port for ECS; hands call it.
func (s *Service) Append(ctx context.Context, scope names.Scope, group, stream, start string, lines []launch.Line) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var file string
	var now int64
	err := s.store.View(func(tx *store.Tx) error {
		now = s.o.Wall(tx.Now()).UnixMilli()
		m, err := s.stream(tx, groupARN(scope, group), stream)
		file = m.File
		return err
	})
	if err != nil {
		return err
	}
	events := make([]event, 0, len(lines))
	for _, l := range lines {
		if l.Text != "" {
			events = append(events, event{Time: l.At.UnixMilli(), Ingested: now, Start: start, Mark: l.Mark, Text: l.Text})
		}
	}
	err = s.tapes.write(func() error { return s.tapes.get(file).add(events) })
	if err != nil {
		return fmt.Errorf("write to log stream %s of group %s: %w", stream, group, err)
	}
	return nil
}
