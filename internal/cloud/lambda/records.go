package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/pattern"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

func (s *Service) recordOps(w *wire.Service) {
	wire.Op(w, s.AddPermission)
	wire.Op(w, s.GetPolicy)
	wire.Op(w, s.RemovePermission)
	wire.Op(w, s.TagResource)
	wire.Op(w, s.UntagResource)
	wire.Op(w, s.ListTags)
	wire.Op(w, s.PutFunctionConcurrency)
	wire.Op(w, s.GetFunctionConcurrency)
	wire.Op(w, s.DeleteFunctionConcurrency)
	wire.Op(w, s.PutFunctionEventInvokeConfig)
	wire.Op(w, s.UpdateFunctionEventInvokeConfig)
	wire.Op(w, s.GetFunctionEventInvokeConfig)
	wire.Op(w, s.DeleteFunctionEventInvokeConfig)
	wire.Op(w, s.GetFunctionCodeSigningConfig)
	wire.Op(w, s.GetAccountSettings)
}

// change lets f change a function that a request names, whose qualifier must be there.
func (s *Service) change(ctx context.Context, name, qualifier *string, f func(tx *store.Tx, r ref, row *Function) error) error {
	r, err := refer(ctx, name, qualifier)
	if err != nil {
		return err
	}
	return s.store.Update(func(tx *store.Tx) error {
		if _, err := s.version(tx, r); err != nil {
			return err
		}
		row, err := s.function(tx, r)
		if err != nil {
			return err
		}
		if err := f(tx, r, &row); err != nil {
			return err
		}
		s.functions.Put(tx, row)
		return nil
	})
}

// look gives a function that a request names, whose qualifier must be there.
func (s *Service) look(ctx context.Context, name, qualifier *string) (r ref, row Function, err error) {
	if r, err = refer(ctx, name, qualifier); err != nil {
		return r, row, err
	}
	return r, row, s.store.View(func(tx *store.Tx) (err error) {
		if _, err := s.version(tx, r); err != nil {
			return err
		}
		row, err = s.function(tx, r)
		return err
	})
}

var accountForm = pattern.New(`^\d{12}$`)

// statementOf writes a permission as IAM does.
func statementOf(r ref, in *lambda.AddPermissionInput) (json.RawMessage, error) {
	type statement struct {
		Sid, Effect string
		Principal   any
		Action      string
		Resource    string
		Condition   map[string]map[string]string `json:",omitempty"`
	}
	st := statement{Sid: *in.StatementId, Effect: "Allow", Action: *in.Action, Resource: r.qualified(), Principal: *in.Principal}
	switch p := *in.Principal; {
	case p == "*":
	case accountForm.MatchString(p):
		st.Principal = map[string]string{"AWS": "arn:" + r.scope.Partition() + ":iam::" + p + ":root"}
	case strings.HasPrefix(p, "arn:"):
		st.Principal = map[string]string{"AWS": p}
	default:
		st.Principal = map[string]string{"Service": p}
	}
	condition := func(kind, key string, of *string) {
		if of == nil {
			return
		}
		if st.Condition == nil {
			st.Condition = map[string]map[string]string{}
		}
		if st.Condition[kind] == nil {
			st.Condition[kind] = map[string]string{}
		}
		st.Condition[kind][key] = *of
	}
	condition("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	condition("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	condition("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	if in.FunctionUrlAuthType != "" {
		condition("StringEquals", "lambda:FunctionUrlAuthType", aws.String(string(in.FunctionUrlAuthType)))
	}
	condition("ArnLike", "AWS:SourceArn", in.SourceArn)
	return json.Marshal(st)
}

// policyAt finds the policy of a qualifier among a function's; -1 where there is none.
func policyAt(f *Function, qualifier string) int {
	return slices.IndexFunc(f.Policies, func(p Policy) bool { return p.Qualifier == qualifier })
}

// AddPermission keeps a permission. Nothing here is allowed or denied by it.
func (s *Service) AddPermission(ctx context.Context, in *lambda.AddPermissionInput) (*lambda.AddPermissionOutput, error) {
	out := &lambda.AddPermissionOutput{}
	return out, s.change(ctx, in.FunctionName, in.Qualifier, func(_ *store.Tx, r ref, f *Function) error {
		text, err := statementOf(r, in)
		if err != nil {
			return err
		}
		f.Policies = slices.Clone(f.Policies)
		i := policyAt(f, r.qualifier)
		if i < 0 {
			f.Policies, i = append(f.Policies, Policy{Qualifier: r.qualifier}), len(f.Policies)
		}
		p := f.Policies[i]
		if in.RevisionId != nil && *in.RevisionId != p.Revision {
			return stale("GetPolicy")
		}
		if slices.ContainsFunc(p.Statements, func(st Statement) bool { return st.ID == *in.StatementId }) {
			return conflict(fmt.Sprintf("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", *in.StatementId))
		}
		p.Statements = append(slices.Clone(p.Statements), Statement{*in.StatementId, text})
		p.Revision = s.o.IDs.UUID()
		f.Policies[i] = p
		out.Statement = aws.String(string(text))
		return nil
	})
}

// GetPolicy gives the permissions of a function, version or alias.
func (s *Service) GetPolicy(ctx context.Context, in *lambda.GetPolicyInput) (*lambda.GetPolicyOutput, error) {
	r, f, err := s.look(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	i := policyAt(&f, r.qualifier)
	if i < 0 {
		return nil, missing("The resource you requested does not exist.")
	}
	p := f.Policies[i]
	doc := struct {
		Version   string
		Id        string //nolint:revive // IAM's name
		Statement []json.RawMessage
	}{Version: "2012-10-17", Id: "default"}
	for _, st := range p.Statements {
		doc.Statement = append(doc.Statement, st.JSON)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	return &lambda.GetPolicyOutput{Policy: aws.String(string(text)), RevisionId: aws.String(p.Revision)}, nil
}

// RemovePermission forgets a permission; the last one takes the policy with it.
func (s *Service) RemovePermission(ctx context.Context, in *lambda.RemovePermissionInput) (*lambda.RemovePermissionOutput, error) {
	return &lambda.RemovePermissionOutput{}, s.change(ctx, in.FunctionName, in.Qualifier, func(_ *store.Tx, r ref, f *Function) error {
		i := policyAt(f, r.qualifier)
		if i < 0 {
			return missing("No policy is associated with the given resource.")
		}
		p := f.Policies[i]
		if in.RevisionId != nil && *in.RevisionId != p.Revision {
			return stale("GetPolicy")
		}
		kept := slices.DeleteFunc(slices.Clone(p.Statements), func(st Statement) bool { return st.ID == *in.StatementId })
		if len(kept) == len(p.Statements) {
			return missing(fmt.Sprintf("Statement %s is not found in resource policy.", *in.StatementId))
		}
		f.Policies = slices.Clone(f.Policies)
		if len(kept) == 0 {
			f.Policies = slices.Delete(f.Policies, i, i+1)
			return nil
		}
		f.Policies[i].Statements, f.Policies[i].Revision = kept, s.o.IDs.UUID()
		return nil
	})
}

// tagged finds the name in the ARN of a function to be tagged.
func tagged(arn *string) (*string, error) {
	a, ok := names.ParseARN(value(arn))
	if !ok || a.Service != "lambda" || !strings.HasPrefix(a.Resource, "function:") {
		return nil, violated(value(arn), "resource", `Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*):lambda:[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12})`)
	}
	if strings.Count(a.Resource, ":") > 1 {
		return nil, invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	return arn, nil
}

// TagResource sets tags of a function.
func (s *Service) TagResource(ctx context.Context, in *lambda.TagResourceInput) (*lambda.TagResourceOutput, error) {
	arn, err := tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	return &lambda.TagResourceOutput{}, s.change(ctx, arn, nil, func(_ *store.Tx, _ ref, f *Function) error {
		tags := maps.Clone(f.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		maps.Copy(tags, in.Tags)
		f.Tags = tags
		return nil
	})
}

// UntagResource removes tags of a function.
func (s *Service) UntagResource(ctx context.Context, in *lambda.UntagResourceInput) (*lambda.UntagResourceOutput, error) {
	arn, err := tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	return &lambda.UntagResourceOutput{}, s.change(ctx, arn, nil, func(_ *store.Tx, _ ref, f *Function) error {
		f.Tags = maps.Clone(f.Tags)
		maps.DeleteFunc(f.Tags, func(k, _ string) bool { return slices.Contains(in.TagKeys, k) })
		return nil
	})
}

// ListTags gives the tags of a function.
func (s *Service) ListTags(ctx context.Context, in *lambda.ListTagsInput) (*lambda.ListTagsOutput, error) {
	arn, err := tagged(in.Resource)
	if err != nil {
		return nil, err
	}
	_, f, err := s.look(ctx, arn, nil)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListTagsOutput{Tags: map[string]string{}}
	maps.Copy(out.Tags, f.Tags)
	return out, nil
}

// Limits of concurrency. Source: Lambda quotas.
const (
	accountConcurrency = 1000
	leastUnreserved    = 100
)

// PutFunctionConcurrency reserves concurrency for a function, which also is its limit.
func (s *Service) PutFunctionConcurrency(ctx context.Context, in *lambda.PutFunctionConcurrencyInput) (*lambda.PutFunctionConcurrencyOutput, error) {
	n := aws.ToInt32(in.ReservedConcurrentExecutions)
	if n < 0 {
		return nil, violated(fmt.Sprint(n), "reservedConcurrentExecutions", "Member must have value greater than or equal to 0")
	}
	return &lambda.PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: &n}, s.change(ctx, in.FunctionName, nil, func(tx *store.Tx, r ref, f *Function) error {
		if s.reservedBut(tx, r.scope, r.arn())+n > accountConcurrency-leastUnreserved {
			return invalid(fmt.Sprintf("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", leastUnreserved))
		}
		f.Reserved = &n
		return nil
	})
}

// reservedBut sums what the functions of an account have reserved, without one of them.
func (s *Service) reservedBut(tx *store.Tx, scope names.Scope, but string) (sum int32) {
	for f := range s.functions.Prefix(tx, functionARN(scope, "")) {
		if f.Reserved != nil && f.ARN != but {
			sum += *f.Reserved
		}
	}
	return sum
}

// GetFunctionConcurrency tells what is reserved for a function.
func (s *Service) GetFunctionConcurrency(ctx context.Context, in *lambda.GetFunctionConcurrencyInput) (*lambda.GetFunctionConcurrencyOutput, error) {
	_, f, err := s.look(ctx, in.FunctionName, nil)
	return &lambda.GetFunctionConcurrencyOutput{ReservedConcurrentExecutions: f.Reserved}, err
}

// DeleteFunctionConcurrency takes the reservation back.
func (s *Service) DeleteFunctionConcurrency(ctx context.Context, in *lambda.DeleteFunctionConcurrencyInput) (*lambda.DeleteFunctionConcurrencyOutput, error) {
	return &lambda.DeleteFunctionConcurrencyOutput{}, s.change(ctx, in.FunctionName, nil, func(_ *store.Tx, _ ref, f *Function) error {
		f.Reserved = nil
		return nil
	})
}

// GetFunctionCodeSigningConfig tells that code is signed by nobody.
func (s *Service) GetFunctionCodeSigningConfig(ctx context.Context, in *lambda.GetFunctionCodeSigningConfigInput) (*lambda.GetFunctionCodeSigningConfigOutput, error) {
	_, f, err := s.look(ctx, in.FunctionName, nil)
	return &lambda.GetFunctionCodeSigningConfigOutput{FunctionName: &f.Name, CodeSigningConfigArn: aws.String("")}, err
}

// mostCode is how many bytes of zip files an account has room for. Source: Lambda quotas, 75 GB.
const mostCode = 75 << 30

// GetAccountSettings tells the account's limits and what is used of them.
func (s *Service) GetAccountSettings(ctx context.Context, _ *lambda.GetAccountSettingsInput) (*lambda.GetAccountSettingsOutput, error) {
	scope := scopeOf(ctx)
	usage := &types.AccountUsage{}
	var reserved int32
	err := s.store.View(func(tx *store.Tx) error {
		reserved = s.reservedBut(tx, scope, "")
		for f := range s.functions.Prefix(tx, functionARN(scope, "")) {
			usage.FunctionCount++
			for _, v := range s.versionsOf(tx, f.ARN) {
				usage.TotalCodeSize += v.Code.Size
			}
		}
		return nil
	})
	return &lambda.GetAccountSettingsOutput{AccountUsage: usage, AccountLimit: &types.AccountLimit{
		CodeSizeUnzipped: mostUnzipped, CodeSizeZipped: mostZipped, ConcurrentExecutions: accountConcurrency, TotalCodeSize: mostCode,
		UnreservedConcurrentExecutions: aws.Int32(accountConcurrency - reserved),
	}}, err
}
