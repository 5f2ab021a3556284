package elb

import (
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// maxRewrite is how many characters an expression or a replacement may have. Source: the API reference
// of RewriteConfig.
const maxRewrite = 1024

// newRewrites reads a rule's transforms, at most one of each type with one rewrite. The words are ours
// (unconfirmed).
func newRewrites(in []types.RuleTransform) ([]balance.Rewrite, error) {
	var all []balance.Rewrite
	for _, t := range in {
		var given, other []types.RewriteConfig
		if t.HostHeaderRewriteConfig != nil {
			given = t.HostHeaderRewriteConfig.Rewrites
		}
		if t.UrlRewriteConfig != nil {
			other = t.UrlRewriteConfig.Rewrites
		}
		w := balance.Rewrite{Of: balance.Rewritten(t.Type)}
		switch w.Of {
		case balance.RewriteHost:
		case balance.RewriteURL:
			given, other = other, given
		default:
			return nil, constraint(t.Type, "transforms.member.type", "satisfy enum value set: [host-header-rewrite, url-rewrite]")
		}
		switch {
		case slices.ContainsFunc(all, func(o balance.Rewrite) bool { return o.Of == w.Of }):
			return nil, invalid("A rule can only have one '%s' transform", w.Of)
		case len(other) > 0:
			return nil, invalid("The configuration of a transform must be that of its type '%s'", w.Of)
		case len(given) != 1:
			return nil, invalid("A '%s' transform must have one rewrite", w.Of)
		}
		if w.Regex, w.Replace = aws.ToString(given[0].Regex), aws.ToString(given[0].Replace); w.Regex == "" {
			return nil, invalid("A regular expression must be specified for the '%s' transform", w.Of)
		}
		if len(w.Regex) > maxRewrite || len(w.Replace) > maxRewrite {
			return nil, invalid("The '%s' transform is too long; the limit is '%d'", w.Of, maxRewrite)
		}
		if _, err := regexp.Compile(w.Regex); err != nil {
			return nil, invalid("The '%s' regular expression '%s' is not valid", w.Of, w.Regex)
		}
		all = append(all, w)
	}
	return all, nil
}

// rewriteView gives a transform as answers have it.
func rewriteView(w balance.Rewrite) types.RuleTransform {
	v := types.RuleTransform{Type: types.TransformTypeEnum(w.Of)}
	only := []types.RewriteConfig{{Regex: aws.String(w.Regex), Replace: aws.String(w.Replace)}}
	if w.Of == balance.RewriteHost {
		v.HostHeaderRewriteConfig = &types.HostHeaderRewriteConfig{Rewrites: only}
	} else {
		v.UrlRewriteConfig = &types.UrlRewriteConfig{Rewrites: only}
	}
	return v
}
