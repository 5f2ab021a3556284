package sdk

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ids are the SDK's names of the services that are called without a client, as
// AWS_ENDPOINT_URL_CLOUDFORMATION and the config files' services sections have them.
var ids = map[string]string{"ssm": "SSM", "secretsmanager": "Secrets Manager", "cloudformation": "CloudFormation", "s3": "S3"}

// endpointOf gives the custom endpoint of a service, or "": its own, else the one for all, as every
// client of the SDK takes them.
func endpointOf(ctx context.Context, cfg aws.Config, service string) string {
	if cfg.BaseEndpoint != nil && *cfg.BaseEndpoint != "" && len(cfg.ConfigSources) == 0 {
		return *cfg.BaseEndpoint
	}
	for _, source := range cfg.ConfigSources {
		s, ok := source.(interface {
			GetServiceBaseEndpoint(ctx context.Context, sdkID string) (string, bool, error)
		})
		if !ok {
			continue
		}
		if own, found, err := s.GetServiceBaseEndpoint(ctx, ids[service]); err == nil && found && own != "" {
			return own
		}
	}
	return aws.ToString(cfg.BaseEndpoint)
}

// hostOf gives AWS's own endpoint of a service in a region: the FIPS one where that is asked for.
func hostOf(ctx context.Context, cfg aws.Config, service string) string {
	for _, source := range cfg.ConfigSources {
		s, ok := source.(interface {
			GetUseFIPSEndpoint(ctx context.Context) (aws.FIPSEndpointState, bool, error)
		})
		if !ok {
			continue
		}
		if state, found, err := s.GetUseFIPSEndpoint(ctx); err == nil && found && state == aws.FIPSEndpointStateEnabled {
			service += "-fips"
			break
		}
	}
	return "https://" + service + "." + cfg.Region + "." + domainOf(cfg.Region)
}

// domainOf gives the domain of a region's partition.
func domainOf(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}
