package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// Rolls counts the requests that rolling deployments cost.
type Rolls struct {
	Config aws.Config // leads to a local cloud with the images of BackImages
	PerSec int        // requests a second: one half on kept-alive connections, the other each on one of its own
	Times  int        // deployments
	// During is called once in each deployment, when it has begun, and waited for; nil is nothing.
	During func(ctx context.Context) error
	// Tell hears of each deployment's end; nil is nobody.
	Tell func(n, requests, failures int, why []string)
}

// Run makes a service of four tasks, replaces all of them again and again under traffic, and gives
// how many requests were answered and how many failed.
func (r Rolls) Run(ctx context.Context) (requests, failures int, err error) {
	s := newStage(r.Config, Story{Name: "rolls"})
	if err := s.place(); err != nil {
		return 0, 0, err
	}
	if err := s.build(ctx); err != nil {
		return 0, 0, err
	}
	if err := s.steady(ctx, backStarts); err != nil {
		return 0, 0, err
	}
	loads := []*Load{{URL: s.url, PerSec: r.PerSec / 2}, {URL: s.url, PerSec: r.PerSec - r.PerSec/2, Fresh: true}}
	sum := func() (requests, failures int) {
		for _, l := range loads {
			n, f := l.Sum()
			requests, failures = requests+n, failures+f
		}
		return requests, failures
	}
	traffic, stop := context.WithCancel(ctx)
	var going sync.WaitGroup
	for _, l := range loads {
		going.Go(func() { l.Run(traffic) })
	}
	defer going.Wait()
	defer stop()
	for n := range r.Times {
		if err := r.once(ctx, s, []string{"v2", "v1"}[n%2]); err != nil {
			return 0, 0, fmt.Errorf("deployment %d: %w", n+1, err)
		}
		if r.Tell != nil {
			requests, failures := sum()
			r.Tell(n+1, requests, failures, append(loads[0].Why(), loads[1].Why()...))
		}
	}
	if err := rest(ctx, settled); err != nil {
		return 0, 0, err
	}
	stop()
	going.Wait()
	requests, failures = sum()
	return requests, failures, nil
}

func (r Rolls) once(ctx context.Context, s *stage, version string) error {
	next, err := s.register(ctx, version)
	if err != nil {
		return err
	}
	if _, err := s.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: aws.String(cluster), Service: aws.String(service), TaskDefinition: &next}); err != nil {
		return fmt.Errorf("update the service: %w", err)
	}
	if r.During != nil {
		if err := r.During(ctx); err != nil {
			return err
		}
	}
	return s.steady(ctx, 2*time.Minute)
}
