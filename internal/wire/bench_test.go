package wire_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/wire"
)

// services gives an answer as DescribeServices gives it for n services with a full list of events.
func services(n int) *ecs.DescribeServicesOutput {
	out := &ecs.DescribeServicesOutput{Failures: []ecstypes.Failure{}}
	for i := range n {
		s := ecstypes.Service{
			ServiceName: aws.String(fmt.Sprint("web-", i)), ServiceArn: aws.String(fmt.Sprint("arn:aws:ecs:us-east-1:123456789012:service/prod/web-", i)),
			Status: aws.String("ACTIVE"), DesiredCount: 4, RunningCount: 4, CreatedAt: &noon, TaskDefinition: aws.String("arn:aws:ecs:us-east-1:123456789012:task-definition/web:7"),
			DeploymentConfiguration: &ecstypes.DeploymentConfiguration{MaximumPercent: aws.Int32(200), MinimumHealthyPercent: aws.Int32(100)},
			Deployments:             []ecstypes.Deployment{{Id: aws.String("ecs-svc/0254910055998611338"), Status: aws.String("PRIMARY"), CreatedAt: &noon, UpdatedAt: &noon, RolloutState: "COMPLETED"}},
		}
		for range 100 {
			s.Events = append(s.Events, ecstypes.ServiceEvent{Id: aws.String("5ba3c3bd-ee9c-4d21-a42f-aa4b8f3fd2a4"), CreatedAt: &noon, Message: aws.String("(service web) has reached a steady state.")})
		}
		out.Services = append(out.Services, s)
	}
	return out
}

func BenchmarkDescribeServices(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			answer := services(n)
			s := wire.NewJSON("ecs", "AmazonEC2ContainerServiceV20141113", "1.1")
			wire.Op(s, func(context.Context, *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
				return answer, nil
			})
			g := wire.NewGateway(wire.GatewayOptions{}, s)
			body := `{"cluster":"prod","include":["TAGS"],"services":["web-0","web-1","web-2"]}`
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), "POST", "/", strings.NewReader(body))
				r.Header.Set("X-Amz-Target", ecsTarget+"DescribeServices")
				w := httptest.NewRecorder()
				g.ServeHTTP(w, r)
				b.SetBytes(int64(w.Body.Len()))
			}
		})
	}
}

func BenchmarkKeepAndRead(b *testing.B) {
	answer := services(1)
	b.ReportAllocs()
	for b.Loop() {
		raw, err := wire.Marshal(answer)
		if err != nil {
			b.Fatal(err)
		}
		var back ecs.DescribeServicesOutput
		if err := wire.Unmarshal(raw, &back); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(raw)))
	}
}
