package logs

import "github.com/slipway-ecs/slipway/internal/store"

// Forget removes the files of streams whose rows are gone.
func (s *Service) Forget() error {
	return s.store.View(func(tx *store.Tx) error {
		return s.tapes.keepOnly(func(name string) bool {
			for range s.streams.By(tx, "file", name) {
				return true
			}
			return false
		})
	})
}

// keepOnly drops the tapes that has does not know, and their files.
func (l *library) keepOnly(has func(name string) bool) error {
	l.mu.Lock()
	var gone []string
	for name := range l.tapes {
		if !has(name) {
			gone = append(gone, name)
		}
	}
	l.mu.Unlock()
	l.drop(gone)
	return l.sweep(has)
}
