package lambda

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// CreateFunction makes a function of a zip file. It can be invoked once this has answered, though
// the answer says Pending as AWS's does.
func (s *Service) CreateFunction(ctx context.Context, in *lambda.CreateFunctionInput) (*lambda.CreateFunctionOutput, error) {
	r, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := checkName(r); err != nil {
		return nil, err
	}
	if r.qualifier != "" {
		return nil, invalid("The function name must be unqualified.")
	}
	config, err := newConfig(r.name, in)
	if err != nil {
		return nil, err
	}
	s.codes.using.RLock()
	defer s.codes.using.RUnlock()
	code, err := s.fetch(r.scope, in.Code.ZipFile, in.Code.S3Bucket, in.Code.S3Key, in.Code.S3ObjectVersion)
	if err != nil {
		return nil, err
	}
	var v, shown Version
	err = s.store.Update(func(tx *store.Tx) error {
		if _, there := s.functions.Get(tx, r.arn()); there {
			return conflict("Function already exist: " + r.name)
		}
		f := Function{ARN: r.arn(), Name: r.name, Tags: in.Tags, Created: tx.Now()}
		v = Version{ARN: r.arn() + ":" + latest, Function: r.arn(), Number: latest, Revision: s.o.IDs.UUID(), Code: code, Config: config, Modified: tx.Now()}
		s.functions.Put(tx, f)
		s.versions.Put(tx, v)
		if shown = v; in.Publish {
			shown = s.publish(tx, f, v, "")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.settle(v, shown)
	s.runner.Look(ctx, v.Config.Runtime)
	out := createOutput(s.view(shown))
	out.State, out.StateReason, out.StateReasonCode = types.StatePending, aws.String("The function is being created."), types.StateReasonCodeCreating
	out.LastUpdateStatus = ""
	return out, nil
}

// newConfig gives the configuration a request asks for.
func newConfig(name string, in *lambda.CreateFunctionInput) (Config, error) {
	c := Config{
		Description: value(in.Description), Handler: value(in.Handler), Role: value(in.Role), Runtime: string(in.Runtime),
		Timeout: usualTimeout, MemorySize: usualMemory, Ephemeral: usualEphemeral, Tracing: string(types.TracingModePassThrough),
		Architectures: []string{string(types.ArchitectureX8664)}, SnapStart: string(types.SnapStartApplyOnNone),
		LogFormat: string(types.LogFormatText), LogGroup: "/aws/lambda/" + name,
	}
	if in.PackageType == types.PackageTypeImage || in.Code.ImageUri != nil {
		return c, invalid("Functions of container images are not served by this cloud; bring a zip file.")
	}
	if in.Runtime == "" || c.Handler == "" {
		return c, invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	if len(in.Architectures) > 0 {
		c.Architectures = []string{string(in.Architectures[0])}
	}
	change(&c, &lambda.UpdateFunctionConfigurationInput{
		DeadLetterConfig: in.DeadLetterConfig, Environment: in.Environment, EphemeralStorage: in.EphemeralStorage, KMSKeyArn: in.KMSKeyArn,
		Layers: in.Layers, LoggingConfig: in.LoggingConfig, MemorySize: in.MemorySize, SnapStart: in.SnapStart, Timeout: in.Timeout,
		TracingConfig: in.TracingConfig, VpcConfig: in.VpcConfig,
	})
	if err := checkRuntime(in.Runtime); err != nil {
		return c, err
	}
	return c, checkConfig(c)
}

// change applies what a request says about a configuration; what it leaves out stays.
func change(c *Config, in *lambda.UpdateFunctionConfigurationInput) {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	number := func(to *int32, from *int32) {
		if from != nil {
			*to = *from
		}
	}
	set(&c.Description, in.Description)
	set(&c.Handler, in.Handler)
	set(&c.Role, in.Role)
	set(&c.KMSKey, in.KMSKeyArn)
	number(&c.Timeout, in.Timeout)
	number(&c.MemorySize, in.MemorySize)
	c.Runtime = cmp.Or(string(in.Runtime), c.Runtime)
	if in.Environment != nil {
		c.Env = in.Environment.Variables
	}
	if in.EphemeralStorage != nil {
		number(&c.Ephemeral, in.EphemeralStorage.Size)
	}
	if in.DeadLetterConfig != nil {
		c.DeadLetter = value(in.DeadLetterConfig.TargetArn)
	}
	if in.TracingConfig != nil {
		c.Tracing = cmp.Or(string(in.TracingConfig.Mode), c.Tracing)
	}
	if in.SnapStart != nil {
		c.SnapStart = cmp.Or(string(in.SnapStart.ApplyOn), c.SnapStart)
	}
	if in.Layers != nil {
		c.Layers = in.Layers
	}
	if v := in.VpcConfig; v != nil {
		c.Subnets, c.SecurityGroups, c.IPv6 = v.SubnetIds, v.SecurityGroupIds, aws.ToBool(v.Ipv6AllowedForDualStack)
	}
	if l := in.LoggingConfig; l != nil {
		c.LogFormat = cmp.Or(string(l.LogFormat), c.LogFormat)
		c.AppLogLevel, c.SystemLogLevel = cmp.Or(string(l.ApplicationLogLevel), c.AppLogLevel), cmp.Or(string(l.SystemLogLevel), c.SystemLogLevel)
		set(&c.LogGroup, l.LogGroup)
	}
}

// fetch puts code down that comes in a request or from S3. The caller holds codes.using.
func (s *Service) fetch(scope names.Scope, zip []byte, bucket, key, version *string) (Code, error) {
	switch {
	case len(zip) > 0 && (bucket != nil || key != nil):
		return Code{}, invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case len(zip) > mostZipped:
		return Code{}, &types.RequestTooLargeException{Type: aws.String("User"), Message: aws.String(fmt.Sprintf("Request must be smaller than %d bytes for the CreateFunction operation", 70167211))}
	case len(zip) > 0:
		return s.codes.put(zip)
	case bucket == nil || key == nil:
		return Code{}, invalid("Please provide a source for function code.")
	case s.o.Objects == nil:
		return Code{}, invalid("Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: this cloud has no S3; send the code as ZipFile")
	}
	body, _, err := s.o.Objects.Object(scope, *bucket, *key, value(version))
	if err != nil {
		return Code{}, fromS3(err)
	}
	return s.codes.put(body)
}
