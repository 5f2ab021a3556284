package sdk

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// NewELB makes a client of load balancers, for reading.
func NewELB(cfg aws.Config) *elb.Client { return elb.NewFromConfig(cfg) }

// NewLogs makes a client of CloudWatch Logs, for reading.
func NewLogs(cfg aws.Config) *cloudwatchlogs.Client { return cloudwatchlogs.NewFromConfig(cfg) }

// NewAlarms makes a client of CloudWatch, for reading alarms.
func NewAlarms(cfg aws.Config) *cloudwatch.Client { return cloudwatch.NewFromConfig(cfg) }

// Missing reports whether AWS says that what was asked for is not there.
func Missing(err error) bool {
	switch Code(err) {
	case "ResourceNotFoundException", "ServiceNotFoundException", "ClusterNotFoundException", "ServiceDeploymentNotFoundException",
		"TargetGroupNotFound", "LoadBalancerNotFound", "ListenerNotFound", "ResourceNotFound":
		return true
	}
	return false
}
