package look

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// Event is a message of the service.
type Event struct {
	At   time.Time `json:"at"`
	ID   string    `json:"id"`
	Text string    `json:"text"`
}

func event(e types.ServiceEvent) Event {
	return Event{At: aws.ToTime(e.CreatedAt), ID: text(e.Id), Text: text(e.Message)}
}

const (
	everyEvent = time.Second      // between two looks while following
	patience   = 30 * time.Second // how long no answer may come while following
)

// Events tells the service's events since a time, oldest first, and, where it follows, those that
// come, until ctx ends, which is no error then.
func (l *Looker) Events(ctx context.Context, p Place, since time.Time, follow bool, tell func(Event)) error {
	told := map[string]bool{}
	return l.poll(ctx, follow, everyEvent, func() error {
		s, err := l.service(ctx, p)
		if err != nil {
			return err
		}
		for _, e := range slices.Backward(s.Events) {
			if k := event(e); !told[k.ID] && !k.At.Before(since) {
				told[k.ID] = true
				tell(k)
			}
		}
		return nil
	})
}

// poll looks once, or, where it follows, again and again until ctx ends. Lost answers are borne
// for a while; what AWS says no to is not.
func (l *Looker) poll(ctx context.Context, follow bool, every time.Duration, look func() error) error {
	var silent time.Time
	for {
		err := look()
		now := l.clock().Now()
		switch {
		case err == nil:
			silent = time.Time{}
		case follow && canceled(ctx, err):
			return nil
		case !follow || !fail.Is(err, "unknown.connection"):
			return err
		case silent.IsZero():
			silent = now
		case now.Sub(silent) > patience:
			return fmt.Errorf("no answer for %s: %w", patience, err)
		}
		if !follow {
			return nil
		}
		t := l.clock().NewTimer(every)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C():
		}
	}
}
