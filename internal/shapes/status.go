package shapes

import (
	"reflect"
	"sync"
)

// Status gives the HTTP status of an error of a query or REST service by its code on the wire; 0
// where it is 400, or 500 for a server's fault, as with all others.
//
// Source: botocore 1.43.11, `httpStatusCode` of the errors of IAM, STS, Elastic Load Balancing and Lambda.
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

		"lambda.CodeSigningConfigNotFoundException":            404,
		"lambda.DurableExecutionAlreadyStartedException":       409,
		"lambda.ProvisionedConcurrencyConfigNotFoundException": 404,
		"lambda.SerializedRequestEntityTooLargeException":      413,
		"lambda.SnapStartRegenerationFailureException":         409,
		"lambda.SubnetIPAddressLimitReachedException":          502,
		"lambda.CodeArtifactUserDeletedException":              409,
		"lambda.CodeArtifactUserFailedException":               409,
		"lambda.CodeArtifactUserPendingException":              409,
		"lambda.EC2AccessDeniedException":                      502,
		"lambda.EC2ThrottledException":                         502,
		"lambda.EC2UnexpectedException":                        502,
		"lambda.EFSIOException":                                410,
		"lambda.EFSMountConnectivityException":                 408,
		"lambda.EFSMountFailureException":                      403,
		"lambda.EFSMountTimeoutException":                      408,
		"lambda.ENILimitReachedException":                      502,
		"lambda.ENINotReadyException":                          502,
		"lambda.InvalidRuntimeException":                       502,
		"lambda.InvalidSecurityGroupIDException":               502,
		"lambda.InvalidSubnetIDException":                      502,
		"lambda.InvalidZipFileException":                       502,
		"lambda.KMSAccessDeniedException":                      502,
		"lambda.KMSDisabledException":                          502,
		"lambda.KMSInvalidStateException":                      502,
		"lambda.KMSNotFoundException":                          502,
		"lambda.PreconditionFailedException":                   412,
		"lambda.RequestTooLargeException":                      413,
		"lambda.ResourceConflictException":                     409,
		"lambda.ResourceNotFoundException":                     404,
		"lambda.ResourceNotReadyException":                     502,
		"lambda.S3FilesMountConnectivityException":             408,
		"lambda.S3FilesMountFailureException":                  403,
		"lambda.S3FilesMountTimeoutException":                  408,
		"lambda.ServiceQuotaExceededException":                 402,
		"lambda.SnapStartNotReadyException":                    409,
		"lambda.SnapStartTimeoutException":                     408,
		"lambda.TooManyRequestsException":                      429,
		"lambda.UnsupportedMediaTypeException":                 415,

		"elasticloadbalancingv2.HealthUnavailable":       500,
		"elasticloadbalancingv2.InsufficientCapacity":    500,
		"elasticloadbalancingv2.PriorRequestNotComplete": 429,
	}
})
