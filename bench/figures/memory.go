package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

const (
	// memoryTarget is what daemon and data plane may take together, in MiB.
	memoryTarget = 60
	// idleFor is how long nobody asks anything before memory is read.
	idleFor = 5 * time.Second
)

// memory measures the resident memory (VmRSS: shared pages count in both) of the daemon and of
// the data plane, which the first listener starts, while nothing runs and nobody asks.
func memory(ctx context.Context, dir string, args []string) (err error) {
	if _, err := times("memory", args, 1); err != nil {
		return err
	}
	binary, err := build(ctx, dir)
	if err != nil {
		return err
	}
	data := filepath.Join(dir, "data")
	c, err := launch(ctx, binary, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	if err := listener(ctx, c.endpoint); err != nil {
		return err
	}
	idle := time.NewTimer(idleFor)
	select {
	case <-ctx.Done():
		idle.Stop()
		return ctx.Err()
	case <-idle.C:
	}
	daemon, err := resident(c.cmd.Process.Pid)
	if err != nil {
		return err
	}
	pid, err := dataPlane(filepath.Join(data, "lb"))
	if err != nil {
		return err
	}
	plane, err := resident(pid)
	if err != nil {
		return err
	}
	fmt.Printf("memory: %.1f MiB idle (daemon %.1f, data plane %.1f); target %d MiB\n", daemon+plane, daemon, plane, memoryTarget)
	if daemon+plane >= memoryTarget {
		return fmt.Errorf("memory: missed")
	}
	return nil
}

// config leads SDK clients to a cloud.
func config(endpoint string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("123456789012", "local", "")}
}

// listener makes a load balancer with a listener.
func listener(ctx context.Context, endpoint string) error {
	cfg := config(endpoint)
	ids, err := subnets(ctx, endpoint)
	if err != nil {
		return err
	}
	client := elasticloadbalancingv2.NewFromConfig(cfg)
	lb, err := client.CreateLoadBalancer(ctx, &elasticloadbalancingv2.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: ids})
	if err != nil {
		return err
	}
	_, err = client.CreateListener(ctx, &elasticloadbalancingv2.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80),
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("200")}}},
	})
	return err
}

// subnets gives the ids of the default VPC's.
func subnets(ctx context.Context, endpoint string) (ids []string, err error) {
	out, err := ec2.NewFromConfig(config(endpoint)).DescribeSubnets(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, s := range out.Subnets {
		ids = append(ids, *s.SubnetId)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s has no subnets", endpoint)
	}
	return ids, nil
}

// resident gives a process's resident memory in MiB.
func resident(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("memory is read from /proc, which only Linux has: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kib) / 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmRSS", pid)
}

// dataPlane finds the data plane that serves a directory.
func dataPlane(dir string) (pid int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		cmdline, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline")) // it may have ended meanwhile
		if args := strings.Split(string(cmdline), "\x00"); len(args) > 3 && args[1] == "lb" && args[3] == dir {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no data plane serves %s", dir)
}
