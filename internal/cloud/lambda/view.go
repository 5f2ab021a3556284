package lambda

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/slipway-ecs/slipway/internal/names"
)

// modifiedForm is how Lambda writes when a function was changed last.
const modifiedForm = "2006-01-02T15:04:05.000-0700"

// view shows a version. The ARN of the unpublished one has no qualifier; who asked for one puts it
// there.
func (s *Service) view(v Version) types.FunctionConfiguration {
	c := v.Config
	a, _ := names.ParseARN(v.Function)
	out := types.FunctionConfiguration{
		FunctionName: aws.String(a.Resource[len("function:"):]), FunctionArn: aws.String(v.Function), Version: aws.String(v.Number),
		Runtime: types.Runtime(c.Runtime), Role: aws.String(c.Role), Handler: aws.String(c.Handler), Description: aws.String(c.Description),
		CodeSize: v.Code.Size, CodeSha256: aws.String(v.Code.SHA), Timeout: aws.Int32(c.Timeout), MemorySize: aws.Int32(c.MemorySize),
		LastModified: aws.String(s.o.Wall(v.Modified).UTC().Format(modifiedForm)), RevisionId: aws.String(v.Revision),
		TracingConfig: &types.TracingConfigResponse{Mode: types.TracingMode(c.Tracing)}, PackageType: types.PackageTypeZip,
		State: types.StateActive, LastUpdateStatus: types.LastUpdateStatusSuccessful,
		EphemeralStorage: &types.EphemeralStorage{Size: aws.Int32(c.Ephemeral)},
		SnapStart:        &types.SnapStartResponse{ApplyOn: types.SnapStartApplyOn(c.SnapStart), OptimizationStatus: types.SnapStartOptimizationStatusOff},
		LoggingConfig: &types.LoggingConfig{
			LogFormat: types.LogFormat(c.LogFormat), LogGroup: aws.String(c.LogGroup),
			ApplicationLogLevel: types.ApplicationLogLevel(c.AppLogLevel), SystemLogLevel: types.SystemLogLevel(c.SystemLogLevel),
		},
		RuntimeVersionConfig: &types.RuntimeVersionConfig{RuntimeVersionArn: aws.String(runtimeARN(a, c.Runtime))},
	}
	if v.Number != latest {
		out.FunctionArn = aws.String(v.ARN)
	}
	for _, x := range c.Architectures {
		out.Architectures = append(out.Architectures, types.Architecture(x))
	}
	if len(c.Env) > 0 {
		out.Environment = &types.EnvironmentResponse{Variables: c.Env}
	}
	if c.KMSKey != "" {
		out.KMSKeyArn = aws.String(c.KMSKey)
	}
	if c.DeadLetter != "" {
		out.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: aws.String(c.DeadLetter)}
	}
	if len(c.Subnets)+len(c.SecurityGroups) > 0 {
		out.VpcConfig = &types.VpcConfigResponse{SubnetIds: c.Subnets, SecurityGroupIds: c.SecurityGroups, VpcId: aws.String(""), Ipv6AllowedForDualStack: aws.Bool(c.IPv6)}
	}
	return out
}

// runtimeARN names the version of a runtime; here each runtime has one.
func runtimeARN(a names.ARN, runtime string) string {
	sum := sha256.Sum256([]byte(runtime))
	return "arn:" + a.Partition + ":lambda:" + a.Region + "::runtime:" + hex.EncodeToString(sum[:])
}

// listed shows a version in a list, where AWS leaves out what it says of states.
func (s *Service) listed(v Version) types.FunctionConfiguration {
	out := s.view(v)
	out.State, out.LastUpdateStatus, out.RuntimeVersionConfig = "", "", nil
	out.FunctionArn = aws.String(v.Function)
	if v.Number != latest {
		out.FunctionArn = aws.String(v.ARN)
	}
	return out
}

func createOutput(v types.FunctionConfiguration) *lambda.CreateFunctionOutput {
	return &lambda.CreateFunctionOutput{
		Architectures: v.Architectures, CodeSha256: v.CodeSha256, CodeSize: v.CodeSize, DeadLetterConfig: v.DeadLetterConfig, Description: v.Description,
		Environment: v.Environment, EphemeralStorage: v.EphemeralStorage, FunctionArn: v.FunctionArn, FunctionName: v.FunctionName, Handler: v.Handler,
		KMSKeyArn: v.KMSKeyArn, LastModified: v.LastModified, LastUpdateStatus: v.LastUpdateStatus, LoggingConfig: v.LoggingConfig, MemorySize: v.MemorySize,
		PackageType: v.PackageType, RevisionId: v.RevisionId, Role: v.Role, Runtime: v.Runtime, RuntimeVersionConfig: v.RuntimeVersionConfig,
		SnapStart: v.SnapStart, State: v.State, Timeout: v.Timeout, TracingConfig: v.TracingConfig, Version: v.Version, VpcConfig: v.VpcConfig,
	}
}

// The outputs of the other operations have the same members; the compiler sees to that.

func codeOutput(v types.FunctionConfiguration) *lambda.UpdateFunctionCodeOutput {
	return (*lambda.UpdateFunctionCodeOutput)(createOutput(v))
}

func configOutput(v types.FunctionConfiguration) *lambda.UpdateFunctionConfigurationOutput {
	return (*lambda.UpdateFunctionConfigurationOutput)(createOutput(v))
}

func getOutput(v types.FunctionConfiguration) *lambda.GetFunctionConfigurationOutput {
	return (*lambda.GetFunctionConfigurationOutput)(createOutput(v))
}

func publishOutput(v types.FunctionConfiguration) *lambda.PublishVersionOutput {
	return (*lambda.PublishVersionOutput)(createOutput(v))
}
