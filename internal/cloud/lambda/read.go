package lambda

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/store"
)

// CodePath is where the host serves CodeHandler: the URLs of GetFunction lead there.
const CodePath = "/_slipway/lambda/code/"

// GetFunction describes a function or version, and tells where its code can be fetched.
func (s *Service) GetFunction(ctx context.Context, in *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
	r, err := refer(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	out := &lambda.GetFunctionOutput{}
	err = s.store.View(func(tx *store.Tx) error {
		v, err := s.version(tx, r)
		if err != nil {
			return err
		}
		f, err := s.function(tx, r)
		if err != nil {
			return err
		}
		shown := s.asked(v, r)
		out.Configuration = &shown
		digest := hexOf(v.Code.SHA)
		out.Code = &types.FunctionCodeLocation{RepositoryType: aws.String("S3"), Location: aws.String(s.o.Endpoint() + CodePath + digest + "?signature=" + s.sign(digest))}
		if len(f.Tags) > 0 && r.qualifier == "" {
			out.Tags = f.Tags
		}
		if f.Reserved != nil {
			out.Concurrency = &types.Concurrency{ReservedConcurrentExecutions: f.Reserved}
		}
		return nil
	})
	return out, err
}

// asked shows a version as it was asked for: by an alias or $LATEST, its ARN says so.
func (s *Service) asked(v Version, r ref) types.FunctionConfiguration {
	shown := s.view(v)
	shown.FunctionArn = aws.String(r.qualified())
	return shown
}

func (s *Service) sign(digest string) string {
	return hex.EncodeToString(s.o.Sign("lambda code", digest))
}

// CodeHandler serves zip files by the URLs that GetFunction gives. It is served below CodePath,
// which is stripped.
func (s *Service) CodeHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		digest := r.URL.Path
		sum, err := hex.DecodeString(digest)
		if err != nil || len(sum) != 32 || !hmac.Equal([]byte(r.URL.Query().Get("signature")), []byte(s.sign(digest))) {
			http.Error(w, "the signature does not match", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/zip")
		http.ServeFile(w, r, s.codes.dir+"/"+digest+".zip")
	})
}

// GetFunctionConfiguration describes a function or version.
func (s *Service) GetFunctionConfiguration(ctx context.Context, in *lambda.GetFunctionConfigurationInput) (*lambda.GetFunctionConfigurationOutput, error) {
	r, err := refer(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	var shown types.FunctionConfiguration
	err = s.store.View(func(tx *store.Tx) error {
		v, err := s.version(tx, r)
		if err == nil {
			shown = s.asked(v, r)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return getOutput(shown), nil
}

// Pages of lists. Source: Lambda API reference.
const functionsPage = 50

// ListFunctions lists the caller's functions, all versions of them if asked to.
func (s *Service) ListFunctions(ctx context.Context, in *lambda.ListFunctionsInput) (*lambda.ListFunctionsOutput, error) {
	most, err := limit(in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListFunctionsOutput{Functions: []types.FunctionConfiguration{}}
	err = s.store.View(func(tx *store.Tx) error {
		var all []Version
		for f := range s.functions.Prefix(tx, functionARN(scopeOf(ctx), "")) {
			versions := s.versionsOf(tx, f.ARN)
			if in.FunctionVersion != types.FunctionVersionAll {
				versions = versions[:1]
			}
			all = append(all, versions...)
		}
		rows, next, err := page.Cut(all, func(v *Version) string { return v.ARN }, value(in.Marker), most)
		if err != nil {
			return badMarker(in.Marker)
		}
		for _, v := range rows {
			shown := s.listed(v)
			if in.FunctionVersion == types.FunctionVersionAll {
				shown.FunctionArn = aws.String(v.ARN)
			}
			out.Functions = append(out.Functions, shown)
		}
		out.NextMarker = marker(next)
		return nil
	})
	return out, err
}

// mostItems is the largest page a request can ask for. Source: Lambda API reference.
const mostItems = 10000

// limit is how much of a list is given at once.
func limit(max *int32) (int, error) {
	switch {
	case max == nil:
		return functionsPage, nil
	case *max < 1:
		return 0, violated(fmt.Sprint(*max), "maxItems", "Member must have value greater than or equal to 1")
	case *max > mostItems:
		return 0, violated(fmt.Sprint(*max), "maxItems", fmt.Sprintf("Member must have value less than or equal to %d", mostItems))
	}
	return min(int(*max), functionsPage), nil
}

func marker(next string) *string {
	if next == "" {
		return nil
	}
	return &next
}

func badMarker(given *string) error { return invalid("Invalid marker: " + value(given)) }

// ListVersionsByFunction lists the unpublished version, then the published ones from the first on.
func (s *Service) ListVersionsByFunction(ctx context.Context, in *lambda.ListVersionsByFunctionInput) (*lambda.ListVersionsByFunctionOutput, error) {
	r, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	most, err := limit(in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListVersionsByFunctionOutput{Versions: []types.FunctionConfiguration{}}
	err = s.store.View(func(tx *store.Tx) error {
		if _, err := s.function(tx, ref{r.scope, r.name, ""}); err != nil {
			return err
		}
		all := s.versionsOf(tx, r.arn())
		rows, next, err := page.Cut(all, func(v *Version) string { return v.ARN }, value(in.Marker), most)
		if err != nil {
			return badMarker(in.Marker)
		}
		for _, v := range rows {
			shown := s.listed(v)
			shown.FunctionArn = aws.String(v.ARN)
			out.Versions = append(out.Versions, shown)
		}
		out.NextMarker = marker(next)
		return nil
	})
	return out, err
}

// aliasesOf gives a function's aliases by name.
func (s *Service) aliasesOf(tx *store.Tx, function string) []Alias {
	return slices.Collect(s.aliases.By(tx, "function", function))
}
