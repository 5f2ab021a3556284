package ecs

import (
	"fmt"
	"slices"
	"time"

	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	// mostEvents is how many events a service keeps. Source: ecs.md 3.7.
	mostEvents = 100
	// repeatAfter is when a message is sent again although its cause lasts. Source: ecs.md 3.7.
	repeatAfter = 6 * time.Hour
)

// say adds a service event that tells of something that happened: "(service web) " and the text.
// It does nothing for a service that does not exist.
func (s *Service) say(tx *store.Tx, service, format string, args ...any) {
	if row, ok := s.services.Get(tx, service); ok {
		s.tell(tx, &row, "", fmt.Sprintf(format, args...))
		s.services.Put(tx, row)
	}
}

// complain adds a service event that tells of a condition, unless it was sent within 6 hours and
// its cause has lasted since; see calm.
func (s *Service) complain(tx *store.Tx, service, format string, args ...any) {
	if row, ok := s.services.Get(tx, service); ok && s.warn(tx, &row, fmt.Sprintf(format, args...)) {
		s.services.Put(tx, row)
	}
}

// tell is say for who holds the row and will put it. Where set is the id of a task set, it stands behind
// the service: "(service web, taskSet ecs-svc/1) ".
func (s *Service) tell(tx *store.Tx, row *ServiceRow, set, text string) {
	about := "(service " + row.Name
	if set != "" {
		about += ", taskSet " + set
	}
	s.events.Put(tx, Event{
		Key: eventKey(row.ARN, row.Events), Service: row.ARN, ID: s.o.IDs.UUID(),
		Message: about + ") " + text, Created: tx.Now(),
	})
	s.events.Delete(tx, eventKey(row.ARN, row.Events-mostEvents))
	row.Events++
}

// warn is complain for who holds the row; it reports whether it changed the row.
func (s *Service) warn(tx *store.Tx, row *ServiceRow, text string) bool {
	for _, said := range row.Said {
		if said.Text == text && tx.Now().Before(said.At.Add(repeatAfter)) {
			return false
		}
	}
	kept := slices.DeleteFunc(slices.Clone(row.Said), func(said Said) bool {
		return said.Text == text || !tx.Now().Before(said.At.Add(repeatAfter))
	})
	row.Said = append(kept, Said{Text: text, At: tx.Now()})
	s.tell(tx, row, "", text)
	return true
}

// calm forgets that a message was sent, as its cause is gone. It reports whether it changed the
// row.
func (row *ServiceRow) calm(text string) bool {
	i := slices.IndexFunc(row.Said, func(said Said) bool { return said.Text == text })
	if i < 0 {
		return false
	}
	row.Said = slices.Delete(slices.Clone(row.Said), i, i+1)
	return true
}

func eventKey(service string, number int) string {
	return fmt.Sprintf("%s#%012d", service, number)
}

// eventsOf gives a service's events, newest first.
func (s *Service) eventsOf(tx *store.Tx, service string) []Event {
	all := slices.Collect(s.events.By(tx, "service", service))
	slices.Reverse(all)
	return all
}
