package host

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/store"
)

// teller is a room that can say what happened in it.
type teller interface {
	Happened(tx *store.Tx, since time.Time) []cloud.Happening
}

// Happened gives what happened after an internal time, oldest first.
func (c *Cloud) Happened(since time.Time) (all []cloud.Happening) {
	err := c.store.View(func(tx *store.Tx) error {
		for _, r := range c.rooms.all() {
			if t, ok := r.(teller); ok {
				all = append(all, t.Happened(tx, since)...)
			}
		}
		return nil
	})
	if err != nil {
		c.o.Log.Error("cannot look at the tables", "err", err)
	}
	slices.SortStableFunc(all, func(a, b cloud.Happening) int {
		if n := a.At.Compare(b.At); n != 0 {
			return n
		}
		return strings.Compare(a.About, b.About)
	})
	return all
}

// answerEvents writes what happened as lines of JSON, times as the wall had them. With ?follow it
// goes on with what happens until the caller goes away.
func (c *Cloud) answerEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	watch := c.store.Watch()
	defer watch.Close()
	out, line := json.NewEncoder(w), c.store.Timeline()
	flush := http.NewResponseController(w)
	var last time.Time
	for {
		for _, h := range c.Happened(last) {
			last, h.At = h.At, line.Wall(h.At)
			if out.Encode(h) != nil {
				return // the caller is gone
			}
		}
		if !r.URL.Query().Has("follow") || flush.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-c.ending:
			return
		case <-watch.Ready():
			watch.Take()
		}
	}
}
