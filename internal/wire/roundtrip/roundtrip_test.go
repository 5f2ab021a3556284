package roundtrip

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/slipway-ecs/slipway/internal/wire"
)

func config(endpoint string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, RetryMaxAttempts: 1, HTTPClient: Whole(),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	}
}

// seed is 1, or what SLIPWAY_SEED says.
func seed(t *testing.T) uint64 {
	n, err := strconv.ParseUint(cmp.Or(os.Getenv("SLIPWAY_SEED"), "1"), 10, 64)
	if err != nil {
		t.Fatalf("SLIPWAY_SEED: %v", err)
	}
	return n
}

func TestEveryOperationArrivesAsItWasSentBothWays(t *testing.T) {
	t.Parallel()
	for _, c := range cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Seed = seed(t)
			Run(t, c)
		})
	}
}

func TestEveryNameIsBotocoresToo(t *testing.T) {
	t.Parallel()
	for _, c := range cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			Names(t, c, c.Name)
		})
	}
}

func TestTheRuleAgreesWithEverySchemaTheSDKHas(t *testing.T) {
	t.Parallel()
	for _, c := range cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			RuleAgrees(t, c, slices.Contains([]string{"ecs", "cloudwatch"}, c.Name))
		})
	}
}

func cases() []Case {
	return []Case{
		{
			Name:    "ecs",
			Service: func() *wire.Service { return wire.NewJSON("ecs", "AmazonEC2ContainerServiceV20141113", "1.1") },
			Client:  func(e string) any { return ecs.NewFromConfig(config(e)) },
		},
		{
			Name:    "codedeploy",
			Service: func() *wire.Service { return wire.NewJSON("codedeploy", "CodeDeploy_20141006", "1.1") },
			Client:  func(e string) any { return codedeploy.NewFromConfig(config(e)) },
		},
		{
			Name:    "ecr",
			Service: func() *wire.Service { return wire.NewJSON("ecr", "AmazonEC2ContainerRegistry_V20150921", "1.1") },
			Client:  func(e string) any { return ecr.NewFromConfig(config(e)) },
		},
		{
			Name:    "logs",
			Service: func() *wire.Service { return wire.NewJSON("logs", "Logs_20140328", "1.1") },
			Client:  func(e string) any { return cloudwatchlogs.NewFromConfig(config(e)) },
			Skip:    []string{"StartLiveTail", "GetLogObject"},
		},
		{
			Name:    "cloudwatch",
			Service: wire.NewCloudWatch,
			Client:  func(e string) any { return cloudwatch.NewFromConfig(config(e)) },
		},
		{
			Name:    "lambda",
			Service: func() *wire.Service { return wire.NewREST("lambda") },
			Client:  func(e string) any { return lambda.NewFromConfig(config(e)) },
			Skip:    []string{"InvokeWithResponseStream"},
			Full:    []string{"SendDurableExecutionCallbackFailure", "SendDurableExecutionCallbackSuccess", "StopDurableExecution"},
		},
		{
			Name: "elbv2",
			Service: func() *wire.Service {
				return wire.NewQuery("elasticloadbalancing", "2015-12-01", "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/")
			},
			Client: func(e string) any { return elasticloadbalancingv2.NewFromConfig(config(e)) },
		},
		{
			Name: "iam",
			Service: func() *wire.Service {
				return wire.NewQuery("iam", "2010-05-08", "https://iam.amazonaws.com/doc/2010-05-08/")
			},
			Client: func(e string) any { return iam.NewFromConfig(config(e)) },
		},
		{
			Name: "sts",
			Service: func() *wire.Service {
				return wire.NewQuery("sts", "2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/")
			},
			Client: func(e string) any { return sts.NewFromConfig(config(e)) },
		},
	}
}
