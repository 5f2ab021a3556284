// Package sdk makes AWS SDK clients as the deployer uses them: the standard chain of credentials
// and endpoints, adaptive retries for what reads, and no second sending of what writes.
//
// It decides nothing about deployments. Read Load and ECS first.
package sdk

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// Options say where and as whom; what is empty comes from the SDK's standard chain.
type Options struct {
	Region   string
	Profile  string
	Endpoint string // a URL to call in place of AWS, for every service
	Account  string // refuse any other; empty takes whoever answers
	Role     string // ARN of a role to assume for everything; empty: none
	Session  string // name of the session of that role; empty: "slipway"
	Keys     *Keys  // in place of the chain's credentials; nil: the chain's
}

// session is the name of the session of a role that is assumed, where nobody says another.
const session = "slipway"

// Load gives a config that credentials and a region are known for. Environment variables and
// shared files count as in every AWS SDK, AWS_ENDPOINT_URL, AWS_USE_FIPS_ENDPOINT and
// AWS_MAX_ATTEMPTS among them; a profile whose role wants a code of an MFA device has it asked for
// on the terminal. Errors have the codes
// "access.credentials", "access.profile", "access.mfa", "access.role", "access.account" and "usage.region".
func Load(ctx context.Context, o Options) (aws.Config, error) {
	set := []func(*config.LoadOptions) error{
		config.WithRetryMode(aws.RetryModeAdaptive),
		config.WithLogger(logging.Nop{}), // events are our voice
		config.WithAssumeRoleCredentialOptions(func(r *stscreds.AssumeRoleOptions) { r.TokenProvider = askCode }),
	}
	if o.Region != "" {
		set = append(set, config.WithRegion(o.Region))
	}
	if o.Profile != "" {
		set = append(set, config.WithSharedConfigProfile(o.Profile))
	}
	if o.Endpoint != "" {
		set = append(set, config.WithBaseEndpoint(o.Endpoint))
	}
	if o.Keys != nil {
		set = append(set, config.WithCredentialsProvider(o.Keys.provider()))
	}
	cfg, err := config.LoadDefaultConfig(ctx, set...)
	if none, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return cfg, fail.New("access.profile", "check AWS_PROFILE and ~/.aws/config", "there is no profile %q in the AWS configuration", none.Profile)
	}
	if err != nil {
		return cfg, fail.Wrap(err, "access.credentials", "check AWS_PROFILE and ~/.aws/config", "read the AWS configuration")
	}
	cfg.HTTPClient = patiently(cfg.HTTPClient)
	if cfg.Region == "" {
		return cfg, fail.New("usage.region", "set AWS_REGION, or 'region:' below 'aws:' in slipway.yaml", "no AWS region is set")
	}
	if o.Role != "" {
		if o.Session == "" {
			o.Session = session
		}
		assume := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), o.Role, func(r *stscreds.AssumeRoleOptions) { r.RoleSessionName = o.Session })
		cfg.Credentials = aws.NewCredentialsCache(assume)
		if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
			if fail.Is(err, mfaNeeded) {
				return cfg, noCode()
			}
			return cfg, fail.Wrap(err, "access.role", "let the role trust the caller, and the caller assume it", "assume role %s", o.Role)
		}
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		if fail.Is(err, mfaNeeded) {
			return cfg, noCode()
		}
		return cfg, fail.Wrap(err, "access.credentials", "log in, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
			"there are no AWS credentials")
	}
	if o.Account != "" {
		return cfg, sameAccount(ctx, cfg, o.Account)
	}
	return cfg, nil
}

func sameAccount(ctx context.Context, cfg aws.Config, want string) error {
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		return Explain(err, "ask who we are")
	}
	if got := aws.ToString(who.Account); got != want {
		return fail.New("access.account", "use the credentials of the right account, or change 'account:' in slipway.yaml",
			"these credentials are of account %s, and the file wants %s", got, want)
	}
	return nil
}

// denials are the codes by which AWS says that the caller may not, or is not known.
var denials = map[string]bool{
	"AccessDenied": true, "AccessDeniedException": true, "UnauthorizedOperation": true,
	"UnrecognizedClientException": true, "InvalidClientTokenId": true, "InvalidSignatureException": true,
	"SignatureDoesNotMatch": true, "ExpiredToken": true, "ExpiredTokenException": true,
	"MissingAuthenticationToken": true, "MissingAuthenticationTokenException": true, "OptInRequired": true,
}

// throttles are the codes by which AWS says that a call was not looked at for now.
var throttles = map[string]bool{
	"ThrottlingException": true, "Throttling": true, "RequestLimitExceeded": true, "TooManyRequestsException": true,
}

// hints say what to do about answers that have one usual cause.
var hints = map[string]string{
	"ClusterNotFoundException": "check the cluster's name and the region",
	"ServiceNotFoundException": "check the service's name, the cluster's and the region",
}

// Denied reports whether AWS refused the caller rather than the call.
func Denied(err error) bool { return denials[Code(err)] }

// Throttled reports whether a call was refused for its rate, so that nothing has happened.
func Throttled(err error) bool { return throttles[Code(err)] }

// Unsupported reports whether the endpoint or the service does not have an operation.
func Unsupported(err error) bool {
	switch Code(err) {
	case "UnsupportedFeatureException", "UnknownOperationException", "InvalidAction", "NotImplemented":
		return true
	}
	return false
}

// Lost reports whether it is unknown what became of a call: no answer came, or one that says
// that the other side broke.
func Lost(err error) bool {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorFault() == smithy.FaultServer || e.ErrorCode() == "ServerException" || e.ErrorCode() == "InternalFailure"
	}
	return err != nil
}

// Code gives AWS's error code, or "" where the error is not an answer of AWS's.
func Code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// Words gives AWS's message, or the error's text where the error is not an answer of AWS's.
func Words(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorMessage()
	}
	return err.Error()
}

// Explain makes an error of a call one that a person can act on: AWS's code and words, and what
// was being done. The code is "access.denied" where AWS refused the caller, "aws." and AWS's
// code for other answers, and "unknown.connection" where no answer came.
func Explain(err error, act string) error {
	e, answered := errors.AsType[smithy.APIError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case answered && Denied(err):
		return fail.New("access.denied", "the credentials need this permission", "%s: %s: %s", act, e.ErrorCode(), e.ErrorMessage())
	case answered:
		return fail.New("aws."+e.ErrorCode(), hints[e.ErrorCode()], "%s: %s: %s", act, e.ErrorCode(), e.ErrorMessage())
	}
	return fail.Wrap(shortened(err), "unknown.connection", "check the network, the region, and AWS_ENDPOINT_URL if it is set", "%s", act)
}

// unreached is an error of a request that was not sent, without what the SDK says around it.
type unreached struct{ said, whole error }

func (e *unreached) Error() string { return e.said.Error() }
func (e *unreached) Unwrap() error { return e.whole }

// shortened takes the SDK's story of attempts and empty answers off a request that was not sent.
func shortened(err error) error {
	if sent, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		return &unreached{said: sent.Err, whole: err}
	}
	return err
}
