package ecs

import (
	"testing"

	"github.com/slipway-ecs/slipway/internal/store"
)

func TestAnEventNamesItsTaskSetBehindTheServiceWhateverItsTextIs(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		h.create(serviceAsk(h.register("app"), 0))
		h.steady()
		arn := *h.service().ServiceArn
		for _, c := range []struct{ set, text, want string }{
			{"", "has begun.", "(service web) has begun."},
			{"", ", as it were", "(service web) , as it were"},
			{"ecs-svc/1", "has begun.", "(service web, taskSet ecs-svc/1) has begun."},
			{"ecs-svc/1", ", as it were", "(service web, taskSet ecs-svc/1) , as it were"},
		} {
			if err := h.store.Update(func(tx *store.Tx) error {
				row, _ := h.room.services.Get(tx, arn)
				h.room.tell(tx, &row, c.set, c.text)
				h.room.services.Put(tx, row)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if got := *h.service().Events[0].Message; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		}
	})
}
