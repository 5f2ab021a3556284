package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ECS is an ECS client. Reads are the SDK's own, with retries. The writes below are sent
// once: who gets an error for which Lost is true looks before sending again.
type ECS struct{ *ecs.Client }

// NewECS makes a client.
func NewECS(cfg aws.Config) *ECS { return &ECS{ecs.NewFromConfig(cfg)} }

// Tree is a JSON object whose numbers are json.Number, so that nothing is lost in reading and
// writing it.
type Tree = map[string]any

// ReadTree reads a JSON object.
func ReadTree(text []byte) (Tree, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var t Tree
	if err := d.Decode(&t); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	return t, nil
}

// once keeps the SDK from sending a call a second time.
func once(o *ecs.Options) { o.Retryer = aws.NopRetryer{} }

// Definition gives a task definition as AWS answers it, with members this SDK does not know, and
// its tags. ref is an ARN, family:revision, or a family for its newest active revision.
func (e *ECS) Definition(ctx context.Context, ref string) (definition Tree, tags []any, err error) {
	var body []byte
	_, err = e.Client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: &ref,
		Include:        []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
	}, func(o *ecs.Options) { o.APIOptions = append(o.APIOptions, keepAnswer(&body)) })
	if err != nil {
		return nil, nil, err
	}
	answer, err := ReadTree(body)
	if err != nil {
		return nil, nil, err
	}
	definition, ok := answer["taskDefinition"].(Tree)
	if !ok {
		return nil, nil, errors.New("the answer has no task definition")
	}
	tags, ok = answer["tags"].([]any)
	if !ok {
		tags = nil // absent: AWS leaves an empty list out
	}
	return definition, tags, nil
}

// Register sends a task definition just as the tree has it, once, and gives the new one's ARN.
func (e *ECS) Register(ctx context.Context, definition Tree) (arn string, err error) {
	body, err := json.Marshal(definition)
	if err != nil {
		return "", fmt.Errorf("write the task definition: %w", err)
	}
	// The SDK checks its own input; what travels is the body.
	in := &ecs.RegisterTaskDefinitionInput{Family: aws.String("-"), ContainerDefinitions: []types.ContainerDefinition{}}
	out, err := e.Client.RegisterTaskDefinition(ctx, in, once, func(o *ecs.Options) {
		o.APIOptions = append(o.APIOptions, sendBody(body))
	})
	if err != nil {
		return "", err
	}
	if out.TaskDefinition == nil {
		return "", errors.New("the answer has no task definition")
	}
	return aws.ToString(out.TaskDefinition.TaskDefinitionArn), nil
}

// Update is UpdateService, sent once.
func (e *ECS) Update(ctx context.Context, in *ecs.UpdateServiceInput) (*types.Service, error) {
	out, err := e.Client.UpdateService(ctx, in, once)
	if err != nil {
		return nil, err
	}
	return out.Service, nil
}

// Create is CreateService, sent once.
func (e *ECS) Create(ctx context.Context, in *ecs.CreateServiceInput) (*types.Service, error) {
	out, err := e.Client.CreateService(ctx, in, once)
	if err != nil {
		return nil, err
	}
	return out.Service, nil
}

// Stop is StopServiceDeployment, sent once.
func (e *ECS) Stop(ctx context.Context, in *ecs.StopServiceDeploymentInput) (*ecs.StopServiceDeploymentOutput, error) {
	return e.Client.StopServiceDeployment(ctx, in, once)
}

// Continue is ContinueServiceDeployment, sent once.
func (e *ECS) Continue(ctx context.Context, in *ecs.ContinueServiceDeploymentInput) (*ecs.ContinueServiceDeploymentOutput, error) {
	return e.Client.ContinueServiceDeployment(ctx, in, once)
}

// Tag is TagResource, sent once.
func (e *ECS) Tag(ctx context.Context, arn string, tags map[string]string) error {
	in := &ecs.TagResourceInput{ResourceArn: &arn}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	_, err := e.Client.TagResource(ctx, in, once)
	return err
}

// Untag is UntagResource, sent once.
func (e *ECS) Untag(ctx context.Context, arn string, keys []string) error {
	_, err := e.Client.UntagResource(ctx, &ecs.UntagResourceInput{ResourceArn: &arn, TagKeys: keys}, once)
	return err
}

// sendBody puts a body in place of the one the SDK made, before it is signed.
func sendBody(body []byte) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Serialize.Add(middleware.SerializeMiddlewareFunc("slipway.SendBody",
			func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error) {
				if r, ok := in.Request.(*smithyhttp.Request); ok {
					sent, err := r.SetStream(bytes.NewReader(body))
					if err != nil {
						return middleware.SerializeOutput{}, middleware.Metadata{}, err
					}
					in.Request = sent
				}
				return next.HandleSerialize(ctx, in)
			}), middleware.After)
	}
}

// keepAnswer copies an answer's body before the SDK reads it; the last attempt's counts.
func keepAnswer(body *[]byte) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Deserialize.Add(middleware.DeserializeMiddlewareFunc("slipway.KeepAnswer",
			func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
				out, md, err := next.HandleDeserialize(ctx, in)
				r, ok := out.RawResponse.(*smithyhttp.Response)
				if err != nil || !ok {
					return out, md, err
				}
				text, err := io.ReadAll(r.Body)
				if err := errors.Join(err, r.Body.Close()); err != nil {
					return out, md, err
				}
				*body = text
				r.Body = io.NopCloser(bytes.NewReader(text))
				return out, md, nil
			}), middleware.After)
	}
}

// Service gives a service as AWS answers it, with members this SDK does not know; nil where there is
// none that is ACTIVE or DRAINING.
func (e *ECS) Service(ctx context.Context, cluster, name string) (Tree, error) {
	var body []byte
	_, err := e.Client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{name}, Include: []types.ServiceField{types.ServiceFieldTags}},
		func(o *ecs.Options) { o.APIOptions = append(o.APIOptions, keepAnswer(&body)) })
	if err != nil {
		return nil, err
	}
	answer, err := ReadTree(body)
	if err != nil {
		return nil, err
	}
	list, ok := answer["services"].([]any)
	if !ok || len(list) == 0 {
		return nil, nil
	}
	service, ok := list[0].(Tree)
	if !ok {
		return nil, errors.New("the answer's service is no object")
	}
	if service["status"] == "INACTIVE" {
		return nil, nil
	}
	return service, nil
}
