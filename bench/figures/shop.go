package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// shop is a local cloud at speed 20 with a service of two tasks, for the deployer's figures.
type shop struct {
	dir, binary string
	cloud       *cloud
	ecs         *ecs.Client
}

// steadyWithin is how long the service may take until it stands.
const steadyWithin = time.Minute

func newShop(ctx context.Context, dir string) (*shop, error) {
	binary, err := build(ctx, dir)
	if err != nil {
		return nil, err
	}
	s := &shop{dir: dir}
	if s.binary, err = filepath.Abs(binary); err != nil {
		return nil, err
	}
	images := filepath.Join(dir, "images.yaml")
	const list = "images:\n  - {image: \"web:v1\", command: [sleep, \"600\"]}\n  - {image: \"web:v2\", command: [sleep, \"601\"]}\n"
	if err := os.WriteFile(images, []byte(list), 0o600); err != nil {
		return nil, err
	}
	if s.cloud, err = launch(ctx, s.binary, filepath.Join(dir, "data"), "--speed", "20", "--images", images); err != nil {
		return nil, err
	}
	s.ecs = ecs.NewFromConfig(config(s.cloud.endpoint))
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.cloud.end())
	}
	return s, nil
}

// open makes the service and waits until it stands.
func (s *shop) open(ctx context.Context) error {
	ids, err := subnets(ctx, s.cloud.endpoint)
	if err != nil {
		return err
	}
	if _, err := s.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("main")}); err != nil {
		return err
	}
	if _, err := s.ecs.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("web"), NetworkMode: types.NetworkModeAwsvpc, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		Cpu: aws.String("256"), Memory: aws.String("512"),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("web:v1"), StopTimeout: aws.Int32(2)}},
	}); err != nil {
		return err
	}
	if _, err := s.ecs.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: aws.String("main"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(2), LaunchType: types.LaunchTypeFargate,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: ids[:1]}},
	}); err != nil {
		return err
	}
	waiting, stop := context.WithTimeout(ctx, steadyWithin)
	defer stop()
	if out, err := s.command(waiting, "wait", "web", "--cluster", "main").CombinedOutput(); err != nil {
		return fmt.Errorf("wait for the service: %w\n%s", err, out)
	}
	return nil
}

// command gives a command of ours that calls the cloud.
func (s *shop) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, s.binary, args...) //nolint:gosec // the binary we built
	c.Dir = s.dir
	c.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+s.cloud.endpoint, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=123456789012", "AWS_SECRET_ACCESS_KEY=local",
		"AWS_SESSION_TOKEN=", "AWS_PROFILE=", "AWS_EC2_METADATA_DISABLED=true")
	return c
}

// ended gives the end of the newest deployment that ended.
func (s *shop) ended(ctx context.Context) (time.Time, error) {
	out, err := s.ecs.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: aws.String("main"), Service: aws.String("web"),
		Status: []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusSuccessful}})
	var last time.Time
	if err != nil {
		return last, err
	}
	for _, d := range out.ServiceDeployments {
		if d.FinishedAt != nil && d.FinishedAt.After(last) {
			last = *d.FinishedAt
		}
	}
	return last, nil
}
