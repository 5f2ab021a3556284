package shapes

import (
	"reflect"
	"sync"
)

// Status gives the HTTP status of an error of a query service by its code on the wire; 0 where it
// is 400, or 500 for a server's fault, as with all others.
//
// Source: botocore 1.43.11, `httpStatusCode` of the errors of IAM, STS and Elastic Load Balancing.
func Status(err reflect.Type, code string) int { return statuses()[Service(err)+"."+code] }

var statuses = sync.OnceValue(func() map[string]int {
	return map[string]int{
		"iam.ConcurrentModification":        409,
		"iam.DeleteConflict":                409,
		"iam.DuplicateCertificate":          409,
		"iam.EntityAlreadyExists":           409,
		"iam.EntityTemporarilyUnmodifiable": 409,
		"iam.FeatureEnabled":                409,
		"iam.LimitExceeded":                 409,
		"iam.ReportGenerationLimitExceeded": 409,
		"iam.ReportExpired":                 410,
		"iam.ReportNotPresent":              410,
		"iam.ReportInProgress":              404,
		"iam.FeatureDisabled":               404,
		"iam.NoSuchEntity":                  404,
		"iam.NotSupportedService":           404,
		"iam.InvalidAuthenticationCode":     403,
		"iam.PolicyEvaluation":              500,
		"iam.ServiceFailure":                500,

		"sts.IDPRejectedClaim":                               403,
		"sts.OutboundWebIdentityFederationDisabledException": 403,
		"sts.RegionDisabledException":                        403,
		"sts.SessionDurationEscalationException":             403,

		"elasticloadbalancingv2.HealthUnavailable":       500,
		"elasticloadbalancingv2.InsufficientCapacity":    500,
		"elasticloadbalancingv2.PriorRequestNotComplete": 429,
	}
})
