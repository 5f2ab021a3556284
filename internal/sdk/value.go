package sdk

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// Value gives what a file's ${ssm:/path} or ${cfn:Stack.Output} stands for, and what definitions call:
// the ARN of a secret (secret-arn), an export of CloudFormation's (cfn-export), and for tfstate the text
// at a URL: s3://BUCKET/KEY with cfg's credentials, else by HTTP. Errors have code
// "file.source", or Explain's.
func Value(ctx context.Context, cfg aws.Config, kind, arg string) (string, error) {
	switch kind {
	case "ssm":
		var out struct{ Parameter struct{ Value string } }
		err := CallJSON(ctx, cfg, "ssm", "AmazonSSM.GetParameter", map[string]any{"Name": arg, "WithDecryption": true}, &out)
		if Code(err) == "ParameterNotFound" {
			return "", fail.New("file.source", "check its name and the region", "there is no parameter %q", arg)
		}
		if err != nil {
			return "", Explain(err, "get parameter "+arg)
		}
		return out.Parameter.Value, nil
	case "cfn":
		return stackOutput(ctx, cfg, arg)
	case "secret-arn":
		var out struct{ ARN string }
		err := CallJSON(ctx, cfg, "secretsmanager", "secretsmanager.DescribeSecret", map[string]any{"SecretId": arg}, &out)
		if Code(err) == "ResourceNotFoundException" {
			return "", fail.New("file.source", "check its name and the region", "there is no secret %q", arg)
		}
		if err != nil {
			return "", Explain(err, "describe secret "+arg)
		}
		return out.ARN, nil
	case "cfn-export":
		return stackExport(ctx, cfg, arg)
	case "tfstate":
		text, err := fetch(ctx, cfg, arg)
		return string(text), err
	}
	return "", fail.New("file.source", "write ${ssm:/path} or ${cfn:Stack.Output}", "there is no source %q", kind)
}

// ValueAction gives the IAM action that Value calls; "" where it calls none.
func ValueAction(kind, arg string) string {
	if kind == "tfstate" && !strings.HasPrefix(arg, "s3://") {
		return ""
	}
	return valueActions[kind]
}

var valueActions = map[string]string{"ssm": "ssm:GetParameter", "cfn": "cloudformation:DescribeStacks", "cfn-export": "cloudformation:ListExports",
	"secret-arn": "secretsmanager:DescribeSecret", "tfstate": "s3:GetObject"}

// stackOutput asks CloudFormation.
func stackOutput(ctx context.Context, cfg aws.Config, arg string) (string, error) {
	stack, output, ok := strings.Cut(arg, ".")
	if !ok || stack == "" || output == "" {
		return "", fail.New("file.source", "write ${cfn:Stack.Output}", "${cfn:%s} names no output of a stack", arg)
	}
	var answer struct {
		Outputs []struct {
			Key   string `xml:"OutputKey"`
			Value string `xml:"OutputValue"`
		} `xml:"DescribeStacksResult>Stacks>member>Outputs>member"`
	}
	form := url.Values{"Action": {"DescribeStacks"}, "Version": {"2010-05-15"}, "StackName": {stack}}
	if err := callQuery(ctx, cfg, "cloudformation", form, &answer); err != nil {
		return "", Explain(err, "describe stack "+stack)
	}
	var names []string
	for _, o := range answer.Outputs {
		if o.Key == output {
			return o.Value, nil
		}
		names = append(names, o.Key)
	}
	return "", fail.New("file.source", "its outputs are "+strings.Join(names, ", "), "stack %q has no output %q", stack, output)
}

// stackExport asks CloudFormation for what stacks export, page by page.
func stackExport(ctx context.Context, cfg aws.Config, name string) (string, error) {
	form := url.Values{"Action": {"ListExports"}, "Version": {"2010-05-15"}}
	for {
		var answer struct {
			Exports []struct {
				Name  string `xml:"Name"`
				Value string `xml:"Value"`
			} `xml:"ListExportsResult>Exports>member"`
			Next string `xml:"ListExportsResult>NextToken"`
		}
		if err := callQuery(ctx, cfg, "cloudformation", form, &answer); err != nil {
			return "", Explain(err, "list exports of stacks")
		}
		for _, e := range answer.Exports {
			if e.Name == name {
				return e.Value, nil
			}
		}
		if answer.Next == "" {
			return "", fail.New("file.source", "check its name and the region", "no stack exports %q", name)
		}
		form.Set("NextToken", answer.Next)
	}
}
