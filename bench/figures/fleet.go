package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
)

const (
	// fleetTasks is how many tasks each service runs.
	fleetTasks = 10
	// fleetSpeed shortens AWS's waits, so that what is measured is work.
	fleetSpeed = 60
	// fleetSlope is how many times what a transition costs among few services it may cost among
	// many.
	fleetSlope = 2
	// fleetPatience is how long one phase may take.
	fleetPatience = 10 * time.Minute
)

// fleetSizes are how many services there are, one size after the other, each on a cloud of its own.
var fleetSizes = []int{10, 100, 1000}

// fleet measures what a task's change of status costs in CPU time, among few services and many:
// all services are created and become steady, then all are rolled to a second revision. Tasks run
// on the fake runtime; all else is the local cloud as it is, called over its wire.
func fleet(ctx context.Context, dir string, args []string) error {
	if _, err := times("fleet", args, 1); err != nil {
		return err
	}
	var each []time.Duration
	for _, n := range fleetSizes {
		f := &flock{runtime: fake.New(clock.Real{}, nil), dir: filepath.Join(dir, fmt.Sprint(n)), services: n}
		cost, err := f.measure(ctx)
		if err != nil {
			return fmt.Errorf("%d services: %w", n, err)
		}
		each = append(each, cost)
	}
	slope := float64(each[len(each)-1]) / float64(each[0])
	fmt.Printf("fleet: a task's transition costs %.1f times as much among %d services as among %d; target at most %d\n",
		slope, fleetSizes[len(fleetSizes)-1], fleetSizes[0], fleetSlope)
	if slope > fleetSlope {
		return fmt.Errorf("fleet: missed")
	}
	return nil
}

// flock is a cloud with many services.
type flock struct {
	runtime  *fake.Runtime
	dir      string
	services int
	client   *ecs.Client
}

// measure makes the services steady, rolls them all, and gives the CPU time of one transition
// while they were rolled.
func (f *flock) measure(ctx context.Context) (cost time.Duration, err error) {
	end, err := f.open(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, end()) }()
	if _, err := f.client.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("fleet")}); err != nil {
		return 0, err
	}
	ids, err := subnets(ctx, *f.client.Options().BaseEndpoint)
	if err != nil {
		return 0, err
	}
	first, err := f.register(ctx, "web:1")
	if err != nil {
		return 0, err
	}
	steady, err := f.phase(ctx, first, func(ctx context.Context, name string) error {
		_, err := f.client.CreateService(ctx, &ecs.CreateServiceInput{
			Cluster: aws.String("fleet"), ServiceName: &name, TaskDefinition: &first, DesiredCount: aws.Int32(fleetTasks), LaunchType: types.LaunchTypeFargate,
			NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: ids[:1]}},
		})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("until steady: %w", err)
	}
	second, err := f.register(ctx, "web:2")
	if err != nil {
		return 0, err
	}
	rolled, err := f.phase(ctx, second, func(ctx context.Context, name string) error {
		_, err := f.client.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: aws.String("fleet"), Service: &name, TaskDefinition: &second})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("until rolled: %w", err)
	}
	// A start goes through PROVISIONING, PENDING, ACTIVATING, RUNNING; a stop through
	// DEACTIVATING, STOPPING, DEPROVISIONING, STOPPED.
	up, roll := time.Duration(4*f.services*fleetTasks), time.Duration(8*f.services*fleetTasks)
	fmt.Printf("fleet: %4d services of %d tasks: steady after %s (%.0f µs of CPU a transition), rolled after %s (%.0f µs)\n",
		f.services, fleetTasks, steady.took.Round(10*time.Millisecond), micros(steady.cpu/up), rolled.took.Round(10*time.Millisecond), micros(rolled.cpu/roll))
	return rolled.cpu / roll, nil
}

// open starts the cloud in this process.
func (f *flock) open(ctx context.Context) (end func() error, err error) {
	exe, err := build(ctx, filepath.Dir(f.dir))
	if err != nil {
		return nil, err
	}
	c, err := host.Open(ctx, host.Options{
		Listen: "127.0.0.1:0", Dir: f.dir, Speed: fleetSpeed, Region: "us-east-1", Account: "123456789012", Exe: exe, Tasks: f.runtime,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return nil, err
	}
	f.client = ecs.NewFromConfig(config(c.Endpoint()))
	ctx, stop := context.WithCancel(ctx)
	ended, ready := make(chan error, 1), make(chan struct{})
	go func() { ended <- c.Serve(ctx, func() { close(ready) }) }()
	select {
	case err := <-ended:
		stop()
		return nil, err
	case <-ready:
	}
	return func() error { stop(); return <-ended }, nil
}

func (f *flock) register(ctx context.Context, image string) (arn string, err error) {
	out, err := f.client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("web"), NetworkMode: types.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions:    []types.ContainerDefinition{{Name: aws.String("app"), Image: &image}},
	})
	if err != nil {
		return "", err
	}
	return *out.TaskDefinition.TaskDefinitionArn, nil
}

// spent is what a phase took: by the wall, and of this process's CPU, calls included.
type spent struct{ took, cpu time.Duration }

// phase begins something for every service and waits until each runs the definition alone.
func (f *flock) phase(ctx context.Context, definition string, begin func(ctx context.Context, name string) error) (spent, error) {
	ctx, done := context.WithTimeout(ctx, fleetPatience)
	defer done()
	at, used := time.Now(), cpu()
	var open []string
	for i := range f.services {
		open = append(open, fmt.Sprintf("web-%04d", i))
	}
	var clients sync.WaitGroup
	var mu sync.Mutex // guards failed
	var failed error
	for part := range slices.Chunk(open, max(1, len(open)/callClients)) {
		clients.Go(func() {
			for _, name := range part {
				if err := begin(ctx, name); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	clients.Wait()
	if failed != nil {
		return spent{}, failed
	}
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	for len(open) > 0 {
		batch := open[:min(10, len(open))] // as many as ECS describes at once
		left, err := f.unsettled(ctx, definition, batch)
		if err != nil {
			return spent{}, err
		}
		open = append(left, open[len(batch):]...)
		if len(left) == 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return spent{}, fmt.Errorf("%d services are not there yet, %s among them: %w", len(open), open[0], ctx.Err())
		case <-look.C:
		}
	}
	return spent{time.Since(at), cpu() - used}, nil
}

// unsettled gives those of the services that do not yet run all their tasks on the definition alone.
func (f *flock) unsettled(ctx context.Context, definition string, names []string) (left []string, err error) {
	out, err := f.client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String("fleet"), Services: names})
	if err != nil {
		return nil, err
	}
	for _, s := range out.Services {
		d := s.Deployments
		if len(d) != 1 || *d[0].TaskDefinition != definition || d[0].RolloutState != types.DeploymentRolloutStateCompleted || s.RunningCount != fleetTasks {
			left = append(left, *s.ServiceName)
		}
	}
	return left, nil
}

// cpu gives the CPU time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
