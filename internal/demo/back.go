package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/slipway-ecs/slipway/internal/launch/process"
	"github.com/slipway-ecs/slipway/internal/project"
)

// Back measures how long traffic takes to come back from a canary that an alarm ends.
type Back struct {
	Config aws.Config // leads to a local cloud with the images of BackImages
	PerSec int        // requests a second meanwhile
	Times  int
}

// Came is one such way back.
type Came struct {
	Took     time.Duration // from just before the alarm was set to the sending of the last request that the new version answered
	After    int           // requests that the new version answered though they were sent after the alarm was set
	Requests int           // sent in all
	Failures int
}

// BackImages are the two versions that Back deploys, which start at once.
func BackImages(exe string) process.Images {
	var images process.Images
	for _, v := range []string{"v1", "v2"} {
		images = append(images, process.Image{Pattern: image + ":" + v, Command: []string{exe, "sample-web", "-version", v}})
	}
	return images
}

const (
	settled     = time.Second      // of traffic before the alarm is set, and after the way back
	comesBack   = 30 * time.Second // the longest a way back may take
	backStarts  = 3 * time.Minute  // the longest a deployment may take to shift, or to end
	backPercent = 50
)

// Run measures. Each time it deploys the second version as a canary, sets the alarm by
// SetAlarmState under traffic, and waits until ECS has rolled back.
func (b Back) Run(ctx context.Context) (out []Came, err error) {
	story := Story{Name: "back", brisk: true, strategy: &project.Strategy{Type: project.Canary, Bake: minutes(0),
		Canary: &project.Step{Percent: new(float64(backPercent)), Bake: minutes(60)}, Alarms: []string{alarm}}}
	s := newStage(b.Config, story)
	if err := s.place(); err != nil {
		return nil, err
	}
	if err := s.build(ctx); err != nil {
		return nil, err
	}
	if err := s.steady(ctx, backStarts); err != nil {
		return nil, err
	}
	next, err := s.register(ctx, "v2")
	if err != nil {
		return nil, err
	}
	for range b.Times {
		came, err := b.once(ctx, s, next)
		if err != nil {
			return nil, err
		}
		out = append(out, came)
	}
	return out, nil
}

func (b Back) once(ctx context.Context, s *stage, next string) (came Came, err error) {
	if err := s.begin(ctx); err != nil {
		return came, err
	}
	canary, err := s.shifting()
	if err != nil {
		return came, err
	}
	if _, err := s.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: aws.String(cluster), Service: aws.String(service), TaskDefinition: &next,
		DeploymentConfiguration: canary}); err != nil {
		return came, fmt.Errorf("update the service: %w", err)
	}
	if err := s.until(ctx, backPercent, backStarts); err != nil {
		return came, err
	}
	var mu sync.Mutex
	var alarmed, last time.Time
	load := &Load{URL: s.url, PerSec: b.PerSec, saw: func(version string, sent time.Time) {
		mu.Lock()
		defer mu.Unlock()
		if version != "v2" {
			return
		}
		if sent.After(last) {
			last = sent
		}
		if !alarmed.IsZero() && sent.After(alarmed) {
			came.After++
		}
	}}
	traffic, stop := context.WithCancel(ctx)
	var going sync.WaitGroup
	going.Go(func() { load.Run(traffic) })
	err = func() error {
		if err := rest(ctx, settled); err != nil {
			return err
		}
		mu.Lock()
		seen := !last.IsZero()
		alarmed = time.Now()
		mu.Unlock()
		if !seen {
			return errors.New("the canary answered nothing")
		}
		if err := s.set(ctx, cwtypes.StateValueAlarm); err != nil {
			return err
		}
		if err := s.until(ctx, 0, comesBack); err != nil {
			return err
		}
		return rest(ctx, settled)
	}()
	stop()
	going.Wait()
	if err != nil {
		return came, err
	}
	came.Took = max(0, last.Sub(alarmed))
	came.Requests, came.Failures = load.Sum()
	if err := s.set(ctx, cwtypes.StateValueOk); err != nil {
		return came, err
	}
	return came, s.steady(ctx, backStarts)
}

// set sets the alarm's state by hand.
func (s *stage) set(ctx context.Context, state cwtypes.StateValue) error {
	_, err := s.cw.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String(alarm), StateValue: state, StateReason: aws.String("measuring")})
	if err != nil {
		return fmt.Errorf("set alarm %s to %s: %w", alarm, state, err)
	}
	return nil
}

// until waits until the new version has a share of production traffic.
func (s *stage) until(ctx context.Context, percent float64, patience time.Duration) error {
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	for {
		w, err := s.weights(ctx)
		if err != nil {
			return err
		}
		if w == percent {
			return nil
		}
		if err := rest(ctx, readEvery/2); err != nil {
			return fmt.Errorf("the new version has %g %% of the traffic, not %g %%, after %s: %w", w, percent, patience, err)
		}
	}
}

// rest waits, or gives ctx's error.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
