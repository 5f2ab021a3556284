package crash_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/demo"
)

func TestNoRequestIsLostOverTenDeploymentsDuringThreeOfWhichTheDaemonIsKilled(t *testing.T) {
	t.Parallel()
	const (
		deployments = 10
		kills       = 3
		desired     = 4
	)
	r := chance(t)
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	first := s.register("v0")
	s.create(first, desired)
	s.steady(time.Minute, first, desired)

	load := &demo.Load{URL: s.url, PerSec: 200}
	traffic, stop := context.WithCancel(t.Context())
	var going sync.WaitGroup
	going.Go(func() { load.Run(traffic) })
	defer going.Wait()
	defer stop()
	for round := range *roundsFlag {
		killed := map[int]bool{}
		for _, i := range r.Perm(deployments)[:kills] {
			killed[i] = true
		}
		for i := range deployments {
			phase := fmt.Sprintf("round %d deployment %d", round, i+1)
			load.Enter(phase)
			definition := s.register(fmt.Sprintf("v%d", 1+(round*deployments+i)%29))
			var crash sync.WaitGroup
			var crashed error
			if killed[i] {
				after := upTo(r, 2*time.Second)
				t.Logf("%s: killed %s after it began", phase, after)
				crash.Go(func() {
					rest(t, after)
					crashed = l.crash(r, time.Second)
				})
			}
			s.update(definition)
			status, reason := s.deployment(time.Minute)
			crash.Wait()
			if crashed != nil {
				t.Fatal(crashed)
			}
			if status != ecstypes.ServiceDeploymentStatusSuccessful {
				t.Fatalf("%s ended as %s: %s", phase, status, reason)
			}
			if _, failures := load.Sum(); failures > 0 {
				t.Fatalf("%s: %d requests failed: %+v", phase, failures, load.Results(nil))
			}
		}
	}
	stop()
	going.Wait()
	requests, failures := load.Sum()
	t.Logf("%d requests, %d failed", requests, failures)
	if failures > 0 {
		t.Errorf("got %d failed requests of %d, want none: %+v", failures, requests, load.Results(nil))
	}
	if requests < 200 {
		t.Errorf("got %d requests, too few to say anything", requests)
	}
}
