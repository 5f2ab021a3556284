package elb

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// logEvery is how often a balancer delivers its access log. Source: ELBv2 guide, "Access logs for your
// Application Load Balancer".
const logEvery = 5 * time.Minute

// keyLogs begins the keys of attributes about access logs.
const keyLogs = "access_logs.s3."

// Buckets is what load balancers need of S3.
type Buckets interface {
	// Put writes an object into a bucket that the account may write to.
	Put(scope names.Scope, bucket, key string, body []byte) error
}

// AccessLog is where a balancer's access log goes.
type AccessLog struct{ Bucket, Prefix string }

// AccessLog tells where a balancer's access log goes; ok is false where none is kept, or the balancer
// is gone.
func (s *Service) AccessLog(tx *store.Tx, balancer string) (l AccessLog, ok bool) {
	b, ok := s.balancers.Get(tx, balancer)
	at := func(key string) string { return value(balancerAttributes, b.Attributes, keyLogs+key) }
	return AccessLog{at("bucket"), at("prefix")}, ok && at("enabled") == "true"
}

// checkLogs refuses an access log that could not be written, as the test file shows that is written when
// it is switched on.
func (s *Service) checkLogs(scope names.Scope, attributes map[string]string) error {
	at := func(key string) string { return value(balancerAttributes, attributes, keyLogs+key) }
	if at("enabled") != "true" || s.o.Buckets == nil {
		return nil
	}
	if at("bucket") == "" {
		return invalid("The value of '%sbucket' cannot be empty when access logs are enabled", keyLogs)
	}
	key := "AWSLogs/" + scope.Account + "/ELBAccessLogTestFile"
	if p := at("prefix"); p != "" {
		key = p + "/" + key
	}
	if err := s.o.Buckets.Put(scope, at("bucket"), key, []byte("Enable AccessLog for ELB: "+at("bucket"))); err != nil {
		return &types.InvalidConfigurationRequestException{Message: sentence("Access Denied for bucket: %s. Please check S3bucket permission", []any{at("bucket")})}
	}
	return nil
}
